//! Several axes become one; the last of them runs fastest.

use super::{ShapeError, replaced, rules};
use crate::graph::{AxisId, Module};

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
