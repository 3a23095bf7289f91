//! Scan: a recurrence along an axis.

use super::{Scan, ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{self, Operand, RunError, Sizes, Tensor};
use std::sync::Arc;

/// The shapes of a scan's results: the yields with the axis added after the batch, then the finals.
pub(super) fn shapes(
    scan: &Scan,
    module: &Module,
    inputs: &[&Value],
) -> Result<Vec<(Vec<AxisId>, DType)>, ShapeError> {
    let body = &scan.body;
    rules::no_batch("scan", &[scan.axis])?;
    rules::count("scan", body.inputs.len(), inputs)?;
    if scan.carries + scan.sequences > inputs.len()
        || scan.carries + scan.yields + scan.finals != body.outputs.len()
    {
        return Err(ShapeError(format!(
            "scan: a body with {} inputs and {} outputs cannot have {} carries, {} sequences, {} yields and {} finals",
            body.inputs.len(),
            body.outputs.len(),
            scan.carries,
            scan.sequences,
            scan.yields,
            scan.finals
        )));
    }
    for (at, (inner, given)) in body.inputs.iter().zip(inputs).enumerate() {
        let mut shape = given.shape.clone();
        let is_sequence = at >= scan.carries && at < scan.carries + scan.sequences;
        if is_sequence {
            shape.remove(rules::position("scan", module, &given.shape, scan.axis)?);
        }
        let wanted = &body.value(inner.value).shape;
        if shape != *wanted || shape.contains(&scan.axis) {
            return Err(ShapeError(format!(
                "scan along {}: {} of the body is {}, but the value given is {}",
                module.axis_text(scan.axis),
                inner.name,
                module.shape_text(wanted),
                module.shape_text(&given.shape)
            )));
        }
    }
    for (input, (name, output)) in body.inputs.iter().zip(&body.outputs).take(scan.carries) {
        let (old, new) = (&body.value(input.value).shape, &body.value(*output).shape);
        if old != new {
            return Err(ShapeError(format!(
                "scan: the carry {name} is {} but becomes {}",
                module.shape_text(old),
                module.shape_text(new)
            )));
        }
    }
    let results = body.outputs[scan.carries..].iter().enumerate().map(|(at, (name, output))| {
        let value = body.value(*output);
        if value.shape.contains(&scan.axis) {
            return Err(ShapeError(format!("scan: the result {name} has the axis of the scan")));
        }
        let mut shape = value.shape.clone();
        if at < scan.yields {
            shape.insert(usize::from(shape.first() == Some(&AxisId::BATCH)), scan.axis);
        }
        Ok((shape, value.storage))
    });
    results.collect()
}

/// Takes the steps one by one.
pub(super) fn eval(
    scan: &Scan,
    sizes: Sizes,
    shapes: &[&Value],
    inputs: &[Arc<Tensor>],
    results: &[&Value],
) -> Result<Vec<Arc<Tensor>>, RunError> {
    let length = sizes.elements(&[scan.axis]);
    let mut carries = inputs[..scan.carries].to_vec();
    let mut rows: Vec<Vec<Arc<Tensor>>> = vec![Vec::new(); scan.yields];
    let mut finals = Vec::new();
    for step in 0..length {
        let at = if scan.reverse { length - 1 - step } else { step };
        let mut given = carries;
        for (value, tensor) in shapes.iter().zip(inputs).skip(scan.carries).take(scan.sequences) {
            given.push(Arc::new(position(Operand { shape: &value.shape, tensor }, scan.axis, at)));
        }
        given.extend_from_slice(&inputs[scan.carries + scan.sequences..]);
        let mut results = interp::outputs(sizes, &scan.body, &given)?;
        finals = results.split_off(scan.carries + scan.yields);
        for (row, tensor) in rows.iter_mut().zip(results.split_off(scan.carries)) {
            row.push(tensor);
        }
        carries = results;
    }
    let mut outputs = Vec::with_capacity(results.len());
    for (mut row, value) in rows.into_iter().zip(results) {
        if scan.reverse {
            row.reverse();
        }
        outputs.push(Arc::new(stacked(&row, sizes, scan.axis, &value.shape)));
    }
    outputs.extend(finals);
    // A scan of no steps has no last step; its finals are zeros.
    for value in &results[outputs.len()..] {
        outputs.push(Arc::new(Tensor::filled(sizes.dims(&value.shape), 0.0)));
    }
    Ok(outputs)
}

/// One position of a sequence.
fn position(sequence: Operand, axis: AxisId, at: usize) -> Tensor {
    let (outer, size, inner) = sequence.around(axis);
    let mut dims = sequence.tensor.dims.clone();
    dims.remove(sequence.position(axis));
    let start = |row: usize| (row * size + at) * inner;
    let rows = (0..outer).map(|row| &sequence.tensor.data[start(row)..start(row) + inner]);
    Tensor { dims, data: rows.flatten().copied().collect() }
}

/// The tensors of all positions in a row along the axis of a shape.
fn stacked(steps: &[Arc<Tensor>], sizes: Sizes, axis: AxisId, shape: &[AxisId]) -> Tensor {
    let dims = sizes.dims(shape);
    let at = shape.iter().position(|a| *a == axis).unwrap_or(0);
    let inner: usize = dims[at + 1..].iter().product();
    let outer: usize = dims[..at].iter().product();
    let mut data = Vec::with_capacity(outer * dims[at] * inner);
    for row in 0..outer {
        for step in steps {
            data.extend_from_slice(&step.data[row * inner..(row + 1) * inner]);
        }
    }
    Tensor { dims, data }
}
