//! An affine recurrence in parallel over time (Blelloch 1990; Martin and Cundy 2018, for linear recurrences): the steps
//! are cut into chunks, which are lanes like all others.
//!
//! 1. Every chunk takes its steps from a state of zeros, and multiplies up what it does to a state.
//! 2. A scan over chunks gives the state before each.
//! 3. Every chunk takes its steps again, from that state, and gives the results.
//!
//! This is done to a flat function, gradients included: the gradient of a recurrence is one, and is cut likewise. Sums
//! of gradients, which are carries that nothing else reads, begin at zero in each chunk and are added up afterwards.
//! Nothing is divided, and no logarithm is taken of a decay.

mod effect;
#[cfg(test)]
mod tests;
mod write;

use super::choice::Counted;
use super::{Chosen, Form, Reason};
use crate::canon::{self, rewrite};
use crate::graph::{AxisId, FuncId, Function, Module, ValueId};
use crate::ops::{Op, Scan, ShapeError, View};
use effect::Carries;
use std::collections::BTreeMap;
use write::Chunks;

/// How many steps the chunks of a scan have, or why it stays as it is.
pub(super) type Choice<'a> = &'a dyn Fn(&Counted) -> Result<usize, Reason>;

/// Cuts the scans of a flat function, in place, and says which.
pub(super) fn in_time(
    module: &mut Module,
    function: FuncId,
    batch: usize,
    choice: Choice<'_>,
) -> Result<Vec<Chosen>, ShapeError> {
    let source = module.function(function).clone();
    let mut decided = decide(module, &source, batch, choice);
    let all = decided.iter().map(|(n, decision)| {
        let node = &source.nodes[*n];
        let axis = if let Op::Scan(scan) = &node.op { module.axis_text(scan.axis) } else { String::new() };
        let form = match decision {
            Ok(cut) => cut.chunks.form(module),
            Err(reason) => Form::Sequential(reason.clone()),
        };
        Chosen { origin: node.origin.span, axis, form }
    });
    let all = all.collect();
    // Results in chunks, by what they are as whole sequences: a scan that is cut likewise reads them as they are.
    let mut known: BTreeMap<ValueId, (Chunks, ValueId)> = BTreeMap::new();
    let new = rewrite(module, &source, &mut |b, node, inputs| {
        let n = source.value(node.outputs[0]).node as usize;
        let (Op::Scan(scan), Some(Ok(cut))) = (&node.op, decided.remove(&n)) else { return Ok(None) };
        write::write(b, (scan, inputs), &cut.carries, cut.chunks, &mut known).map(Some)
    })?;
    if let Some(new) = new {
        module.functions[function.0 as usize] = new;
        canon::run(module, function)?;
    }
    Ok(all)
}

/// How a scan is cut.
struct Cut {
    carries: Carries,
    chunks: Chunks,
}

/// Decides for each scan, by node. Scans of which one reads what another one yields are cut alike or not at all, since a
/// gradient takes the steps of its recurrence again from states that both know.
fn decide(
    module: &mut Module,
    source: &Function,
    batch: usize,
    choice: Choice<'_>,
) -> BTreeMap<usize, Result<Cut, Reason>> {
    let groups = groups(source);
    let mut wanted: BTreeMap<usize, Result<usize, Reason>> = BTreeMap::new();
    let mut parts: BTreeMap<usize, Carries> = BTreeMap::new();
    for (n, group) in &groups {
        let Op::Scan(scan) = &source.nodes[*n].op else { continue };
        let carries = Carries::of(scan);
        let length = match (wanted.remove(group), &carries) {
            (Some(Err(reason)), _) => Err(reason),
            (_, Err(reason)) => Err(reason.clone()),
            (Some(Ok(length)), Ok(_)) => Ok(length),
            (None, Ok(carries)) => choice(&Counted {
                lanes: carries.lanes(module, scan, batch),
                steps: module.size(scan.axis, 1),
                is_read: groups.values().filter(|g| *g == group).count() > 1,
            }),
        };
        // A last chunk that is not full ends with steps that are none.
        let last = carries.as_ref().is_ok_and(|carries| carries.last);
        let length =
            length.and_then(|length| match last && !module.size(scan.axis, 1).is_multiple_of(length) {
                true => Err(Reason::Final),
                false => Ok(length),
            });
        parts.extend(carries.ok().map(|carries| (*n, carries)));
        wanted.insert(*group, length);
    }
    let mut made: BTreeMap<(AxisId, usize), Chunks> = BTreeMap::new();
    let mut decided = BTreeMap::new();
    for (n, group) in groups {
        let Op::Scan(scan) = &source.nodes[n].op else { continue };
        let cut = wanted[&group].clone().and_then(|length| {
            let carries = parts.remove(&n).ok_or(Reason::NotAffine)?;
            let chunks =
                made.entry((scan.axis, length)).or_insert_with(|| Chunks::new(module, scan.axis, length));
            Ok(Cut { carries, chunks: *chunks })
        });
        decided.insert(n, cut);
    }
    decided
}

/// The scans of a function, each with the first of those that are cut alike.
fn groups(source: &Function) -> BTreeMap<usize, usize> {
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    for (n, node) in source.nodes.iter().enumerate() {
        let Op::Scan(scan) = &node.op else { continue };
        let group = yielded(source, scan, &node.inputs).find_map(|m| first.get(&m).copied()).unwrap_or(n);
        first.insert(n, group);
    }
    first
}

/// The scans along the same axis whose results a scan goes along.
fn yielded<'a>(
    source: &'a Function,
    scan: &'a Scan,
    inputs: &'a [ValueId],
) -> impl Iterator<Item = usize> + 'a {
    let sequences = &inputs[scan.carries..scan.carries + scan.sequences];
    sequences.iter().filter_map(|value| {
        let mut node = source.producer(*value);
        while let Op::View(View::Transpose(_)) = node.op {
            node = source.producer(node.inputs[0]);
        }
        match &node.op {
            Op::Scan(other) if other.axis == scan.axis => Some(source.value(node.outputs[0]).node as usize),
            _ => None,
        }
    })
}
