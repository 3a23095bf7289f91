//! The adjoint of a window: overlapping windows are added.

use super::{ShapeError, replaced, rules};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    axis: AxisId,
    (to, offset): (AxisId, AxisId),
    (stride, dilation): (usize, usize),
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    rules::no_batch("fold", &[offset])?;
    if stride == 0 || dilation == 0 || to == offset {
        return Err(ShapeError("fold: stride and dilation are at least 1, and there are two axes".into()));
    }
    let mut rest = old.to_vec();
    rest.remove(rules::position("fold", module, old, offset)?);
    replaced("fold", module, &rest, to, &[axis])
}
