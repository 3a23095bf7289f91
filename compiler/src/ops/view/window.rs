//! Overlapping windows of an axis: `out[t, k] = in[t * stride + k * dilation - left]`.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    axis: AxisId,
    (to, offset): (AxisId, AxisId),
    (stride, dilation): (usize, usize),
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    if stride == 0 || dilation == 0 {
        return Err(ShapeError("window: stride and dilation are at least 1".into()));
    }
    replaced("window", module, old, axis, &[to, offset])
}
