//! The gradient of a loss: the derivative of one output, begun with 1.

use crate::grad::{Derivatives, Read};
use crate::graph::{AxisId, Builder, FuncId, Module, ValueId, inline_some};
use crate::memory::Memory;
use crate::ops::{Map, Op, ShapeError};
use crate::program::Parameter;

/// Adds a function that gives what `function` gives and `grad.NAME` for each parameter: the gradient of its
/// output `loss`, which has no axes.
pub(super) fn gradients(
    module: &mut Module,
    function: FuncId,
    trained: &[&Parameter],
    memory: Memory,
) -> Result<FuncId, ShapeError> {
    let source = module.function(function).clone();
    let wanted: Vec<bool> = source.inputs.iter().map(|i| trained.iter().any(|p| p.name == i.name)).collect();
    // Only the loss begins a backward pass: its parts are given out for people.
    let given: Vec<bool> = source.outputs.iter().map(|(name, _)| name == "loss").collect();
    let derivative = Derivatives::new(memory).of(module, function, &wanted, &given)?;

    let mut b = Builder::new(module, "loss_and_gradients");
    let inputs: Vec<ValueId> = source
        .inputs
        .iter()
        .map(|input| {
            let value = source.value(input.value);
            b.input(&input.name, input.kind.clone(), value.shape.clone(), value.storage)
        })
        .collect();
    let one = b.add1(Op::Constant(1.0), &[])?;
    let call = |b: &mut Builder<'_>, function: FuncId, arguments: &[ValueId]| {
        let axes = (1..b.module.axes.len() as u32).map(|a| (AxisId(a), AxisId(a))).collect();
        b.add(Op::Call { function, axes }, arguments)
    };
    let results = call(&mut b, derivative.forward, &inputs)?;
    let (own, kept) = results.split_at(source.outputs.len());
    let arguments: Vec<ValueId> = derivative
        .reads
        .iter()
        .map(|read| match *read {
            Read::Input(at) => inputs[at],
            Read::Output(at) => own[at],
            Read::Kept(at) => kept[at],
            Read::Cotangent(_) => one,
        })
        .collect();
    let pulled = call(&mut b, derivative.backward, &arguments)?;
    for ((name, _), value) in source.outputs.iter().zip(own) {
        b.output(name, *value);
    }
    for (at, input) in source.inputs.iter().enumerate().filter(|(at, _)| wanted[*at]) {
        let gradient = match derivative.gradients[at] {
            Some(output) => pulled[output],
            None => {
                let zero = b.add1(Op::Constant(0.0), &[])?;
                b.add1(Op::Map(Map::Broadcast), &[zero, inputs[at]])?
            }
        };
        b.output(format!("grad.{}", input.name), gradient);
    }
    let joined = b.finish();
    let parts = [derivative.forward, derivative.backward];
    Ok(inline_some(module, joined, &|callee| parts.contains(&callee)))
}
