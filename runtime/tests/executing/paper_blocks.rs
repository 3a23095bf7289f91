//! The page of blocks from papers: every text on it is checked, its tests are run, its gradients are held
//! against finite differences, and its kernels against the interpreter.

use super::common::{Fill, Numbers, Terms, compare};
use arch_compiler::check::tests::{NoCounts, run};
use arch_compiler::check::{NoFiles, Request, check_file, compile};
use arch_compiler::graph::{FuncId, Module};
use arch_compiler::interp::{self, Tensor};
use arch_compiler::{grad, program::Program};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/paper-blocks.md");

/// The text on the page that defines a block.
fn text(block: &str) -> String {
    let fences = PAGE.split("```arch\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let found = fences.filter(|text| text.contains(&format!("block {block}(")));
    let texts: Vec<String> = found.map(|text| format!("edition 2026\n\n{text}")).collect();
    assert_eq!(texts.len(), 1, "the page has {block} once");
    texts[0].clone()
}

fn check(block: &str, dims: &[(&str, usize)], set: &[(&str, &str)]) {
    let text = text(block);
    let outcome = check_file(&NoFiles, "block.arch", &text, &Request::default());
    assert!(outcome.diagnostics.is_empty(), "{block}: {:?}", outcome.diagnostics);
    let tests = run(&NoFiles, "block.arch", &text, None, &NoCounts);
    assert!(!tests.is_empty(), "{block} has tests");
    for test in tests {
        assert!(test.diagnostics.is_empty(), "{block}: {:?}", test.diagnostics);
    }
    assert_eq!(arch_grammar::format(&text).ok().as_ref(), Some(&text), "{block} is formatted");
    let body = text.split("  forward(").nth(1).unwrap().split("\n  }").next().unwrap();
    assert!(body.lines().count() <= 20, "{block} is short");

    let request = Request {
        item: Some(block.into()),
        dims: dims.iter().map(|(name, size)| ((*name).into(), *size)).collect(),
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Request::default()
    };
    let Program { mut module, entry, .. } =
        compile(&NoFiles, "block.arch", &text, &request).program.expect("the block compiles");
    let names: Vec<String> = module.function(entry).inputs.iter().map(|i| i.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let both = grad::value_and_grad(&mut module, entry, &names).expect("every input has a gradient");
    gradients_agree(block, &module, entry, both);
    for batch in [1, 3] {
        let terms = Terms::everywhere(5e-5, Fill::Signed, 1);
        compare(&format!("{block} with gradients"), &module, both, batch, &terms);
    }
}

/// Central differences of sum(output * G) in the interpreter, in a random direction of each input: they are
/// right to about the square of the step.
fn gradients_agree(block: &str, module: &Module, entry: FuncId, both: FuncId) {
    let batch = 2;
    let mut numbers = Numbers(5);
    let mut random = |dims: &[usize]| {
        let data = (0..dims.iter().product()).map(|_| f64::from(numbers.float())).collect();
        Tensor { dims: dims.to_vec(), data }
    };
    let f = module.function(both);
    let given: BTreeMap<String, Tensor> = f
        .inputs
        .iter()
        .map(|input| (input.name.clone(), random(&module.dims(&f.value(input.value).shape, batch))))
        .collect();
    let results = interp::run(module, both, &given, batch).expect("gradients run").outputs;
    let inputs: Vec<String> = module.function(entry).inputs.iter().map(|i| i.name.clone()).collect();
    let (cotangent, of) = (format!("{}.grad", results[0].0), &given[&format!("{}.grad", results[0].0)]);
    let value = |inputs: &BTreeMap<String, Tensor>| {
        let output = &interp::run(module, entry, inputs, batch).expect("the block runs").outputs[0].1;
        output.data.iter().zip(&of.data).map(|(y, g)| y * g).sum::<f64>()
    };
    for name in &inputs {
        let gradient = &results.iter().find(|(n, _)| *n == format!("grad.{name}")).expect("a gradient").1;
        let direction = random(&gradient.dims);
        let at = |step: f64| {
            let mut moved = given.clone();
            moved.remove(&cotangent);
            let data = &mut moved.get_mut(name).unwrap().data;
            data.iter_mut().zip(&direction.data).for_each(|(x, d)| *x += step * d);
            value(&moved)
        };
        let step = 1e-5;
        let difference = (at(step) - at(-step)) / (2.0 * step);
        let product: f64 = gradient.data.iter().zip(&direction.data).map(|(g, d)| g * d).sum();
        assert!(gradient.data.iter().any(|g| *g != 0.0), "{block}: {name} matters");
        let apart = (difference - product).abs() / product.abs().max(1.0);
        assert!(apart < 1e-6, "{block}: the gradient of {name} is {product}, differences say {difference}");
    }
}

#[test]
fn gated_linear_attention() {
    check("GatedLinearAttention", &[("D", 24), ("T", 7)], &[("num_heads", "3"), ("rank", "5")]);
}

#[test]
fn rotary_attention_with_normalised_queries_and_keys() {
    check("RotaryAttention", &[("D", 24), ("T", 7)], &[("num_heads", "3")]);
}

#[test]
fn a_mixture_of_two_branches_by_a_gate() {
    check("GatedBranches", &[("D", 12), ("T", 9)], &[("num_heads", "3"), ("kernel", "3")]);
}
