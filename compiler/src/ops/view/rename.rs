//! The same elements under another axis of the same size.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    from: AxisId,
    to: AxisId,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("rename", module, old, from, &[to])?;
    if module.size(from, 0) != module.size(to, 0) {
        return Err(ShapeError(format!(
            "rename: {} cannot become {}",
            module.axis_text(from),
            module.axis_text(to)
        )));
    }
    Ok(new)
}
