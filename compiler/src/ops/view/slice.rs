//! Positions `start, start + step, …` of an axis.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

pub(super) fn shape(
    (axis, to): (AxisId, AxisId),
    start: usize,
    step: usize,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("slice", module, old, axis, &[to])?;
    let (size, taken) = (module.size(axis, 0), module.size(to, 0));
    let fits = taken == 0 || start + (taken - 1) * step < size;
    if step == 0 || !fits || (axis == to && (start, step) != (0, 1)) {
        return Err(ShapeError(format!(
            "slice: {} positions from {start} by {step} do not fit {} as {}",
            taken,
            module.axis_text(axis),
            module.axis_text(to)
        )));
    }
    Ok(new)
}
