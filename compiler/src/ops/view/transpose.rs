//! Another storage order of the same axes.

use super::{ShapeError, rules};
use crate::graph::{AxisId, Module};
use crate::interp::{Operand, Sizes};

pub(super) fn shape(order: &[AxisId], module: &Module, old: &[AxisId]) -> Result<Vec<AxisId>, ShapeError> {
    rules::distinct("transpose", module, order)?;
    if !rules::same_axes(order, old) || rules::batch_first(order.to_vec()) != order {
        return Err(ShapeError(format!(
            "transpose: {} is not an order of {} with the batch in front",
            module.shape_text(order),
            module.shape_text(old)
        )));
    }
    Ok(order.to_vec())
}

/// Copies the elements in the new order.
pub(super) fn eval(order: &[AxisId], sizes: Sizes, input: Operand) -> Vec<f64> {
    input.laid_out(sizes, order).data
}
