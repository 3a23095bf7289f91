//! The adjoint of a lookup: updates are added at their indices.

use super::{Op, ShapeError, gather, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, RunError, Sizes, Tensor, walk};

/// The shape of the result is given; the updates have the axes of the lookup that this is the adjoint of.
pub(super) fn shape(
    axis: AxisId,
    shape: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("scatter_add", 2, inputs)?;
    rules::no_batch("scatter_add", &[axis])?;
    rules::distinct("scatter_add", module, shape)?;
    rules::position("scatter_add", module, shape, axis)?;
    let (index, updates) = (inputs[0], inputs[1]);
    gather::check_index("scatter_add", axis, module, index)?;
    let wanted = gather::result(axis, shape, &index.shape);
    if !rules::same_axes(&wanted, &updates.shape) {
        return Err(ShapeError(format!(
            "scatter_add: the updates are {}, not {}",
            module.shape_text(&updates.shape),
            module.shape_text(&wanted)
        )));
    }
    Ok((rules::batch_first(shape.to_vec()), updates.storage))
}

/// Adds the updates in their own row-major order.
pub(super) fn eval(
    axis: AxisId,
    sizes: Sizes,
    inputs: &[Operand],
    out: &[AxisId],
) -> Result<Tensor, RunError> {
    let (index, updates) = (inputs[0], inputs[1]);
    gather::check_range(axis, sizes, index)?;
    let mut result = Tensor::filled(sizes.dims(out), 0.0);
    let stride = sizes.strides(out, &[axis])[0];
    let base = sizes.strides(out, updates.shape);
    let place = sizes.strides(index.shape, updates.shape);
    let own = sizes.strides(updates.shape, updates.shape);
    walk(&updates.tensor.dims, [&base, &place, &own], |[base, place, own]| {
        result.data[base + index.tensor.data[place] as usize * stride] += updates.tensor.data[own];
    });
    Ok(result)
}

/// The cotangent of the updates: the result's, looked up.
pub(super) fn gradient(axis: AxisId, p: &mut Pullback, input: usize) -> Pulled {
    if input != 1 {
        return Ok(None);
    }
    let (g, index) = (p.cotangent(), p.input(0)?);
    p.add(Op::Gather { axis }, &[g, index]).map(Some)
}
