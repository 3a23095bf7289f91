//! Overlapping windows of an axis: `out[t, k] = in[t * stride + k * dilation - left]`.

use super::{ShapeError, replaced};
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
    if stride == 0 || dilation == 0 {
        return Err(ShapeError("window: stride and dilation are at least 1".into()));
    }
    replaced("window", module, old, axis, &[to, offset])
}

/// Reads every place of every window; beyond the edges there are zeros.
pub(super) fn eval(
    axis: AxisId,
    (to, offset): (AxisId, AxisId),
    (stride, dilation, left): (usize, usize, usize),
    sizes: Sizes,
    input: Operand,
) -> Vec<f64> {
    let (outer, size, inner) = input.around(axis);
    let (windows, width) = (sizes.elements(&[to]), sizes.elements(&[offset]));
    let mut data = Vec::with_capacity(outer * windows * width * inner);
    for row in 0..outer {
        for place in (0..windows).flat_map(|t| (0..width).map(move |k| t * stride + k * dilation)) {
            match place.checked_sub(left).filter(|at| *at < size) {
                Some(at) => {
                    let start = (row * size + at) * inner;
                    data.extend_from_slice(&input.tensor.data[start..start + inner]);
                }
                None => data.resize(data.len() + inner, 0.0),
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
    let back = View::Fold { axis, to, offset, stride, dilation, left };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
