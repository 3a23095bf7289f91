//! Attention renames its keys and values, or its queries and then its result: both are one, and here the second becomes
//! the first.

use super::{Form, rewrite_with};
use crate::canon::reads;
use crate::graph::{AxisId, Function, Module, Node, Rules, ValueId};
use crate::ops::{Op, ShapeError, View};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FORM: Form = Form {
    name: "one way to rename",
    algebra: "rename(f(rename(x, T -> S), y), S -> T) = f(x, rename(y, T -> S))",
    guard: "f sums over T",
    find: swaps,
};

/// The same function in which no value is renamed to an axis that was summed away in it, where a rename the other way round
/// then goes and nothing is computed twice; `None` if there is no such value.
/// Names change, and nothing that is computed, so no rule is named for it.
fn swaps(module: &mut Module, source: &Function, _: Rules) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite_with(module, source, Rules::NONE, &mut |b, node, _, values| {
        let Op::View(View::Rename { from, to }) = node.op else { return Ok(None) };
        let Some(cone) = Cone::of(source, &read, node.inputs[0], (from, to)) else { return Ok(None) };
        let mut other = |axis| match axis {
            axis if axis == from => to,
            axis if axis == to => from,
            axis => axis,
        };
        let mut made: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for leaf in &cone.leaves {
            let new = match source.producer(*leaf) {
                Node { op: Op::View(View::Rename { from: old, to: new }), inputs, .. }
                    if (*old, *new) == (to, from) =>
                {
                    values[&inputs[0]]
                }
                _ if source.value(*leaf).shape.contains(&to) => {
                    let renamed = View::Rename { from: to, to: from };
                    let value = values[leaf];
                    b.add1(Op::View(renamed), &[value])?
                }
                _ => values[leaf],
            };
            made.insert(*leaf, new);
        }
        for n in &cone.nodes {
            let inner = &source.nodes[*n];
            let inputs: Vec<ValueId> = inner.inputs.iter().map(|v| made[v]).collect();
            b.origin = inner.origin;
            let new = b.add1(inner.op.with_axes(&mut other), &inputs)?;
            made.insert(inner.outputs[0], new);
        }
        Ok(made.get(&node.inputs[0]).map(|value| vec![*value]))
    })
}

/// What is computed along two axes, one of which is summed away.
struct Cone {
    /// The nodes, in order.
    nodes: BTreeSet<usize>,
    /// What they read of others.
    leaves: BTreeSet<ValueId>,
}

impl Cone {
    /// How a value is computed that is to be renamed, if the name that it gets is free once that is done, and the name that
    /// it has comes from a rename the other way round.
    fn of(source: &Function, read: &[usize], value: ValueId, (from, to): (AxisId, AxisId)) -> Option<Cone> {
        let mut cone = Cone { nodes: BTreeSet::new(), leaves: BTreeSet::new() };
        let mut open = vec![value];
        let (mut is_summed, mut is_undone) = (false, false);
        while let Some(id) = open.pop() {
            let shape = &source.value(id).shape;
            let node = source.producer(id);
            let sums =
                |axis| matches!(&node.op, Op::Reduce(_, over) | Op::Contract(over) if over.contains(&axis));
            let is_inside = match &node.op {
                Op::Map(_) | Op::View(View::Transpose(_)) | Op::Reduce(..) | Op::Contract(_) => !sums(from),
                _ => false,
            };
            if is_inside && (sums(to) || shape.contains(&from)) {
                is_summed |= sums(to);
                if cone.nodes.insert(source.value(id).node as usize) {
                    open.extend(&node.inputs);
                }
                continue;
            }
            match node.op {
                Op::View(View::Rename { from: old, to: new }) if (old, new) == (to, from) => is_undone = true,
                _ if shape.contains(&from) => return None,
                _ => {}
            }
            cone.leaves.insert(id);
        }
        // What something else reads would be computed twice.
        let own = |n: &usize| {
            let id = source.nodes[*n].outputs[0];
            let inside =
                cone.nodes.iter().flat_map(|n| &source.nodes[*n].inputs).filter(|v| **v == id).count();
            id == value && inside == 0 && read[id.0 as usize] == 1
                || id != value && inside == read[id.0 as usize]
        };
        (is_summed && is_undone && cone.nodes.iter().all(own)).then_some(cone)
    }
}
