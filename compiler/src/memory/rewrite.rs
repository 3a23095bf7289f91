//! The two halves of a derivative with other things kept: the forward function gives these, and the backward
//! function begins each use of something else by computing it again.

use super::Choice;
use crate::canon;
use crate::grad::{Derivative, Read};
use crate::graph::{AxisId, Builder, Function, InputKind, Module, ValueId};
use crate::ops::{Op, ShapeError};
use std::collections::{BTreeMap, BTreeSet};

/// Keeps what the choice says.
pub(super) fn rewrite(
    module: &mut Module,
    outputs: usize,
    derivative: Derivative,
    choice: &Choice,
) -> Result<Derivative, ShapeError> {
    let forward = module.function(derivative.forward).clone();
    let backward = module.function(derivative.backward).clone();
    let halves = Halves { forward: &forward, outputs, derivative: &derivative, choice };
    let leaves = halves.leaves();
    let kept: Vec<ValueId> = leaves.iter().copied().filter(|v| halves.place(*v).is_none()).collect();
    let mut reads: Vec<Read> = derivative
        .reads
        .iter()
        .copied()
        .filter(|r| !matches!(r, Read::Kept(_) | Read::Cotangent(_)))
        .collect();
    reads.extend(leaves.iter().map(|v| {
        let own = kept.iter().position(|k| k == v).map(Read::Kept);
        own.or_else(|| halves.place(*v)).unwrap_or(Read::Kept(0))
    }));
    reads.sort_unstable();
    reads.dedup();
    reads.extend(derivative.reads.iter().filter(|r| matches!(r, Read::Cotangent(_))));

    let mut shorter = forward.clone();
    shorter.outputs.truncate(outputs);
    let results = kept.iter().enumerate().map(|(at, value)| (format!("kept.{at}"), *value));
    shorter.outputs.extend(results);
    // Nothing has called the two yet.
    module.functions[derivative.forward.0 as usize] = shorter;
    canon::run(module, derivative.forward)?;
    let built = Later::new(module, &halves, &backward, &kept, &reads).build()?;
    module.functions[derivative.backward.0 as usize] = built;
    canon::run(module, derivative.backward)?;
    Ok(Derivative { reads, ..derivative })
}

/// A forward function and what is kept of it.
struct Halves<'a> {
    forward: &'a Function,
    outputs: usize,
    derivative: &'a Derivative,
    choice: &'a Choice,
}

impl Halves<'_> {
    /// The values that are kept: what is read, and what is computed again, leads down to them.
    fn leaves(&self) -> BTreeSet<ValueId> {
        let mut todo: Vec<ValueId> = super::wanted(self.forward, self.outputs, self.derivative).collect();
        let (mut leaves, mut seen) = (BTreeSet::new(), BTreeSet::new());
        while let Some(value) = todo.pop() {
            let n = self.forward.value(value).node as usize;
            if !self.choice.again[n] {
                leaves.insert(value);
            } else if seen.insert(n) {
                todo.extend(&self.forward.nodes[n].inputs);
            }
        }
        leaves
    }

    /// As what the backward function may read a value without its being kept.
    fn place(&self, value: ValueId) -> Option<Read> {
        let input = self.forward.inputs.iter().position(|i| i.value == value).map(Read::Input);
        let own = &self.forward.outputs[..self.outputs];
        input.or_else(|| own.iter().position(|o| o.1 == value).map(Read::Output))
    }

    /// The value of the forward function that something read is.
    fn value(&self, read: Read, kept: &[ValueId]) -> Option<ValueId> {
        match read {
            Read::Input(at) => Some(self.forward.inputs[at].value),
            Read::Output(at) => Some(self.forward.outputs[at].1),
            Read::Kept(at) => kept.get(at).copied(),
            Read::Cotangent(_) => None,
        }
    }
}

/// The backward function while it is being built.
struct Later<'m, 'a> {
    b: Builder<'m>,
    halves: &'a Halves<'a>,
    backward: &'a Function,
    /// By value of the old backward function.
    known: Vec<Option<ValueId>>,
    /// By value of the forward function: as it was read.
    given: BTreeMap<ValueId, ValueId>,
    /// By value of the forward function: computed again, or read again.
    again: BTreeMap<ValueId, ValueId>,
    /// What the old backward function read that is computed again.
    wanted: BTreeMap<ValueId, ValueId>,
    /// By value of the old backward function: whether it comes from a cotangent.
    arrived: Vec<bool>,
    /// The gradient that came last.
    gradient: Option<ValueId>,
}

impl<'m, 'a> Later<'m, 'a> {
    fn new(
        module: &'m mut Module,
        halves: &'a Halves<'a>,
        backward: &'a Function,
        kept: &[ValueId],
        reads: &[Read],
    ) -> Self {
        let mut later = Later {
            b: Builder::new(module, backward.name.clone()),
            halves,
            backward,
            known: vec![None; backward.values.len()],
            given: BTreeMap::new(),
            again: BTreeMap::new(),
            wanted: BTreeMap::new(),
            arrived: vec![false; backward.values.len()],
            gradient: None,
        };
        let old = &halves.derivative.reads;
        for (place, read) in reads.iter().enumerate() {
            let same = |r: &Read| matches!(r, Read::Cotangent(_)) && r == read;
            let cotangent = old.iter().position(same).map(|at| backward.inputs[at].value);
            let source = match (cotangent, halves.value(*read, kept)) {
                (Some(id), _) => backward.value(id),
                (None, Some(id)) => halves.forward.value(id),
                (None, None) => continue,
            };
            let (shape, storage) = (source.shape.clone(), source.storage);
            let new = later.b.input(format!("taken.{place}"), InputKind::Argument, shape, storage);
            if let Some(id) = cotangent {
                later.known[id.0 as usize] = Some(new);
                later.arrive(id, new);
            } else if let Some(id) = halves.value(*read, kept) {
                later.given.insert(id, new);
            }
        }
        let kept = |at: usize| halves.forward.outputs[halves.outputs + at].1;
        for (read, input) in old.iter().zip(&backward.inputs) {
            let value = if let Read::Kept(at) = read { Some(kept(*at)) } else { halves.value(*read, &[]) };
            let Some(value) = value else { continue };
            match later.given.get(&value) {
                Some(given) => later.known[input.value.0 as usize] = Some(*given),
                None => drop(later.wanted.insert(input.value, value)),
            }
        }
        later
    }

    /// Notes a value that comes from a cotangent. Others wait for it if it is in memory anyway: a value that is
    /// waited for is read, and could not disappear into what reads it.
    fn arrive(&mut self, old: ValueId, new: ValueId) {
        self.arrived[old.0 as usize] = true;
        let sample = |v: &ValueId| self.b.shape(*v).contains(&AxisId::BATCH);
        let node = self.b.function.producer(new);
        let stored = match node.op {
            Op::Input | Op::Scan(_) | Op::Call { .. } => true,
            Op::Contract(_) => !node.inputs.iter().all(sample),
            _ => false,
        };
        if stored && sample(&new) {
            self.gradient = Some(new);
        }
    }

    fn build(mut self) -> Result<Function, ShapeError> {
        let backward = self.backward;
        for node in backward.nodes.iter().filter(|n| n.op != Op::Input) {
            self.b.origin = node.origin;
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                inputs.push(self.input(*input)?);
            }
            let new = self.b.copy(backward, node, inputs);
            let arrived = node.inputs.iter().any(|v| self.arrived[v.0 as usize]);
            for (old, new) in node.outputs.iter().zip(new) {
                self.known[old.0 as usize] = Some(new);
                if arrived {
                    self.arrive(*old, new);
                }
            }
        }
        let mut outputs = Vec::with_capacity(backward.outputs.len());
        for (name, id) in &backward.outputs {
            outputs.push((name.clone(), self.input(*id)?));
        }
        Ok(Function { outputs, ..self.b.function })
    }

    /// What the old backward function reads here.
    fn input(&mut self, id: ValueId) -> Result<ValueId, ShapeError> {
        let missing = || ShapeError("a backward function reads what is not there".into());
        if let Some(known) = self.known[id.0 as usize] {
            return Ok(known);
        }
        let value = *self.wanted.get(&id).ok_or_else(missing)?;
        let made = self.compute(value)?;
        self.known[id.0 as usize] = Some(made);
        Ok(made)
    }

    /// A value of the forward function, computed again with all that it needs.
    fn compute(&mut self, value: ValueId) -> Result<ValueId, ShapeError> {
        let forward = self.halves.forward;
        let mut needed = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            let n = forward.value(value).node as usize;
            if self.again.contains_key(&value) {
                continue;
            }
            if !self.halves.choice.again[n] {
                self.read(value)?;
            } else if needed.insert(n) {
                todo.extend(&forward.nodes[n].inputs);
            }
        }
        let missing = || ShapeError("what is computed again reads what is not there".into());
        let origin = self.b.origin;
        for n in needed {
            let node = &forward.nodes[n];
            let inputs = node.inputs.iter().map(|v| self.again.get(v).copied().ok_or_else(missing));
            let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
            let new = self.b.copy(forward, node, inputs);
            node.outputs.iter().zip(new).for_each(|(old, new)| {
                self.again.insert(*old, new);
            });
        }
        self.b.origin = origin;
        self.again.get(&value).copied().ok_or_else(missing)
    }

    /// What is kept, as what is computed again reads it: after the gradient that has come last. What does not
    /// depend on the sample is computed once and for both.
    fn read(&mut self, value: ValueId) -> Result<(), ShapeError> {
        let missing = || ShapeError("what is computed again reads what is not kept".into());
        let given = *self.given.get(&value).ok_or_else(missing)?;
        let sample = self.b.shape(given).contains(&AxisId::BATCH);
        let read = match self.gradient.filter(|_| sample) {
            Some(gradient) => self.b.add1(Op::After, &[given, gradient])?,
            None => given,
        };
        self.again.insert(value, read);
        Ok(())
    }
}
