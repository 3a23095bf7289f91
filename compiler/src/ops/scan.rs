//! Scan: a recurrence along an axis.

use super::{Scan, ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

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
