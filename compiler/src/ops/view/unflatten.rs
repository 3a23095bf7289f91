//! One axis becomes several; the last of them runs fastest.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    from: AxisId,
    to: &[AxisId],
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    if to.is_empty() {
        return Err(ShapeError("unflatten: no axes are given".into()));
    }
    let new = replaced("unflatten", module, old, from, to)?;
    let elements: usize = module.dims(to, 0).iter().product();
    if elements != module.size(from, 0) {
        return Err(ShapeError(format!(
            "unflatten: {} has {elements} positions, not as many as {}",
            module.shape_text(to),
            module.axis_text(from)
        )));
    }
    Ok(new)
}
