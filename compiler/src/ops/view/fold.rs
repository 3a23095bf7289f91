//! The adjoint of a window: overlapping windows are added.

use super::{ShapeError, replaced, rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View, Windows};

pub(super) fn shape(w: Windows, module: &Module, old: &[AxisId]) -> Result<Vec<AxisId>, ShapeError> {
    w.check("fold")?;
    rules::no_batch("fold", &[w.offset])?;
    if w.to == w.offset {
        return Err(ShapeError("fold: the windows and the places in them are two axes".into()));
    }
    let mut rest = old.to_vec();
    rest.remove(rules::position("fold", module, old, w.offset)?);
    replaced("fold", module, &rest, w.to, &[w.axis])
}

/// Adds every place of every window to where it was read from; what lies beyond the edges is dropped.
pub(super) fn eval(w: Windows, sizes: Sizes, input: Operand) -> Vec<f64> {
    let mut order: Vec<AxisId> = input.shape.iter().copied().filter(|a| *a != w.offset).collect();
    let at = order.iter().position(|a| *a == w.to).unwrap_or(0);
    order.insert(at + 1, w.offset);
    let tensor = input.laid_out(sizes, &order);
    let (outer, inner) = (sizes.elements(&order[..at]), sizes.elements(&order[at + 2..]));
    let size = sizes.elements(&[w.axis]);
    let mut data = vec![0.0; outer * size * inner];
    let mut source = tensor.data.chunks_exact(inner.max(1));
    for row in 0..outer {
        for at in w.positions(sizes) {
            let piece = source.next().unwrap_or_default();
            if let Some(at) = at {
                let start = (row * size + at) * inner;
                data[start..start + inner].iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
            }
        }
    }
    data
}

/// The cotangent of the input.
pub(super) fn gradient(w: Windows, p: &mut Pullback) -> Pulled {
    p.add(Op::View(View::Window(w)), &[p.cotangent()]).map(Some)
}
