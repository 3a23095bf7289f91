//! Positions `start, start + step, …` of an axis.

use super::{ShapeError, replaced, taken};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View, Windows};

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

/// Takes every `step`th position.
pub(super) fn eval(
    (axis, to): (AxisId, AxisId),
    start: usize,
    step: usize,
    sizes: Sizes,
    input: Operand,
) -> Vec<f64> {
    let places: Vec<usize> = (0..sizes.elements(&[to])).map(|i| start + i * step).collect();
    taken(input, axis, &places)
}

/// The cotangent of the input.
pub(super) fn gradient((axis, to): (AxisId, AxisId), start: usize, step: usize, p: &mut Pullback) -> Pulled {
    let mut g = p.cotangent();
    let mut from = to;
    if step > 1 {
        // A fold of windows that are one position wide puts `step - 1` zeros between neighbours.
        let (taken, name) = (p.module().size(to, 0), p.module().axis(axis).name.clone());
        let one = p.axis("one", 1);
        from = p.axis(name, taken.saturating_sub(1) * step + 1);
        g = p.add(Op::View(View::Unflatten { from: to, to: vec![to, one] }), &[g])?;
        let fold = View::Fold(Windows { axis: from, to, offset: one, stride: step, dilation: 1, left: 0 });
        g = p.add(Op::View(fold), &[g])?;
    }
    let back = View::Pad { axis: from, to: axis, before: start, value: 0.0 };
    p.add(Op::View(back), &[g]).map(Some)
}
