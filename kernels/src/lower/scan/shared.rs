//! What two steps both compute: the step of a scan and that of its gradient, which begins by taking the
//! forward step anew.

use crate::lower::analysis::needed;
use crate::lower::rows::cost;
use arch_compiler::graph::{Function, ValueId};
use arch_compiler::ops::{Map, Op, Scan, View};
use std::collections::{BTreeMap, BTreeSet};

/// An operation that costs at least this much is worth a place in memory near the core.
const COSTLY: u32 = 10;

/// What both compute.
pub(super) struct Shared {
    /// A value of the first body, and the same value in the second.
    pub pairs: Vec<(ValueId, ValueId)>,
    /// The second body, to which these values are given.
    pub reader: Function,
}

/// A body, its scan, and what the scan reads.
type Side<'a> = (&'a Function, &'a Scan, &'a Vec<ValueId>);

/// Finds what both compute at a cost and the second uses for something else. `states` are carries of the first
/// scan, and which inputs of the second they are before each step.
pub(super) fn find(around: &Function, sides: [Side<'_>; 2], states: &[(usize, usize)]) -> Shared {
    let mut names = Names::default();
    let [own, reader] = sides;
    let state_of = |at: usize| states.iter().find(|s| s.1 == at).map(|s| s.0);
    let first = names.of_body(around, own, &|at| (at < own.1.carries).then_some(at));
    let second = names.of_body(around, reader, &state_of);
    let (own_needed, reader_needed) = (needed(own.0), needed(reader.0));
    let mut known: BTreeMap<u32, ValueId> = BTreeMap::new();
    for (node, _) in own.0.nodes.iter().zip(&own_needed).filter(|(n, needed)| **needed && n.op != Op::Input) {
        known.entry(first[node.outputs[0].0 as usize]).or_insert(node.outputs[0]);
    }
    let body = reader.0;
    let both: BTreeSet<usize> = (0..body.nodes.len())
        .filter(|n| reader_needed[*n] && body.nodes[*n].op != Op::Input)
        .filter(|n| known.contains_key(&second[body.nodes[*n].outputs[0].0 as usize]))
        .collect();
    let leaves = |n: usize| {
        let value = body.nodes[n].outputs[0];
        let readers = (0..body.nodes.len()).filter(|r| reader_needed[*r]);
        let mut outside =
            readers.filter(|r| body.nodes[*r].inputs.contains(&value)).filter(|r| !both.contains(r));
        outside.next().is_some() || body.outputs.iter().any(|o| o.1 == value)
    };
    let given: Vec<usize> =
        both.iter().copied().filter(|n| leaves(*n) && is_costly(body, &both, *n)).collect();
    let pair = |n: &usize| {
        let value = body.nodes[*n].outputs[0];
        (known[&second[value.0 as usize]], value)
    };
    let pairs = given.iter().map(pair).collect();
    let mut reader = body.clone();
    for n in given {
        reader.nodes[n].op = Op::Input;
        reader.nodes[n].inputs.clear();
    }
    Shared { pairs, reader }
}

/// Whether something costly must be computed for a node, as far as both compute it.
fn is_costly(body: &Function, both: &BTreeSet<usize>, n: usize) -> bool {
    let node = &body.nodes[n];
    let mut below = node.inputs.iter().map(|v| body.value(*v).node as usize).filter(|m| both.contains(m));
    cost(&node.op) >= COSTLY || below.any(|m| is_costly(body, both, m))
}

/// Numbers for values that are equal whatever is given.
#[derive(Default)]
struct Names {
    known: BTreeMap<(String, Vec<u32>), u32>,
}

impl Names {
    fn name(&mut self, what: String, of: Vec<u32>) -> u32 {
        let next = self.known.len() as u32;
        *self.known.entry((what, of)).or_insert(next)
    }

    /// By value of a body. `state` says which inputs are carries of the first scan.
    fn of_body(
        &mut self,
        around: &Function,
        (body, scan, inputs): Side<'_>,
        state: &dyn Fn(usize) -> Option<usize>,
    ) -> Vec<u32> {
        let mut names = vec![u32::MAX; body.values.len()];
        for (at, (input, outer)) in body.inputs.iter().zip(inputs).enumerate() {
            let outer = vec![untransposed(around, *outer).0];
            let sequence = at < scan.carries + scan.sequences;
            names[input.value.0 as usize] = match state(at) {
                Some(carry) => self.name("state".into(), vec![carry as u32]),
                None if at < scan.carries => self.name("carry of the reader".into(), vec![at as u32]),
                None => self.name(if sequence { "sequence" } else { "constant" }.into(), outer),
            };
        }
        for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
            let mut of: Vec<u32> = node.inputs.iter().map(|v| names[v.0 as usize]).collect();
            let name = match &node.op {
                Op::View(View::Transpose(_)) => of[0],
                op => {
                    if matches!(op, Op::Map(Map::Add | Map::Mul | Map::Min | Map::Max)) {
                        of.sort_unstable();
                    }
                    self.name(format!("{op:?}"), of)
                }
            };
            for value in &node.outputs {
                names[value.0 as usize] = name;
            }
        }
        names
    }
}

/// The value below other orders of its axes.
fn untransposed(function: &Function, value: ValueId) -> ValueId {
    let node = function.producer(value);
    if matches!(node.op, Op::View(View::Transpose(_))) {
        untransposed(function, node.inputs[0])
    } else {
        value
    }
}
