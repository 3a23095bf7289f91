//! Chunks of a scan: the forward scan keeps its state at the start of each; the scan going back takes the steps
//! of a chunk again before it goes back through them.

use super::Step;
use super::arrange::Arrangement;
use super::carry::Carry;
use super::chunk::Again;
use super::step::Now;
use crate::ir::{Elem, Expr, Extent, Index, Local, LoopKind};
use crate::lower::element::{Env, with};
use crate::lower::lowering::Lowering;
use crate::lower::pull::{Frame, Place, Puller, Strides, row_major};
use crate::lower::rows::Style;
use arch_compiler::graph::{AxisId, Module, ValueId};
use std::collections::BTreeMap;

/// What a scan keeps for the scan that goes back.
#[derive(Default)]
pub(super) struct Kept {
    /// Carries, and where each lies: the axis of the scan counts chunks there.
    pub states: Vec<(usize, Place)>,
    /// Steps of a chunk.
    pub chunk: i64,
}

/// The steps that are taken again.
pub(super) struct AgainStep<'a> {
    step: Step<'a>,
    /// Where the carries at the start of each chunk lie.
    states: Vec<Place>,
    before: &'a [(usize, ValueId)],
    shared: &'a [(usize, ValueId)],
    chunk: i64,
}

/// A local array with a value of every step of a chunk.
struct Chunked {
    local: Local,
    strides: Strides,
    length: i64,
}

impl Chunked {
    fn new(p: &mut Puller<'_, '_>, axes: &[AxisId], chunk: i64) -> Self {
        let length = p.module.dims(axes, 1).iter().product::<usize>() as i64;
        Chunked { local: p.body.local(Elem::F32, length * chunk), strides: row_major(p.module, axes), length }
    }

    fn place(&self, step: &Index) -> Place {
        Place::Step(self.local, self.strides.clone(), step.times(self.length))
    }
}

impl<'a> Lowering<'a> {
    /// Buffers for the states at the start of each chunk: the vectors of the scan lie as they are.
    pub(super) fn keep(&mut self, n: usize, step: &Step<'_>) -> Kept {
        let Some((carries, chunk)) = self.chunks.kept.get(&n) else { return Kept::default() };
        let count = self.module.size(step.scan.axis, 1).div_ceil(*chunk);
        let lane = step.free.last().filter(|_| step.style == Style::InLanes);
        let mut kept = Kept { states: Vec::new(), chunk: *chunk as i64 };
        for carry in carries {
            let mut shape = step.body.value(step.body.inputs[*carry].value).shape.clone();
            shape.sort_by_key(|a| Some(a) == lane);
            let mut strides = row_major(self.module, &shape);
            let sample: usize =
                shape.iter().filter(|a| **a != AxisId::BATCH).map(|a| self.module.size(*a, 1)).product();
            strides.iter_mut().filter(|s| s.0 == AxisId::BATCH).for_each(|s| s.1 *= count as i64);
            strides.push((step.scan.axis, sample as i64));
            let len: usize = self.module.dims(&shape, self.options.batch).iter().product();
            let slot = self.scratch(Elem::F32, len * count);
            let place = Place::Slot(slot, Elem::F32, strides);
            self.states.insert((n, *carry), place.clone());
            kept.states.push((*carry, place));
        }
        kept
    }

    /// The steps to take again in a kernel that lies on the machine in a certain way.
    pub(super) fn again(&self, again: &'a Again, arrangement: &Arrangement) -> AgainStep<'a> {
        let lanes = self.options.target.lanes();
        let step = Step::new(self.module, (&again.scan, &again.inputs), arrangement, lanes, 2);
        let states = again.carries.iter().map(|c| self.states[&(again.of, *c)].clone()).collect();
        let chunk = self.chunks.kept[&again.of].1 as i64;
        AgainStep { step, states, before: &again.before, shared: &again.shared, chunk }
    }
}

impl AgainStep<'_> {
    /// The bytes of its local arrays.
    pub(super) fn bytes(&self, module: &Module) -> usize {
        let lanes = if self.step.style == Style::InLanes { self.step.lanes } else { 1 };
        let values = self.before.iter().map(|b| self.step.body.inputs[b.0].value);
        let values = values.chain(self.step.body.outputs[self.step.scan.carries..].iter().map(|o| o.1));
        let elements = |v| module.dims(&self.step.local_axes(v), 1).iter().product::<usize>();
        let chunk: usize = values.map(elements).sum();
        self.step.state_bytes(module) + chunk * self.chunk as usize * lanes * 4
    }
}

/// A loop over the steps of a chunk that begins with step `first` of `steps`, and how many it has.
fn open_chunk(p: &mut Puller<'_, '_>, first: &Index, chunk: i64, steps: i64) -> (Index, Index) {
    let left = first.times(-1).offset(steps);
    let stop = match steps % chunk {
        0 => Index::constant(chunk),
        _ => left.clamped(1, chunk, &|v| p.body.extent(v)),
    };
    let short = (!stop.terms.is_empty()).then(|| stop.clone());
    let at = p.body.open_until(LoopKind::Sequential, Extent::fixed(chunk), short);
    (Index::var(at), stop)
}

impl<'a> Step<'a> {
    /// All steps, with the states at the start of each chunk kept.
    pub(super) fn keeping(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        kept: &Kept,
        carries: &mut [Carry],
        results: &[Place],
    ) {
        let steps = p.module.size(self.scan.axis, 1) as i64;
        let chunks = Extent::fixed((steps + kept.chunk - 1) / kept.chunk);
        let c = Index::var(p.body.open(LoopKind::Sequential, chunks));
        for (carry, place) in &kept.states {
            let carry = &carries[*carry];
            p.body.changes_here(carry.state);
            let env = with(env, &[(self.scan.axis, c.clone())]);
            self.each(p, &carry.axes, &env, |p, env| {
                let at = Puller::address(env, &carry.strides);
                let value = p.body.bind_here(Expr::Local(carry.state, at));
                p.store(place, env, value);
            });
        }
        let first = c.times(kept.chunk);
        let (s, _) = open_chunk(p, &first, kept.chunk, steps);
        let t = self.position(p.module, &first.plus(&s, 1));
        self.step(p, env, &Now { t: &t, results, known: &[] }, carries);
        p.close();
        p.close();
    }

    /// Chunk by chunk from the last: the steps of the chunk again, then back through them.
    pub(super) fn back(
        &self,
        p: &mut Puller<'a, '_>,
        env: &Env,
        again: &AgainStep<'a>,
        carries: &mut [Carry],
        results: &[Place],
    ) {
        let forward = &again.step;
        p.frames.push(Frame { function: forward.body, places: BTreeMap::new() });
        forward.constants(p, env);
        let steps = p.module.size(self.scan.axis, 1) as i64;
        let count = (steps + again.chunk - 1) / again.chunk;
        let c = Index::var(p.body.open(LoopKind::Sequential, Extent::fixed(count)));
        let c = c.times(-1).offset(count - 1);
        let here = with(env, &[(self.scan.axis, c.clone())]);
        let mut states = forward.start_with(p, &here, &mut |p, i, env| {
            let Place::Slot(slot, elem, strides) = &again.states[i] else { unreachable!("states have buffers") };
            let arg = p.arg(*slot, *elem);
            p.body.bind_here(Expr::Load(arg, Puller::address(env, strides)))
        });
        let before: Vec<Chunked> = (again.before.iter())
            .map(|(carry, _)| Chunked::new(p, &states[*carry].axes.clone(), again.chunk))
            .collect();
        let yields = &forward.body.outputs[forward.scan.carries..];
        let shared: Vec<Chunked> =
            yields.iter().map(|o| Chunked::new(p, &forward.local_axes(o.1), again.chunk)).collect();
        let first = c.times(again.chunk);

        let (s, _) = open_chunk(p, &first, again.chunk, steps);
        for ((carry, _), array) in again.before.iter().zip(&before) {
            let carry = &states[*carry];
            p.body.changes_here(carry.state);
            let place = array.place(&s);
            forward.each(p, &carry.axes, env, |p, env| {
                let at = Puller::address(env, &carry.strides);
                let value = p.body.bind_here(Expr::Local(carry.state, at));
                p.store(&place, env, value);
            });
        }
        let t = forward.position(p.module, &first.plus(&s, 1));
        let places: Vec<Place> = shared.iter().map(|array| array.place(&s)).collect();
        forward.step(p, env, &Now { t: &t, results: &places, known: &[] }, &mut states);
        p.close();

        let (back, count) = open_chunk(p, &first, again.chunk, steps);
        let s = count.offset(-1).plus(&back, -1);
        let mut known: Vec<(ValueId, Place)> = Vec::new();
        for ((_, value), array) in again.before.iter().zip(&before) {
            known.push((*value, array.place(&s)));
        }
        for (at, value) in again.shared {
            known.push((*value, shared[*at].place(&s)));
        }
        before.iter().chain(&shared).for_each(|array| p.body.changes_here(array.local));
        let t = forward.position(p.module, &first.plus(&s, 1));
        self.step(p, env, &Now { t: &t, results, known: &known }, carries);
        p.close();
        p.close();
    }
}
