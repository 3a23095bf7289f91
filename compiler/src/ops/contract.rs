//! Contraction: `sum(a * b, over: axes)`.
//!
//! Every matrix product is one. Axes that both inputs have and that are not summed are batched; axes that one
//! input has are outer.

use super::{Map, Op, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, Sizes, Tensor, walk};

/// The shape of a contraction: the union of the axes without those that are summed.
pub(super) fn shape(
    axes: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("contract", 2, inputs)?;
    rules::distinct("contract", module, axes)?;
    if axes.is_empty() {
        return Err(ShapeError("contract over no axis; that is a product".into()));
    }
    for axis in axes {
        for input in inputs {
            rules::position("contract", module, &input.shape, *axis)?;
        }
    }
    let mut shape = rules::union(inputs.iter().map(|v| v.shape.as_slice()));
    shape.retain(|a| !axes.contains(a));
    Ok((shape, rules::promote(inputs.iter().map(|v| v.storage))))
}

/// Sums products, element by element of the result.
pub(super) fn eval(axes: &[AxisId], sizes: Sizes, inputs: &[Operand], out: &[AxisId]) -> Tensor {
    let (a, b) = (inputs[0], inputs[1]);
    let dims = sizes.dims(out);
    let mut terms = Vec::new();
    let (along_a, along_b) = (sizes.strides(a.shape, axes), sizes.strides(b.shape, axes));
    walk(&sizes.dims(axes), [&along_a, &along_b], |at| terms.push(at));
    let mut data = Vec::with_capacity(dims.iter().product());
    let (outer_a, outer_b) = (sizes.strides(a.shape, out), sizes.strides(b.shape, out));
    walk(&dims, [&outer_a, &outer_b], |[i, j]| {
        let (x, y) = (&a.tensor.data[i..], &b.tensor.data[j..]);
        data.push(terms.iter().map(|[k, l]| x[*k] * y[*l]).sum());
    });
    Tensor { dims, data }
}

/// The cotangent of one factor is a contraction of the result's with the other factor.
pub(super) fn gradient(p: &mut Pullback, input: usize) -> Pulled {
    let (g, other) = (p.cotangent(), p.input(1 - input)?);
    let own = p.input_shape(input);
    let mut over = p.input_shape(1 - input);
    let later = p.sums_batch_later();
    over.retain(|a| !own.contains(a) && (*a != AxisId::BATCH || !later));
    let op = if over.is_empty() { Op::Map(Map::Mul) } else { Op::Contract(over) };
    p.add(op, &[g, other]).map(Some)
}
