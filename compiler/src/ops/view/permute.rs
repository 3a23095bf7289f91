//! `out[i] = in[order[i]]` for a permutation known at compile time.

use super::{ShapeError, replaced};
use crate::graph::{AxisId, Module};

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
