//! Overlapping windows of an axis: `out[t, k] = in[t * stride + k * dilation - left]`.

use super::{ShapeError, replaced};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View};

/// How windows lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    /// The axis.
    pub axis: AxisId,
    /// The windows.
    pub to: AxisId,
    /// The place within a window.
    pub offset: AxisId,
    /// From one window to the next.
    pub stride: usize,
    /// From one place in the window to the next.
    pub dilation: usize,
    /// How far the first window reaches beyond the left edge.
    pub left: usize,
}

impl Windows {
    /// Checks the numbers, for the view called `what`.
    pub(super) fn check(self, what: &str) -> Result<(), ShapeError> {
        if self.stride == 0 || self.dilation == 0 {
            return Err(ShapeError(format!("{what}: stride and dilation are at least 1")));
        }
        Ok(())
    }

    /// For every place of every window the position on the axis, if it is one.
    pub(super) fn positions(self, sizes: Sizes) -> impl Iterator<Item = Option<usize>> {
        let Windows { axis, to, offset, stride, dilation, left } = self;
        let [size, windows, width] = [axis, to, offset].map(|a| sizes.elements(&[a]));
        let places = (0..windows).flat_map(move |t| (0..width).map(move |k| t * stride + k * dilation));
        places.map(move |place| place.checked_sub(left).filter(|at| *at < size))
    }

    /// The same along other axes.
    #[must_use]
    pub fn with_axes(self, map: &mut dyn FnMut(AxisId) -> AxisId) -> Self {
        Windows { axis: map(self.axis), to: map(self.to), offset: map(self.offset), ..self }
    }
}

pub(super) fn shape(w: Windows, module: &Module, old: &[AxisId]) -> Result<Vec<AxisId>, ShapeError> {
    w.check("window")?;
    replaced("window", module, old, w.axis, &[w.to, w.offset])
}

/// Reads every place of every window; beyond the edges there are zeros.
pub(super) fn eval(w: Windows, sizes: Sizes, input: Operand) -> Vec<f64> {
    let (outer, size, inner) = input.around(w.axis);
    let mut data = Vec::with_capacity(outer * sizes.elements(&[w.to, w.offset]) * inner);
    for row in 0..outer {
        for at in w.positions(sizes) {
            match at {
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
pub(super) fn gradient(w: Windows, p: &mut Pullback) -> Pulled {
    p.add(Op::View(View::Fold(w)), &[p.cotangent()]).map(Some)
}
