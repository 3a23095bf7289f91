//! Why two steps are not one kernel, and what fusing saved.

use super::analysis::Role;
use super::attention::Pass;
use super::element;
use super::gemm::Reason as ProductReason;
use super::group::Groups;
use super::lowering::Lowering;
use super::order::Unit;
use crate::plan::{Neighbor, Separate, SlotId};
use crate::print::Target;
use arch_compiler::graph::{Function, ValueId};
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
    /// The value is read elsewhere than where it is computed: moved by a view, or looked up.
    Moved,
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
                    all.push(Neighbor { from, to: at, apart: self.apart(made[a].0, made[b].0) });
                }
            }
            writer.extend(step.writes.iter().map(|w| (*w, at)));
        }
        all
    }

    fn apart(&self, from: Unit, to: Unit) -> Apart {
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

    /// For each step, what its operations would take one by one. Of a unit with several steps the first has it all.
    pub(super) fn separate(&self, made: &[(Unit, Range<usize>)]) -> Vec<Separate> {
        let mut all = vec![Separate::default(); self.plan.steps.len()];
        for (unit, steps) in made.iter().filter(|m| !m.1.is_empty()) {
            all[steps.start] = self.separate_unit(*unit);
        }
        all
    }

    fn separate_unit(&self, unit: Unit) -> Separate {
        let function = self.function;
        let nodes: Vec<usize> = match unit {
            Unit::Group(g) => self.groups.groups[g].members.clone(),
            Unit::Node(n) => {
                let follows = self.epilogues.group_of(n).map(|g| &self.groups.groups[g].members);
                follows.into_iter().flatten().copied().chain([n]).collect()
            }
            Unit::Copy(value) => vec![function.value(value).node as usize],
            Unit::Attention(at, pass) => {
                let attention = &self.analysis.attentions.all[at];
                let written: Vec<ValueId> = attention.writes(pass);
                match pass {
                    Pass::Forward => behind(function, &attention.nodes, &written),
                    Pass::Backward => attention.nodes.clone(),
                }
            }
        };
        let bytes = nodes.iter().map(|n| self.node_bytes(function, *n)).sum();
        Separate { bytes, operations: nodes.iter().map(|n| self.operations(*n)).sum() }
    }

    fn operations(&self, n: usize) -> usize {
        match &self.function.nodes[n].op {
            Op::Scan(scan) => self.module.size(scan.axis, self.options.batch) * scan.body.nodes.len(),
            _ => 1,
        }
    }

    fn node_bytes(&self, function: &Function, n: usize) -> u64 {
        let node = &function.nodes[n];
        let batch = self.options.batch;
        if let Op::Scan(scan) = &node.op {
            let steps = self.module.size(scan.axis, batch) as u64;
            let step: u64 = (0..scan.body.nodes.len()).map(|n| self.node_bytes(&scan.body, n)).sum();
            return steps * step;
        }
        if matches!(node.op, Op::Input | Op::Constant(_) | Op::Iota(_) | Op::Tensor(_)) {
            return 0;
        }
        let elements = |v: &ValueId| {
            let of = |v: ValueId| self.module.dims(&function.value(v).shape, batch).iter().product::<usize>();
            of(*v).min(of(element::base(function, *v))) as u64
        };
        4 * node.inputs.iter().chain(&node.outputs).map(elements).sum::<u64>()
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

impl Groups {
    /// Why a group did not take in another one whose values it reads.
    fn apart(&self, from: usize, to: usize) -> Apart {
        let own = |n: &usize, g: usize| self.of[*n] == Some(g);
        let known = self.refused.iter().find(|(source, reader, _)| own(source, from) && own(reader, to));
        known.map_or(Apart::Moved, |(.., apart)| apart.clone())
    }
}
