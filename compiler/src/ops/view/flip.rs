//! Last position first.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(axis: AxisId, module: &Module, old: &[AxisId]) -> Result<Vec<AxisId>, ShapeError> {
    replaced("flip", module, old, axis, &[axis])
}
