//! Several values in a row along one axis.

use super::{ShapeError, replaced, rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, Sizes};
use crate::ops::{Op, View};

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

/// Copies one operand after the other into its place.
pub(super) fn eval(
    parts: &[Option<AxisId>],
    into: AxisId,
    sizes: Sizes,
    inputs: &[Operand],
    out: &[AxisId],
) -> Vec<f64> {
    let at = out.iter().position(|a| *a == into).unwrap_or(0);
    let (outer, inner) = (sizes.elements(&out[..at]), sizes.elements(&out[at + 1..]));
    let length = sizes.elements(&[into]);
    let mut data = vec![0.0; outer * length * inner];
    let mut start = 0;
    for ((part, input), size) in parts.iter().zip(inputs).zip(part_sizes(parts, sizes.module)) {
        let mut shape = out.to_vec();
        shape.splice(at..=at, *part);
        let piece = input.laid_out(sizes, &shape).data;
        for row in 0..outer {
            let to = (row * length + start) * inner;
            data[to..to + size * inner].copy_from_slice(&piece[row * size * inner..(row + 1) * size * inner]);
        }
        start += size;
    }
    data
}

/// The cotangent of one operand: its part of the result's.
pub(super) fn gradient(parts: &[Option<AxisId>], into: AxisId, p: &mut Pullback, input: usize) -> Pulled {
    let start: usize = part_sizes(&parts[..input], p.module()).sum();
    let back = match parts[input] {
        Some(part) => View::Slice { axis: into, to: part, start, step: 1 },
        None => View::Index { axis: into, at: start },
    };
    p.add(Op::View(back), &[p.cotangent()]).map(Some)
}
