//! One position of an axis.

use super::{ShapeError, replaced, taken};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::Operand;
use crate::ops::{Op, View};

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

/// Takes one position.
pub(super) fn eval(axis: AxisId, at: usize, input: Operand) -> Vec<f64> {
    taken(input, axis, &[at])
}

/// The cotangent of the input.
pub(super) fn gradient(axis: AxisId, at: usize, p: &mut Pullback) -> Pulled {
    let one = p.axis("one", 1);
    let g = p.add(Op::View(View::Concat { parts: vec![None], into: one }), &[p.cotangent()])?;
    let back = View::Pad { axis: one, to: axis, before: at, value: 0.0 };
    p.add(Op::View(back), &[g]).map(Some)
}
