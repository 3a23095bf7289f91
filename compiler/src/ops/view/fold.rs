//! The adjoint of a window: overlapping windows are added.

use super::{ShapeError, replaced, rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View};

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

/// Adds every place of every window to where it was read from; what lies beyond the edges is dropped.
pub(super) fn eval(
    axis: AxisId,
    (to, offset): (AxisId, AxisId),
    (stride, dilation, left): (usize, usize, usize),
    sizes: Sizes,
    input: Operand,
) -> Vec<f64> {
    let mut order: Vec<AxisId> = input.shape.iter().copied().filter(|a| *a != offset).collect();
    let at = order.iter().position(|a| *a == to).unwrap_or(0);
    order.insert(at + 1, offset);
    let tensor = input.laid_out(sizes, &order);
    let (outer, inner) = (sizes.elements(&order[..at]), sizes.elements(&order[at + 2..]));
    let (windows, width, size) = (sizes.elements(&[to]), sizes.elements(&[offset]), sizes.elements(&[axis]));
    let mut data = vec![0.0; outer * size * inner];
    let mut source = tensor.data.chunks_exact(inner.max(1));
    for row in 0..outer {
        for place in (0..windows).flat_map(|t| (0..width).map(move |k| t * stride + k * dilation)) {
            let piece = source.next().unwrap_or_default();
            if let Some(at) = place.checked_sub(left).filter(|at| *at < size) {
                let start = (row * size + at) * inner;
                data[start..start + inner].iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
            }
        }
    }
    data
}

/// The cotangent of the input.
pub(super) fn gradient(
    axis: AxisId,
    (to, offset): (AxisId, AxisId),
    (stride, dilation, left): (usize, usize, usize),
    p: &mut Pullback,
) -> Pulled {
    let back = View::Window { axis, to, offset, stride, dilation, left };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
