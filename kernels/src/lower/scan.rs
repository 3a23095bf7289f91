//! A recurrence as one kernel: parallel over the batch and over every axis along which the steps share no
//! data, vectors along one of these, the state in local arrays (registers, where loops are written out).

use super::LowerError;
use super::analysis::{self, Analysis, Role};
use super::element::{Env, position};
use super::group::{self, Groups};
use super::order::{self, Unit};
use super::pull::{Frame, Place, Puller, Reduction, Strides, row_major};
use super::rows::{Rows, Style};
use super::session::Lowering;
use crate::ir::{Atom, Elem, Expr, Extent, Index, Join, Local, LoopKind, Operand, Stmt};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Op, Scan};
use std::collections::BTreeMap;

/// Local arrays of one scan may not be larger than this: they lie on the stack, also on that of the caller.
const LARGEST_STATE: usize = 1 << 20;
/// Constants of a scan up to this many elements are loaded before the first step.
const PRELOADED: i64 = 64;
/// Loops up to this long are written out.
const UNROLLED: i64 = 32;

/// What is known of a scan before its kernel is built.
struct Step<'a> {
    scan: &'a Scan,
    body: &'a Function,
    inputs: &'a [ValueId],
    /// Axes around the recurrence, the axis of vectors last if there is one.
    free: Vec<AxisId>,
    style: Style,
    /// Results that are sums along the vectors: node, and where the sum of each vector goes.
    sums: Vec<(usize, SlotId, Strides)>,
    lanes: usize,
    analysis: Analysis,
    groups: Groups,
    units: Vec<Unit>,
    /// Where the yields and finals go.
    results: Vec<Place>,
}

/// The local arrays of a carry.
struct Carry {
    state: Local,
    strides: Strides,
    axes: Vec<AxisId>,
    /// The new value, and its own array if the old one is read until the end of the step.
    new: ValueId,
    next: Option<Local>,
    /// Whether a group has written the new value.
    written: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn scan(&mut self, n: usize) -> Result<(), LowerError> {
        let function: &'a Function = self.function;
        let node = &function.nodes[n];
        let Op::Scan(scan) = &node.op else { return Ok(()) };
        let lanes = self.options.target.lanes();
        let Arrangement { free, style, sums } = arrange(self.module, function, scan, &node.inputs, lanes);
        let mut analysis = Analysis::new(self.module, &scan.body, analysis::Place::Body);
        for n in &sums {
            analysis.roles[*n] = Role::LaneSum;
        }
        let groups = group::group(self.module, &scan.body, &analysis, &free);
        let units = order::order(&scan.body, &analysis, &groups).units;
        let results: Vec<Place> = node.outputs.iter().filter_map(|v| self.places.get(v).cloned()).collect();
        let vectors = free.last().map_or(1, |a| self.module.size(*a, 1) / lanes).max(1);
        let mut partial = Vec::new();
        for n in &sums {
            let value = scan.body.nodes[*n].outputs[0];
            let at = scan.body.outputs[scan.carries..].iter().position(|o| o.1 == value);
            let Some(out) = at.map(|i| node.outputs[i]) else { continue };
            let (slot, strides) = self.partial_sums(out, vectors);
            partial.push((*n, slot, strides, out));
        }
        let sums = partial.iter().map(|(n, slot, strides, _)| (*n, *slot, strides.clone())).collect();
        let (body, inputs) = (&*scan.body, &node.inputs[..]);
        let step = Step { scan, body, inputs, free, style, sums, lanes, analysis, groups, units, results };
        let bytes = step.state_bytes(self.module, lanes);
        if bytes > LARGEST_STATE {
            return Err(LowerError::ScanState { bytes });
        }
        self.kernel("scan", &[n], &node.outputs, |p| step.emit(p));
        for (_, slot, strides, out) in partial {
            self.finish_sums(n, out, slot, &strides, vectors);
        }
        Ok(())
    }

    /// A buffer for a result's sums over each vector: after the batch comes the number of the vector.
    fn partial_sums(&mut self, out: ValueId, vectors: usize) -> (SlotId, Strides) {
        let shape = &self.function.value(out).shape;
        let len: usize = self.module.dims(shape, self.options.batch).iter().product();
        let mut strides = row_major(self.module, shape);
        if let Some(first) = strides.first_mut().filter(|s| s.0 == AxisId::BATCH) {
            first.1 *= vectors as i64;
        }
        (self.scratch(Elem::F32, len * vectors), strides)
    }

    /// Adds up the sums of the vectors, in order.
    fn finish_sums(&mut self, n: usize, out: ValueId, slot: SlotId, strides: &Strides, vectors: usize) {
        let Some(place) = self.places.get(&out).cloned() else { return };
        let shape = self.function.value(out).shape.clone();
        let inner: usize =
            shape.iter().filter(|a| **a != AxisId::BATCH).map(|a| self.module.size(*a, 1)).product();
        self.pointwise("map", &[n], &[out], &shape, |p, env| {
            let arg = p.arg(slot, Elem::F32);
            let acc = p.body.acc(Join::Sum);
            let at = Index::var(p.body.open(LoopKind::Sequential, Extent::fixed(vectors as i64)));
            let address = Puller::address(env, strides).plus(&at, inner as i64);
            let value = p.body.bind_here(Expr::Load(arg, address));
            p.body.push(Stmt::Accumulate(acc, value));
            p.close();
            let sum = p.body.bind_here(Expr::Acc(acc));
            p.store(&place, env, sum);
        });
    }
}

/// How a scan lies on the machine.
pub(super) struct Arrangement {
    /// Axes around the recurrence, the axis of vectors last if there is one.
    free: Vec<AxisId>,
    style: Style,
    /// Nodes of the body that sum along the vectors.
    sums: Vec<usize>,
}

impl Arrangement {
    /// The axis of vectors.
    pub(super) fn lane(&self) -> Option<AxisId> {
        self.free.last().copied().filter(|_| self.style == Style::InLanes)
    }
}

/// The axes around the recurrence, and how the kernel uses vectors: along the free axis that sequences
/// store last, or else along one that results are summed over.
pub(super) fn arrange(
    module: &Module,
    function: &Function,
    scan: &Scan,
    inputs: &[ValueId],
    lanes: usize,
) -> Arrangement {
    let mut free = analysis::free_axes(module, scan);
    let sequences = &inputs[scan.carries..scan.carries + scan.sequences];
    let last = sequences.iter().filter_map(|v| function.value(*v).shape.last());
    let lane = last.copied().find(|a| free.contains(a)).or_else(|| free.last().copied());
    let lane = lane.filter(|a| *a != AxisId::BATCH && module.size(*a, 1) > 1);
    if let Some(lane) = lane {
        free.retain(|a| *a != lane);
        free.push(lane);
        return Arrangement { free, style: Style::InLanes, sums: Vec::new() };
    }
    if let Some((lane, sums)) = analysis::summed_lane(module, scan, lanes) {
        free.push(lane);
        return Arrangement { free, style: Style::InLanes, sums };
    }
    Arrangement { free, style: Style::InStep, sums: Vec::new() }
}

impl<'a> Step<'a> {
    fn local_axes(&self, value: ValueId) -> Vec<AxisId> {
        self.body.value(value).shape.iter().copied().filter(|a| !self.free.contains(a)).collect()
    }

    fn state_bytes(&self, module: &Module, lanes: usize) -> usize {
        let lanes = if self.style == Style::InLanes { lanes } else { 1 };
        let elements: usize = (0..self.body.values.len())
            .filter(|v| {
                let node = self.body.values[*v].node as usize;
                let carry = self.body.inputs.iter().take(self.scan.carries).any(|i| i.value.0 as usize == *v);
                carry || matches!(self.analysis.roles[node], Role::Member | Role::Alone)
            })
            .map(|v| module.dims(&self.local_axes(ValueId(v as u32)), 1).iter().product::<usize>())
            .filter(|n| *n > 1)
            .sum();
        elements * 4 * lanes
    }

    fn emit<'c>(&self, p: &mut Puller<'a, 'c>) {
        p.frames.push(Frame { function: self.body, places: BTreeMap::new() });
        let mut env: Env = Vec::new();
        for (i, axis) in self.free.iter().enumerate() {
            let lanes = self.style == Style::InLanes && i + 1 == self.free.len();
            let at = p.open(if lanes { LoopKind::ParallelLanes } else { LoopKind::Parallel }, *axis);
            env.push((*axis, at));
        }
        let mut carries = self.start(p, &env);
        self.constants(p, &env);
        let steps = p.module.size(self.scan.axis, 1) as i64;
        let t = p.open(LoopKind::Sequential, self.scan.axis);
        let t = if self.scan.reverse { t.times(-1).offset(steps - 1) } else { t };
        self.step(p, &env, &t, &mut carries);
        p.close();
        self.finals(p, &env, &carries);
        for _ in &self.free {
            p.close();
        }
    }

    /// Runs `at` for every place on local axes.
    fn each(
        &self,
        p: &mut Puller<'_, '_>,
        axes: &[AxisId],
        env: &Env,
        at: impl FnOnce(&mut Puller<'_, '_>, &Env),
    ) {
        let mut env = env.clone();
        for (i, axis) in axes.iter().enumerate() {
            let short = p.extent(*axis).known().is_some_and(|n| n <= UNROLLED);
            let kind = match self.style {
                Style::InStep if i + 1 == axes.len() => LoopKind::Vector,
                Style::InLanes if short => LoopKind::Unrolled,
                _ => LoopKind::Sequential,
            };
            let var = p.open(kind, *axis);
            env.push((*axis, var));
        }
        at(p, &env);
        for _ in axes {
            p.close();
        }
    }

    fn length(&self, p: &Puller<'_, '_>, axes: &[AxisId]) -> i64 {
        p.module.dims(axes, 1).iter().product::<usize>() as i64
    }

    /// The state, filled with the initial carries.
    fn start(&self, p: &mut Puller<'_, '_>, env: &Env) -> Vec<Carry> {
        (0..self.scan.carries)
            .map(|i| {
                let axes = self.local_axes(self.body.inputs[i].value);
                let strides = row_major(p.module, &axes);
                let length = self.length(p, &axes);
                let state = p.body.local(Elem::F32, length);
                self.each(p, &axes, env, |p, env| {
                    let operand = p.pull(0, self.inputs[i], env);
                    p.store(&Place::Local(state, strides.clone()), env, operand);
                });
                Carry { state, strides, axes, new: self.body.outputs[i].1, next: None, written: false }
            })
            .collect()
    }

    /// Small constants are loaded before the first step; the others are read where they are needed.
    fn constants(&self, p: &mut Puller<'_, '_>, env: &Env) {
        for (input, outer) in
            self.body.inputs.iter().zip(self.inputs).skip(self.scan.carries + self.scan.sequences)
        {
            let axes = self.local_axes(input.value);
            let length = self.length(p, &axes);
            let mut place = Place::Outer(*outer, None);
            if self.style == Style::InLanes && !axes.is_empty() && length <= PRELOADED {
                let local = p.body.local(Elem::F32, length);
                let inner = Place::Local(local, row_major(p.module, &axes));
                self.each(p, &axes, env, |p, env| {
                    let operand = p.pull(0, *outer, env);
                    p.store(&inner, env, operand);
                });
                place = inner;
            }
            p.frames[1].places.insert(input.value, place);
        }
    }

    fn step(&self, p: &mut Puller<'_, '_>, env: &Env, t: &Index, carries: &mut [Carry]) {
        let mut env = env.clone();
        env.push((self.scan.axis, t.clone()));
        for (i, (input, outer)) in self.body.inputs.iter().zip(self.inputs).enumerate() {
            if i < self.scan.carries {
                p.body.changes_here(carries[i].state);
                let place = Place::Local(carries[i].state, carries[i].strides.clone());
                p.frames[1].places.insert(input.value, place);
            } else if i < self.scan.carries + self.scan.sequences {
                p.frames[1]
                    .places
                    .insert(input.value, Place::Outer(*outer, Some((self.scan.axis, t.clone()))));
            }
        }
        let mut stored = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            if let Unit::Group(g) = unit {
                self.group(p, &env, (at, *g), carries, &mut stored);
            }
        }
        self.rest(p, &env, carries, &stored);
    }

    /// Results by value: yields and finals, except finals that are carries.
    fn result_places(&self, value: ValueId) -> Vec<Place> {
        let outputs = &self.body.outputs[self.scan.carries..];
        outputs
            .iter()
            .zip(&self.results)
            .enumerate()
            .filter(|(i, (o, _))| o.1 == value && !(*i >= self.scan.yields && self.carry_of(value).is_some()))
            .map(|(_, (_, place))| place.clone())
            .collect()
    }

    fn carry_of(&self, value: ValueId) -> Option<usize> {
        self.body.outputs[..self.scan.carries].iter().position(|o| o.1 == value)
    }

    fn group(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        (at, g): (usize, usize),
        carries: &mut [Carry],
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
            let mut places = self.result_places(value);
            let axes = self.local_axes(value);
            if !axes.is_empty() {
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
            frame: 1,
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
                p.frames[1].places.remove(&value);
            }
        }
        p.frames[1].places.extend(locals);
    }

    /// The array for a value that outlives its group: a carry's own where its old value is done with.
    fn array(
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

    /// The sum of each vector of every result that is summed along them.
    fn lane_sums(&self, p: &mut Puller<'_, '_>, env: &Env) {
        let Some(lane) = self.free.last() else { return };
        for (n, slot, strides) in &self.sums {
            let node = &self.body.nodes[*n];
            let mut reduction = Reduction::of(self.body, node);
            reduction.over.retain(|a| a != lane);
            let axes = self.local_axes(node.outputs[0]);
            let out = self.body.value(node.outputs[0]);
            let inner: i64 = strides
                .iter()
                .filter(|s| s.0 != AxisId::BATCH)
                .map(|s| p.module.size(s.0, 1) as i64)
                .product();
            debug_assert!(!out.shape.contains(lane));
            self.each(p, &axes, env, |p, env| {
                let value = if reduction.over.is_empty() {
                    p.reduced(1, &reduction, env)
                } else {
                    p.reduce(1, &reduction, env, &[])
                };
                let vector = Index::atom(Atom::Div(Box::new(position(env, *lane)), self.lanes as i64));
                let at = Puller::address(env, strides).plus(&vector, inner);
                let arg = p.arg(*slot, Elem::F32);
                p.body.push(Stmt::StoreSum(arg, at, value));
            });
        }
    }

    /// What no group has stored: results and carries that are other readings of known values. Then the new
    /// carries take the place of the old ones, all at once.
    fn rest(&self, p: &mut Puller<'_, '_>, env: &Env, carries: &mut [Carry], stored: &[ValueId]) {
        self.lane_sums(p, env);
        for (_, value) in &self.body.outputs[self.scan.carries..] {
            let summed = self.sums.iter().any(|s| self.body.nodes[s.0].outputs[0] == *value);
            if !stored.contains(value) && !summed {
                let axes = self.local_axes(*value);
                for place in self.result_places(*value) {
                    self.each(p, &axes, env, |p, env| {
                        let operand = p.pull(1, *value, env);
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
                scalars.push((i, p.pull(1, carry.new, env)));
            } else if carry.next.is_none() {
                let length = self.length(p, &carry.axes);
                let next = p.body.local(Elem::F32, length);
                let (new, place) = (carry.new, Place::Local(next, carry.strides.clone()));
                self.each(p, &carry.axes, env, |p, env| {
                    let operand = p.pull(1, new, env);
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

    /// Finals that are carries, from the state after the last step.
    fn finals(&self, p: &mut Puller<'_, '_>, env: &Env, carries: &[Carry]) {
        let finals = self.body.outputs[self.scan.carries..].iter().zip(&self.results).skip(self.scan.yields);
        for ((_, value), place) in finals {
            let Some(i) = self.carry_of(*value) else { continue };
            let carry = &carries[i];
            self.each(p, &carry.axes, env, |p, env| {
                let at = Puller::address(env, &carry.strides);
                let value = p.body.bind_here(Expr::Local(carry.state, at));
                p.store(place, env, value);
            });
        }
    }
}
