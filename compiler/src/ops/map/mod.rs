//! Maps: elementwise operations with implicit broadcasting by axis. One map is one file; this one says what
//! a map must define and dispatches.

mod abs;
mod add;
mod and;
mod broadcast;
mod cos;
mod div;
mod eq;
mod erf;
mod exp;
mod floor;
mod le;
mod log;
mod lt;
mod max;
mod min;
mod mul;
mod neg;
mod not;
mod or;
mod pow;
mod rem;
mod rsqrt;
mod sigmoid;
mod sin;
mod softplus;
mod sqrt;
mod stop_gradient;
mod sub;
mod tanh;
mod to_float;
mod where_;

use super::{Map, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Value};
use crate::interp::{Operand, Sizes, Tensor};

/// What a map is.
trait Rule: Sync {
    /// How it is called in texts.
    fn symbol(&self) -> &'static str;

    /// How many inputs it takes; `None` if any number from one on.
    fn arity(&self) -> Option<usize> {
        Some(1)
    }

    /// The type of the result.
    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::float(rules::promote(inputs.iter().copied()))
    }

    /// The result for one element of each input. Truth values are 0 and 1.
    fn eval(&self, x: &[f64]) -> f64;

    /// How many floating point operations an element costs, roughly.
    fn flops(&self) -> u64 {
        1
    }

    /// The cotangent of an input, before it is summed over the axes that the input lacks.
    fn gradient(&self, _pullback: &mut Pullback, _input: usize) -> Pulled {
        Ok(None)
    }
}

impl Map {
    fn rule(self) -> &'static dyn Rule {
        match self {
            Map::Add => &add::Add,
            Map::Sub => &sub::Sub,
            Map::Mul => &mul::Mul,
            Map::Div => &div::Div,
            Map::Rem => &rem::Rem,
            Map::Pow => &pow::Pow,
            Map::Min => &min::Min,
            Map::Max => &max::Max,
            Map::Lt => &lt::Lt,
            Map::Le => &le::Le,
            Map::Eq => &eq::Eq,
            Map::And => &and::And,
            Map::Or => &or::Or,
            Map::Not => &not::Not,
            Map::Neg => &neg::Neg,
            Map::Abs => &abs::Abs,
            Map::Floor => &floor::Floor,
            Map::Exp => &exp::Exp,
            Map::Log => &log::Log,
            Map::Sqrt => &sqrt::Sqrt,
            Map::Rsqrt => &rsqrt::Rsqrt,
            Map::Sin => &sin::Sin,
            Map::Cos => &cos::Cos,
            Map::Tanh => &tanh::Tanh,
            Map::Erf => &erf::Erf,
            Map::Sigmoid => &sigmoid::Sigmoid,
            Map::Softplus => &softplus::Softplus,
            Map::ToFloat => &to_float::ToFloat,
            Map::StopGradient => &stop_gradient::StopGradient,
            Map::Where => &where_::Where,
            Map::Broadcast => &broadcast::Broadcast,
        }
    }

    /// How the operation is called in texts.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        self.rule().symbol()
    }

    /// How many floating point operations an element costs, roughly.
    #[must_use]
    pub fn flops(self) -> u64 {
        self.rule().flops()
    }

    /// The result for one element of each input, in f64. Truth values are 0 and 1.
    #[must_use]
    pub fn eval(self, x: &[f64]) -> f64 {
        self.rule().eval(x)
    }
}

/// The shape of an elementwise operation: the union of the inputs' axes.
pub(super) fn shape(map: Map, inputs: &[&Value]) -> Result<(Vec<AxisId>, DType), ShapeError> {
    let rule = map.rule();
    rules::count(rule.symbol(), rule.arity().unwrap_or(inputs.len().max(1)), inputs)?;
    let types: Vec<DType> = inputs.iter().map(|v| v.storage).collect();
    Ok((rules::union(inputs.iter().map(|v| v.shape.as_slice())), rule.dtype(&types)))
}

/// Applies a map to every element.
pub(super) fn eval(map: Map, sizes: Sizes, inputs: &[Operand], out: &[AxisId]) -> Tensor {
    let rule = map.rule();
    // A broadcast may have any number of inputs but reads the first only.
    let count = rule.arity().unwrap_or(1);
    let operands: Vec<Operand> = (0..3).map(|at| inputs[at.min(count - 1)]).collect();
    let dims = sizes.dims(out);
    let mut data = Vec::with_capacity(dims.iter().product());
    let strides: Vec<Vec<usize>> = operands.iter().map(|o| sizes.strides(o.shape, out)).collect();
    crate::interp::walk(&dims, [&strides[0], &strides[1], &strides[2]], |at| {
        let x = [0, 1, 2].map(|i: usize| operands[i].tensor.data[at[i]]);
        data.push(rule.eval(&x[..count]));
    });
    Tensor { dims, data }
}

/// The cotangent of an input.
pub(super) fn gradient(map: Map, pullback: &mut Pullback, input: usize) -> Pulled {
    map.rule().gradient(pullback, input)
}

/// A truth value as a number.
fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::check::check;
    use crate::graph::{Builder, InputKind, Module};
    use crate::ops::Op;

    /// Every map, and where its inputs may lie (away from kinks and poles).
    const ALL: [(Map, [(f64, f64); 2]); 27] = [
        (Map::Add, [(-1.5, 1.5); 2]),
        (Map::Sub, [(-1.5, 1.5); 2]),
        (Map::Mul, [(-1.5, 1.5); 2]),
        (Map::Div, [(-1.5, 1.5), (0.5, 2.0)]),
        (Map::Rem, [(5.1, 5.9), (1.55, 1.65)]),
        (Map::Pow, [(0.5, 2.0), (-1.5, 1.5)]),
        (Map::Min, [(-1.5, 1.5); 2]),
        (Map::Max, [(-1.5, 1.5); 2]),
        (Map::Lt, [(-1.5, 1.5); 2]),
        (Map::Le, [(-1.5, 1.5); 2]),
        (Map::Eq, [(-1.5, 1.5); 2]),
        (Map::Neg, [(-1.5, 1.5); 2]),
        (Map::Abs, [(-1.5, -0.1); 2]),
        (Map::Floor, [(0.1, 0.9); 2]),
        (Map::Exp, [(-1.5, 1.5); 2]),
        (Map::Log, [(0.5, 2.0); 2]),
        (Map::Sqrt, [(0.5, 2.0); 2]),
        (Map::Rsqrt, [(0.5, 2.0); 2]),
        (Map::Sin, [(-3.0, 3.0); 2]),
        (Map::Cos, [(-3.0, 3.0); 2]),
        (Map::Tanh, [(-3.0, 3.0); 2]),
        (Map::Erf, [(-3.0, 3.0); 2]),
        (Map::Sigmoid, [(-3.0, 3.0); 2]),
        (Map::Softplus, [(-3.0, 3.0); 2]),
        (Map::ToFloat, [(-1.5, 1.5); 2]),
        (Map::Where, [(-1.5, 1.5); 2]),
        (Map::Broadcast, [(-1.5, 1.5); 2]),
    ];

    /// Applies a map to inputs over some axes; a condition comes from a comparison.
    fn applied(map: Map, shapes: [&[usize]; 2]) -> (Module, crate::graph::FuncId) {
        let mut module = Module::default();
        let axes = [AxisId::BATCH, module.add_axis("T", 3), module.add_axis("D", 5), module.add_axis("I", 1)];
        let shape = |places: &[usize]| places.iter().map(|at| axes[*at]).collect::<Vec<_>>();
        let mut b = Builder::new(&mut module, "map");
        let x = b.input("x", InputKind::Argument, shape(shapes[0]), DType::F32);
        let y = b.input("y", InputKind::Argument, shape(shapes[1]), DType::F32);
        let zero = b.add1(Op::Constant(0.2), &[]).unwrap();
        let condition = b.add1(Op::Map(Map::Lt), &[zero, y]).unwrap();
        let inputs = match (map, map.rule().arity()) {
            (Map::Where, _) => vec![condition, x, y],
            (_, Some(1)) => vec![x],
            _ => vec![x, y],
        };
        let z = b.add1(Op::Map(map), &inputs).unwrap();
        b.output("z", z);
        // A second reading, so that cotangents meet.
        let twice = b.add1(Op::Map(Map::Mul), &[z, x]).unwrap();
        b.output("twice", twice);
        let id = b.finish();
        (module, id)
    }

    #[test]
    fn gradients_agree_with_differences_however_inputs_are_broadcast() {
        let shapes: [[&[usize]; 2]; 6] = [
            [&[0, 1, 2], &[0, 1, 2]],
            [&[0, 1, 2], &[2]],
            [&[1], &[0, 2]],
            [&[2, 1], &[1, 2]],
            [&[], &[0, 1, 2]],
            [&[0, 3], &[0]],
        ];
        for (map, bounds) in ALL {
            for shapes in shapes {
                let (module, id) = applied(map, shapes);
                let bounds = [("x", bounds[0].0, bounds[0].1), ("y", bounds[1].0, bounds[1].1)];
                check(&module, id, &bounds);
            }
        }
    }

    #[test]
    fn kinks_and_poles_have_the_gradients_that_are_documented() {
        use crate::interp::{Tensor, run};
        let slope = |map: Map, x: f64, y: f64| {
            let (mut module, id) = applied(map, [&[], &[]]);
            let both = crate::grad::value_and_grad(&mut module, id, &["x", "y"]).unwrap();
            let given = [("x", x), ("y", y), ("z.grad", 1.0), ("twice.grad", 0.0)];
            let given = given.map(|(name, x)| (name.to_owned(), Tensor::scalar(x))).into();
            let results = run(&module, both, &given, 1).unwrap();
            [results.output("grad.x").unwrap().data[0], results.output("grad.y").unwrap().data[0]]
        };
        assert_eq!(slope(Map::Abs, 0.0, 1.0)[0], 0.0);
        assert_eq!(slope(Map::Sqrt, 0.0, 1.0)[0], 0.0);
        assert_eq!(slope(Map::Max, 1.0, 1.0), [0.5, 0.5]);
        assert_eq!(slope(Map::Min, 1.0, 1.0), [0.5, 0.5]);
        assert_eq!(slope(Map::Pow, 0.0, 0.0), [0.0, 0.0]);
        assert_eq!(slope(Map::Pow, 0.0, 1.0)[0], 1.0);
        assert_eq!(slope(Map::Pow, -2.0, 2.0)[0], -4.0);
        assert!((slope(Map::Softplus, -40.0, 1.0)[0] / (-40.0_f64).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn types_follow_the_table() {
        let dtype = |map: Map, types: &[DType]| map.rule().dtype(types);
        let (float, short, int, truth) = (DType::F32, DType::BF16, DType::Int, DType::Bool);
        assert_eq!(dtype(Map::Add, &[int, int]), int);
        assert_eq!(dtype(Map::Add, &[int, short]), short);
        assert_eq!(dtype(Map::Div, &[int, int]), float);
        assert_eq!(dtype(Map::Lt, &[float, int]), truth);
        assert_eq!(dtype(Map::Where, &[truth, int, int]), int);
        assert_eq!(dtype(Map::Exp, &[short]), short);
        assert_eq!(dtype(Map::Broadcast, &[int, float]), int);
        assert_eq!(Map::Rem.eval(&[-1.0, 3.0]), 2.0);
    }
}
