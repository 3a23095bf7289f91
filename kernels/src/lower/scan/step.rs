//! One step of a scan: the groups of its body, then results and carries.

use super::carry::Carry;
use super::{PRELOADED, Step};
use crate::ir::{Elem, Expr, Index, Operand};
use crate::lower::element::Env;
use crate::lower::order::Unit;
use crate::lower::pull::{Place, Puller, row_major};
use crate::lower::rows::{Rows, Style};
use arch_compiler::graph::{AxisId, ValueId};
use std::collections::BTreeMap;

/// Where small constants already are, by their values around.
pub(super) type Constants<'n> = &'n dyn Fn(ValueId) -> Option<Place>;

/// Which step is taken.
pub(super) struct Now<'n> {
    /// The position along the axis of the scan.
    pub t: &'n Index,
    /// Where the yields and finals go.
    pub results: &'n [Place],
    /// Values of the body that are known, and where they are.
    pub known: &'n [(ValueId, Place)],
    /// Where the sums along the vectors are added up.
    pub sums: &'n [Place],
}

impl Step<'_> {
    /// Constants that are small beside the state: the input, the value around, and the local axes.
    pub(super) fn small_constants(&self, p: &Puller<'_, '_>) -> Vec<(ValueId, ValueId, Vec<AxisId>)> {
        let constants =
            self.body.inputs.iter().zip(self.inputs).skip(self.scan.carries + self.scan.sequences);
        let with_axes = constants.map(|(i, outer)| (i.value, *outer, self.local_axes(i.value)));
        let small = with_axes.filter(|(_, _, axes)| !axes.is_empty() && self.length(p, axes) <= PRELOADED);
        small.filter(|_| self.style == Style::InLanes).collect()
    }

    /// Small constants are loaded before the first step, unless `known` says where they are; the others are
    /// read where they are needed.
    pub(super) fn constants(&self, p: &mut Puller<'_, '_>, env: &Env, known: Constants<'_>) {
        let constants =
            self.body.inputs.iter().zip(self.inputs).skip(self.scan.carries + self.scan.sequences);
        for (input, outer) in constants {
            p.frames[self.frame].places.insert(input.value, Place::Outer(*outer, None));
        }
        for (input, outer, axes) in self.small_constants(p) {
            let place = known(outer).unwrap_or_else(|| {
                let length = self.length(p, &axes);
                let local = p.body.local(Elem::F32, length);
                let inner = Place::Local(local, row_major(p.module, &axes));
                self.each(p, &axes, env, |p, env| {
                    let operand = p.pull(0, outer, env);
                    p.store(&inner, env, operand);
                });
                inner
            });
            p.frames[self.frame].places.insert(input, place);
        }
    }

    pub(super) fn step(&self, p: &mut Puller<'_, '_>, env: &Env, now: &Now<'_>, carries: &mut [Carry]) {
        let mut env = env.clone();
        let t = now.t;
        env.push((self.scan.axis, t.clone()));
        for (i, (input, outer)) in self.body.inputs.iter().zip(self.inputs).enumerate() {
            if i < self.scan.carries {
                p.body.changes_here(carries[i].state);
                let place = Place::Local(carries[i].state, carries[i].strides.clone());
                p.frames[self.frame].places.insert(input.value, place);
            } else if i < self.scan.carries + self.scan.sequences {
                p.frames[self.frame]
                    .places
                    .insert(input.value, Place::Outer(*outer, Some((self.scan.axis, t.clone()))));
            }
        }
        p.frames[self.frame].places.extend(now.known.iter().cloned());
        let mut stored = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            if let Unit::Group(g) = unit {
                self.group(p, &env, (at, *g), (carries, now), &mut stored);
            }
        }
        self.lane_sums(p, &env, now.sums);
        self.rest(p, &env, (carries, now.results), &stored);
    }

    /// Results by value: yields and finals, except finals that are carries.
    fn result_places(&self, value: ValueId, results: &[Place]) -> Vec<Place> {
        let outputs = &self.body.outputs[self.scan.carries..];
        outputs
            .iter()
            .zip(results)
            .enumerate()
            .filter(|(i, (o, _))| o.1 == value && !(*i >= self.scan.yields && self.carry_of(value).is_some()))
            .map(|(_, (_, place))| place.clone())
            .collect()
    }

    fn group(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        (at, g): (usize, usize),
        (carries, now): (&mut [Carry], &Now<'_>),
        stored: &mut Vec<ValueId>,
    ) {
        let group = &self.groups.groups[g];
        let mut targets: BTreeMap<ValueId, Vec<Place>> = BTreeMap::new();
        let mut locals: BTreeMap<ValueId, Place> = BTreeMap::new();
        for n in &group.members {
            let value = self.body.nodes[*n].outputs[0];
            if !self.groups.leaves(self.body, &self.analysis, g, value) {
                continue;
            }
            let mut places = self.result_places(value, now.results);
            let axes = self.local_axes(value);
            let summed = self.summed_at_once(value);
            for (k, place) in now.sums.iter().enumerate().filter(|(k, _)| summed.contains(k)) {
                debug_assert!(k < self.sums.len());
                let Place::Step(local, strides, start) = place.clone() else { unreachable!("an array") };
                places.push(Place::Sum(local, strides, start));
            }
            if !axes.is_empty() && summed.is_empty() {
                let local = self.array(p, value, &axes, carries, (at, g));
                locals.insert(value, local.clone());
                places.push(local);
            }
            stored.push(value);
            targets.insert(value, places);
        }
        let inner: Vec<AxisId> = group.inner.iter().copied().filter(|a| !self.free.contains(a)).collect();
        let outer: Vec<AxisId> = group.outer.iter().copied().filter(|a| !self.free.contains(a)).collect();
        let local_group = group.over(outer.clone(), inner);
        let rows = Rows {
            sweeps: false,
            frame: self.frame,
            group: &local_group,
            analysis: &self.analysis,
            style: self.style,
            targets: &targets,
        };
        rows.emit(p, env);
        for n in &group.members {
            let value = self.body.nodes[*n].outputs[0];
            // What was known at one place of the loops is known there only.
            if !outer.is_empty() || !self.local_axes(value).is_empty() {
                p.frames[self.frame].places.remove(&value);
            }
        }
        p.frames[self.frame].places.extend(locals);
    }

    /// What no group has stored: results and carries that are other readings of known values. Then the new
    /// carries take the place of the old ones, all at once.
    fn rest(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        (carries, results): (&mut [Carry], &[Place]),
        stored: &[ValueId],
    ) {
        for (_, value) in &self.body.outputs[self.scan.carries..] {
            let summed = self.sums.iter().any(|s| self.body.nodes[s.0].outputs[0] == *value);
            if !stored.contains(value) && !summed {
                let axes = self.local_axes(*value);
                for place in self.result_places(*value, results) {
                    self.each(p, &axes, env, |p, env| {
                        let operand = p.pull(self.frame, *value, env);
                        p.store(&place, env, operand);
                    });
                }
            }
        }
        let mut scalars: Vec<(usize, Operand)> = Vec::new();
        for (i, carry) in carries.iter_mut().enumerate() {
            if carry.written || carry.new == self.body.inputs[i].value {
                continue;
            }
            if carry.axes.is_empty() {
                scalars.push((i, p.pull(self.frame, carry.new, env)));
            } else if carry.next.is_none() {
                let length = self.length(p, &carry.axes);
                let next = p.body.local(Elem::F32, length);
                let (new, place) = (carry.new, Place::Local(next, carry.strides.clone()));
                self.each(p, &carry.axes, env, |p, env| {
                    let operand = p.pull(self.frame, new, env);
                    p.store(&place, env, operand);
                });
                carry.next = Some(next);
            }
        }
        for (i, operand) in scalars {
            p.store(&Place::Local(carries[i].state, Vec::new()), env, operand);
        }
        for carry in carries.iter().filter(|c| !c.written) {
            let Some(next) = carry.next else { continue };
            self.each(p, &carry.axes, env, |p, env| {
                let at = Puller::address(env, &carry.strides);
                let value = p.body.bind_here(Expr::Local(next, at));
                p.store(&Place::Local(carry.state, carry.strides.clone()), env, value);
            });
        }
    }
}
