//! The state of a scan: local arrays that every step reads and renews.

use super::Step;
use crate::ir::{Elem, Expr, Local, Operand};
use crate::lower::analysis::Role;
use crate::lower::element::Env;
use crate::lower::order::Unit;
use crate::lower::pull::{Place, Puller, Strides, row_major};
use arch_compiler::graph::{AxisId, ValueId};
use arch_compiler::ops::Op;

/// The local arrays of a carry.
pub(super) struct Carry {
    pub state: Local,
    pub strides: Strides,
    pub axes: Vec<AxisId>,
    /// The new value, and its own array if the old one is read until the end of the step.
    pub new: ValueId,
    pub next: Option<Local>,
    /// Whether a group has written the new value.
    pub written: bool,
}

impl Step<'_> {
    /// The state, filled with the initial carries.
    pub(super) fn start(&self, p: &mut Puller<'_, '_>, env: &Env) -> Vec<Carry> {
        self.start_with(p, env, &mut |p, i, env| p.pull(0, self.inputs[i], env))
    }

    /// The state, filled with what `first` gives for a carry and a place.
    pub(super) fn start_with(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        first: &mut dyn FnMut(&mut Puller<'_, '_>, usize, &Env) -> Operand,
    ) -> Vec<Carry> {
        (0..self.scan.carries)
            .map(|i| {
                let axes = self.local_axes(self.body.inputs[i].value);
                let strides = row_major(p.module, &axes);
                let length = self.length(p, &axes);
                let state = p.body.local(Elem::F32, length);
                self.each(p, &axes, env, |p, env| {
                    let operand = first(p, i, env);
                    p.store(&Place::Local(state, strides.clone()), env, operand);
                });
                Carry { state, strides, axes, new: self.body.outputs[i].1, next: None, written: false }
            })
            .collect()
    }

    /// The array for a value that outlives its group: a carry's own where its old value is done with.
    pub(super) fn array(
        &self,
        p: &mut Puller<'_, '_>,
        value: ValueId,
        axes: &[AxisId],
        carries: &mut [Carry],
        (at, g): (usize, usize),
    ) -> Place {
        let carry = self.carry_of(value);
        if let Some(i) = carry
            && self.old_is_done(self.body.inputs[i].value, at, g)
            && axes == carries[i].axes
            && self.body.outputs[..self.scan.carries].iter().filter(|o| o.1 == value).count() == 1
        {
            carries[i].written = true;
            return Place::Local(carries[i].state, carries[i].strides.clone());
        }
        let length = self.length(p, axes);
        let local = p.body.local(Elem::F32, length);
        if let Some(i) = carry
            && axes == carries[i].axes
        {
            carries[i].next = Some(local);
        }
        Place::Local(local, row_major(p.module, axes))
    }

    /// Whether nothing reads the old value of a carry once this group has written the new one.
    fn old_is_done(&self, old: ValueId, at: usize, g: usize) -> bool {
        let passes = self.groups.groups[g].inner.is_empty() || self.one_pass(g);
        let position = |g: usize| self.units.iter().position(|u| *u == Unit::Group(g));
        let mut todo = vec![old];
        while let Some(value) = todo.pop() {
            if self.analysis.kept[value.0 as usize] {
                return false;
            }
            for r in &self.analysis.readers[value.0 as usize] {
                match (self.analysis.roles[*r], self.groups.of[*r]) {
                    (Role::Inline, _) => todo.extend(&self.body.nodes[*r].outputs),
                    (Role::Member, Some(reader)) if position(reader) < Some(at) => {}
                    (Role::Member, Some(reader)) if reader == g && passes => {
                        if matches!(self.body.nodes[*r].op, Op::View(_) | Op::Gather { .. }) {
                            return false;
                        }
                    }
                    (Role::Alone, Some(reader)) if position(reader) < Some(at) => {}
                    _ => return false,
                }
            }
        }
        true
    }

    /// Whether a group with reductions goes over its inner axes once.
    fn one_pass(&self, g: usize) -> bool {
        let group = &self.groups.groups[g];
        let reduced: Vec<ValueId> = group
            .members
            .iter()
            .filter(|n| matches!(self.body.nodes[**n].op, Op::Reduce(..) | Op::Contract(_)))
            .map(|n| self.body.nodes[*n].outputs[0])
            .collect();
        // No member with the inner axes may depend on a result of a reduction of the group.
        let mut after = reduced;
        let mut i = 0;
        while i < after.len() {
            for r in &self.analysis.readers[after[i].0 as usize] {
                let node = &self.body.nodes[*r];
                if self.groups.of[*r] != Some(g) && self.analysis.roles[*r] != Role::Inline {
                    continue;
                }
                let shape = &self.body.value(node.outputs[0]).shape;
                let row = group.inner.iter().any(|a| shape.contains(a));
                if row || matches!(node.op, Op::Reduce(..) | Op::Contract(_)) {
                    return false;
                }
                if !after.contains(&node.outputs[0]) {
                    after.push(node.outputs[0]);
                }
            }
            i += 1;
        }
        true
    }

    /// Finals that are carries, from the state after the last step.
    pub(super) fn finals(&self, p: &mut Puller<'_, '_>, env: &Env, carries: &[Carry], results: &[Place]) {
        let finals = self.body.outputs[self.scan.carries..].iter().zip(results).skip(self.scan.yields);
        for ((_, value), place) in finals {
            let Some(i) = self.carry_of(*value) else { continue };
            self.copy_state(p, env, &carries[i], place);
        }
    }

    /// Writes a carry, as it is, somewhere else.
    pub(super) fn copy_state(&self, p: &mut Puller<'_, '_>, env: &Env, carry: &Carry, place: &Place) {
        self.each(p, &carry.axes, env, |p, env| {
            let at = Puller::address(env, &carry.strides);
            let value = p.body.bind_here(Expr::Local(carry.state, at));
            p.store(place, env, value);
        });
    }

    pub(super) fn carry_of(&self, value: ValueId) -> Option<usize> {
        self.body.outputs[..self.scan.carries].iter().position(|o| o.1 == value)
    }
}
