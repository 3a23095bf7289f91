//! The matrix form of a recurrence with one decay a head: products inside of chunks of positions, and a scan over
//! the states at their ends (Dao and Gu 2024, section 6: the blocks of a semiseparable matrix).
//!
//! What reaches position q of what came in at position s of its chunk is the product of the decays from s + 1 to q.
//! These products are multiplied up step by step, from one on the diagonal: no logarithm is taken and nothing is
//! divided, so that decays may be zero or negative, and what lies above the diagonal is zero from the start.

use super::recurrence::{Product, Recurrence};
use crate::canon::elements;
use crate::graph::{AxisId, Builder, DType, Function, InputKind, Size, ValueId};
use crate::ops::{Map, Op, Scan, ShapeError, View};
use std::collections::BTreeMap;
use std::sync::Arc;

type Made<T> = Result<T, ShapeError>;

/// Writes the results of a scan over values of the function around it, in chunks of so many positions.
pub(super) fn write(
    b: &mut Builder,
    scan: &Scan,
    inputs: &[ValueId],
    recurrence: &Recurrence,
    chunk: usize,
) -> Made<Vec<ValueId>> {
    Matrix::new(b, scan, inputs, chunk).write(recurrence)
}

struct Matrix<'a, 'b, 'm> {
    b: &'a mut Builder<'m>,
    scan: &'b Scan,
    inputs: &'b [ValueId],
    /// Values of the step, at all positions.
    lifted: BTreeMap<ValueId, ValueId>,
    /// The axis of the scan with whole chunks: longer where the last one is not full.
    full: AxisId,
    /// The axis of chunks, if there are several.
    chunks: Option<AxisId>,
    /// Positions of a chunk: of what comes out, and of what comes in.
    to: AxisId,
    from: AxisId,
}

/// What the decays of a chunk are multiplied up to.
struct Decays {
    /// By yield: the scores, each times the decays from one position to the other.
    scores: Vec<ValueId>,
    /// From each position to the end of the chunk.
    to_end: ValueId,
    /// From the beginning of the chunk through each position.
    from_start: ValueId,
    /// Of the whole chunk.
    whole: ValueId,
}

impl<'a, 'b, 'm> Matrix<'a, 'b, 'm> {
    fn new(b: &'a mut Builder<'m>, scan: &'b Scan, inputs: &'b [ValueId], chunk: usize) -> Self {
        let steps = size(b, scan.axis);
        let name = b.module.axis(scan.axis).name.clone();
        let length = chunk.clamp(1, steps);
        let count = steps.div_ceil(length);
        let named = |mark: &str| format!("{name}.{mark}");
        let from = b.module.add_axis(named("from"), length);
        let (full, chunks, to) = match count {
            1 => (scan.axis, None, scan.axis),
            _ => {
                let to = b.module.add_axis(named("to"), length);
                let chunks = b.module.add_axis(named("chunk"), count);
                let all = count * length;
                let full = if all == steps { scan.axis } else { b.module.add_axis(named("filled"), all) };
                (full, Some(chunks), to)
            }
        };
        Matrix { b, scan, inputs, lifted: BTreeMap::new(), full, chunks, to, from }
    }

    fn write(mut self, r: &Recurrence) -> Made<Vec<ValueId>> {
        let decay = self.sequence(&r.decay, 1.0)?;
        let into = self.sequence(&r.into, 0.0)?;
        let into = self.coming_in(into)?;
        let wide = self.sequence(&r.wide, 0.0)?;
        let wide = self.coming_in(wide)?;
        let mut weights = Vec::new();
        for read in &r.reads {
            weights.push(self.sequence(&read.weight, 0.0)?);
        }
        let decays = self.decays(decay, into, &weights, &r.contracted)?;
        let (before, last) = self.states(&decays, into, wide)?;
        let mut results = Vec::new();
        for ((read, weight), scores) in r.reads.iter().zip(weights).zip(&decays.scores) {
            let mut y = self.b.add1(Op::Contract(vec![self.from]), &[*scores, wide])?;
            if let Some(before) = before {
                let seen = self.b.add1(Op::Contract(r.contracted.clone()), &[weight, before])?;
                let seen = self.map(Map::Mul, &[decays.from_start, seen])?;
                y = self.map(Map::Add, &[y, seen])?;
            }
            y = self.whole(y)?;
            for factor in &read.scale.factors {
                let factor = self.lift(*factor)?;
                y = self.map(Map::Mul, &[y, factor])?;
            }
            results.push(if read.scale.negative { self.map(Map::Neg, &[y])? } else { y });
        }
        results.extend(std::iter::repeat_n(last, self.scan.finals));
        Ok(results)
    }

    fn map(&mut self, map: Map, inputs: &[ValueId]) -> Made<ValueId> {
        self.b.add1(Op::Map(map), inputs)
    }

    /// A value of the step, at all positions.
    fn lift(&mut self, value: ValueId) -> Made<ValueId> {
        if let Some(known) = self.lifted.get(&value) {
            return Ok(*known);
        }
        let body = &*self.scan.body;
        let node = body.producer(value);
        let made = match &node.op {
            Op::Input => {
                let at = body.inputs.iter().position(|i| i.value == value);
                at.map(|at| self.inputs[at]).ok_or_else(|| ShapeError("an input is not declared".into()))?
            }
            Op::View(View::Transpose(_)) => self.lift(node.inputs[0])?,
            op => {
                let inputs: Vec<ValueId> = node.inputs.iter().map(|v| self.lift(*v)).collect::<Made<_>>()?;
                self.b.add1(op.clone(), &inputs)?
            }
        };
        self.lifted.insert(value, made);
        Ok(made)
    }

    /// A product of values of the step in chunks; positions that fill the last chunk hold `fill`.
    fn sequence(&mut self, product: &Product, fill: f64) -> Made<ValueId> {
        let factors: Vec<ValueId> = product.factors.iter().map(|v| self.lift(*v)).collect::<Made<_>>()?;
        let mut factors = factors.into_iter();
        let mut value = match factors.next() {
            Some(first) => first,
            None => self.b.add1(Op::Constant(1.0), &[])?,
        };
        for factor in factors {
            value = self.map(Map::Mul, &[value, factor])?;
        }
        if product.negative {
            value = self.map(Map::Neg, &[value])?;
        }
        let axis = self.scan.axis;
        if !self.b.shape(value).contains(&axis) {
            let along = self.b.add1(Op::Iota(axis), &[])?;
            value = self.map(Map::Broadcast, &[value, along])?;
        }
        let Some(chunks) = self.chunks else { return Ok(value) };
        if self.full != axis {
            let pad = View::Pad { axis, to: self.full, before: 0, value: fill };
            value = self.b.add1(Op::View(pad), &[value])?;
        }
        let cut = View::Unflatten { from: self.full, to: vec![chunks, self.to] };
        self.b.add1(Op::View(cut), &[value])
    }

    /// The same positions, as those from which something comes in.
    fn coming_in(&mut self, value: ValueId) -> Made<ValueId> {
        self.b.add1(Op::View(View::Rename { from: self.to, to: self.from }), &[value])
    }

    /// Chunks as one sequence again.
    fn whole(&mut self, value: ValueId) -> Made<ValueId> {
        let Some(chunks) = self.chunks else { return Ok(value) };
        let join = View::Flatten { from: vec![chunks, self.to], to: self.full };
        let value = self.b.add1(Op::View(join), &[value])?;
        if self.full == self.scan.axis {
            return Ok(value);
        }
        let cut = View::Slice { axis: self.full, to: self.scan.axis, start: 0, step: 1 };
        self.b.add1(Op::View(cut), &[value])
    }

    /// The axes in this order: the batch, chunks, others, then `last`.
    fn ordered(&mut self, value: ValueId, last: &[AxisId]) -> Made<ValueId> {
        let mut axes = self.b.shape(value).to_vec();
        axes.retain(|a| !last.contains(a));
        axes.sort_by_key(|a| (*a != AxisId::BATCH, Some(*a) != self.chunks, *a));
        axes.extend(last);
        match self.b.shape(value) == axes {
            true => Ok(value),
            false => self.b.add1(Op::View(View::Transpose(axes)), &[value]),
        }
    }

    /// Scores, weighed by the products of decays, and these products themselves.
    fn decays(
        &mut self,
        decay: ValueId,
        into: ValueId,
        weights: &[ValueId],
        over: &[AxisId],
    ) -> Made<Decays> {
        let mut scores = Vec::new();
        for weight in weights {
            let score = self.b.add1(Op::Contract(over.to_vec()), &[*weight, into])?;
            scores.push(score);
        }
        let decay = self.ordered(decay, &[self.to])?;
        let (between, to_end) = self.multiplied_up(decay)?;
        // Heads may share scores: were they weighed in the steps, gradients would be summed over heads there.
        for score in &mut scores {
            *score = self.map(Map::Mul, &[between, *score])?;
        }
        let (from_start, whole) = self.running(decay)?;
        Ok(Decays { scores, to_end, from_start, whole })
    }

    /// The products of the decays between any two positions, and those to the end.
    fn multiplied_up(&mut self, decay: ValueId) -> Made<(ValueId, ValueId)> {
        let (to, from) = (self.to, self.from);
        let at = self.b.add1(Op::Iota(to), &[])?;
        let places = self.b.add1(Op::Iota(from), &[])?;
        let zero = self.b.add1(Op::Constant(0.0), &[])?;
        let first = self.b.add1(Op::View(View::Index { axis: to, at: 0 }), &[decay])?;
        let factors = self.b.shape(first).to_vec();
        let start = self.map(Map::Broadcast, &[zero, first, places])?;
        let start = self.ordered(start, &[from])?;
        let shape = self.b.shape(start).to_vec();
        let mut step = Builder::new(&mut *self.b.module, "decays");
        step.origin = self.b.origin;
        let old = step.input("product", InputKind::Argument, shape.clone(), DType::F32);
        let factor = step.input("decay", InputKind::Argument, factors, DType::F32);
        let now = step.input("at", InputKind::Argument, Vec::new(), DType::Int);
        let place = step.input("place", InputKind::Argument, vec![from], DType::Int);
        let is_own = step.add1(Op::Map(Map::Eq), &[now, place])?;
        let one = step.add1(Op::Constant(1.0), &[])?;
        let decayed = step.add1(Op::Map(Map::Mul), &[factor, old])?;
        let new = step.add1(Op::Map(Map::Where), &[is_own, one, decayed])?;
        let new = in_order(&mut step, new, &shape)?;
        ["product", "between", "to_end"].into_iter().for_each(|name| step.output(name, new));
        let scan = recurrence(to, self.scan.reverse, step.function, 2);
        let results = self.b.add(Op::Scan(scan), &[start, decay, at, places])?;
        Ok((results[0], results[1]))
    }

    /// The products of the decays up to each position, and of all.
    fn running(&mut self, decay: ValueId) -> Made<(ValueId, ValueId)> {
        let to = self.to;
        let first = self.b.add1(Op::View(View::Index { axis: to, at: 0 }), &[decay])?;
        let shape = self.b.shape(first).to_vec();
        let one = self.b.add1(Op::Constant(1.0), &[])?;
        let start = self.map(Map::Broadcast, &[one, first])?;
        let mut step = Builder::new(&mut *self.b.module, "running");
        step.origin = self.b.origin;
        let old = step.input("product", InputKind::Argument, shape.clone(), DType::F32);
        let factor = step.input("decay", InputKind::Argument, shape, DType::F32);
        let new = step.add1(Op::Map(Map::Mul), &[factor, old])?;
        ["product", "running", "whole"].into_iter().for_each(|name| step.output(name, new));
        let scan = recurrence(to, self.scan.reverse, step.function, 1);
        let results = self.b.add(Op::Scan(scan), &[start, decay])?;
        Ok((results[0], results[1]))
    }

    /// The state before each chunk, unless there is none but one of zeros, and the state after the last.
    fn states(&mut self, d: &Decays, into: ValueId, wide: ValueId) -> Made<(Option<ValueId>, ValueId)> {
        let start = self.inputs[0];
        let shape = self.b.shape(start).to_vec();
        let [narrower, other] =
            match elements(&*self.b, self.b.shape(into)) < elements(&*self.b, self.b.shape(wide)) {
                true => [into, wide],
                false => [wide, into],
            };
        let decayed = self.map(Map::Mul, &[d.to_end, narrower])?;
        let added = self.b.add1(Op::Contract(vec![self.from]), &[decayed, other])?;
        let Some(chunks) = self.chunks else {
            let kept = self.map(Map::Mul, &[d.whole, start])?;
            let last = self.map(Map::Add, &[kept, added])?;
            let last = in_order(self.b, last, &shape)?;
            return Ok((Some(start).filter(|v| !is_zero(self.b, *v)), last));
        };
        let mut with_chunks = shape.clone();
        with_chunks.insert(usize::from(shape.first() == Some(&AxisId::BATCH)), chunks);
        let added = in_order(self.b, added, &with_chunks)?;
        let whole = self.for_each_number(d.whole, &shape)?;
        let factors: Vec<AxisId> = self.b.shape(whole).iter().copied().filter(|a| *a != chunks).collect();
        let mut step = Builder::new(&mut *self.b.module, "chunks");
        step.origin = self.b.origin;
        let old = step.input("state", InputKind::Argument, shape.clone(), DType::F32);
        let factor = step.input("decay", InputKind::Argument, factors, DType::F32);
        let more = step.input("added", InputKind::Argument, shape.clone(), DType::F32);
        let kept = step.add1(Op::Map(Map::Mul), &[factor, old])?;
        let new = step.add1(Op::Map(Map::Add), &[kept, more])?;
        let new = in_order(&mut step, new, &shape)?;
        for (name, value) in [("state", new), ("before", old), ("last", new)] {
            step.output(name, value);
        }
        let scan = recurrence(chunks, self.scan.reverse, step.function, 2);
        let results = self.b.add(Op::Scan(scan), &[start, whole, added])?;
        Ok((Some(results[0]), results[1]))
    }
}

impl Matrix<'_, '_, '_> {
    /// A value along all axes of a state. A step that is given it has no sums in its gradient, so that all numbers of a
    /// state are worked on by themselves: the sums stand outside. The detour by an axis of all that is missing keeps the
    /// broadcast out of the step.
    fn for_each_number(&mut self, value: ValueId, state: &[AxisId]) -> Made<ValueId> {
        let own = self.b.shape(value).to_vec();
        let missing: Vec<AxisId> =
            state.iter().copied().filter(|a| !own.contains(a) && *a != AxisId::BATCH).collect();
        if missing.is_empty() {
            return Ok(value);
        }
        let count = missing.iter().map(|a| size(self.b, *a)).product();
        let all = self.b.module.add_axis("numbers", count);
        let along = self.b.add1(Op::Iota(all), &[])?;
        let wide = self.map(Map::Broadcast, &[value, along])?;
        self.b.add1(Op::View(View::Unflatten { from: all, to: missing }), &[wide])
    }
}

/// A scan with one carry, which is read at each step and after the last one.
fn recurrence(axis: AxisId, reverse: bool, body: Function, sequences: usize) -> Scan {
    Scan { axis, reverse, carries: 1, sequences, yields: 1, finals: 1, body: Arc::new(body) }
}

fn in_order(b: &mut Builder, value: ValueId, shape: &[AxisId]) -> Made<ValueId> {
    match b.shape(value) == shape {
        true => Ok(value),
        false => b.add1(Op::View(View::Transpose(shape.to_vec())), &[value]),
    }
}

/// Whether a value is known to be zero everywhere.
fn is_zero(b: &Builder, value: ValueId) -> bool {
    let node = b.function.producer(value);
    match node.op {
        Op::Constant(x) => x == 0.0,
        Op::Map(Map::Broadcast) | Op::View(View::Transpose(_)) => is_zero(b, node.inputs[0]),
        _ => false,
    }
}

fn size(b: &Builder, axis: AxisId) -> usize {
    match b.module.axis(axis).size {
        Size::Fixed(size) => size,
        Size::Batch => 1,
    }
}
