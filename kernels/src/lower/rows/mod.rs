//! The kernels of groups: loops over the outer axes, and for each place as many passes over the inner ones
//! as its reductions need.

mod order;
mod schedule;

use super::analysis::{Analysis, Role};
use super::element::Env;
use super::group::{Group, storage_order};
use super::pull::{Place, Puller, Reduction, elem};
use crate::ir::{Elem, Expr, LoopKind, Operand};
use arch_compiler::graph::{AxisId, Function, ValueId};
use arch_compiler::ops::Op;
use schedule::Pass;
pub(super) use schedule::cost;
use std::collections::BTreeMap;

/// Rows longer than this are not kept in a local array.
const LONGEST_ROW: i64 = 8192;
/// Loops up to this long are written out where vectors run along another axis.
const UNROLLED: i64 = 32;
/// Loops inside each other are written out as long as their iterations are no more than this together: compilers take
/// gigabytes and minutes for tens of thousands.
const WRITTEN_OUT: i64 = 256;

/// How the loops of a group map to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A kernel of its own.
    Kernel,
    /// Inside a scan, with vectors along an axis around it.
    InLanes,
    /// Inside a scan, with no vectors around it.
    InStep,
}

/// A group that is to be emitted.
pub(super) struct Rows<'g> {
    pub frame: usize,
    pub group: &'g Group,
    pub analysis: &'g Analysis,
    pub style: Style,
    /// Whether a piece goes over all the places of a window, for weights to stay in registers.
    pub sweeps: bool,
    /// Where members go that leave the group; several places for one value are possible.
    pub targets: &'g BTreeMap<ValueId, Vec<Place>>,
}

impl Rows<'_> {
    /// Emits the loops of the group at `env` (the axes around it).
    pub(super) fn emit(&self, p: &mut Puller<'_, '_>, env: &Env) {
        let function = p.frames[self.frame].function;
        let order = self.order(p, function);
        let pick =
            |axes: &[AxisId]| -> Vec<AxisId> { order.iter().copied().filter(|a| axes.contains(a)).collect() };
        let (outer, inner) = (pick(&self.group.outer), pick(&self.group.inner));
        let mut env = env.clone();
        let swept = self.swept(p.module, function, &outer);
        let shared: Vec<AxisId> = outer.iter().copied().filter(|a| !swept.contains(a)).collect();
        let kinds = self.outer_kinds(p, function, &shared, &inner);
        let one_by_one = swept.iter().map(|axis| (axis, LoopKind::Sequential));
        for (axis, kind) in shared.iter().zip(kinds).chain(one_by_one) {
            let at = p.open(kind, *axis);
            env.push((*axis, at));
        }
        self.passes(p, function, &inner, &env);
        for _ in &outer {
            p.close();
        }
    }

    /// Emits the group at one place on its outer axes.
    pub(super) fn emit_at(&self, p: &mut Puller<'_, '_>, env: &Env) {
        let function = p.frames[self.frame].function;
        let order = storage_order(function, self.group);
        let inner: Vec<AxisId> = order.into_iter().filter(|a| self.group.inner.contains(a)).collect();
        self.passes(p, function, &inner, env);
    }

    fn outer_kinds(
        &self,
        p: &Puller<'_, '_>,
        function: &Function,
        outer: &[AxisId],
        inner: &[AxisId],
    ) -> Vec<LoopKind> {
        let last = outer.len().wrapping_sub(1);
        let lanes = inner.is_empty() && self.lone_row_reduction(function).is_none();
        let nested = written_out(p, &[outer, inner].concat());
        outer
            .iter()
            .enumerate()
            .map(|(i, _)| match self.style {
                Style::Kernel if i == last && lanes => LoopKind::ParallelLanes,
                Style::Kernel => LoopKind::Parallel,
                Style::InLanes => nested[i],
                Style::InStep if i == last && lanes => LoopKind::Vector,
                Style::InStep => LoopKind::Sequential,
            })
            .collect()
    }

    /// The only member, if it is a reduction along the stored rows that shares its kernel with nothing.
    fn lone_row_reduction(&self, function: &Function) -> Option<Reduction> {
        let [n] = self.group.members[..] else { return None };
        let node = &function.nodes[n];
        if self.analysis.roles[n] != Role::Alone || !matches!(node.op, Op::Reduce(..) | Op::Contract(_)) {
            return None;
        }
        let reduction = Reduction::of(function, node);
        let last = super::element::union(function, node).last().copied();
        (reduction.over.last().copied() == last && self.style != Style::InLanes).then_some(reduction)
    }

    fn passes(&self, p: &mut Puller<'_, '_>, function: &Function, inner: &[AxisId], env: &Env) {
        if let Some(reduction) = self.lone_row_reduction(function) {
            let value = function.nodes[self.group.members[0]].outputs[0];
            let mut kinds = vec![LoopKind::Sequential; reduction.over.len()];
            *kinds.last_mut().expect("an axis") = LoopKind::Vector;
            let operand = p.reduce(self.frame, &reduction, env, &kinds);
            self.store(p, value, env, operand);
            return;
        }
        let passes = self.schedule(function, inner);
        let last_use = self.last_use(function, &passes);
        for (at, pass) in passes.iter().enumerate() {
            self.pass(p, function, inner, env, (at, pass), &last_use);
        }
    }

    fn pass(
        &self,
        p: &mut Puller<'_, '_>,
        function: &Function,
        inner: &[AxisId],
        env: &Env,
        (at, pass): (usize, &Pass),
        last_use: &BTreeMap<usize, usize>,
    ) {
        let scalars: Vec<(ValueId, Operand)> = pass
            .scalars
            .iter()
            .map(|n| function.nodes[*n].outputs[0])
            .filter(|v| self.targets.contains_key(v))
            .map(|v| (v, p.pull(self.frame, v, env)))
            .collect();
        for (value, operand) in &scalars {
            self.store(p, *value, env, *operand);
            p.frames[self.frame].places.insert(*value, Place::Known(*operand));
        }
        let rows: Vec<(ValueId, Vec<Place>)> = pass
            .rows
            .iter()
            .filter_map(|n| self.row_places(p, function, inner, *n, last_use[n] > at))
            .collect();
        if rows.is_empty() && pass.reductions.is_empty() {
            return;
        }
        let reductions: Vec<_> = pass
            .reductions
            .iter()
            .map(|n| {
                let reduction = Reduction::of(function, &function.nodes[*n]);
                (*n, p.body.acc(reduction.join), reduction)
            })
            .collect();
        let mut here = env.clone();
        let nested = written_out(p, inner);
        for (i, axis) in inner.iter().enumerate() {
            let kind = match self.style {
                Style::InLanes => nested[i],
                _ if i + 1 == inner.len() => LoopKind::Vector,
                _ => LoopKind::Sequential,
            };
            let var = p.open(kind, *axis);
            here.push((*axis, var));
        }
        for (_, acc, reduction) in &reductions {
            let value = p.reduced(self.frame, reduction, &here);
            p.body.push(crate::ir::Stmt::Accumulate(*acc, value));
        }
        let values: Vec<Operand> = rows.iter().map(|(v, _)| p.pull(self.frame, *v, &here)).collect();
        for ((_, places), value) in rows.iter().zip(&values) {
            for place in places {
                p.store(place, &here, *value);
            }
        }
        for _ in inner {
            p.close();
        }
        for ((value, places), operand) in rows.into_iter().zip(values) {
            if self.is_costly(function, function.value(value).node as usize) {
                // A result of a scan's step lies at a position that the step does not name.
                let readable = |place: &&Place| match place {
                    Place::Local(..) | Place::Step(..) => true,
                    Place::Slot(..) => self.style == Style::Kernel,
                    _ => false,
                };
                let place = match places.iter().find(readable) {
                    Some(place) => place.clone(),
                    // A single number of a scan's step lies nowhere: it is known.
                    None if inner.is_empty() || places.is_empty() => Place::Known(operand),
                    None => continue,
                };
                p.frames[self.frame].places.insert(value, place);
            }
        }
        for (n, acc, _) in reductions {
            let value = function.nodes[n].outputs[0];
            let mut operand = p.body.bind_here(Expr::Acc(acc));
            if elem(function.value(value).storage) == Elem::I32 {
                operand = p.body.unary(crate::ir::Unary::ToInt, operand);
            }
            p.frames[self.frame].places.insert(value, Place::Known(operand));
            self.store(p, value, env, operand);
        }
    }

    /// Where a row goes in its pass: to memory if it leaves the group, to a local array if a later pass
    /// wants it and it costs too much to compute again.
    fn row_places(
        &self,
        p: &mut Puller<'_, '_>,
        function: &Function,
        inner: &[AxisId],
        n: usize,
        used_later: bool,
    ) -> Option<(ValueId, Vec<Place>)> {
        let value = function.nodes[n].outputs[0];
        if let Some(places) = self.targets.get(&value) {
            return Some((value, places.clone()));
        }
        let length: Option<i64> = inner.iter().map(|a| p.extent(*a).known()).product();
        let length = length.filter(|l| *l <= LONGEST_ROW && self.style == Style::Kernel)?;
        if !used_later || !self.is_costly(function, n) {
            return None;
        }
        let local = p.body.local(Elem::F32, length);
        let strides = super::pull::row_major(p.module, inner);
        Some((value, vec![Place::Local(local, strides)]))
    }

    fn store(&self, p: &mut Puller<'_, '_>, value: ValueId, env: &Env, operand: Operand) {
        for place in self.targets.get(&value).into_iter().flatten() {
            p.store(place, env, operand);
        }
    }
}

/// The loops over these axes, inside each other, where vectors run along another axis: short ones are written out, the
/// innermost first.
pub(super) fn written_out(p: &Puller<'_, '_>, axes: &[AxisId]) -> Vec<LoopKind> {
    let mut iterations = 1;
    let mut kinds: Vec<LoopKind> = axes
        .iter()
        .rev()
        .map(|axis| match p.extent(*axis).known() {
            Some(n) if n <= UNROLLED && iterations * n <= WRITTEN_OUT => {
                iterations *= n.max(1);
                LoopKind::Unrolled
            }
            _ => LoopKind::Sequential,
        })
        .collect();
    kinds.reverse();
    kinds
}
