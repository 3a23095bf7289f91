//! Maps and row reductions that share a kernel.
//!
//! A group has outer axes, which its kernel runs over in parallel, and inner axes, which it runs over once
//! or several times for each place on the outer ones: a layer norm is one group, outer over tokens. A node
//! joins the groups of what it reads if the axes fit and nothing outside stands between.

use super::analysis::{Analysis, Role};
use super::apart::Apart;
use super::choices::Choices;
use super::cones::{Cone, Uses};
use super::element;
use super::pull::Reduction;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::Op;
use std::collections::BTreeSet;

/// More nodes than this do not share a kernel: registers and compile time have ends.
const LARGEST: usize = 96;

/// How often what is better computed elsewhere is looked for.
const ROUNDS: usize = 4;

/// A group of nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Axes that every member has, sorted by identity.
    pub outer: Vec<AxisId>,
    /// Axes that are gone along in each place; sorted by identity.
    pub inner: Vec<AxisId>,
    /// The nodes, in order.
    pub members: Vec<usize>,
    /// Whether others may join.
    open: bool,
}

/// All groups of a function.
#[derive(Debug)]
pub(super) struct Groups {
    pub groups: Vec<Group>,
    /// By node.
    pub of: Vec<Option<usize>>,
    /// What did not join, and why: a node of the group that was read, and the node that reads.
    pub refused: Vec<(usize, usize, Apart)>,
}

/// Outer and inner axes.
type Space = (Vec<AxisId>, Vec<AxisId>);

struct Grouping<'a> {
    module: &'a Module,
    function: &'a Function,
    analysis: &'a Analysis,
    /// Axes that do not count: those around a scan.
    around: &'a [AxisId],
    choices: Choices,
    /// Nodes that do not join on account of what they read: a source, and the node.
    apart: &'a BTreeSet<(usize, usize)>,
    groups: Vec<Option<Group>>,
    of: Vec<Option<usize>>,
    refused: Vec<(usize, usize, Apart)>,
}

/// Groups the members of a function, so that few bytes move between groups. `rows`: whether what needs whole rows of
/// a product may be computed with it.
pub(super) fn group(
    module: &Module,
    function: &Function,
    analysis: &Analysis,
    around: &[AxisId],
    (rows, choices): (bool, Choices),
) -> Groups {
    let greedy = |apart: &BTreeSet<(usize, usize)>| {
        let of = vec![None; function.nodes.len()];
        let (groups, refused) = (Vec::new(), Vec::new());
        Grouping { module, function, analysis, around, choices, apart, groups, of, refused }.run()
    };
    let mut best = greedy(&BTreeSet::new());
    // Within a scan nothing goes through memory.
    if !around.is_empty() || !choices.joins() {
        return best;
    }
    let uses = Uses::new(module, function, analysis, rows);
    let mut least = uses.all(&best);
    let mut apart = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut cones = uses.cones(&best, choices);
        let tried = |cones: &[Cone]| -> (BTreeSet<(usize, usize)>, Groups) {
            let all: BTreeSet<_> = cones.iter().flat_map(|c| &c.apart).chain(&apart).copied().collect();
            let groups = greedy(&all);
            (all, groups)
        };
        let (mut all, mut next) = tried(&cones);
        // Not all that saves bytes may share a kernel with its reader.
        let before = cones.len();
        cones.retain(|c| c.nodes.iter().all(|n| next.of[*n] == next.of[c.with]));
        if cones.len() < before {
            (all, next) = tried(&cones);
        }
        let bytes = uses.all(&next);
        if cones.is_empty() || bytes >= least && !choices.strikes("moves more bytes", round) {
            break;
        }
        (best, least, apart) = (next, bytes, all);
    }
    best
}

impl Grouping<'_> {
    fn run(mut self) -> Groups {
        for n in 0..self.function.nodes.len() {
            match self.analysis.roles[n] {
                Role::Member | Role::Window if !self.choices.joins() => self.start(n, false),
                Role::Member | Role::Window => self.place(n),
                Role::Alone => self.start(n, false),
                _ => {}
            }
        }
        self.finish()
    }

    /// The outer and inner axes of a node by itself.
    fn space(&self, n: usize) -> Space {
        let node = &self.function.nodes[n];
        let sorted = |axes: &[AxisId]| {
            let mut axes: Vec<AxisId> = axes.iter().copied().filter(|a| !self.around.contains(a)).collect();
            axes.sort_unstable();
            axes
        };
        let outer = sorted(&self.function.value(node.outputs[0]).shape);
        match node.op {
            Op::Reduce(..) | Op::Contract(_) if self.analysis.roles[n] == Role::Member => {
                (outer, sorted(&Reduction::of(self.function, node).over))
            }
            _ => (outer, Vec::new()),
        }
    }

    fn start(&mut self, n: usize, open: bool) {
        let (outer, inner) = self.space(n);
        self.of[n] = Some(self.groups.len());
        self.groups.push(Some(Group { outer, inner, members: vec![n], open }));
    }

    fn place(&mut self, n: usize) {
        let mut near = Vec::new();
        self.sources(n, n, &mut near);
        let mut space = self.space(n);
        let mut joined: Vec<usize> = Vec::new();
        for g in near {
            if self.choices.strikes("joins no group", n) {
                continue;
            }
            match self.joined(n, &space, &joined, g) {
                Ok(both) => {
                    space = both;
                    joined.push(g);
                }
                Err((source, apart)) => self.refused.push((source, n, apart)),
            }
        }
        let Some(first) = joined.first().copied() else { return self.start(n, true) };
        let mut members = vec![n];
        for g in &joined {
            if let Some(group) = self.groups[*g].take() {
                members.extend(group.members);
            }
        }
        members.sort_unstable();
        for m in &members {
            self.of[*m] = Some(first);
        }
        self.groups[first] = Some(Group { outer: space.0, inner: space.1, members, open: true });
    }

    /// The axes of a node and of the groups that it joined, together with one more group; or a node of that
    /// group and why it stays apart. The only place that says what may share a kernel.
    fn joined(&self, n: usize, space: &Space, joined: &[usize], g: usize) -> Result<Space, (usize, Apart)> {
        let Some(group) = &self.groups[g] else { return Ok(space.clone()) };
        let apart = |why: Apart| Err((group.members[0], why));
        if !group.open {
            return apart(Apart::Elements);
        }
        let all: Vec<usize> = joined.iter().chain([&g]).copied().collect();
        let count: usize = all.iter().filter_map(|g| self.groups[*g].as_ref()).map(|g| g.members.len()).sum();
        if count >= LARGEST {
            return apart(Apart::Large(count + 1, LARGEST));
        }
        let own = (group.outer.clone(), group.inner.clone());
        let Some(both) = self.unite(space, &own) else {
            return apart(Apart::Axes(self.space_text(&own), self.space_text(space)));
        };
        if self.has_detour(&all, n) {
            return apart(Apart::Between);
        }
        Ok(both)
    }

    fn space_text(&self, space: &Space) -> String {
        let outer = self.module.shape_text(&space.0);
        match space.1.is_empty() {
            true => outer,
            false => format!("rows of {} at each {outer}", self.module.shape_text(&space.1)),
        }
    }

    /// The groups whose values a reader reads at its own place, by way of the node.
    fn sources(&self, reader: usize, n: usize, near: &mut Vec<usize>) {
        let node = &self.function.nodes[n];
        if self.analysis.roles[n] == Role::View || matches!(node.op, Op::View(_)) {
            return;
        }
        for (i, input) in node.inputs.iter().enumerate() {
            if matches!(node.op, Op::Gather { .. }) && i == 0 {
                continue;
            }
            let source = self.function.value(*input).node as usize;
            match (self.analysis.roles[source], self.of[source]) {
                (Role::Inline, _) => self.sources(reader, source, near),
                (_, Some(g)) if !near.contains(&g) && !self.apart.contains(&(source, reader)) => near.push(g),
                _ => {}
            }
        }
    }

    /// The axes of two groups as one, if they fit.
    fn unite(&self, a: &Space, b: &Space) -> Option<Space> {
        if a == b {
            return Some(a.clone());
        }
        for (x, y) in [(a, b), (b, a)] {
            if !x.1.is_empty() {
                continue;
            }
            if !y.1.is_empty() {
                let mut all: Vec<AxisId> = y.0.iter().chain(&y.1).copied().collect();
                all.sort_unstable();
                if x.0 == y.0 || x.0 == all {
                    return Some(y.clone());
                }
            } else if x.0.len() + 1 == y.0.len() && x.0.iter().all(|a| y.0.contains(a)) && self.enough(&x.0) {
                let inner: Vec<AxisId> = y.0.iter().copied().filter(|a| !x.0.contains(a)).collect();
                return Some((x.0.clone(), inner));
            }
        }
        None
    }

    fn enough(&self, outer: &[AxisId]) -> bool {
        !self.around.is_empty() || enough_to_share_out(self.module, outer)
    }

    /// Whether a value of these groups comes back to them or to the node by way of something else: then
    /// they cannot be one kernel.
    fn has_detour(&self, groups: &[usize], n: usize) -> bool {
        let inside = |x: usize| self.of[x].is_some_and(|g| groups.contains(&g));
        let mut seen = vec![[false; 2]; self.function.nodes.len()];
        let mut todo: Vec<(usize, ValueId, bool)> = Vec::new();
        let readers = |x: usize, outside: bool, todo: &mut Vec<(usize, ValueId, bool)>| {
            for value in &self.analysis.values[x] {
                todo.extend(self.analysis.readers[value.0 as usize].iter().map(|r| (*r, *value, outside)));
            }
        };
        for g in groups {
            for m in self.groups[*g].iter().flat_map(|g| &g.members) {
                readers(*m, false, &mut todo);
            }
        }
        while let Some((x, from, outside)) = todo.pop() {
            if x > n {
                continue;
            }
            let node = &self.function.nodes[x];
            let looked_up = matches!(node.op, Op::Gather { .. }) && node.inputs[0] == from;
            let moved = matches!(node.op, Op::View(_)) || looked_up;
            let outside = outside || moved;
            if inside(x) || x == n {
                if outside {
                    return true;
                }
                continue;
            }
            let outside = outside || self.analysis.roles[x] != Role::Inline;
            if std::mem::replace(&mut seen[x][usize::from(outside)], true) {
                continue;
            }
            match self.of[x].and_then(|g| self.groups[g].as_ref()) {
                Some(group) => group.members.iter().for_each(|m| readers(*m, outside, &mut todo)),
                None => readers(x, outside, &mut todo),
            }
            // A kernel of attention gives all its values at once.
            for value in self.analysis.attentions.given_with(x) {
                readers(self.function.value(value).node as usize, outside, &mut todo);
            }
        }
        false
    }

    fn finish(self) -> Groups {
        let mut number = vec![None; self.groups.len()];
        let mut groups = Vec::new();
        for (g, group) in self.groups.into_iter().enumerate() {
            if let Some(group) = group {
                number[g] = Some(groups.len());
                groups.push(group);
            }
        }
        let of = self.of.into_iter().map(|g| g.and_then(|g| number[g])).collect();
        let mut refused = self.refused;
        refused.extend(self.apart.iter().map(|(source, reader)| (*source, *reader, Apart::Cheaper)));
        Groups { groups, of, refused }
    }
}

/// Whether there is enough along these axes to keep several threads busy.
pub(super) fn enough_to_share_out(module: &Module, outer: &[AxisId]) -> bool {
    outer.contains(&AxisId::BATCH) || module.dims(outer, 1).iter().product::<usize>() >= 32
}

impl Groups {
    /// Whether a value of a group must be written: something else reads it, or reads it elsewhere.
    pub(super) fn leaves(&self, function: &Function, analysis: &Analysis, g: usize, value: ValueId) -> bool {
        if analysis.kept[value.0 as usize] {
            return true;
        }
        analysis.readers[value.0 as usize].iter().any(|r| {
            let node = &function.nodes[*r];
            let looked_up = matches!(node.op, Op::Gather { .. }) && node.inputs[0] == value;
            match analysis.roles[*r] {
                Role::Inline if !looked_up => self.leaves(function, analysis, g, node.outputs[0]),
                _ => self.of[*r] != Some(g) || looked_up,
            }
        })
    }
}

/// The axes of a group in the order in which its largest member stores them.
pub(super) fn storage_order(function: &Function, group: &Group) -> Vec<AxisId> {
    let mut order: Vec<AxisId> = Vec::new();
    let mut shapes: Vec<Vec<AxisId>> = group
        .members
        .iter()
        .map(|m| {
            let node = &function.nodes[*m];
            match node.op {
                Op::Reduce(..) | Op::Contract(_) => element::union(function, node),
                _ => function.value(node.outputs[0]).shape.clone(),
            }
        })
        .collect();
    shapes.sort_by_key(|s| std::cmp::Reverse(s.len()));
    for axis in shapes.into_iter().flatten() {
        if !order.contains(&axis) {
            order.push(axis);
        }
    }
    order
}

impl Group {
    /// The same members over other axes.
    pub(super) fn over(&self, outer: Vec<AxisId>, inner: Vec<AxisId>) -> Group {
        Group { outer, inner, ..self.clone() }
    }
}
