//! One program as a luminal graph, and running it.

use super::Products;
use super::lower::{Check, Held, Lowering};
use super::tape::Tape;
use crate::execute::RunError;
use arch_compiler::graph::{FuncId, Module, ValueId};
use luminal::prelude::{Graph, NodeIndex, Tensor};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, Vec<f32>>;

/// A luminal graph and what its nodes mean.
pub(super) struct Built {
    graph: Box<Graph>,
    /// The sizes of what each node gives, for texts.
    pub dims: BTreeMap<NodeIndex, Vec<usize>>,
    inputs: Vec<(String, NodeIndex)>,
    literals: Vec<(NodeIndex, Rc<[f32]>)>,
    outputs: Vec<(String, NodeIndex)>,
    updates: Vec<(String, NodeIndex)>,
    checks: Vec<Check>,
}

/// What a run gives: results, and new contents of state.
pub(super) struct Results {
    pub outputs: Tensors,
    pub updates: Tensors,
}

impl Built {
    /// Makes the graph of a flat function.
    ///
    /// # Errors
    /// If luminal cannot hold a value of it.
    pub fn new(module: &Module, id: FuncId, batch: usize, products: Products) -> Result<Self, RunError> {
        caught("building", || Self::build(module, id, batch, products))?
    }

    fn build(module: &Module, id: FuncId, batch: usize, products: Products) -> Result<Self, RunError> {
        let function = module.function(id);
        let mut lowering = Lowering { module, batch, products, tape: Tape::new(), checks: Vec::new() };
        let mut inputs = Vec::with_capacity(function.inputs.len());
        let mut given = Vec::with_capacity(function.inputs.len());
        for input in &function.inputs {
            let dims = module.dims(&function.value(input.value).shape, batch);
            let buffer = lowering.tape.source(&input.name, dims);
            inputs.push((input.name.clone(), buffer.id));
            given.push(Held { buffer, known: None });
        }
        if let Some(why) = lowering.tape.refusal() {
            return Err(RunError::Unsupported(format!("the primitive form cannot hold the inputs: {why}")));
        }
        let state = |id: &ValueId| {
            let input = function.inputs.iter().find(|i| i.value == *id);
            input.map_or_else(String::new, |i| i.name.clone())
        };
        let mut names: Vec<String> = function.outputs.iter().map(|o| o.0.clone()).collect();
        names.extend(function.updates.iter().map(|u| state(&u.0)));
        let mut wanted: Vec<ValueId> = function.outputs.iter().map(|o| o.1).collect();
        wanted.extend(function.updates.iter().map(|u| u.1));
        let made = lowering.function(function, given, &wanted)?;
        let mut outputs: Vec<_> = names.into_iter().zip(made.iter().map(|h| h.buffer.id)).collect();
        let updates = outputs.split_off(function.outputs.len());
        let Lowering { tape: Tape { mut graph, dims, literals, .. }, checks, .. } = lowering;
        let kept = outputs.iter().chain(&updates).map(|o| o.1).chain(checks.iter().map(|c| c.index.id));
        for id in kept {
            graph.keep_tensors(id);
        }
        Ok(Built { graph, dims, inputs, literals, outputs, updates, checks })
    }

    /// The graph, for texts.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs the graph once.
    ///
    /// # Errors
    /// If luminal panics, which leaves the graph unusable, or an index is out of range.
    pub fn run(&mut self, program: &str, tensors: &Tensors) -> Result<Results, RunError> {
        caught(program, || {
            self.fill(tensors);
            self.graph.execute();
        })?;
        self.check(program)?;
        let read = |(name, id): &(String, NodeIndex)| (name.clone(), self.elements(*id).to_vec());
        Ok(Results {
            outputs: self.outputs.iter().map(read).collect(),
            updates: self.updates.iter().map(read).collect(),
        })
    }

    /// Drops what the last run kept, for luminal skips a node whose result is there, and then sets all inputs.
    fn fill(&mut self, tensors: &Tensors) {
        self.graph.tensors.clear();
        for (name, id) in &self.inputs {
            let data = tensors.get(name).cloned().unwrap_or_default();
            self.graph.set_tensor(*id, 0, Tensor::new(data));
        }
        for (id, data) in &self.literals {
            self.graph.set_tensor(*id, 0, Tensor::new(data.to_vec()));
        }
    }

    fn check(&self, program: &str) -> Result<(), RunError> {
        for Check { index, size, axis } in &self.checks {
            let outside = |i: &&f32| !(0.0..*size as f32).contains(*i);
            if let Some(found) = self.elements(index.id).iter().find(outside) {
                let cause = format!("the index {found} is out of the range of {axis}");
                return Err(failed(program, cause));
            }
        }
        Ok(())
    }

    /// The raw elements of a kept node.
    fn elements(&self, id: NodeIndex) -> &[f32] {
        let tensor = self.graph.get_tensor_ref(id, 0);
        tensor.and_then(|t| t.data.as_any().downcast_ref::<Vec<f32>>()).map_or(&[], Vec::as_slice)
    }
}

/// Turns a panic of luminal's into an error.
fn caught<T>(program: &str, work: impl FnOnce() -> T) -> Result<T, RunError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        failed(program, format!("luminal panicked: {text}"))
    })
}

fn failed(program: &str, cause: String) -> RunError {
    RunError::Kernel { kernel: program.into(), cause, lines: "the whole program".into() }
}
