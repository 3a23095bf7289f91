//! What each step computes, for people: its lines, the rules that chose it, and what its operations would take one by
//! one.

mod bytes;

use super::analysis::Role;
use super::attention::Pass;
use super::lowering::Lowering;
use super::order::Unit;
use crate::plan::{Action, Contents, Step};
use arch_compiler::graph::{Function, Node, Origin, Rules, ValueId};
use arch_compiler::ops::{Map, Op};
use std::collections::BTreeSet;
use std::ops::Range;

impl Lowering<'_> {
    /// What the steps compute that units were made into. An operation that is computed wherever it is read counts once,
    /// in the first step that has it, as it would be run once by itself; its line and its rules count everywhere.
    pub(super) fn contents(&self, made: &[(Unit, Range<usize>)]) -> Vec<Contents> {
        let plain = |step: &Step| {
            let (lines, moved) = (step.origins.clone(), step.bytes);
            Contents { lines, moved, ..Contents::default() }
        };
        let mut all: Vec<Contents> = self.plan.steps.iter().map(plain).collect();
        let mut counted = BTreeSet::new();
        for (unit, steps) in made {
            let (packs, own): (Vec<usize>, Vec<usize>) = steps.clone().partition(|at| self.is_pack(*at));
            let nodes = self.nodes_of(*unit);
            let inlined = self.with_inlined(&nodes);
            for at in packs {
                all[at].moved = self.moved(at, &inlined);
            }
            let follower = match unit {
                Unit::Node(n) if own.len() == 2 && self.analysis.roles[*n] == Role::Product => {
                    self.epilogues.group_of(*n).map(|g| self.groups.groups[g].members.clone())
                }
                _ => None,
            };
            // What follows a product of the library is a step of its own.
            let shares = match (follower, own.as_slice()) {
                (Some(members), [first, second]) => {
                    let product = nodes.into_iter().filter(|n| !members.contains(n)).collect();
                    vec![(vec![*first], product), (vec![*second], members)]
                }
                _ => vec![(own, nodes)],
            };
            for (steps, nodes) in shares {
                let contents = self.contents_of(&nodes, &mut counted);
                for (place, at) in steps.iter().enumerate() {
                    let rest = Contents { operations: 0, bytes: 0, with: 0, ..contents.clone() };
                    all[*at] = if place > 0 { rest } else { contents.clone() };
                    all[*at].moved = self.moved(*at, &inlined);
                }
                if let Some(first) = steps.first() {
                    all[*first].with = steps.len() - 1;
                }
            }
        }
        all
    }

    /// Whether a step copies an operand of a product into the order in which that reads it.
    pub(super) fn is_pack(&self, step: usize) -> bool {
        match self.plan.steps[step].action {
            Action::Kernel { kernel, .. } => self.plan.kernels[kernel].family == "pack",
            Action::Gemm(_) => false,
        }
    }

    fn contents_of(&self, nodes: &[usize], counted: &mut BTreeSet<usize>) -> Contents {
        let all = self.with_inlined(nodes);
        let mut origins = Vec::new();
        all.iter().for_each(|n| origins_of(&self.function.nodes[*n], &mut origins));
        origins.sort_unstable();
        let rules = origins.iter().fold(Rules::NONE, |rules, origin| rules.and(origin.rules));
        let mut lines: Vec<String> = Vec::new();
        for line in origins.into_iter().filter_map(|origin| self.options.sources?.known_place(origin.span)) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let new: Vec<usize> = all.into_iter().filter(|n| counted.insert(*n)).collect();
        let bytes = new.iter().map(|n| self.node_bytes(self.function, *n)).sum();
        let operations = new.iter().map(|n| self.operations(*n)).sum();
        Contents { lines, rules, operations, bytes, ..Contents::default() }
    }

    /// Nodes, and those that are computed where these read them.
    pub(super) fn with_inlined(&self, nodes: &[usize]) -> BTreeSet<usize> {
        let mut seen: BTreeSet<usize> = nodes.iter().copied().collect();
        let mut found = seen.clone();
        let mut open = nodes.to_vec();
        while let Some(n) = open.pop() {
            for input in &self.function.nodes[n].inputs {
                let source = self.function.value(*input).node as usize;
                let is_inline = self.analysis.roles[source] == Role::Inline;
                if (is_inline || self.analysis.roles[source] == Role::View) && seen.insert(source) {
                    open.push(source);
                    found.extend(is_inline.then_some(source));
                }
            }
        }
        found
    }

    /// The operations that a unit is made for.
    pub(super) fn nodes_of(&self, unit: Unit) -> Vec<usize> {
        match unit {
            Unit::Group(g) => self.groups.groups[g].members.clone(),
            Unit::Node(n) => {
                let follows = self.epilogues.group_of(n).map(|g| &self.groups.groups[g].members);
                follows.into_iter().flatten().copied().chain([n]).collect()
            }
            Unit::Copy(value) => vec![self.function.value(value).node as usize],
            Unit::Attention(at, pass) => {
                let attention = &self.analysis.attentions.all[at];
                match pass {
                    Pass::Forward => behind(self.function, &attention.nodes, &attention.writes(pass)),
                    Pass::Backward => attention.nodes.clone(),
                }
            }
        }
    }
}

/// Whether an operation takes nothing by itself: what is there already, and other readings of it.
fn is_free(op: &Op) -> bool {
    let is_view = matches!(op, Op::View(_) | Op::Map(Map::Broadcast | Map::StopGradient) | Op::After);
    is_view || matches!(op, Op::Input | Op::Constant(_) | Op::Iota(_) | Op::Tensor(_))
}

/// Where a node comes from, and if it is a recurrence all that stands in its step.
fn origins_of(node: &Node, all: &mut Vec<Origin>) {
    all.push(node.origin);
    if let Op::Scan(scan) = &node.op {
        scan.body.nodes.iter().filter(|n| !is_free(&n.op)).for_each(|n| origins_of(n, all));
    }
}

/// Of some nodes, those that values depend on.
fn behind(function: &Function, among: &[usize], values: &[ValueId]) -> Vec<usize> {
    let mut open: Vec<usize> = values.iter().map(|v| function.value(*v).node as usize).collect();
    let mut found = BTreeSet::new();
    while let Some(n) = open.pop() {
        if found.insert(n) {
            let before = function.nodes[n].inputs.iter().map(|v| function.value(*v).node as usize);
            open.extend(before.filter(|n| among.contains(n)));
        }
    }
    found.into_iter().collect()
}
