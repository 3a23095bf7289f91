//! What stands in the step of a scan and what outside of it.
//!
//! In the e-graph a step is arithmetic on sequences like all else. Here it is decided by sizes, not by where a text
//! has put it: in the step stands what the new carries depend on by way of the old ones, and what reads a value of
//! the step that is wider than all the scan reads, such as a state that is read out by a sum. All else stands
//! outside; what is wide there and made of narrow sequences alone, `canon/sink` computes in the step again.

use super::extract::Best;
use super::lang::{Carried, Graph, Node, Op, Recurrence, axes_of, number};
use crate::graph::AxisId;
use crate::ops::{self, View};
use egg::Id;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// The step of one scan.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// Which recurrence of the problem it is.
    pub scan: usize,
    /// The carries that results depend on, in an order that does not depend on the text's.
    pub carries: Vec<usize>,
    /// Values outside of the step that it reads.
    pub given: Vec<Id>,
    /// Values of the step that are read outside of it.
    pub yields: Vec<Id>,
    /// What is read of the last step only: its class outside and in the step.
    pub finals: Vec<(Id, Id)>,
    /// What depends on carries.
    inside: FxHashSet<Id>,
    /// Multiples of what is given.
    copied: FxHashSet<Id>,
}

impl Step {
    /// Whether a class is computed in the step.
    pub fn has(&self, id: Id) -> bool {
        self.inside.contains(&id) || self.copied.contains(&id)
    }
}

/// The steps of all scans that results depend on.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    pub all: Vec<Step>,
    homes: FxHashMap<Id, usize>,
    /// Wide products that steps read, and pairs of their factors that others multiply as well.
    pairs: FxHashMap<Id, Vec<[Id; 2]>>,
    /// What cannot be computed before a scan has run.
    late: FxHashSet<Id>,
}

impl Steps {
    /// Factors of a product that are multiplied first, since their product is wanted elsewhere.
    pub fn pairs(&self, product: Id) -> &[[Id; 2]] {
        self.pairs.get(&product).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a step reads a product that is wide.
    pub fn reads(&self, product: Id) -> bool {
        self.pairs.contains_key(&product)
    }

    /// Whether a class depends on a scan.
    pub fn is_late(&self, id: Id) -> bool {
        self.late.contains(&id)
    }

    /// The step that a class is a result of, or would have to be.
    pub fn home(&self, id: Id) -> Option<usize> {
        self.homes.get(&id).copied()
    }
}

/// Decides for the best terms of some results. `None` if a carry depends on something that no step can do.
pub(super) fn steps(graph: &Graph, best: &Best, results: &[Id]) -> Option<Steps> {
    if graph.analysis.scans.is_empty() {
        return Some(Steps::default());
    }
    let mut search = Search::new(graph, best, results)?;
    let mut all = Vec::new();
    let alive: BTreeSet<usize> = search.carries.iter().map(|c| c.scan).collect();
    let above = search.above(&alive);
    for scan in alive {
        let inside = search.inside(scan, &above[scan])?;
        all.push(Step { scan, inside, ..Step::default() });
    }
    let computed: FxHashSet<Id> = all.iter().flat_map(|step| step.inside.iter().copied()).collect();
    for step in &mut all {
        search.copied(step, &computed);
    }
    for step in &mut all {
        search.interface(step);
    }
    let mut homes = FxHashMap::default();
    for (at, step) in all.iter().enumerate() {
        homes.extend(step.inside.iter().chain(step.finals.iter().map(|f| &f.0)).map(|id| (*id, at)));
    }
    let given: Vec<Id> = all.iter().flat_map(|step| step.given.iter().copied()).collect();
    let pairs = given.into_iter().map(|id| (id, search.pairs(id))).collect();
    let late = search.scans.iter().filter(|(_, scans)| !scans.is_empty()).map(|(id, _)| *id).collect();
    Some(Steps { all, homes, pairs, late })
}

struct Search<'a> {
    graph: &'a Graph,
    best: &'a Best,
    /// All classes that results depend on, operands before those who read them.
    order: Vec<Id>,
    /// Results, and for each carry its first value and its next one.
    roots: Vec<Id>,
    /// The carries that results depend on.
    carries: BTreeSet<Carried>,
    /// The scans that a class depends on by way of their carries.
    scans: FxHashMap<Id, BTreeSet<usize>>,
    widths: FxHashMap<Id, usize>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph, best: &'a Best, results: &[Id]) -> Option<Self> {
        let mut order = Vec::new();
        let mut roots: Vec<Id> = results.iter().map(|id| graph.find(*id)).collect();
        let carries = best.alive(graph, &mut roots, &mut order);
        let mut search = Search {
            graph,
            best,
            order,
            roots,
            carries,
            scans: FxHashMap::default(),
            widths: FxHashMap::default(),
        };
        for id in search.order.clone() {
            let mut scans: BTreeSet<usize> = search.before(id).into_iter().map(|c| c.scan).collect();
            for operand in search.operands(id) {
                scans.extend(search.scans.get(&operand)?);
            }
            search.scans.insert(id, scans);
        }
        Some(search)
    }

    fn node(&self, id: Id) -> Option<&'a Node> {
        self.best.node(self.graph, id)
    }

    fn operands(&self, id: Id) -> Vec<Id> {
        let operands = self.node(id).map(|n| n.operands.as_slice()).unwrap_or_default();
        operands.iter().map(|id| self.graph.find(*id)).collect()
    }

    fn before(&self, id: Id) -> Option<Carried> {
        self.graph.analysis.carry(self.node(id)?)
    }

    fn recurrence(&self, scan: usize) -> &'a Recurrence {
        &self.graph.analysis.scans[scan]
    }

    /// The next values of a scan's carries.
    fn after(&self, scan: usize) -> Vec<Id> {
        let carries = self.carries.iter().filter(|c| c.scan == scan);
        carries.map(|c| self.graph.find(self.recurrence(scan).carries[c.carry].after)).collect()
    }

    fn depends(&self, id: Id, scan: usize) -> bool {
        self.scans.get(&id).is_some_and(|scans| scans.contains(&scan))
    }

    /// For each scan those that must have run before it.
    fn above(&self, alive: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut above: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.graph.analysis.scans.len()];
        for scan in alive {
            let carries = self.carries.iter().filter(|c| c.scan == *scan);
            let inits = carries.map(|c| self.graph.find(self.recurrence(*scan).carries[c.carry].init));
            for id in self.after(*scan).into_iter().chain(inits) {
                above[*scan].extend(self.scans[&id].iter().filter(|s| *s != scan));
            }
        }
        for _ in alive {
            let further: Vec<BTreeSet<usize>> = above
                .iter()
                .map(|all: &BTreeSet<usize>| all.iter().flat_map(|s| above[*s].iter().copied()).collect())
                .collect();
            above.iter_mut().zip(further).for_each(|(all, more)| all.extend(more));
        }
        above
    }

    /// What depends on a scan's carries and stands in its step.
    fn inside(&mut self, scan: usize, above: &BTreeSet<usize>) -> Option<FxHashSet<Id>> {
        let axis = self.recurrence(scan).axis;
        let mut inside: FxHashSet<Id> = FxHashSet::default();
        let mut open = self.after(scan);
        while let Some(id) = open.pop() {
            if !self.depends(id, scan) || !inside.insert(id) {
                continue;
            }
            if self.before(id).is_none() && !self.fits_a_step(id, axis) {
                return None;
            }
            open.extend(self.operands(id));
        }
        let befores = self.order.iter().filter(|id| self.before(**id).is_some_and(|c| c.scan == scan));
        inside.extend(befores.copied());
        let narrow = self.narrow(scan, &inside);
        // A step that is the same for all samples is taken once for all of them.
        let shapes = &self.recurrence(scan).carries;
        let own = |c: &&Carried| c.scan == scan && shapes[c.carry].shape.contains(&AxisId::BATCH);
        let for_each = self.carries.iter().any(|c| own(&c));
        for id in self.order.clone() {
            if inside.contains(&id) || !self.depends(id, scan) || !self.fits_a_step(id, axis) {
                continue;
            }
            if !for_each && axes_of(self.graph, id).contains(&AxisId::BATCH) {
                continue;
            }
            let reads_wide =
                self.operands(id).iter().any(|o| inside.contains(o) && self.elements(*o) > narrow);
            let joined = self.joined(id, &inside);
            // What the scan gives at its end is not there in its steps.
            let is_there = |o: &Id| {
                let joins = joined.as_ref().is_some_and(|joined| joined.contains(o));
                joins || inside.contains(o) || !self.depends(*o, scan)
            };
            let ready = self.scans[&id].iter().all(|s| *s == scan || above.contains(s))
                && self.operands(id).iter().all(is_there);
            if ready && (reads_wide || joined.is_some()) {
                inside.extend(joined.into_iter().flatten());
                inside.insert(id);
            }
        }
        Some(inside)
    }

    /// If an element by element operation joins several values of a step, or multiples of them, that nobody else
    /// reads: its operands that go into the step with it. Then one value leaves the step instead of several.
    fn joined(&self, id: Id, inside: &FxHashSet<Id>) -> Option<Vec<Id>> {
        let pointwise = self.node(id).is_some_and(|n| matches!(n.op, Op::Sum | Op::Product | Op::Map(_)));
        let mut with: BTreeSet<Id> = BTreeSet::new();
        let mut values: BTreeSet<Id> = BTreeSet::new();
        for operand in self.operands(id) {
            if let Some(value) = self.multiple_of(operand, inside) {
                with.extend((operand != value).then_some(operand));
                values.insert(value);
            }
        }
        let elements = values.iter().map(|v| self.elements(*v)).fold(0, usize::saturating_add);
        if !pointwise || values.len() < 2 || self.elements(id) >= elements {
            return None;
        }
        let is_ours = |other: &Id| *other == id || inside.contains(other) || with.contains(other);
        let only_ours = |value: &Id| {
            let mut others = self.order.iter().filter(|other| !is_ours(other));
            !self.roots.contains(value) && !others.any(|other| self.operands(*other).contains(value))
        };
        let alone = with.iter().chain(&values).all(only_ours);
        alone.then(|| with.into_iter().collect())
    }

    /// The value of a step that a class is, or is a number times.
    fn multiple_of(&self, id: Id, inside: &FxHashSet<Id>) -> Option<Id> {
        if inside.contains(&id) {
            return Some(id);
        }
        self.node(id).filter(|n| n.op == Op::Product)?;
        let (values, rest): (Vec<Id>, Vec<Id>) =
            self.operands(id).into_iter().partition(|o| inside.contains(o));
        let numbers = rest.iter().all(|o| number(self.graph, *o).is_some());
        values.first().copied().filter(|_| values.len() == 1 && numbers)
    }

    /// The number of elements up to which a value of the step may be written: as many as a sequence that the scan
    /// reads has, or fewer than the state has at all positions.
    fn narrow(&mut self, scan: usize, inside: &FxHashSet<Id>) -> usize {
        let axis = self.recurrence(scan).axis;
        let befores = self.order.iter().filter(|id| self.before(**id).is_some_and(|c| c.scan == scan));
        let state = befores.map(|id| self.elements(*id)).max().unwrap_or(0);
        let mut reads: BTreeSet<Id> = self.after(scan).into_iter().collect();
        for id in self.order.iter().filter(|id| inside.contains(id)) {
            reads.extend(self.operands(*id));
        }
        let mut widest = 0;
        for id in reads.into_iter().filter(|id| !inside.contains(id)) {
            if axes_of(self.graph, id).contains(&axis) {
                widest = widest.max(self.width(id, axis));
            }
        }
        widest.max(state.saturating_sub(1))
    }

    /// The elements of the largest sequence that a value is computed of, element by element.
    fn width(&mut self, id: Id, axis: AxisId) -> usize {
        if let Some(known) = self.widths.get(&id) {
            return *known;
        }
        let own = self.elements(id);
        let pointwise = self.node(id).is_some_and(|n| {
            matches!(n.op, Op::Sum | Op::Product | Op::Power(_) | Op::Map(_) | Op::Broadcast(_))
        });
        let width = match pointwise {
            true => {
                let mut widest = 0;
                for operand in self.operands(id) {
                    if axes_of(self.graph, operand).contains(&axis) {
                        widest = widest.max(self.width(operand, axis));
                    }
                }
                widest.min(own)
            }
            false => own,
        };
        self.widths.insert(id, width);
        width
    }

    fn elements(&self, id: Id) -> usize {
        self.graph.analysis.elements(axes_of(self.graph, id))
    }

    /// Whether a step can compute it: it does nothing along the scan's axis.
    fn fits_a_step(&self, id: Id, axis: AxisId) -> bool {
        match self.node(id).map(|n| &n.op) {
            Some(Op::Reduce(_, over) | Op::Center(over) | Op::Softmax(over) | Op::Flip(over)) => {
                !over.contains(&axis)
            }
            Some(Op::Other(at)) => match &self.graph.analysis.others[*at as usize].op {
                ops::Op::Map(_) | ops::Op::View(View::Transpose(_)) => true,
                op @ (ops::Op::View(_) | ops::Op::Gather { .. }) => {
                    let mut along = false;
                    let _ = op.with_axes(&mut |a| {
                        along |= a == axis;
                        a
                    });
                    !along
                }
                _ => false,
            },
            Some(_) => true,
            None => false,
        }
    }

    /// Products of what the step reads anyway are computed in the step, and multiples of what it reads; but not what
    /// another step has computed, whose states are nowhere else.
    fn copied(&self, step: &mut Step, computed: &FxHashSet<Id>) {
        let mut read: BTreeSet<Id> = self.after(step.scan).into_iter().collect();
        for id in self.order.iter().filter(|id| step.inside.contains(id)) {
            read.extend(self.operands(*id));
        }
        read.retain(|id| !step.inside.contains(id));
        let is_computed = |id: &&Id| computed.contains(*id);
        let axis = self.recurrence(step.scan).axis;
        for id in read.iter().filter(|id| !is_computed(id)) {
            let Some(node) = self.node(*id).filter(|n| n.op == Op::Product) else { continue };
            let factors = self.operands(*id);
            let numbers = factors.iter().filter(|id| number(self.graph, **id).is_some()).count();
            let is_there = |f: &Id| read.contains(f) || !axes_of(self.graph, *f).contains(&axis);
            let is_sequence = axes_of(self.graph, *id).contains(&axis);
            if (node.operands.len() == 2 && numbers == 1) || (is_sequence && factors.iter().all(is_there)) {
                step.copied.insert(*id);
            }
        }
    }

    /// What the step reads and what is read of it.
    fn interface(&self, step: &mut Step) {
        let Recurrence { axis, reverse, carries, .. } = self.recurrence(step.scan);
        let end = if *reverse { 0 } else { self.graph.analysis.sizes[axis.0 as usize].saturating_sub(1) };
        let (mut given, mut yields, mut finals) = (Vec::new(), Vec::new(), Vec::new());
        let after = self.after(step.scan);
        let is_outside = |id: &Id| !step.has(*id) && number(self.graph, *id).is_none();
        given.extend(after.iter().copied().filter(is_outside));
        for id in &self.order {
            let operands = self.operands(*id);
            if step.has(*id) {
                given.extend(operands.iter().copied().filter(is_outside));
            }
            if step.inside.contains(id) {
                continue;
            }
            let is_last = match self.node(*id).map(|n| &n.op) {
                Some(Op::Other(at)) => {
                    let op = &self.graph.analysis.others[*at as usize].op;
                    *op == ops::Op::View(View::Index { axis: *axis, at: end })
                }
                _ => false,
            };
            for operand in operands.into_iter().filter(|o| step.inside.contains(o)) {
                match is_last {
                    true => finals.push((*id, operand)),
                    false => yields.push(operand),
                }
            }
        }
        let others = self.roots.iter().copied().filter(|id| step.inside.contains(id));
        yields.extend(others);
        step.given = self.sorted(given);
        step.yields = self.sorted(yields);
        finals.sort_by_key(|(id, _): &(Id, Id)| self.best.key(self.graph, *id));
        step.finals = finals;
        let mut alive: Vec<usize> =
            self.carries.iter().filter(|c| c.scan == step.scan).map(|c| c.carry).collect();
        alive.sort_by_key(|carry| (self.best.key(self.graph, carries[*carry].before), *carry));
        step.carries = alive;
    }

    /// Pairs of factors of a product that other products have as well, with the same axes.
    fn pairs(&self, id: Id) -> Vec<[Id; 2]> {
        let factors = |id: Id| match self.node(id) {
            Some(node) if node.op == Op::Product => self.operands(id),
            _ => Vec::new(),
        };
        let mut own = self.sorted(factors(id));
        own.retain(|id| number(self.graph, *id).is_none());
        let mut found: Vec<(usize, [Id; 2])> = Vec::new();
        for (at, a) in own.iter().enumerate() {
            for b in own[at + 1..].iter().filter(|b| axes_of(self.graph, **b) == axes_of(self.graph, *a)) {
                let has_both =
                    |other: &&Id| **other != id && [a, b].iter().all(|f| factors(**other).contains(f));
                let count = self.order.iter().filter(has_both).count();
                found.push((count, [*a, *b]));
            }
        }
        found.retain(|(count, _)| *count > 0);
        found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let mut pairs: Vec<[Id; 2]> = Vec::new();
        for (_, pair) in found {
            if pairs.iter().flatten().all(|known| !pair.contains(known)) {
                pairs.push(pair);
            }
        }
        if own.len() > 2 { pairs } else { Vec::new() }
    }

    /// Different classes, by what they are.
    fn sorted(&self, mut ids: Vec<Id>) -> Vec<Id> {
        let mut seen = FxHashSet::default();
        ids.retain(|id| seen.insert(*id));
        ids.sort_by_key(|id| self.best.key(self.graph, *id));
        ids
    }
}
