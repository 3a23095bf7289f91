//! Positions with a fill around an axis.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    (axis, to): (AxisId, AxisId),
    before: usize,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("pad", module, old, axis, &[to])?;
    if before + module.size(axis, 0) > module.size(to, 0) {
        return Err(ShapeError(format!(
            "pad: {before} positions and {} do not fit into {}",
            module.axis_text(axis),
            module.axis_text(to)
        )));
    }
    Ok(new)
}
