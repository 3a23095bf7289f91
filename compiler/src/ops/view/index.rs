//! One position of an axis.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    axis: AxisId,
    at: usize,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("index", module, old, axis, &[])?;
    if at >= module.size(axis, 0) {
        return Err(ShapeError(format!("index: {} has no position {at}", module.axis_text(axis))));
    }
    Ok(new)
}
