//! Chunks of a scan: the forward scan keeps its state at the start of each; the scan going back takes the steps
//! of a chunk again before it goes back through them.

use super::Step;
use super::arrange::Arrangement;
use super::carry::Carry;
use super::chunk::Again;
use super::step::{Constants, Now};
use crate::ir::{Atom, Elem, Expr, Extent, Index, Local, LoopKind, Over};
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
    after: &'a [(usize, ValueId)],
    shared: &'a [(usize, ValueId)],
    pub chunk: i64,
}

/// A local array with a value of every step of a chunk.
#[derive(Clone)]
pub(super) struct Chunked {
    pub local: Local,
    strides: Strides,
    /// Elements of a step.
    pub length: i64,
}

impl Chunked {
    /// Each element of the array is `width` numbers.
    pub(super) fn new(p: &mut Puller<'_, '_>, axes: &[AxisId], chunk: i64, width: i64) -> Self {
        let length = p.module.dims(axes, 1).iter().product::<usize>() as i64 * width;
        let mut strides = row_major(p.module, axes);
        strides.iter_mut().for_each(|s| s.1 *= width);
        Chunked { local: p.body.local(Elem::F32, length * chunk), strides, length }
    }

    pub(super) fn place(&self, step: &Index) -> Place {
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
        let step =
            Step::new(self.module, (&again.scan, &again.inputs), arrangement, lanes, (2, self.choices));
        let states = again.carries.iter().map(|c| self.states[&(again.of, *c)].clone()).collect();
        let chunk = self.chunks.kept[&again.of].1 as i64;
        AgainStep { step, states, before: &again.before, after: &again.after, shared: &again.shared, chunk }
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

/// The same place, some numbers further on.
pub(super) fn moved(place: Place, by: &Index) -> Place {
    match place {
        Place::Step(local, strides, start) => Place::Step(local, strides, start.plus(by, 1)),
        other => other,
    }
}

/// A loop over the steps of a chunk that begins with step `first` of `steps`, and how many it has.
pub(super) fn open_chunk(p: &mut Puller<'_, '_>, first: &Index, chunk: i64, steps: i64) -> (Index, Index) {
    let left = first.times(-1).offset(steps);
    let stop = match steps % chunk {
        0 => Index::constant(chunk),
        _ => left.clamped(1, chunk, &|v| p.body.extent(v)),
    };
    let short = (!stop.terms.is_empty()).then(|| stop.clone());
    let at = p.body.open_until(LoopKind::Sequential, Extent::fixed(chunk), short);
    p.body.name(at, Over::Part("step"));
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
        let c = Index::var(p.body.open_over(LoopKind::Sequential, chunks, Over::Part("chunk")));
        for (carry, place) in &kept.states {
            p.body.changes_here(carries[*carry].state);
            self.copy_state(p, &with(env, &[(self.scan.axis, c.clone())]), &carries[*carry], place);
        }
        let first = c.times(kept.chunk);
        let (s, _) = open_chunk(p, &first, kept.chunk, steps);
        let t = self.position(p.module, &first.plus(&s, 1));
        self.step(p, env, &Now { t: &t, results, known: &[], sums: &[] }, carries);
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
        again.begin(p, env, &|_| None);
        let c = self.open_chunks(p, again.chunk);
        self.chunk(
            p,
            env,
            (&c, again.chunk),
            Some(again),
            carries,
            Results { places: results, sums: &[], lane: Index::default() },
        );
        p.close();
    }

    /// Opens the loop over chunks, from the last one of the forward scan to the first.
    pub(super) fn open_chunks(&self, p: &mut Puller<'_, '_>, chunk: i64) -> Index {
        let steps = p.module.size(self.scan.axis, 1) as i64;
        let count = (steps + chunk - 1) / chunk;
        let c = Index::var(p.body.open_over(LoopKind::Sequential, Extent::fixed(count), Over::Part("chunk")));
        c.times(-1).offset(count - 1)
    }

    /// Where along the axis the step of the forward scan is that this scan goes back through.
    pub(super) fn position_back(&self, module: &Module, step: &Index) -> Index {
        self.position(module, &step.times(-1).offset(module.size(self.scan.axis, 1) as i64 - 1))
    }

    /// One chunk: the forward scan's steps again if this scan reads its states, then back through them.
    pub(super) fn chunk(
        &self,
        p: &mut Puller<'a, '_>,
        env: &Env,
        (c, chunk): (&Index, i64),
        again: Option<&AgainStep<'a>>,
        carries: &mut [Carry],
        results: Results<'_>,
    ) {
        let steps = p.module.size(self.scan.axis, 1) as i64;
        let first = c.times(chunk);
        let arrays = again.map(|again| again.forward(p, env, c)).unwrap_or_default();
        let (back, count) = open_chunk(p, &first, chunk, steps);
        let s = count.offset(-1).plus(&back, -1);
        let known: Vec<(ValueId, Place)> = arrays
            .iter()
            .map(|(value, array, later)| {
                p.body.changes_here(array.local);
                (*value, array.place(&s.offset(*later)))
            })
            .collect();
        let t = self.position_back(p.module, &first.plus(&s, 1));
        let sums: Vec<Place> = results.sums.iter().map(|sum| moved(sum.place(&s), &results.lane)).collect();
        let now = Now { t: &t, results: results.places, known: &known, sums: &sums };
        self.step(p, env, &now, carries);
        fetch_next(p, c);
        p.close();
    }
}

/// What the innermost loop touches, for the chunk after `c`.
fn fetch_next(p: &mut Puller<'_, '_>, c: &Index) {
    if let [(Atom::Var(var), _)] = c.terms.as_slice() {
        p.body.fetch_next(*var);
    }
}

/// Where the results of a chunk go.
pub(super) struct Results<'r> {
    pub places: &'r [Place],
    /// Arrays for the sums along the vectors.
    pub sums: &'r [Chunked],
    /// The lane of the vector.
    pub lane: Index,
}

impl<'a> AgainStep<'a> {
    /// The step of the forward scan.
    pub(super) fn step(&self) -> &Step<'a> {
        &self.step
    }

    /// What does not depend on the chunk.
    pub(super) fn begin(&self, p: &mut Puller<'a, '_>, env: &Env, known: Constants<'_>) {
        if p.frames.len() == self.step.frame {
            p.frames.push(Frame { function: self.step.body, places: BTreeMap::new() });
        }
        self.step.constants(p, env, known);
    }

    /// The steps of chunk `c`. Gives the arrays of what the scan going back reads, and at which step after its own.
    fn forward(&self, p: &mut Puller<'a, '_>, env: &Env, c: &Index) -> Vec<(ValueId, Chunked, i64)> {
        let step = &self.step;
        let steps = p.module.size(step.scan.axis, 1) as i64;
        let here = with(env, &[(step.scan.axis, c.clone())]);
        let mut states = step.start_with(p, &here, &mut |p, i, env| {
            let Place::Slot(slot, elem, strides) = &self.states[i] else {
                unreachable!("states have buffers")
            };
            let arg = p.arg(*slot, *elem);
            let state = p.body.bind_here(Expr::Load(arg, Puller::address(env, strides)));
            fetch_next(p, c);
            state
        });
        // State `s` is that before step `s`, and that after the step before it.
        let mut arrays: BTreeMap<usize, Chunked> = BTreeMap::new();
        for (carry, _) in self.before {
            let axes = states[*carry].axes.clone();
            arrays.entry(*carry).or_insert_with(|| Chunked::new(p, &axes, self.chunk + 1, 1));
        }
        for (carry, array) in &arrays {
            step.copy_state(p, env, &states[*carry], &array.place(&Index::default()));
        }
        let yields = &step.body.outputs[step.scan.carries..];
        let shared: Vec<Chunked> =
            yields.iter().map(|o| Chunked::new(p, &step.local_axes(o.1), self.chunk, 1)).collect();
        let first = c.times(self.chunk);
        let (s, _) = open_chunk(p, &first, self.chunk, steps);
        let t = step.position(p.module, &first.plus(&s, 1));
        let places: Vec<Place> = shared.iter().map(|array| array.place(&s)).collect();
        step.step(p, env, &Now { t: &t, results: &places, known: &[], sums: &[] }, &mut states);
        for (carry, array) in &arrays {
            step.copy_state(p, env, &states[*carry], &array.place(&s.offset(1)));
        }
        p.close();
        let before = self.before.iter().map(|(carry, value)| (*value, arrays[carry].clone(), 0));
        let after = self.after.iter().map(|(carry, value)| (*value, arrays[carry].clone(), 1));
        let shared = self.shared.iter().map(|(at, value)| (*value, shared[*at].clone(), 0));
        before.chain(after).chain(shared).collect()
    }
}
