//! Why two steps are not one kernel.

use super::analysis::Role;
use super::gemm::Reason as ProductReason;
use super::group::Groups;
use super::lowering::Lowering;
use super::order::Unit;
use crate::plan::{Neighbor, SlotId};
use crate::print::Target;
use arch_compiler::ops::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

/// Why a step reads from memory what another one writes there, in place of computing it itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// The one or the other is a matrix product.
    Product,
    /// What follows a matrix product is not computed with it.
    Follows(ProductReason),
    /// The one or the other is an attention.
    Attention,
    /// The one or the other runs step by step along an axis.
    Scan,
    /// The one or the other adds at indices that are data.
    Scatter,
    /// Parts are put together in memory.
    Copy,
    /// One of them computes each element by itself, from far ones.
    Elements,
    /// They go over different axes: those of the writer and those of the reader.
    Axes(String, String),
    /// The value is read elsewhere than where it is computed: moved by a view, or looked up where tables say.
    Moved,
    /// The value is looked up at places that are data.
    LookedUp,
    /// The value is nothing but what was looked up at places that are data.
    Lookup,
    /// It is an operand of a product in another order, for several products.
    Packed,
    /// Something between them, a kernel of its own, needs the one and is needed by the other.
    Between,
    /// Together they would hold too many operations: so many, and so many may be.
    Large(usize, usize),
    /// It could join what it reads, and moves fewer bytes with what reads it.
    Cheaper,
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Apart::Product => write!(f, "a matrix product works on blocks of rows and columns"),
            Apart::Follows(reason) => write!(f, "{reason}"),
            Apart::Attention => write!(f, "attention goes over blocks of queries, and keeps no scores"),
            Apart::Scan => write!(f, "a scan takes one step after the other, with its state in registers"),
            Apart::Scatter => write!(f, "additions at indices that are data must all be done first"),
            Apart::Copy => write!(f, "parts are put together in memory"),
            Apart::Elements => {
                write!(f, "each element is a sum over far elements, and would be made again and again")
            }
            Apart::Axes(from, to) => write!(f, "it is made over {from}, and read over {to}"),
            Apart::Moved => write!(f, "it is read at other places than it is made at"),
            Apart::LookedUp => {
                write!(f, "it is looked up at places that are known only when the program runs")
            }
            Apart::Lookup => {
                write!(
                    f,
                    "it looks up places that are known only when the program runs; they are read in order here"
                )
            }
            Apart::Packed => write!(f, "a copy that another matrix product reads, too"),
            Apart::Between => write!(f, "something between them needs the one and is needed by the other"),
            Apart::Large(all, most) => {
                write!(f, "together they would hold {all} operations; {most} fit into one kernel")
            }
            Apart::Cheaper => {
                write!(f, "it is computed by the kernel that reads it, which moves fewer bytes")
            }
        }
    }
}

impl Lowering<'_> {
    /// The neighbors that steps did not take in, by the units that the steps were made for.
    pub(super) fn neighbors(&self, made: &[(Unit, Range<usize>)]) -> Vec<Neighbor> {
        let mut unit_of = vec![None; self.plan.steps.len()];
        for (u, (_, steps)) in made.iter().enumerate() {
            steps.clone().for_each(|s| unit_of[s] = Some(u));
        }
        let mut writer: BTreeMap<SlotId, usize> = BTreeMap::new();
        let mut all = Vec::new();
        for (at, step) in self.plan.steps.iter().enumerate() {
            let from: BTreeSet<usize> = step.reads.iter().filter_map(|r| writer.get(r).copied()).collect();
            for from in from.into_iter().filter(|f| unit_of[*f] != unit_of[at]) {
                if let (Some(a), Some(b)) = (unit_of[from], unit_of[at]) {
                    let apart = match self.is_pack(from) {
                        true => Apart::Packed,
                        false => self.apart(made[a].0, made[b].0),
                    };
                    all.push(Neighbor { from, to: at, apart });
                }
            }
            writer.extend(step.writes.iter().map(|w| (*w, at)));
        }
        all
    }

    /// What a looked-up value comes from, by way of what is computed where it is read.
    fn looked_up(&self, unit: Unit) -> BTreeSet<usize> {
        let reader = self.with_inlined(&self.nodes_of(unit));
        let lookups = reader.iter().filter(|n| self.is_lookup(**n));
        let tables = lookups.map(|n| self.function.value(self.function.nodes[*n].inputs[0]).node as usize);
        let mut open: Vec<usize> = tables.collect();
        let mut found = BTreeSet::new();
        while let Some(n) = open.pop() {
            if found.insert(n) && matches!(self.analysis.roles[n], Role::View | Role::Inline) {
                open.extend(
                    self.function.nodes[n].inputs.iter().map(|v| self.function.value(*v).node as usize),
                );
            }
        }
        found
    }

    /// Whether a node reads at places that depend on what a program is given.
    fn is_lookup(&self, n: usize) -> bool {
        let node = &self.function.nodes[n];
        let mut open = match &node.op {
            Op::Gather { .. } => node.inputs[1..].to_vec(),
            _ => return false,
        };
        let mut seen = BTreeSet::new();
        while let Some(value) = open.pop() {
            let node = self.function.producer(value);
            if node.op == Op::Input {
                return true;
            }
            if seen.insert(value) {
                open.extend(&node.inputs);
            }
        }
        false
    }

    fn apart(&self, from: Unit, to: Unit) -> Apart {
        let written = self.nodes_of(from);
        if self.looked_up(to).iter().any(|n| written.contains(n)) {
            return Apart::LookedUp;
        }
        let is_group = matches!(to, Unit::Group(_));
        if !is_group && self.with_inlined(&written).iter().all(|n| self.is_lookup(*n)) {
            return Apart::Lookup;
        }
        let alone = |unit: Unit| match unit {
            Unit::Group(g) => self.analysis.roles[self.groups.groups[g].members[0]] == Role::Alone,
            _ => false,
        };
        let own = |unit: Unit| match unit {
            Unit::Group(_) => None,
            Unit::Copy(_) => Some(Apart::Copy),
            Unit::Attention(..) => Some(Apart::Attention),
            Unit::Node(n) => Some(match self.analysis.roles[n] {
                Role::Product => Apart::Product,
                Role::Scan => Apart::Scan,
                Role::Pieces => Apart::Copy,
                _ => Apart::Scatter,
            }),
        };
        let follower = |unit: Unit| match unit {
            Unit::Node(n) => self.epilogues.group_of(n),
            _ => None,
        };
        let group = |unit: Unit| match unit {
            Unit::Group(g) => Some(g),
            unit => follower(unit),
        };
        if let (Unit::Node(n), Some(g)) = (from, group(to))
            && let Some(reason) = self.epilogues.reason(n, g)
        {
            return Apart::Follows(reason.clone());
        }
        // What is computed with a product may be read by rows that a GPU cannot compute with it.
        if let (Some(_), Unit::Group(g)) = (follower(from), to)
            && self.options.target == Target::Cuda
            && !self.groups.groups[g].inner.is_empty()
        {
            return Apart::Follows(ProductReason::Rows);
        }
        match (from, to) {
            (Unit::Group(a), Unit::Group(b)) if !alone(from) && !alone(to) => self.groups.apart(a, b),
            _ => own(from).or_else(|| own(to)).unwrap_or(Apart::Elements),
        }
    }
}

impl Groups {
    /// Why a group did not take in another one whose values it reads.
    fn apart(&self, from: usize, to: usize) -> Apart {
        let own = |n: &usize, g: usize| self.of[*n] == Some(g);
        let known = self.refused.iter().find(|(source, reader, _)| own(source, from) && own(reader, to));
        known.map_or(Apart::Moved, |(.., apart)| apart.clone())
    }
}
