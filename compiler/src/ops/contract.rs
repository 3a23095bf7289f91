//! Contraction: `sum(a * b, over: axes)`.
//!
//! Every matrix product is one. Axes that both inputs have and that are not summed are batched; axes that one
//! input has are outer.

use super::{ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

/// The shape of a contraction: the union of the axes without those that are summed.
pub(super) fn shape(
    axes: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("contract", 2, inputs)?;
    rules::distinct("contract", module, axes)?;
    if axes.is_empty() {
        return Err(ShapeError("contract over no axis; that is a product".into()));
    }
    for axis in axes {
        for input in inputs {
            rules::position("contract", module, &input.shape, *axis)?;
        }
    }
    let mut shape = rules::union(inputs.iter().map(|v| v.shape.as_slice()));
    shape.retain(|a| !axes.contains(a));
    Ok((shape, rules::promote(inputs.iter().map(|v| v.storage))))
}
