//! One axis becomes several; the last of them runs fastest.

use super::{ShapeError, replaced};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::Operand;
use crate::ops::{Op, View};

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

/// The elements stay where they are.
pub(super) fn eval(input: Operand) -> Vec<f64> {
    input.tensor.data.clone()
}

/// The cotangent of the input.
pub(super) fn gradient(from: AxisId, to: &[AxisId], p: &mut Pullback) -> Pulled {
    let back = View::Flatten { from: to.to_vec(), to: from };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
