//! Gradients held against central differences, for whoever writes a block and wants to see that it is right.

use crate::graph::{FuncId, Module};
use crate::interp::{RunError, Tensor, noise, run};
use std::collections::BTreeMap;

/// A gradient along one random direction, and what the values say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The input.
    pub name: String,
    /// The gradient times the direction.
    pub gradient: f64,
    /// (f(x + h d) - f(x - h d)) / 2h, for the step h at which it is nearest to the gradient.
    pub difference: f64,
    /// How far apart they are, as a share of the larger one or of what is rounding.
    pub apart: f64,
}

/// Steps of the differences. Where the smoother, larger one crosses a kink (of a `max`, a `relu`), a smaller one
/// does not.
const STEPS: [f64; 3] = [1e-5, 1e-6, 1e-7];

/// Holds gradients in the f64 interpreter against central differences of the sum of all results times their
/// cotangents, in one random direction of each of the inputs `wrt`. `both` is `value_and_grad` of `entry`; `given`
/// has all its inputs, the cotangents `{output}.grad` among them. `done` hears of each input.
///
/// # Errors
/// If a function cannot be run on these inputs.
pub fn differences(
    module: &Module,
    (entry, both): (FuncId, FuncId),
    given: &BTreeMap<String, Tensor>,
    wrt: &[&str],
    batch: usize,
    done: &mut dyn FnMut(&Difference),
) -> Result<Vec<Difference>, RunError> {
    let results = run(module, both, given, batch)?;
    let value = |inputs: &BTreeMap<String, Tensor>| -> Result<(f64, f64), RunError> {
        let outputs = run(module, entry, inputs, batch)?.outputs;
        let terms = outputs.iter().filter_map(|(n, y)| Some((y, given.get(&format!("{n}.grad"))?)));
        let terms = terms.flat_map(|(y, g)| y.data.iter().zip(&g.data).map(|(y, g)| y * g));
        Ok(terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs())))
    };
    let mut plain = given.clone();
    plain.retain(|name, _| module.function(entry).input(name).is_some());
    let size = value(&plain)?.1;
    let mut out = Vec::new();
    for name in wrt {
        let Some(gradient) = results.output(&format!("grad.{name}")) else { continue };
        let direction = noise(&format!("the direction of {name}"), &gradient.dims);
        let product: f64 = gradient.data.iter().zip(&direction.data).map(|(g, d)| g * d).sum();
        let norm = gradient.data.iter().map(|g| g * g).sum::<f64>().sqrt();
        // The typical size of the product, and what rounding makes of a sum of this size.
        let scale = product.abs().max(0.1 * norm).max(1e-4 * size).max(f64::MIN_POSITIVE);
        let mut best =
            Difference { name: (*name).into(), gradient: product, difference: 0.0, apart: f64::MAX };
        for step in STEPS {
            let at = |step: f64| {
                let mut moved = plain.clone();
                let there = moved.get_mut(*name).into_iter().flat_map(|t| &mut t.data);
                there.zip(&direction.data).for_each(|(x, d)| *x += step * d);
                value(&moved)
            };
            let difference = (at(step)?.0 - at(-step)?.0) / (2.0 * step);
            let apart = (difference - product).abs() / scale;
            if apart < best.apart {
                best = Difference { difference, apart, ..best };
            }
            if best.apart < 1e-7 {
                break;
            }
        }
        done(&best);
        out.push(best);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::check::{NoFiles, Request, compile};
    use crate::grad::value_and_grad;
    use crate::interp::noise;
    use std::collections::BTreeMap;

    /// How far the gradient of a text in `x` is from differences.
    fn apart(text: &str) -> f64 {
        let text = format!("edition 2026\nblock B {{ forward(x: [T]) -> [T] {{ {text} }} }}");
        let request = Request { dims: vec![("T".into(), 5)], ..Request::default() };
        let mut program = compile(&NoFiles, "b.arch", &text, &request).program.expect("it compiles");
        let entry = program.entry;
        let both = value_and_grad(&mut program.module, entry, &["x"]).expect("it has a gradient");
        let given = BTreeMap::from(["x", "output.grad"].map(|n| (n.to_string(), noise(n, &[2, 5]))));
        let found =
            differences(&program.module, (entry, both), &given, &["x"], 2, &mut |_| {}).expect("it runs");
        assert_eq!(found.len(), 1);
        found[0].apart
    }

    #[test]
    fn right_gradients_agree_and_others_do_not() {
        for text in ["exp(x) * x", "max(x, 0) * 3", "softmax(x, over: T)", "sqrt(x * x + 1)"] {
            assert!(apart(text) < 1e-6, "{text}: {}", apart(text));
        }
        // The value moves with x in both places, and the gradient was told of one.
        assert!(apart("x * stop_gradient(x)") > 0.1);
    }
}
