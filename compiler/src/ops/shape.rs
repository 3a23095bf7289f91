//! What the shape rules share: the union of axes, promotion of types, and checks with readable messages.

use super::ShapeError;
use crate::graph::{AxisId, DType, Module, Value};

/// The axes of all inputs: in the order of the input with the most axes (the first of those), then what is
/// missing in the order of the inputs, the batch first.
pub(crate) fn union<'a>(shapes: impl IntoIterator<Item = &'a [AxisId]>) -> Vec<AxisId> {
    let shapes: Vec<&[AxisId]> = shapes.into_iter().collect();
    let Some(longest) = shapes.iter().copied().rev().max_by_key(|s| s.len()) else {
        return Vec::new();
    };
    let mut result = longest.to_vec();
    for shape in shapes {
        for axis in shape {
            if !result.contains(axis) {
                result.push(*axis);
            }
        }
    }
    batch_first(result)
}

/// Moves the batch to the front, if it is there.
pub(crate) fn batch_first(mut shape: Vec<AxisId>) -> Vec<AxisId> {
    if let Some(at) = shape.iter().position(|a| *a == AxisId::BATCH) {
        shape[..=at].rotate_right(1);
    }
    shape
}

/// Whether two shapes have the same axes, in whatever order.
pub(crate) fn same_axes(a: &[AxisId], b: &[AxisId]) -> bool {
    a.len() == b.len() && a.iter().all(|axis| b.contains(axis))
}

/// The type of arithmetic on values of these types: truth values count as integers, a float makes floats,
/// and full floats win over short ones.
pub(crate) fn promote(types: impl IntoIterator<Item = DType>) -> DType {
    types.into_iter().fold(DType::Int, |a, b| match (a, b) {
        (DType::F32, _) | (_, DType::F32) => DType::F32,
        (DType::BF16, _) | (_, DType::BF16) => DType::BF16,
        (DType::Int | DType::Bool, DType::Int | DType::Bool) => DType::Int,
    })
}

/// The type of a selection among values: like arithmetic, but truth values alone stay truth values.
pub(crate) fn select(types: &[DType]) -> DType {
    if types.iter().all(|t| *t == DType::Bool) { DType::Bool } else { promote(types.iter().copied()) }
}

/// The float type of a function of a value: integers become floats.
pub(crate) fn float(of: DType) -> DType {
    match of {
        DType::BF16 => DType::BF16,
        DType::F32 | DType::Int | DType::Bool => DType::F32,
    }
}

/// Checks the number of inputs.
pub(crate) fn count(what: &str, wanted: usize, inputs: &[&Value]) -> Result<(), ShapeError> {
    if inputs.len() == wanted {
        Ok(())
    } else {
        Err(ShapeError(format!("{what} takes {wanted} inputs, not {}", inputs.len())))
    }
}

/// Where an axis stands.
pub(crate) fn position(
    what: &str,
    module: &Module,
    shape: &[AxisId],
    axis: AxisId,
) -> Result<usize, ShapeError> {
    shape.iter().position(|a| *a == axis).ok_or_else(|| {
        ShapeError(format!(
            "{what}: the axis {} is not in {}",
            module.axis_text(axis),
            module.shape_text(shape)
        ))
    })
}

/// Checks that axes are not the batch.
pub(crate) fn no_batch(what: &str, axes: &[AxisId]) -> Result<(), ShapeError> {
    if axes.contains(&AxisId::BATCH) {
        Err(ShapeError(format!("{what} cannot work along the batch")))
    } else {
        Ok(())
    }
}

/// Checks that no axis stands twice.
pub(crate) fn distinct(what: &str, module: &Module, shape: &[AxisId]) -> Result<(), ShapeError> {
    for (at, axis) in shape.iter().enumerate() {
        if shape[..at].contains(axis) {
            return Err(ShapeError(format!(
                "{what}: the axis {} stands twice in {}",
                module.axis_text(*axis),
                module.shape_text(shape)
            )));
        }
    }
    Ok(())
}
