//! Bytes that operations move one by one, and that steps move.

use super::is_free;
use crate::lower::element;
use crate::lower::lowering::Lowering;
use crate::lower::pull::Place;
use crate::plan::SlotId;
use arch_compiler::graph::{Function, Node, ValueId};
use arch_compiler::ops::Op;
use std::collections::{BTreeMap, BTreeSet};

impl Lowering<'_> {
    pub(super) fn operations(&self, n: usize) -> usize {
        match &self.function.nodes[n].op {
            Op::Scan(scan) => {
                let body = scan.body.nodes.iter().filter(|node| !is_free(&node.op));
                self.module.size(scan.axis, self.options.batch) * body.count()
            }
            _ => 1,
        }
    }

    /// Bytes that an operation reads and writes by itself: each value once, and numbers from no memory.
    pub(super) fn node_bytes(&self, function: &Function, n: usize) -> u64 {
        let node = &function.nodes[n];
        if let Op::Scan(scan) = &node.op {
            let steps = self.module.size(scan.axis, self.options.batch) as u64;
            let body = (0..scan.body.nodes.len()).filter(|n| !is_free(&scan.body.nodes[*n].op));
            return steps * body.map(|n| self.node_bytes(&scan.body, n)).sum::<u64>();
        }
        let is_in_memory = |v: &ValueId| {
            let base = element::base(function, *v);
            !matches!(function.producer(base).op, Op::Constant(_) | Op::Iota(_))
        };
        let mut reads: BTreeMap<ValueId, u64> = BTreeMap::new();
        for (place, value) in node.inputs.iter().enumerate().filter(|(_, v)| is_in_memory(v)) {
            reads.insert(*value, self.read(function, node, place));
        }
        let written: u64 = node.outputs.iter().map(|v| self.elements(function, *v)).sum();
        4 * (reads.values().sum::<u64>() + written)
    }

    /// Bytes that a step moves for some nodes: of what it reads a part of, that part.
    pub(super) fn moved(&self, step: usize, nodes: &BTreeSet<usize>) -> u64 {
        let mut parts: BTreeMap<SlotId, BTreeMap<ValueId, u64>> = BTreeMap::new();
        for node in nodes.iter().map(|n| &self.function.nodes[*n]) {
            for (place, value) in node.inputs.iter().enumerate() {
                let base = element::base(self.function, *value);
                let Some(Place::Slot(slot, ..)) = self.places.get(&base) else { continue };
                let part = parts.entry(*slot).or_default().entry(*value).or_default();
                *part = (*part).max(self.read(self.function, node, place));
            }
        }
        let step = &self.plan.steps[step];
        let reads: BTreeSet<SlotId> = step.reads.iter().copied().collect();
        let unread = reads.into_iter().filter_map(|slot| {
            let read: u64 = parts.get(&slot)?.values().sum();
            Some(4 * (self.plan.slot(slot).len as u64).saturating_sub(read))
        });
        step.bytes.saturating_sub(unread.sum())
    }

    /// How many numbers a node reads of an operand: of a table no more than are looked up.
    fn read(&self, function: &Function, node: &Node, place: usize) -> u64 {
        let all = self.elements(function, node.inputs[place]);
        match node.op {
            Op::Gather { .. } if place == 0 => all.min(self.elements(function, node.outputs[0])),
            _ => all,
        }
    }

    /// How many numbers a value is, in memory: what repeats them has no more than they are.
    fn elements(&self, function: &Function, value: ValueId) -> u64 {
        let of = |value: ValueId| {
            let dims = self.module.dims(&function.value(value).shape, self.options.batch);
            dims.iter().product::<usize>() as u64
        };
        of(value).min(of(element::base(function, value)))
    }
}
