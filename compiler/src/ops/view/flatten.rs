//! Several axes become one; the last of them runs fastest.

use super::{ShapeError, replaced, rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View};

pub(super) fn shape(
    from: &[AxisId],
    to: AxisId,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    rules::no_batch("flatten", from)?;
    rules::distinct("flatten", module, from)?;
    let Some((first, others)) = from.split_first() else {
        return Err(ShapeError("flatten: no axes are given".into()));
    };
    let mut rest = old.to_vec();
    for axis in others {
        rest.remove(rules::position("flatten", module, &rest, *axis)?);
    }
    let new = replaced("flatten", module, &rest, *first, &[to])?;
    let elements: usize = module.dims(from, 0).iter().product();
    if elements != module.size(to, 0) {
        return Err(ShapeError(format!(
            "flatten: {} has {elements} positions, not as many as {}",
            module.shape_text(from),
            module.axis_text(to)
        )));
    }
    Ok(new)
}

/// Brings the axes together, slowest first, where the first of them stands; then nothing moves.
pub(super) fn eval(from: &[AxisId], sizes: Sizes, input: Operand) -> Vec<f64> {
    let mut order: Vec<AxisId> = input.shape.iter().copied().filter(|a| !from[1..].contains(a)).collect();
    let at = order.iter().position(|a| *a == from[0]).unwrap_or(0);
    order.splice(at..=at, from.iter().copied());
    input.laid_out(sizes, &order).data
}

/// The cotangent of the input.
pub(super) fn gradient(from: &[AxisId], to: AxisId, p: &mut Pullback) -> Pulled {
    let back = View::Unflatten { from: to, to: from.to_vec() };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
