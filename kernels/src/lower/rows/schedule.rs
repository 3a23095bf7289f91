//! How often a group goes over its rows, and what each run does.

use super::Rows;
use crate::lower::analysis::Role;
use arch_compiler::graph::{AxisId, Function};
use arch_compiler::ops::{Map, Op};
use std::collections::BTreeMap;

/// A pass: what is done in one run over the inner axes.
#[derive(Default)]
pub(super) struct Pass {
    pub reductions: Vec<usize>,
    /// Members with the inner axes.
    pub rows: Vec<usize>,
    /// Members without them, known before the pass.
    pub scalars: Vec<usize>,
}

impl Rows<'_> {
    /// The members by pass.
    pub(super) fn schedule(&self, function: &Function, inner: &[AxisId]) -> Vec<Pass> {
        let mut ready: BTreeMap<usize, usize> = BTreeMap::new();
        let mut passes: Vec<Pass> = Vec::new();
        for n in &self.group.members {
            let at =
                self.inputs(function, *n).iter().filter_map(|m| ready.get(m)).max().copied().unwrap_or(0);
            passes.resize_with(passes.len().max(at + 1), Pass::default);
            let node = &function.nodes[*n];
            let shape = &function.value(node.outputs[0]).shape;
            let is_row = inner.iter().all(|a| shape.contains(a));
            if matches!(node.op, Op::Reduce(..) | Op::Contract(_)) && self.analysis.roles[*n] == Role::Member
            {
                passes[at].reductions.push(*n);
                ready.insert(*n, at + 1);
            } else {
                if is_row {
                    passes[at].rows.push(*n)
                } else {
                    passes[at].scalars.push(*n)
                }
                ready.insert(*n, at);
            }
        }
        passes
    }

    /// The last pass in which each row is read.
    pub(super) fn last_use(&self, function: &Function, passes: &[Pass]) -> BTreeMap<usize, usize> {
        let mut last = BTreeMap::new();
        for (at, pass) in passes.iter().enumerate() {
            for n in pass.reductions.iter().chain(&pass.rows) {
                last.insert(*n, at);
            }
        }
        for (at, pass) in passes.iter().enumerate().rev() {
            let mut todo: Vec<usize> = pass.reductions.iter().chain(&pass.rows).copied().collect();
            while let Some(n) = todo.pop() {
                for m in self.inputs(function, n) {
                    if let Some(l) = last.get_mut(&m).filter(|l| **l < at) {
                        *l = at;
                        todo.push(m);
                    }
                }
            }
        }
        last
    }

    /// The members that a node reads, directly or by way of what is computed where it is read.
    fn inputs(&self, function: &Function, n: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for input in &function.nodes[n].inputs {
            let source = function.value(*input).node as usize;
            if self.group.members.contains(&source) {
                found.push(source);
            } else if self.analysis.roles[source] == Role::Inline {
                found.extend(self.inputs(function, source));
            }
        }
        found
    }

    /// Whether an element costs more to compute again than to load.
    pub(super) fn is_costly(&self, function: &Function, n: usize) -> bool {
        let mut costs: BTreeMap<usize, u32> = BTreeMap::new();
        for m in self.group.members.iter().filter(|m| **m <= n) {
            let below: u32 = self.inputs(function, *m).iter().filter_map(|i| costs.get(i)).sum();
            costs.insert(*m, below.saturating_add(cost(&function.nodes[*m].op)));
        }
        costs.get(&n).is_some_and(|c| *c > 6)
    }
}

/// About how much an element costs, in simple operations.
pub(in crate::lower) fn cost(op: &Op) -> u32 {
    match op {
        Op::Map(
            Map::Exp
            | Map::Log
            | Map::Sin
            | Map::Cos
            | Map::Tanh
            | Map::Erf
            | Map::Sigmoid
            | Map::Softplus
            | Map::Pow,
        ) => 10,
        Op::Map(Map::Div | Map::Sqrt | Map::Rsqrt | Map::Rem) => 4,
        Op::Map(_) => 1,
        Op::Reduce(..) => 0,
        Op::Contract(_) => 8,
        _ => 2,
    }
}
