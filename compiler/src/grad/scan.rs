//! The gradient of a scan: a scan the other way.
//!
//! A step of it computes the forward step anew from the carries as they were before it (which the forward
//! scan yields where they are read), pulls the cotangents of the new carries and of the yields back, and
//! carries on: the cotangents of the old carries, the cotangents of finals that are not carries (which count
//! in the last step only, so that they are zero after the first step backwards), and sums of the cotangents
//! of constants. Nothing is summed over the batch in a step: constants without a batch get theirs after the
//! scan.

use super::activity::activity;
use super::backward::{Backward, Lane, Taken};
use super::step::{Part, Step};
use crate::graph::{AxisId, Function, ValueId};
use crate::ops::{Op, Scan, ShapeError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Adds the cotangents of a scan's inputs.
pub(super) fn differentiate(
    backward: &mut Backward,
    node: usize,
    scan: &Scan,
    active: &[bool],
) -> Result<(), ShapeError> {
    let forward = backward.forward;
    let (inputs, outputs) = (&forward.nodes[node].inputs, &forward.nodes[node].outputs);
    let cotangents: Vec<Option<ValueId>> =
        outputs.iter().map(|v| backward.cotangent(*v, Lane::Whole)).collect();
    let wanted: Vec<bool> = inputs.iter().map(|v| active[v.0 as usize]).collect();
    if !wanted.contains(&true) || cotangents.iter().all(Option::is_none) {
        return Ok(());
    }
    let active = body_activity(scan, wanted.clone());
    let given: Vec<Option<Vec<AxisId>>> =
        cotangents.iter().map(|g| g.map(|g| backward.builder.shape(g).to_vec())).collect();
    // Which carries have cotangents, and in which lane, shows only when the step is built: build until no
    // more come up. Each round adds one, so that this ends.
    let mut lanes: BTreeSet<(usize, Lane)> = BTreeSet::new();
    for (at, carry) in final_carries(scan) {
        if cotangents[scan.yields + at].is_some() && active[scan.body.inputs[carry].value.0 as usize] {
            lanes.insert((carry, Lane::Whole));
        }
    }
    let step = loop {
        let step = Step::build(backward.builder.module, scan, &active, &given, &lanes)?;
        let before = lanes.len();
        lanes.extend(step.carries());
        if lanes.len() == before {
            break step;
        }
    };
    let mut values = Vec::new();
    let sample = sample(backward, &step, node, scan, &cotangents)?;
    for part in step.parts() {
        values.push(match part {
            Part::Carry(carry, shape) => initial(backward, scan, *carry, shape, &cotangents, sample)?,
            Part::Sum(_, shape) => {
                let zero = backward.constant(0.0)?;
                let wide = backward.with_axes(zero, shape, sample)?;
                backward.ordered(wide, shape)?
            }
            Part::Result(at) => cotangents[*at].ok_or_else(|| ShapeError("a cotangent is missing".into()))?,
            Part::Before(carry) => take_carry(backward, node, scan, *carry),
            Part::Given(at) => backward.value(inputs[*at])?,
        });
    }
    let op = Scan { axis: scan.axis, reverse: !scan.reverse, ..step.scan };
    let results = backward.builder.add(Op::Scan(op), &values)?;
    for (input, result) in step.results.iter().zip(results) {
        if wanted[*input] {
            backward.accumulate(inputs[*input], result)?;
        }
    }
    Ok(())
}

/// Which values of the body a gradient may flow through, given the inputs whose cotangents are wanted. A
/// carry that becomes something active is active itself.
fn body_activity(scan: &Scan, mut wanted: Vec<bool>) -> Vec<bool> {
    loop {
        let active = activity(&scan.body, &wanted);
        let more: Vec<usize> = (0..scan.carries)
            .filter(|at| active[scan.body.outputs[*at].1.0 as usize] && !wanted[*at])
            .filter(|at| scan.body.value(scan.body.inputs[*at].value).storage.is_float())
            .collect();
        if more.is_empty() {
            return active;
        }
        more.into_iter().for_each(|at| wanted[at] = true);
    }
}

/// The finals that are new carries: which final, and which carry. Their cotangents start the carry's.
pub(super) fn final_carries(scan: &Scan) -> Vec<(usize, usize)> {
    let outputs = &scan.body.outputs;
    let finals = outputs[scan.carries + scan.yields..].iter().enumerate();
    let same = |id: ValueId| outputs[..scan.carries].iter().position(|o| o.1 == id);
    finals.filter_map(|(at, (_, id))| same(*id).map(|carry| (at, carry))).collect()
}

/// What the cotangent of a carry is after the last step: the sum of those of the finals that it is.
fn initial(
    backward: &mut Backward,
    scan: &Scan,
    (carry, lane): (usize, Lane),
    shape: &[AxisId],
    cotangents: &[Option<ValueId>],
    sample: Option<ValueId>,
) -> Result<ValueId, ShapeError> {
    let mut sum = None;
    for (at, of) in final_carries(scan) {
        let Some(g) = cotangents[scan.yields + at] else { continue };
        if of == carry && lane == Lane::Whole {
            sum = Some(match sum {
                None => g,
                Some(before) => backward.builder.add1(Op::Map(crate::ops::Map::Add), &[before, g])?,
            });
        }
    }
    let start = match sum {
        Some(g) => g,
        None => backward.constant(0.0)?,
    };
    let wide = backward.with_axes(start, shape, sample)?;
    backward.ordered(wide, shape)
}

/// The carry before each step, which the forward scan yields.
fn take_carry(backward: &mut Backward, node: usize, scan: &Scan, carry: usize) -> ValueId {
    let old = scan.body.value(scan.body.inputs[carry].value);
    let mut shape = old.shape.clone();
    shape.insert(usize::from(shape.first() == Some(&AxisId::BATCH)), scan.axis);
    backward.take(Taken::Carry(node, carry), shape, old.storage)
}

/// A value with the batch among those that the scan reads, if one of its states has the batch.
fn sample(
    backward: &mut Backward,
    step: &Step,
    node: usize,
    scan: &Scan,
    cotangents: &[Option<ValueId>],
) -> Result<Option<ValueId>, ShapeError> {
    let has_batch = |shape: &[AxisId]| shape.contains(&AxisId::BATCH);
    for g in cotangents.iter().flatten() {
        if has_batch(backward.builder.shape(*g)) {
            return Ok(Some(*g));
        }
    }
    let forward: &Function = backward.forward;
    for part in step.parts() {
        match part {
            Part::Given(at) if has_batch(&forward.value(forward.nodes[node].inputs[*at]).shape) => {
                return backward.value(forward.nodes[node].inputs[*at]).map(Some);
            }
            Part::Before(carry) if has_batch(&scan.body.value(scan.body.inputs[*carry].value).shape) => {
                return Ok(Some(take_carry(backward, node, scan, *carry)));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The scan whose numbers a step fills in; the axis and the direction are the caller's.
pub(super) fn of_body(axis: AxisId, body: Function, counts: [usize; 4]) -> Scan {
    let [carries, sequences, yields, finals] = counts;
    Scan { axis, reverse: false, carries, sequences, yields, finals, body: Arc::new(body) }
}
