//! The derivative of one function, made once for each set of wanted inputs and given cotangents.

use super::activity::activity;
use super::backward::{Backward, Lane, Taken};
use super::{Pullback, call, forward, scan};
use crate::graph::{AxisId, Builder, DType, FuncId, Function, InputKind, Module, ValueId};
use crate::memory::{self, Memory};
use crate::ops::{Op, ShapeError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A function made in two: one that runs forward and keeps what the other, which runs backward, reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivative {
    /// The function with one more output for each thing kept. The function itself if nothing is kept.
    pub forward: FuncId,
    /// From what it reads to the cotangents of inputs.
    pub backward: FuncId,
    /// The inputs of `backward`, in order.
    pub reads: Vec<Read>,
    /// For each input of the function, which output of `backward` is its cotangent; `None` where it is not
    /// wanted or zero.
    pub gradients: Vec<Option<usize>>,
}

/// An input of a backward function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// An input of the function.
    Input(usize),
    /// An output of the function.
    Output(usize),
    /// An output that the forward function has beside those of the function: which of them.
    Kept(usize),
    /// The cotangent of an output.
    Cotangent(usize),
}

/// The derivatives made so far: by function, wanted inputs and given cotangents.
#[derive(Debug, Default)]
pub struct Derivatives {
    /// How much memory what they keep may take.
    memory: Memory,
    /// How many calls the function at hand is away from the entry.
    depth: usize,
    known: BTreeMap<(FuncId, Vec<bool>, Vec<bool>), Arc<Derivative>>,
}

impl Derivatives {
    /// None yet.
    #[must_use]
    pub fn new(memory: Memory) -> Self {
        Derivatives { memory, ..Derivatives::default() }
    }

    /// The derivative of a function, made now if it is not known. `wanted` says for each input whether its
    /// cotangent is wanted, `given` for each output whether its cotangent is given.
    ///
    /// # Errors
    /// If an operation of the function does not fit its inputs.
    pub fn of(
        &mut self,
        module: &mut Module,
        function: FuncId,
        wanted: &[bool],
        given: &[bool],
    ) -> Result<Arc<Derivative>, ShapeError> {
        let key = (function, wanted.to_vec(), given.to_vec());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let source = module.function(function).clone();
        self.depth += 1;
        let made = self.make(module, function, &source, wanted, given);
        self.depth -= 1;
        let made = Arc::new(memory::lessen(module, source.outputs.len(), made?, self.memory, self.depth)?);
        self.known.insert(key, made.clone());
        Ok(made)
    }

    fn make(
        &mut self,
        module: &mut Module,
        function: FuncId,
        source: &Function,
        wanted: &[bool],
        given: &[bool],
    ) -> Result<Derivative, ShapeError> {
        let active = activity(source, wanted);
        let builder = Builder::new(module, format!("{}.backward", source.name));
        let mut backward = Backward::new(builder, source, false);
        let mut cotangents = Vec::new();
        for (at, (name, value)) in source.outputs.iter().enumerate() {
            let result = source.value(*value);
            if given[at] && result.storage.is_float() {
                let (name, shape) = (format!("{name}.grad"), result.shape.clone());
                let g = backward.builder.input(name, InputKind::Argument, shape, DType::F32);
                backward.accumulate_in(*value, Lane::Whole, g)?;
                cotangents.push((Read::Cotangent(at), g));
            }
        }
        let mut calls = BTreeMap::new();
        for index in (0..source.nodes.len()).rev() {
            backward.builder.origin = source.nodes[index].origin;
            match &source.nodes[index].op {
                Op::Scan(op) => scan::differentiate(&mut backward, index, op, &active)?,
                Op::Call { function, axes } => {
                    if let Some(call) =
                        call::differentiate(self, &mut backward, index, (*function, axes), &active)?
                    {
                        calls.insert(index, call);
                    }
                }
                _ => differentiate(&mut backward, index, &active)?,
            }
        }
        let gradients = finish_outputs(&mut backward, source, &active)?;
        let Backward { builder, taken, .. } = backward;
        let (forward, places) = forward::extend(builder.module, function, &taken, &calls)?;
        let mut reads: Vec<(Read, ValueId)> = taken.iter().zip(places).map(|(t, read)| (read, t.1)).collect();
        reads.sort_by_key(|r| r.0);
        reads.extend(cotangents);
        let mut built = builder.function;
        order_inputs(&mut built, &reads.iter().map(|r| r.1).collect::<Vec<_>>());
        let backward = builder.module.add_function(built);
        Ok(Derivative { forward, backward, reads: reads.into_iter().map(|r| r.0).collect(), gradients })
    }
}

/// Adds the cotangents of one node's inputs.
pub(super) fn differentiate(backward: &mut Backward, node: usize, active: &[bool]) -> Result<(), ShapeError> {
    let forward = backward.forward;
    let Node { op, inputs, outputs } = parts(forward, node);
    for lane in [Lane::Whole, Lane::PerSample] {
        let Some(cotangent) = outputs.first().and_then(|v| backward.cotangent(*v, lane)) else { continue };
        for (at, input) in inputs.iter().enumerate() {
            if !active[input.0 as usize] {
                continue;
            }
            if let Some(g) = op.gradient(&mut Pullback { backward, node, cotangent }, at)? {
                backward.accumulate(*input, g)?;
            }
        }
    }
    Ok(())
}

struct Node<'f> {
    op: &'f Op,
    inputs: &'f [ValueId],
    outputs: &'f [ValueId],
}

fn parts(function: &Function, node: usize) -> Node<'_> {
    let node = &function.nodes[node];
    Node { op: &node.op, inputs: &node.inputs, outputs: &node.outputs }
}

/// Makes the cotangents of the wanted inputs outputs, stored as the inputs are.
fn finish_outputs(
    backward: &mut Backward,
    source: &Function,
    active: &[bool],
) -> Result<Vec<Option<usize>>, ShapeError> {
    let mut gradients = Vec::with_capacity(source.inputs.len());
    for input in &source.inputs {
        let known = backward.cotangent(input.value, Lane::Whole).filter(|_| active[input.value.0 as usize]);
        let Some(g) = known else {
            gradients.push(None);
            continue;
        };
        let shape: &[AxisId] = &source.value(input.value).shape;
        let g = backward.ordered(g, shape)?;
        gradients.push(Some(backward.builder.function.outputs.len()));
        backward.builder.output(format!("grad.{}", input.name), g);
    }
    Ok(gradients)
}

/// Puts the inputs of a function into an order.
pub(super) fn order_inputs(function: &mut Function, order: &[ValueId]) {
    function.inputs.sort_by_cached_key(|input| order.iter().position(|v| *v == input.value));
}

/// What a backward pass reads, as inputs, outputs and kept things of the forward function.
pub(super) fn classify(source: &Function, taken: &Taken) -> Option<Read> {
    let Taken::Value(id) = taken else { return None };
    let input = source.inputs.iter().position(|i| i.value == *id).map(Read::Input);
    input.or_else(|| source.outputs.iter().position(|o| o.1 == *id).map(Read::Output))
}
