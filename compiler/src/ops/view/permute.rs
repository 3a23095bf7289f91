//! `out[i] = in[order[i]]` for a permutation known at compile time.

use super::{ShapeError, replaced, taken};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::Operand;
use crate::ops::{Op, View};

pub(super) fn shape(
    (axis, to): (AxisId, AxisId),
    order: &[u32],
    module: &Module,
    old: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let new = replaced("permute", module, old, axis, &[to])?;
    let size = module.size(axis, 0);
    let mut seen = vec![false; size];
    for from in order {
        match seen.get_mut(*from as usize) {
            Some(place) if !*place => *place = true,
            _ => return Err(ShapeError(format!("permute: {from} is out of range or stands twice"))),
        }
    }
    if order.len() != size || module.size(to, 0) != size {
        return Err(ShapeError(format!(
            "permute: an order of {} from {} to {}",
            order.len(),
            module.axis_text(axis),
            module.axis_text(to)
        )));
    }
    Ok(new)
}

/// Takes the positions in the given order.
pub(super) fn eval(axis: AxisId, order: &[u32], input: Operand) -> Vec<f64> {
    taken(input, axis, &order.iter().map(|at| *at as usize).collect::<Vec<_>>())
}

/// The cotangent of the input.
pub(super) fn gradient((axis, to): (AxisId, AxisId), order: &[u32], p: &mut Pullback) -> Pulled {
    let mut inverse = vec![0; order.len()];
    for (place, from) in order.iter().enumerate() {
        inverse[*from as usize] = place as u32;
    }
    let back = View::Permute { axis: to, to: axis, order: inverse.into() };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
