//! Reductions over axes. One reduction is one file; this one dispatches.

mod max;
mod min;
mod product;
mod sum;

use super::{Map, Op, Reduce, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, Sizes, Tensor, walk};

/// The shape of a reduction: the input's axes without those that are reduced.
pub(super) fn shape(
    reduce: Reduce,
    axes: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    let what = symbol(reduce);
    rules::count(what, 1, inputs)?;
    rules::distinct(what, module, axes)?;
    if axes.is_empty() {
        return Err(ShapeError(format!("{what} over no axis")));
    }
    let input = inputs[0];
    for axis in axes {
        rules::position(what, module, &input.shape, *axis)?;
    }
    let rest = input.shape.iter().copied().filter(|a| !axes.contains(a)).collect();
    let dtype = match reduce {
        Reduce::Sum | Reduce::Product => rules::promote([input.storage]),
        Reduce::Max | Reduce::Min => input.storage,
    };
    Ok((rest, dtype))
}

/// How the operation is called in texts.
pub(crate) fn symbol(reduce: Reduce) -> &'static str {
    match reduce {
        Reduce::Sum => "sum",
        Reduce::Max => "max",
        Reduce::Min => "min",
        Reduce::Product => "product",
    }
}

/// What a reduction is.
trait Rule {
    /// What an empty reduction gives.
    fn start(&self) -> f64;

    /// Takes one more element in.
    fn step(&self, so_far: f64, x: f64) -> f64;

    /// The cotangent of the input; axes that it lacks are broadcast afterwards.
    fn gradient(&self, axes: &[AxisId], p: &mut Pullback) -> Pulled;
}

fn rule(reduce: Reduce) -> &'static dyn Rule {
    match reduce {
        Reduce::Sum => &sum::Sum,
        Reduce::Max => &max::Max,
        Reduce::Min => &min::Min,
        Reduce::Product => &product::Product,
    }
}

/// Reduces in row-major order of the input.
pub(super) fn eval(reduce: Reduce, sizes: Sizes, input: Operand, out: &[AxisId]) -> Tensor {
    let rule = rule(reduce);
    let mut result = Tensor::filled(sizes.dims(out), rule.start());
    let strides = sizes.strides(out, input.shape);
    let own = sizes.strides(input.shape, input.shape);
    walk(&input.tensor.dims, [&strides, &own], |[to, from]| {
        result.data[to] = rule.step(result.data[to], input.tensor.data[from]);
    });
    result
}

/// The cotangent of the input.
pub(super) fn gradient(reduce: Reduce, axes: &[AxisId], p: &mut Pullback) -> Pulled {
    rule(reduce).gradient(axes, p)
}

/// The cotangent of an extreme element: shared equally among the elements that equal the result.
fn shared(axes: &[AxisId], p: &mut Pullback) -> Pulled {
    let (g, x, y, zero) = (p.cotangent(), p.input(0)?, p.output()?, p.constant(0.0)?);
    let hit = p.map(Map::Eq, &[x, y])?;
    let count = p.add(Op::Reduce(Reduce::Sum, axes.to_vec()), &[hit])?;
    let share = p.map(Map::Div, &[g, count])?;
    p.map(Map::Where, &[hit, share, zero]).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::check::check;
    use crate::grad::value_and_grad;
    use crate::graph::{Builder, FuncId, InputKind};
    use crate::interp::run_in_order;

    fn reduced(reduce: Reduce, length: usize, over: &[usize]) -> (Module, FuncId) {
        let mut module = Module::default();
        let axes = [AxisId::BATCH, module.add_axis("T", length), module.add_axis("D", 3)];
        let mut b = Builder::new(&mut module, "reduce");
        let x = b.input("x", InputKind::Argument, axes.to_vec(), DType::F32);
        let y = b.add1(Op::Reduce(reduce, over.iter().map(|at| axes[*at]).collect()), &[x]).unwrap();
        let z = b.add1(Op::Map(Map::Mul), &[x, y]).unwrap();
        b.output("y", y);
        b.output("z", z);
        let id = b.finish();
        (module, id)
    }

    #[test]
    fn gradients_agree_with_differences() {
        for reduce in [Reduce::Sum, Reduce::Max, Reduce::Min, Reduce::Product] {
            for over in [&[1][..], &[2], &[2, 1]] {
                for length in [1, 5] {
                    let (module, id) = reduced(reduce, length, over);
                    check(&module, id, &[]);
                }
            }
        }
    }

    /// The gradient of the reduced values alone, for one sample with these elements in rows of three.
    fn slopes(reduce: Reduce, data: &[f64]) -> Vec<f64> {
        let (mut module, id) = reduced(reduce, data.len() / 3, &[2]);
        let both = value_and_grad(&mut module, id, &["x"]).unwrap();
        let dims = vec![1, data.len() / 3, 3];
        let inputs = vec![
            Tensor { dims: dims.clone(), data: data.to_vec() },
            Tensor::filled(dims[..2].to_vec(), 1.0),
            Tensor::filled(dims, 0.0),
        ];
        run_in_order(&module, both, inputs, 1).unwrap().output("grad.x").unwrap().data.clone()
    }

    #[test]
    fn ties_share_equally_and_products_bear_zeros() {
        assert_eq!(slopes(Reduce::Max, &[2.0, 1.0, 2.0, 3.0, 3.0, 3.0])[..3], [0.5, 0.0, 0.5]);
        assert_eq!(slopes(Reduce::Min, &[1.0, 1.0, 2.0]), [0.5, 0.5, 0.0]);
        assert_eq!(slopes(Reduce::Product, &[2.0, 0.0, 5.0]), [0.0, 10.0, 0.0]);
        assert_eq!(slopes(Reduce::Product, &[0.0, 0.0, 5.0]), [0.0, 0.0, 0.0]);
    }
}
