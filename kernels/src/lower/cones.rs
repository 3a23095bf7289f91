//! What of one kernel is better computed by another one that reads it.
//!
//! [`group`](super::group) goes from inputs to outputs and lets an operation join what it reads. So a kernel of a forward
//! pass would also compute the derivative of its activation, which only a kernel of the backward pass reads, and write it
//! beside the values that this one reads anyway. Here the last operations of a group, as far as only one other group reads
//! what comes of them (a cone), are moved there where that moves fewer bytes.

use super::analysis::{Analysis, Role};
use super::choices::Choices;
use super::group::Groups;
use arch_compiler::graph::{Function, Module, ValueId};
use arch_compiler::ops::Op;
use std::collections::{BTreeMap, BTreeSet};

/// The batch at which bytes are counted: kernels share the same operations at every batch.
const BATCH: usize = 8;

/// Operations that are to leave their group for that of their readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cone {
    pub nodes: BTreeSet<usize>,
    /// A member of the group that they are to be in.
    pub with: usize,
    /// What they are computed from, and who of them reads it: these must not share a kernel.
    pub apart: BTreeSet<(usize, usize)>,
    /// How many bytes fewer move.
    pub saves: i64,
}

/// Who reads what.
pub(super) struct Uses<'a> {
    module: &'a Module,
    pub function: &'a Function,
    pub analysis: &'a Analysis,
    /// Whether what needs whole rows of a product may be computed with it.
    rows: bool,
    /// By node: the values in memory or of groups that it reads, and whether each is read where it is made.
    pub reads: Vec<BTreeMap<ValueId, bool>>,
    /// By value: its readers likewise.
    pub readers: Vec<BTreeMap<usize, bool>>,
}

impl<'a> Uses<'a> {
    pub(super) fn new(
        module: &'a Module,
        function: &'a Function,
        analysis: &'a Analysis,
        rows: bool,
    ) -> Self {
        let mut uses = Uses {
            module,
            function,
            analysis,
            rows,
            reads: vec![BTreeMap::new(); function.nodes.len()],
            readers: vec![BTreeMap::new(); function.values.len()],
        };
        for n in 0..function.nodes.len() {
            if !matches!(analysis.roles[n], Role::Dead | Role::Inline | Role::View) {
                let mut reads = BTreeMap::new();
                uses.collect(n, true, &mut reads);
                for (value, here) in &reads {
                    uses.readers[value.0 as usize].insert(n, *here);
                }
                uses.reads[n] = reads;
            }
        }
        uses
    }

    /// What a node reads, through what is computed or looked at where it is read.
    fn collect(&self, n: usize, here: bool, reads: &mut BTreeMap<ValueId, bool>) {
        let node = &self.function.nodes[n];
        for (i, input) in node.inputs.iter().enumerate() {
            let moved = matches!(node.op, Op::View(_)) || matches!(node.op, Op::Gather { .. }) && i == 0;
            let here = here && !moved;
            let source = self.function.value(*input).node as usize;
            match self.analysis.roles[source] {
                Role::Inline | Role::View => self.collect(source, here, reads),
                _ => *reads.entry(*input).or_insert(true) &= here,
            }
        }
    }

    fn bytes(&self, value: ValueId) -> i64 {
        let elements: usize = self.module.dims(&self.function.value(value).shape, BATCH).iter().product();
        4 * elements as i64
    }

    /// The bytes that writing and reading a value moves, with each node in the group that `of` says.
    fn moved(&self, value: ValueId, of: &impl Fn(usize) -> Unit) -> i64 {
        let maker = self.function.value(value).node as usize;
        let kept = self.analysis.kept[value.0 as usize];
        let own = of(maker);
        let readers = &self.readers[value.0 as usize];
        let units: BTreeSet<Unit> = readers.keys().map(|r| of(*r)).collect();
        let elsewhere = units.iter().filter(|u| **u != own).count() as i64;
        let written = match (self.analysis.roles[maker], units.first()) {
            (Role::Source, _) => false,
            // What alone reads a product is computed behind it.
            (Role::Product, Some(Unit::Group(_))) if units.len() == 1 && !kept => return 0,
            _ => kept || elsewhere > 0 || readers.values().any(|here| !here),
        };
        self.bytes(value) * (elsewhere + i64::from(written))
    }

    /// All bytes that values between kernels move.
    pub(super) fn all(&self, groups: &Groups) -> i64 {
        let of = |n: usize| self.unit(groups, n);
        let values = (0..self.function.values.len() as u32).map(ValueId);
        values.filter(|v| !self.readers[v.0 as usize].is_empty()).map(|v| self.moved(v, &of)).sum()
    }

    /// The cones that are worth it, the best first; no operation is in two of them.
    pub(super) fn cones(&self, groups: &Groups, choices: Choices) -> Vec<Cone> {
        let mut cones = Vec::new();
        for (g, group) in groups.groups.iter().enumerate() {
            let outputs = group.members.iter().flat_map(|m| &self.function.nodes[*m].outputs);
            let readers = outputs.flat_map(|v| self.readers[v.0 as usize].keys());
            let near: BTreeSet<usize> = readers.filter_map(|r| groups.of[*r]).filter(|h| *h != g).collect();
            cones.extend(near.into_iter().filter_map(|h| self.cone(groups, (g, h), choices)));
        }
        if !self.rows {
            cones.extend(self.fronts(groups));
        }
        cones.sort_by_key(|c| (-c.saves, c.nodes.first().copied()));
        let mut taken = BTreeSet::new();
        cones.retain(|c| c.nodes.iter().all(|n| taken.insert(*n)));
        cones
    }

    /// What of one group only another one reads, if it is worth computing it there.
    fn cone(&self, groups: &Groups, (from, to): (usize, usize), choices: Choices) -> Option<Cone> {
        let members = &groups.groups[from].members;
        let mut nodes: BTreeSet<usize> = BTreeSet::new();
        for n in members.iter().rev() {
            let moves = self.function.nodes[*n].outputs.iter().all(|v| {
                let readers = &self.readers[v.0 as usize];
                let there = |r: &usize| nodes.contains(r) || groups.of[*r] == Some(to);
                !self.analysis.kept[v.0 as usize] && readers.iter().all(|(r, here)| *here && there(r))
            });
            if moves {
                nodes.insert(*n);
            }
        }
        if nodes.is_empty() || nodes.len() == members.len() {
            return None;
        }
        let with = groups.groups[to].members[0];
        let there = self.unit(groups, with);
        let after = |n: usize| if nodes.contains(&n) { there } else { self.unit(groups, n) };
        let saves = self.saves(groups, &nodes, after);
        let apart = nodes.iter().flat_map(|n| {
            let sources = self.reads[*n].keys().map(|v| self.function.value(*v).node as usize);
            sources.map(move |s| (s, *n))
        });
        let apart = apart.filter(|(s, _)| !nodes.contains(s)).collect();
        let is_worth = saves > 0 || choices.strikes("computes where it is read", with);
        is_worth.then_some(Cone { nodes, with, apart, saves })
    }

    /// How many bytes fewer move where some nodes are computed in another unit.
    pub(super) fn saves(
        &self,
        groups: &Groups,
        nodes: &BTreeSet<usize>,
        after: impl Fn(usize) -> Unit,
    ) -> i64 {
        let outputs = nodes.iter().flat_map(|n| self.function.nodes[*n].outputs.iter().copied());
        let read = nodes.iter().flat_map(|n| self.reads[*n].keys().copied());
        let values: BTreeSet<ValueId> = outputs.chain(read).collect();
        let before = |n: usize| self.unit(groups, n);
        values.iter().map(|v| self.moved(*v, &before) - self.moved(*v, &after)).sum()
    }

    /// What a node is computed in.
    pub(super) fn unit(&self, groups: &Groups, n: usize) -> Unit {
        match groups.of[n] {
            Some(g) if !self.rows && !groups.groups[g].inner.is_empty() => Unit::Rows(g),
            Some(g) => Unit::Group(g),
            None => Unit::Node(n),
        }
    }
}

/// What runs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Group(usize),
    /// A group that cannot be computed with a product, since it needs whole rows of it.
    Rows(usize),
    Node(usize),
}
