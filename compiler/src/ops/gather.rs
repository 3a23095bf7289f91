//! `table[index]`: looks up positions of an axis.

use super::{ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

/// The shape of a lookup: the index's axes, then the table's without `axis`, the batch first.
pub(super) fn shape(
    axis: AxisId,
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("gather", 2, inputs)?;
    rules::no_batch("gather", &[axis])?;
    let (table, index) = (inputs[0], inputs[1]);
    rules::position("gather", module, &table.shape, axis)?;
    check_index("gather", axis, module, index)?;
    Ok((result(axis, &table.shape, &index.shape), table.storage))
}

/// The order of a lookup's axes.
pub(super) fn result(axis: AxisId, table: &[AxisId], index: &[AxisId]) -> Vec<AxisId> {
    let mut shape = index.to_vec();
    shape.extend(table.iter().filter(|a| **a != axis && !index.contains(a)));
    rules::batch_first(shape)
}

/// Checks that a value can serve as an index along `axis`.
pub(super) fn check_index(
    what: &str,
    axis: AxisId,
    module: &Module,
    index: &Value,
) -> Result<(), ShapeError> {
    if index.storage != DType::Int {
        return Err(ShapeError(format!("{what}: the index holds no integers")));
    }
    if index.shape.contains(&axis) {
        return Err(ShapeError(format!(
            "{what}: the index {} has the axis {} that is looked up",
            module.shape_text(&index.shape),
            module.axis_text(axis)
        )));
    }
    Ok(())
}
