//! Several values in a row along one axis.

use super::{ShapeError, replaced, rules};
use crate::graph::{AxisId, DType, Module, Value};

pub(super) fn shape(
    parts: &[Option<AxisId>],
    into: AxisId,
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("concat", parts.len(), inputs)?;
    rules::no_batch("concat", &[into])?;
    let mut shapes = Vec::with_capacity(inputs.len());
    for (part, input) in parts.iter().zip(inputs) {
        shapes.push(match part {
            Some(axis) => replaced("concat", module, &input.shape, *axis, &[into])?,
            None if input.shape.contains(&into) => {
                return Err(ShapeError(format!(
                    "concat: an operand for one position already has the axis {}",
                    module.axis_text(into)
                )));
            }
            None => input.shape.clone(),
        });
    }
    let mut result = rules::union(shapes.iter().map(Vec::as_slice));
    if !result.contains(&into) {
        result.insert(usize::from(result.first() == Some(&AxisId::BATCH)), into);
    }
    if let Some(part) = parts.iter().flatten().find(|p| **p != into && result.contains(p)) {
        return Err(ShapeError(format!(
            "concat: the part {} is also an axis of another operand",
            module.axis_text(*part)
        )));
    }
    let length: usize = part_sizes(parts, module).sum();
    if length != module.size(into, 0) {
        return Err(ShapeError(format!(
            "concat: the parts have {length} positions, not as many as {}",
            module.axis_text(into)
        )));
    }
    Ok((result, rules::select(&inputs.iter().map(|v| v.storage).collect::<Vec<_>>())))
}

/// How many positions each part takes.
pub(super) fn part_sizes(parts: &[Option<AxisId>], module: &Module) -> impl Iterator<Item = usize> {
    parts.iter().map(|part| part.map_or(1, |axis| module.size(axis, 0)))
}
