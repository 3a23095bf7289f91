//! Reverse-mode differentiation, graph to graph.
//!
//! Every function is differentiated once for each set of wanted inputs and given cotangents, however often
//! it is called: its derivative is a forward function, which keeps what is read later, and a backward
//! function ([`Derivatives`]). A call becomes a call of the first in the caller's forward function and a call
//! of the second in the caller's backward function. What the gradient of one operation is stands with the
//! operation in [`crate::ops`].

mod activity;
mod backward;
mod call;
#[cfg(test)]
pub(crate) mod check;
mod derive;
mod differences;
mod forward;
mod pullback;
mod scan;
#[cfg(test)]
mod scan_tests;
mod step;
#[cfg(test)]
mod tests;

pub use derive::{Derivative, Derivatives, Read};
pub use differences::{Difference, differences};
pub(crate) use pullback::{Pullback, Pulled};

use crate::graph::{AxisId, Builder, DType, FuncId, Function, InputKind, Module, ValueId, inline_some};
use crate::memory::Memory;
use crate::ops::{Map, Op, ShapeError};

/// Why there is no gradient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GradError {
    /// The function has no input of that name.
    NoInput(String),
    /// The input of that name holds no floats.
    NotFloat(String),
    /// An operation does not fit its inputs: a fault of the compiler.
    Shape(ShapeError),
}

impl std::fmt::Display for GradError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GradError::NoInput(name) => write!(f, "there is no input {name}"),
            GradError::NotFloat(name) => write!(f, "the input {name} holds no floats and has no gradient"),
            GradError::Shape(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GradError {}

impl From<ShapeError> for GradError {
    fn from(error: ShapeError) -> Self {
        GradError::Shape(error)
    }
}

/// Adds a function that gives the results of `entry` and gradients. Its inputs are those of `entry` and then,
/// for each float output, `{output}.grad`, the cotangent of that output. Its outputs are those of `entry` and
/// then `grad.{name}` for each name of `wrt`, zero where an input does not matter.
///
/// Time goes before memory: see [`value_and_grad_within`].
///
/// # Errors
/// If an input is unknown or holds no floats.
pub fn value_and_grad(module: &mut Module, entry: FuncId, wrt: &[&str]) -> Result<FuncId, GradError> {
    value_and_grad_within(module, entry, wrt, Memory::Fast)
}

/// As [`value_and_grad`], with less kept and computed again: see [`crate::memory`].
///
/// # Errors
/// As [`value_and_grad`].
pub fn value_and_grad_within(
    module: &mut Module,
    entry: FuncId,
    wrt: &[&str],
    memory: Memory,
) -> Result<FuncId, GradError> {
    let source = module.function(entry).clone();
    for name in wrt {
        let input = source.input(name).ok_or_else(|| GradError::NoInput((*name).into()))?;
        if !source.value(input.value).storage.is_float() {
            return Err(GradError::NotFloat((*name).into()));
        }
    }
    let wanted: Vec<bool> = source.inputs.iter().map(|i| wrt.contains(&i.name.as_str())).collect();
    let given: Vec<bool> = source.outputs.iter().map(|(_, v)| source.value(*v).storage.is_float()).collect();
    let derivative = Derivatives::new(memory).of(module, entry, &wanted, &given)?;
    let joined = join(module, &source, &derivative, wrt, (&given, memory))?;
    let parts = [derivative.forward, derivative.backward];
    Ok(inline_some(module, joined, &|callee| parts.contains(&callee)))
}

/// A function that calls the forward and then the backward function of a derivative.
fn join(
    module: &mut Module,
    source: &Function,
    derivative: &Derivative,
    wrt: &[&str],
    (given, memory): (&[bool], Memory),
) -> Result<FuncId, ShapeError> {
    let mut b = Builder::new(module, format!("{}.value_and_grad", source.name));
    let mut inputs = Vec::with_capacity(source.inputs.len());
    for input in &source.inputs {
        let value = source.value(input.value);
        inputs.push(b.input(&input.name, input.kind.clone(), value.shape.clone(), value.storage));
    }
    let mut cotangents = vec![None; given.len()];
    for (at, (name, id)) in source.outputs.iter().enumerate().filter(|(at, _)| given[*at]) {
        let (name, shape) = (format!("{name}.grad"), source.value(*id).shape.clone());
        cotangents[at] = Some(b.input(name, InputKind::Argument, shape, DType::F32));
    }
    let call = |b: &mut Builder, function: FuncId, arguments: &[ValueId]| {
        let axes = (1..b.module.axes.len() as u32).map(|a| (AxisId(a), AxisId(a))).collect();
        b.add(Op::Call { function, axes }, arguments)
    };
    let results = call(&mut b, derivative.forward, &inputs)?;
    let (own, kept) = results.split_at(source.outputs.len());
    // Cotangents that are inputs could be there before the results are. Where less is kept, nothing of the
    // backward pass may begin before the forward pass has ended.
    for (cotangent, result) in cotangents.iter_mut().zip(own).filter(|_| memory != Memory::Fast) {
        if let Some(given) = cotangent {
            *cotangent = Some(b.add1(Op::After, &[*given, *result])?);
        }
    }
    let mut arguments = Vec::with_capacity(derivative.reads.len());
    for read in &derivative.reads {
        arguments.push(match *read {
            Read::Input(at) => inputs[at],
            Read::Output(at) => own[at],
            Read::Kept(at) => kept[at],
            Read::Cotangent(at) => {
                cotangents[at].ok_or_else(|| ShapeError("a cotangent is missing".into()))?
            }
        });
    }
    let gradients = call(&mut b, derivative.backward, &arguments)?;
    for ((name, _), value) in source.outputs.iter().zip(own) {
        b.output(name, *value);
    }
    for name in wrt {
        let Some(at) = source.inputs.iter().position(|i| i.name == *name) else { continue };
        let gradient = match derivative.gradients[at] {
            Some(output) => gradients[output],
            None => {
                let zero = b.add1(Op::Constant(0.0), &[])?;
                b.add1(Op::Map(Map::Broadcast), &[zero, inputs[at]])?
            }
        };
        b.output(format!("grad.{name}"), gradient);
    }
    Ok(b.finish())
}
