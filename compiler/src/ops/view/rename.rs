//! The same elements under another axis of the same size.

use super::{ShapeError, replaced};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::Operand;
use crate::ops::{Op, View};

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

/// The elements stay where they are.
pub(super) fn eval(input: Operand) -> Vec<f64> {
    input.tensor.data.clone()
}

/// The cotangent of the input.
pub(super) fn gradient(from: AxisId, to: AxisId, p: &mut Pullback) -> Pulled {
    let back = View::Rename { from: to, to: from };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
