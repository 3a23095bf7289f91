//! The adjoint of a lookup: updates are added at their indices.

use super::{ShapeError, gather, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

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
