//! States of a scan that another scan reads, going the other way: the gradient of a recurrence.
//!
//! Written out for each step they would be the largest values of a model. So the scan that makes them keeps
//! those at the start of each chunk, and the scan that reads them takes the steps of a chunk again, into local
//! arrays (Chen, Xu, Zhang and Guestrin 2016, with a chunk near the square root of the length). Here such pairs
//! are found, and what is to be computed again is cut out of the first scan's step.

use super::arrange::{arrange, touched};
use super::shared::{self, Shared};
use crate::lower::analysis::needed;
use crate::lower::choices::Choices;
use crate::lower::rows::Style;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Op, Scan, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Steps of a chunk beyond which states take more of the caches than they save.
const LONGEST: usize = 64;
/// Steps of a chunk below which too many states are kept.
const SHORTEST: usize = 8;
/// Bytes of local arrays that a chunk should fit into, so that it stays near the core.
const NEAR: usize = 64 << 10;
/// Bytes beyond which a chunk is not tried: the local arrays lie on the stack.
const FAR: usize = 512 << 10;

/// The steps of a scan that are taken again in the scan that reads its states.
pub(in crate::lower) struct Again {
    /// The scan that has made the states.
    pub of: usize,
    /// Its carries, as `scan` has them.
    pub carries: Vec<usize>,
    /// Its step, cut down to these carries; yields what the reader would have to compute at a cost as well.
    pub scan: Scan,
    /// The inputs of `scan`.
    pub inputs: Vec<ValueId>,
    /// Carries of `scan` before each step, and what they are in the reader's body.
    pub before: Vec<(usize, ValueId)>,
    /// Carries of `scan` after each step, and what they are in the reader's body.
    pub after: Vec<(usize, ValueId)>,
    /// Yields of `scan`, and what they are in the reader's body.
    pub shared: Vec<(usize, ValueId)>,
    /// The reader, with these as known values.
    reader: Scan,
    /// Bytes of local arrays for each step of a chunk.
    bytes: usize,
}

/// All such pairs of a function.
#[derive(Default)]
pub(in crate::lower) struct Chunks {
    /// By the node of the reader.
    pub again: BTreeMap<usize, Again>,
    /// By the node of the scan that makes the states: the carries to keep, and how many steps a chunk has.
    pub kept: BTreeMap<usize, (Vec<usize>, usize)>,
}

/// Finds all pairs. The states disappear from the results of the first scan; the second reads what the first
/// has read.
pub(in crate::lower) fn chunks(
    module: &Module,
    function: &mut Function,
    lanes: usize,
    choices: Choices,
) -> Chunks {
    let mut chunks = Chunks::default();
    for n in 0..function.nodes.len() {
        let Op::Scan(scan) = function.nodes[n].op.clone() else { continue };
        // A kernel that adds its results up along the vectors, block by block, keeps no states on the way.
        if !arrange(module, function, &scan, &function.nodes[n].inputs, lanes).sums.is_empty() {
            continue;
        }
        let Some(found) = readers(module, function, (n, &scan), lanes, &chunks) else { continue };
        let bytes = found.readers.iter().map(|(_, again)| again.bytes).max().unwrap_or(0);
        let all = module.size(scan.axis, 1);
        let Some(steps) = length(all, bytes) else { continue };
        let steps = choices.pick("steps of a chunk", n, all.min(LONGEST)).map_or(steps, |n| n + 1);
        without_yields(function, n, scan, &found.yields);
        let mut kept = BTreeSet::new();
        for (reader, again) in found.readers {
            kept.extend(again.carries.iter().copied());
            function.nodes[reader].inputs.extend(&again.inputs);
            function.nodes[reader].op = Op::Scan(again.reader.clone());
            chunks.again.insert(reader, again);
        }
        chunks.kept.insert(n, (kept.into_iter().collect(), steps));
    }
    chunks
}

/// How many steps a chunk has: near the square root of all, while the chunk fits. From shapes only.
fn length(steps: usize, bytes: usize) -> Option<usize> {
    let mut chunk = steps.isqrt().next_power_of_two().clamp(SHORTEST, LONGEST);
    while chunk > SHORTEST && chunk * bytes > NEAR {
        chunk /= 2;
    }
    (chunk * bytes <= FAR).then_some(chunk.min(steps.max(1)))
}

/// States of a scan that need not be written out.
struct Found {
    /// The yields that they are.
    yields: Vec<usize>,
    /// The nodes that read them.
    readers: Vec<(usize, Again)>,
}

/// The yields that are states before each step, and the scans that read them, if these are all that do.
fn readers(
    module: &Module,
    function: &Function,
    (n, scan): (usize, &Scan),
    lanes: usize,
    chunks: &Chunks,
) -> Option<Found> {
    let mut yields = Vec::new();
    let mut wanted: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for at in 0..scan.yields {
        let value = scan.body.outputs[scan.carries + at].1;
        let carry = scan.body.inputs[..scan.carries].iter().position(|i| i.value == value);
        let Some(carry) = carry else { continue };
        let Some(reads) = reads(function, function.nodes[n].outputs[at]) else { continue };
        let other_way = |(r, position): &(usize, usize)| match &function.nodes[*r].op {
            Op::Scan(reader) => {
                let sequences = reader.carries..reader.carries + reader.sequences;
                reader.axis == scan.axis
                    && reader.reverse != scan.reverse
                    && sequences.contains(position)
                    && !chunks.again.contains_key(r)
            }
            _ => false,
        };
        if reads.iter().all(other_way) {
            yields.push(at);
            reads.iter().for_each(|(r, position)| wanted.entry(*r).or_default().push((carry, *position)));
        }
    }
    let mut found = Vec::new();
    for (reader, wanted) in wanted {
        found.push((reader, Again::new(module, function, (n, scan), reader, &wanted, lanes)?));
    }
    (!found.is_empty()).then_some(Found { yields, readers: found })
}

/// Who reads a value, by way of other orders of its axes: node and which input. `None` if it is a result.
fn reads(function: &Function, value: ValueId) -> Option<Vec<(usize, usize)>> {
    let results = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
    if results.into_iter().any(|v| v == value) {
        return None;
    }
    let mut found = Vec::new();
    for (r, node) in function.nodes.iter().enumerate() {
        for (position, _) in node.inputs.iter().enumerate().filter(|(_, v)| **v == value) {
            match node.op {
                Op::View(View::Transpose(_)) => found.extend(reads(function, node.outputs[0])?),
                _ => found.push((r, position)),
            }
        }
    }
    Some(found)
}

fn without_yields(function: &mut Function, n: usize, scan: Scan, yields: &[usize]) {
    let mut body = Function::clone(&scan.body);
    for at in yields.iter().rev() {
        body.outputs.remove(scan.carries + at);
        function.nodes[n].outputs.remove(*at);
    }
    for (output, value) in function.nodes[n].outputs.iter().enumerate() {
        function.values[value.0 as usize].output = output as u32;
    }
    let scan = Scan { yields: scan.yields - yields.len(), body: Arc::new(body), ..scan };
    function.nodes[n].op = Op::Scan(scan);
}

impl Again {
    /// Cuts the steps out; `wanted` are carries, and which inputs of the reader they are. `None` where the
    /// reader's axes do not allow it.
    fn new(
        module: &Module,
        function: &Function,
        (of, scan): (usize, &Scan),
        reader: usize,
        wanted: &[(usize, usize)],
        lanes: usize,
    ) -> Option<Again> {
        let inputs = &function.nodes[reader].inputs;
        let Op::Scan(reader) = &function.nodes[reader].op else { return None };
        let arrangement = arrange(module, function, reader, inputs, lanes);
        let (mut body, carries) = cut(scan, wanted.iter().map(|w| w.0).collect());
        let is_needed = needed(&body);
        let nodes = body.nodes.iter().zip(&is_needed).filter(|(_, needed)| **needed);
        for (node, _) in nodes {
            if touched(&body, node).iter().any(|a| arrangement.free.contains(a)) {
                return None;
            }
        }
        let sides = [(&body, scan, &function.nodes[of].inputs), (&*reader.body, reader, inputs)];
        let Shared { pairs, reader: reader_body } = shared::find(function, sides, wanted);
        let (mut shared, mut after) = (Vec::new(), Vec::new());
        for (own, known) in pairs {
            let carry = body.outputs[..carries.len()].iter().position(|o| o.1 == own);
            if let Some(carry) = carry.filter(|c| wanted.iter().any(|w| w.0 == carries[*c])) {
                after.push((carry, known));
                continue;
            }
            let at = shared.iter().map(|s: &(usize, ValueId)| s.0 + 1).max().unwrap_or(0);
            let known_at = (0..at).find(|i| body.outputs[carries.len() + i].1 == own);
            if known_at.is_none() {
                body.outputs.push((format!("shared.{at}"), own));
            }
            shared.push((known_at.unwrap_or(at), known));
        }
        let yields = body.outputs.len() - carries.len();
        let (given, sequences) = keep_inputs(&mut body, scan, &carries, &is_needed);
        let inputs = given.iter().map(|at| function.nodes[of].inputs[*at]).collect();
        let before = wanted.iter().map(|(carry, position)| {
            let at = carries.iter().position(|c| c == carry);
            (at.expect("a carry that is wanted is kept"), reader.body.inputs[*position].value)
        });
        let before: Vec<(usize, ValueId)> = before.collect();
        let lanes = if arrangement.style == Style::InLanes { lanes } else { 1 };
        let local = |value: ValueId| -> usize {
            let axes: Vec<AxisId> = body.value(value).shape.clone();
            let axes = axes.into_iter().filter(|a| !arrangement.free.contains(a));
            axes.map(|a| module.size(a, 1)).product()
        };
        let states = before.iter().map(|b| body.inputs[b.0].value);
        let arrays = states.chain(body.outputs[carries.len()..].iter().map(|o| o.1));
        let bytes = arrays.map(local).sum::<usize>() * lanes * 4;
        let (axis, reverse) = (scan.axis, scan.reverse);
        let counts = (carries.len(), sequences, yields);
        let cut = Scan {
            axis,
            reverse,
            carries: counts.0,
            sequences: counts.1,
            yields: counts.2,
            finals: 0,
            body: Arc::new(body),
        };
        let reader = Scan { body: Arc::new(reader_body), ..reader.clone() };
        Some(Again { of, carries, scan: cut, inputs, before, after, shared, reader, bytes })
    }
}

/// The step of a scan cut down to some carries and those that they need. Its inputs are still all.
fn cut(scan: &Scan, mut carries: BTreeSet<usize>) -> (Function, Vec<usize>) {
    let mut body = Function::clone(&scan.body);
    loop {
        body.outputs = carries.iter().map(|c| scan.body.outputs[*c].clone()).collect();
        let needed = needed(&body);
        let before = carries.len();
        let node = |c: &usize| body.value(body.inputs[*c].value).node as usize;
        carries.extend((0..scan.carries).filter(|c| needed[node(c)]).collect::<Vec<_>>());
        if carries.len() == before {
            return (body, carries.into_iter().collect());
        }
    }
}

/// Leaves the inputs that are needed: which of the old ones they are, and how many of them are sequences.
fn keep_inputs(body: &mut Function, scan: &Scan, carries: &[usize], needed: &[bool]) -> (Vec<usize>, usize) {
    let kept = |at: &usize| match *at < scan.carries {
        true => carries.contains(at),
        false => needed[body.value(body.inputs[*at].value).node as usize],
    };
    let given: Vec<usize> = (0..body.inputs.len()).filter(kept).collect();
    body.inputs = given.iter().map(|at| body.inputs[*at].clone()).collect();
    let is_sequence = |at: &&usize| (scan.carries..scan.carries + scan.sequences).contains(*at);
    let sequences = given.iter().filter(is_sequence).count();
    (given, sequences)
}
