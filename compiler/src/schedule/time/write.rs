//! Writes a scan in chunks that run side by side.

use super::effect::{Carries, Copied, with_axis};
use crate::graph::{AxisId, Builder, DType, Function, InputKind, Module, ValueId};
use crate::ops::{Map, Op, Reduce, Scan, ShapeError, View};
use crate::schedule::Form;
use std::collections::BTreeMap;
use std::sync::Arc;

type Made<T> = Result<T, ShapeError>;

/// How an axis is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    /// The axis that is cut.
    axis: AxisId,
    /// It with whole chunks: longer where the last one is not full.
    full: AxisId,
    /// The chunks.
    chunks: AxisId,
    /// The steps of a chunk.
    steps: AxisId,
}

impl Chunks {
    /// Cuts an axis into chunks of so many steps, the last of which may be shorter.
    pub fn new(module: &mut Module, axis: AxisId, length: usize) -> Chunks {
        let all = module.size(axis, 1);
        let length = length.clamp(1, all.max(1));
        let count = all.div_ceil(length);
        let name = module.axis(axis).name.clone();
        let chunks = module.add_axis(format!("{name}.chunk"), count);
        let steps = module.add_axis(format!("{name}.step"), length);
        let full = match count * length == all {
            true => axis,
            false => module.add_axis(format!("{name}.filled"), count * length),
        };
        Chunks { axis, full, chunks, steps }
    }

    /// How many steps of how many a chunk has.
    pub fn form(&self, module: &Module) -> Form {
        Form::InTime { chunk: module.size(self.steps, 1), steps: module.size(self.axis, 1) }
    }
}

/// The results of a scan, in chunks.
pub(super) fn write(
    b: &mut Builder,
    (scan, inputs): (&Scan, &[ValueId]),
    carries: &Carries,
    cut: Chunks,
    known: &mut BTreeMap<ValueId, (Chunks, ValueId)>,
) -> Made<Vec<ValueId>> {
    let mut given = Vec::new();
    for (at, value) in inputs.iter().enumerate() {
        let is_sequence = (scan.carries..scan.carries + scan.sequences).contains(&at);
        given.push(if is_sequence { in_chunks(b, *value, cut, known)? } else { *value });
    }
    let place = b.add1(Op::Iota(cut.chunks), &[])?;
    let place = b.add1(Op::Map(Map::ToFloat), &[place])?;
    let valid = valid(b, cut)?;
    let layout = Layout { scan, states: &carries.states, cut, masked: valid.is_some() };
    let mut cutter = Cutter { b, layout, given, place, valid };
    let (before, last) = cutter.states()?;
    let (yields, finals) = cutter.steps(&before)?;
    let mut results = Vec::new();
    for value in yields {
        let whole = cutter.whole(value)?;
        known.insert(whole, (cut, value));
        results.push(whole);
    }
    let body = &*scan.body;
    for (at, value) in finals.into_iter().enumerate() {
        let new = body.outputs[scan.carries + scan.yields + at].1;
        let carry = body.outputs[..scan.carries].iter().position(|o| o.1 == new);
        let state = carry.and_then(|carry| carries.states.iter().position(|s| *s == carry));
        results.push(match (carry, state) {
            (_, Some(state)) => last[state],
            (Some(carry), None) => cutter.total(inputs[carry], value)?,
            (None, None) => cutter.last(value)?,
        });
    }
    Ok(results)
}

/// A sequence in chunks; what fills the last one is zero and never used.
fn in_chunks(
    b: &mut Builder,
    value: ValueId,
    cut: Chunks,
    known: &BTreeMap<ValueId, (Chunks, ValueId)>,
) -> Made<ValueId> {
    let node = b.function.producer(value);
    let root = if let Op::View(View::Transpose(_)) = node.op { node.inputs[0] } else { value };
    if let Some((_, chunked)) = known.get(&root).filter(|k| k.0 == cut) {
        return Ok(*chunked);
    }
    let mut value = value;
    if cut.full != cut.axis {
        let pad = View::Pad { axis: cut.axis, to: cut.full, before: 0, value: 0.0 };
        value = b.add1(Op::View(pad), &[value])?;
    }
    b.add1(Op::View(View::Unflatten { from: cut.full, to: vec![cut.chunks, cut.steps] }), &[value])
}

/// Where the steps of chunks are steps of the sequence: 1, else 0. `None` if they all are.
fn valid(b: &mut Builder, cut: Chunks) -> Made<Option<ValueId>> {
    if cut.full == cut.axis {
        return Ok(None);
    }
    let one = b.add1(Op::Constant(1.0), &[])?;
    let along = b.add1(Op::Iota(cut.axis), &[])?;
    let ones = b.add1(Op::Map(Map::Broadcast), &[one, along])?;
    in_chunks(b, ones, cut, &BTreeMap::new()).map(Some)
}

/// What is known of a scan that is cut, apart from the function around it.
#[derive(Clone, Copy)]
struct Layout<'b> {
    scan: &'b Scan,
    /// The carries that are states.
    states: &'b [usize],
    cut: Chunks,
    /// Whether some steps of the last chunk are none.
    masked: bool,
}

struct Cutter<'a, 'b, 'm> {
    b: &'a mut Builder<'m>,
    layout: Layout<'b>,
    /// The inputs of the scan, sequences in chunks.
    given: Vec<ValueId>,
    /// The number of each chunk.
    place: ValueId,
    /// Which steps are some.
    valid: Option<ValueId>,
}

/// A sequence or constant of a scan that is put together.
struct Given {
    name: String,
    outer: ValueId,
    /// Without the axis of the scan.
    shape: Vec<AxisId>,
    storage: DType,
}

/// The step of a pass while it is built.
struct Pass<'a, 'b, 'm> {
    layout: Layout<'b>,
    step: &'a mut Builder<'m>,
    /// The inputs behind the carries: sequences, which steps are some, constants, the number of the chunk.
    given: Vec<ValueId>,
}

impl<'b> Layout<'b> {
    fn body(&self) -> &'b Function {
        &self.scan.body
    }

    fn shape(&self, at: usize) -> Vec<AxisId> {
        self.body().value(self.body().inputs[at].value).shape.clone()
    }

    /// Declares the inputs behind the carries in a step, and says what they are there.
    fn declare<'a, 'm>(
        self,
        step: &'a mut Builder<'m>,
        given: &[Given],
        known: &mut BTreeMap<ValueId, ValueId>,
    ) -> Pass<'a, 'b, 'm> {
        let given: Vec<ValueId> = given
            .iter()
            .map(|g| step.input(&g.name, InputKind::Argument, g.shape.clone(), g.storage))
            .collect();
        for (at, input) in self.body().inputs.iter().enumerate().skip(self.scan.carries) {
            let is_constant = at >= self.scan.carries + self.scan.sequences;
            let after = usize::from(is_constant && self.masked);
            known.insert(input.value, given[at - self.scan.carries + after]);
        }
        Pass { layout: self, step, given }
    }

    /// How many sequences a pass has.
    fn sequences(&self) -> usize {
        self.scan.sequences + usize::from(self.masked)
    }
}

impl Pass<'_, '_, '_> {
    /// The new value of a carry, in steps that are some; else the old one.
    fn kept(&mut self, new: ValueId, old: ValueId) -> Made<ValueId> {
        let shape = self.step.shape(old).to_vec();
        let mut value = new;
        if self.layout.masked {
            let zero = self.step.add1(Op::Constant(0.0), &[])?;
            let valid = self.given[self.layout.scan.sequences];
            let valid = self.step.add1(Op::Map(Map::Lt), &[zero, valid])?;
            value = self.step.add1(Op::Map(Map::Where), &[valid, new, old])?;
        }
        if self.step.shape(value).len() != shape.len() {
            value = self.step.add1(Op::Map(Map::Broadcast), &[value, old])?;
        }
        in_order(self.step, value, &shape)
    }

    /// The number of the chunk.
    fn place(&self) -> ValueId {
        self.given[self.given.len() - 1]
    }

    /// The sum of products of factors and old effects: the new ones.
    fn effect(&mut self, factors: &[Option<ValueId>], effects: &[ValueId]) -> Made<ValueId> {
        let mut sum: Option<ValueId> = None;
        for (factor, effect) in factors.iter().zip(effects) {
            let Some(factor) = factor else { continue };
            let term = self.step.add1(Op::Map(Map::Mul), &[*factor, *effect])?;
            sum = Some(match sum {
                Some(sum) => self.step.add1(Op::Map(Map::Add), &[sum, term])?,
                None => term,
            });
        }
        match sum {
            Some(sum) => Ok(sum),
            None => self.step.add1(Op::Constant(0.0), &[]),
        }
    }
}

impl<'b> Layout<'b> {
    /// The step that leads from zeros to the end of a chunk, and multiplies up what it does to a state. Also gives the
    /// axes of these products.
    fn first_pass(self, step: &mut Builder<'_>, given: &[Given]) -> Made<Vec<AxisId>> {
        let (body, states, count) = (self.body(), self.states, self.states.len());
        let mut known = BTreeMap::new();
        let mut olds = Vec::new();
        for state in states {
            let shape = with_axis(&self.shape(*state), self.cut.chunks);
            let old = step.input(&body.inputs[*state].name, InputKind::Argument, shape, DType::F32);
            known.insert(body.inputs[*state].value, old);
            olds.push(old);
        }
        let mut pass = self.declare(step, given, &mut known);
        let mut copied = Copied::new(pass.step, body, known);
        let (mut news, mut factors) = (Vec::new(), Vec::new());
        for state in states {
            let new = body.outputs[*state].1;
            news.push(copied.value(new)?);
            for other in states {
                factors.push(copied.factor(new, body.inputs[*other].value)?);
            }
        }
        let narrow = self.narrow(pass.step, &factors);
        let effects: Vec<ValueId> = (0..count * count)
            .map(|at| {
                pass.step.input(format!("effect.{at}"), InputKind::Argument, narrow.clone(), DType::F32)
            })
            .collect();
        let mut outputs = Vec::new();
        for (new, old) in news.into_iter().zip(&olds) {
            outputs.push(pass.kept(new, *old)?);
        }
        for i in 0..count {
            for j in 0..count {
                let column: Vec<ValueId> = (0..count).map(|l| effects[l * count + j]).collect();
                let new = pass.effect(&factors[i * count..(i + 1) * count], &column)?;
                outputs.push(pass.kept(new, effects[i * count + j])?);
            }
        }
        let order: Vec<ValueId> = olds.into_iter().chain(effects).chain(pass.given).collect();
        step.function.inputs.sort_by_key(|i| order.iter().position(|v| *v == i.value));
        for name in ["new", "last"] {
            outputs.iter().enumerate().for_each(|(at, v)| step.output(format!("{name}.{at}"), *v));
        }
        Ok(narrow)
    }

    /// The axes of what a step multiplies states with, and of chunks.
    fn narrow(&self, step: &Builder<'_>, factors: &[Option<ValueId>]) -> Vec<AxisId> {
        let mut axes = vec![self.cut.chunks];
        axes.extend(factors.iter().flatten().flat_map(|factor| step.shape(*factor).to_vec()));
        // The batch of the start is that of the products, whether decays have it or not.
        axes.extend(self.shape(self.states[0]).first().copied().filter(|a| *a == AxisId::BATCH));
        axes.sort_by_key(|a| (*a != AxisId::BATCH, *a != self.cut.chunks, *a));
        axes.dedup();
        axes
    }

    /// The steps of all chunks from given states.
    fn second_pass(self, step: &mut Builder<'_>, given: &[Given]) -> Made<()> {
        let (body, carries) = (self.body(), self.scan.carries);
        let mut known = BTreeMap::new();
        let mut olds = Vec::new();
        for (at, input) in body.inputs[..carries].iter().enumerate() {
            let shape = with_axis(&self.shape(at), self.cut.chunks);
            let old = step.input(&input.name, InputKind::Argument, shape, DType::F32);
            known.insert(input.value, old);
            olds.push(old);
        }
        let mut pass = self.declare(step, given, &mut known);
        let mut copied = Copied::new(pass.step, body, known);
        let mut values = body.outputs.iter().map(|o| copied.value(o.1)).collect::<Made<Vec<ValueId>>>()?;
        for (at, old) in olds.iter().enumerate() {
            values[at] = pass.kept(values[at], *old)?;
        }
        for at in carries..values.len() {
            let same = body.outputs[..carries].iter().position(|o| o.1 == body.outputs[at].1);
            if let Some(carry) = same.filter(|_| at >= carries + self.scan.yields) {
                values[at] = values[carry];
            } else if !pass.step.shape(values[at]).contains(&self.cut.chunks) {
                let place = pass.place();
                values[at] = pass.step.add1(Op::Map(Map::Broadcast), &[values[at], place])?;
            }
        }
        body.outputs.iter().zip(values).for_each(|((name, _), value)| step.output(name, value));
        Ok(())
    }
}

impl Cutter<'_, '_, '_> {
    /// Sequences and constants of the scan.
    fn inputs(&self) -> Vec<Given> {
        let Layout { scan, cut, .. } = self.layout;
        let (body, sequences) = (self.layout.body(), scan.carries + scan.sequences);
        let given = |(name, value): (&str, ValueId)| {
            let of = self.b.function.value(value);
            let shape = of.shape.iter().copied().filter(|a| *a != cut.steps).collect();
            Given { name: name.into(), outer: value, shape, storage: of.storage }
        };
        let own = |at: usize| (body.inputs[at].name.as_str(), self.given[at]);
        let valid = self.valid.map(|valid| ("chunk.valid", valid));
        let all = (scan.carries..sequences).map(own).chain(valid);
        let all = all.chain((sequences..self.given.len()).map(own)).chain([("chunk.place", self.place)]);
        all.map(given).collect()
    }

    /// A number along the axes of some carry that are among `shape`, and chunks.
    fn filled(&mut self, number: f64, carry: usize, shape: &[AxisId]) -> Made<ValueId> {
        let number = self.b.add1(Op::Constant(number), &[])?;
        let mut like = self.given[carry];
        for axis in self.b.shape(like).to_vec() {
            if axis != AxisId::BATCH && !shape.contains(&axis) {
                like = self.b.add1(Op::View(View::Index { axis, at: 0 }), &[like])?;
            }
        }
        let value = self.b.add1(Op::Map(Map::Broadcast), &[number, like, self.place])?;
        in_order(self.b, value, shape)
    }

    /// The states before each chunk, with the axis of chunks, and after the last one.
    fn states(&mut self) -> Made<(Vec<ValueId>, Vec<ValueId>)> {
        let layout = self.layout;
        let states = layout.states;
        if states.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let given = self.inputs();
        let mut step = Builder::new(&mut *self.b.module, format!("{}.ends", layout.body().name));
        step.origin = self.b.origin;
        let narrow = layout.first_pass(&mut step, &given)?;
        let step = step.function;
        let mut all = Vec::new();
        for state in states {
            let shape = with_axis(&layout.shape(*state), layout.cut.chunks);
            all.push(self.filled(0.0, *state, &shape)?);
        }
        for i in 0..states.len() {
            for j in 0..states.len() {
                all.push(self.filled(if i == j { 1.0 } else { 0.0 }, states[i], &narrow)?);
            }
        }
        let carries = all.len();
        all.extend(given.iter().map(|g| g.outer));
        let scan = Scan {
            axis: layout.cut.steps,
            reverse: layout.scan.reverse,
            carries,
            sequences: layout.sequences(),
            yields: 0,
            finals: carries,
            body: Arc::new(step),
        };
        let ends = self.b.add(Op::Scan(scan), &all)?;
        self.over_chunks(&ends)
    }

    /// The scan over chunks: from what each does to zeros and to a state, the state before each.
    fn over_chunks(&mut self, ends: &[ValueId]) -> Made<(Vec<ValueId>, Vec<ValueId>)> {
        let Layout { scan, states, cut, .. } = self.layout;
        let (count, chunks, origin) = (states.len(), cut.chunks, self.b.origin);
        let shapes: Vec<Vec<AxisId>> = states.iter().map(|s| self.layout.shape(*s)).collect();
        let inner: Vec<Vec<AxisId>> = ends
            .iter()
            .map(|v| self.b.shape(*v).iter().copied().filter(|a| *a != chunks).collect())
            .collect();
        let mut step = Builder::new(&mut *self.b.module, "chunks");
        step.origin = origin;
        let input = |step: &mut Builder<'_>, name: String, shape: &Vec<AxisId>| {
            step.input(name, InputKind::Argument, shape.clone(), DType::F32)
        };
        let olds: Vec<ValueId> =
            shapes.iter().enumerate().map(|(i, s)| input(&mut step, format!("state.{i}"), s)).collect();
        let given: Vec<ValueId> =
            inner.iter().enumerate().map(|(i, s)| input(&mut step, format!("end.{i}"), s)).collect();
        let mut news = Vec::new();
        for i in 0..count {
            let mut sum = given[i];
            for (j, old) in olds.iter().enumerate() {
                let term = step.add1(Op::Map(Map::Mul), &[given[count + i * count + j], *old])?;
                sum = step.add1(Op::Map(Map::Add), &[term, sum])?;
            }
            news.push(in_order(&mut step, sum, &shapes[i])?);
        }
        for (name, values) in [("new", &news), ("before", &olds), ("last", &news)] {
            values.iter().enumerate().for_each(|(i, v)| step.output(format!("{name}.{i}"), *v));
        }
        let scan = Scan {
            axis: chunks,
            reverse: scan.reverse,
            carries: count,
            sequences: ends.len(),
            yields: count,
            finals: count,
            body: Arc::new(step.function),
        };
        let starts = states.iter().map(|s| self.given[*s]);
        let all: Vec<ValueId> = starts.chain(ends.iter().copied()).collect();
        let mut before = self.b.add(Op::Scan(scan), &all)?;
        let last = before.split_off(count);
        Ok((before, last))
    }

    /// The steps of all chunks from these states: yields and finals, with the axis of chunks.
    fn steps(&mut self, before: &[ValueId]) -> Made<(Vec<ValueId>, Vec<ValueId>)> {
        let layout = self.layout;
        let given = self.inputs();
        let mut step = Builder::new(&mut *self.b.module, layout.body().name.clone());
        step.origin = self.b.origin;
        layout.second_pass(&mut step, &given)?;
        let body = Arc::new(step.function);
        let mut all = Vec::new();
        for carry in 0..layout.scan.carries {
            let shape = with_axis(&layout.shape(carry), layout.cut.chunks);
            all.push(match layout.states.iter().position(|s| *s == carry) {
                Some(at) => in_order(self.b, before[at], &shape)?,
                None => self.filled(0.0, carry, &shape)?,
            });
        }
        all.extend(given.iter().map(|g| g.outer));
        let scan =
            Scan { axis: layout.cut.steps, sequences: layout.sequences(), body, ..layout.scan.clone() };
        let mut yields = self.b.add(Op::Scan(scan), &all)?;
        let finals = yields.split_off(layout.scan.yields);
        Ok((yields, finals))
    }

    /// Chunks as one sequence again.
    fn whole(&mut self, value: ValueId) -> Made<ValueId> {
        let Chunks { axis, full, chunks, steps } = self.layout.cut;
        let value = self.b.add1(Op::View(View::Flatten { from: vec![chunks, steps], to: full }), &[value])?;
        match full == axis {
            true => Ok(value),
            false => self.b.add1(Op::View(View::Slice { axis: full, to: axis, start: 0, step: 1 }), &[value]),
        }
    }

    /// A sum of which each chunk has a part.
    fn total(&mut self, start: ValueId, parts: ValueId) -> Made<ValueId> {
        let sum = self.b.add1(Op::Reduce(Reduce::Sum, vec![self.layout.cut.chunks]), &[parts])?;
        self.b.add1(Op::Map(Map::Add), &[start, sum])
    }

    /// What the last chunk gives.
    fn last(&mut self, value: ValueId) -> Made<ValueId> {
        let Layout { scan, cut, .. } = self.layout;
        let at = if scan.reverse { 0 } else { self.b.module.size(cut.chunks, 1) - 1 };
        self.b.add1(Op::View(View::Index { axis: cut.chunks, at }), &[value])
    }
}

fn in_order(b: &mut Builder, value: ValueId, shape: &[AxisId]) -> Made<ValueId> {
    match b.shape(value) == shape {
        true => Ok(value),
        false => b.add1(Op::View(View::Transpose(shape.to_vec())), &[value]),
    }
}
