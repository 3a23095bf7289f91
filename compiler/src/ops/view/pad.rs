//! Positions with a fill around an axis.

use super::{ShapeError, replaced};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View};

pub(super) fn shape(
    (axis, to): (AxisId, AxisId),
    before: usize,
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("pad", module, old, axis, &[to])?;
    if before + module.size(axis, 0) > module.size(to, 0) {
        return Err(ShapeError(format!(
            "pad: {before} positions and {} do not fit into {}",
            module.axis_text(axis),
            module.axis_text(to)
        )));
    }
    Ok(new)
}

/// Copies the elements between fills.
pub(super) fn eval(
    (axis, to): (AxisId, AxisId),
    before: usize,
    value: f64,
    sizes: Sizes,
    input: Operand,
) -> Vec<f64> {
    let (outer, size, inner) = input.around(axis);
    let length = sizes.elements(&[to]);
    let mut data = vec![value; outer * length * inner];
    for row in 0..outer {
        let start = (row * length + before) * inner;
        let source = &input.tensor.data[row * size * inner..(row + 1) * size * inner];
        data[start..start + size * inner].copy_from_slice(source);
    }
    data
}

/// The cotangent of the input.
pub(super) fn gradient((axis, to): (AxisId, AxisId), before: usize, p: &mut Pullback) -> Pulled {
    let back = View::Slice { axis: to, to: axis, start: before, step: 1 };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
