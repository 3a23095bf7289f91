//! Reductions over axes.

use super::{Reduce, ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

/// The shape of a reduction: the input's axes without those that are reduced.
pub(super) fn shape(
    reduce: Reduce,
    axes: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    let what = symbol(reduce);
    rules::count(what, 1, inputs)?;
    rules::distinct(what, module, axes)?;
    if axes.is_empty() {
        return Err(ShapeError(format!("{what} over no axis")));
    }
    let input = inputs[0];
    for axis in axes {
        rules::position(what, module, &input.shape, *axis)?;
    }
    let rest = input.shape.iter().copied().filter(|a| !axes.contains(a)).collect();
    let dtype = match reduce {
        Reduce::Sum | Reduce::Product => rules::promote([input.storage]),
        Reduce::Max | Reduce::Min => input.storage,
    };
    Ok((rest, dtype))
}

/// How the operation is called in texts.
pub(crate) fn symbol(reduce: Reduce) -> &'static str {
    match reduce {
        Reduce::Sum => "sum",
        Reduce::Max => "max",
        Reduce::Min => "min",
        Reduce::Product => "product",
    }
}
