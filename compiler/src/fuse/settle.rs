//! How values are stored is no part of the mathematics: a flat function without its transpositions.
//!
//! Shapes are found anew by the operations' rules. Only scans match their inputs position by position, and only
//! results have an order of their own. How scratch is stored is chosen when kernels are made.

use crate::graph::{Builder, FuncId, Function, Module, ValueId};
use crate::ops::{Op, ShapeError, View};

/// Removes the transpositions of a function without calls, in place.
pub(super) fn settle(module: &mut Module, function: FuncId) -> Result<(), ShapeError> {
    let source = module.function(function).clone();
    let settled = settled(module, &source)?;
    module.functions[function.0 as usize] = settled;
    Ok(())
}

fn settled(module: &mut Module, source: &Function) -> Result<Function, ShapeError> {
    let mut b = Builder::new(module, source.name.clone());
    let mut values: Vec<ValueId> = vec![ValueId(u32::MAX); source.values.len()];
    for node in &source.nodes {
        b.origin = node.origin;
        let mut inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
        let new = match &node.op {
            Op::Input => {
                let value = source.value(node.outputs[0]);
                let input = source.inputs.iter().find(|i| i.value == node.outputs[0]);
                let input = input.ok_or_else(|| ShapeError("an input is not declared".into()))?;
                vec![b.input(&input.name, input.kind.clone(), value.shape.clone(), value.storage)]
            }
            Op::View(View::Transpose(_)) => vec![inputs[0]],
            Op::Scan(_) | Op::Call { .. } => {
                for (new, old) in inputs.iter_mut().zip(&node.inputs) {
                    *new = in_order(&mut b, *new, &source.value(*old).shape)?;
                }
                b.add(node.op.clone(), &inputs)?
            }
            op => b.add(op.clone(), &inputs)?,
        };
        node.outputs.iter().zip(new).for_each(|(old, new)| values[old.0 as usize] = new);
    }
    let mut outputs = Vec::with_capacity(source.outputs.len());
    for (name, old) in &source.outputs {
        b.origin = source.producer(*old).origin;
        outputs.push((name.clone(), in_order(&mut b, values[old.0 as usize], &source.value(*old).shape)?));
    }
    let mut updates = Vec::with_capacity(source.updates.len());
    for (state, old) in &source.updates {
        b.origin = source.producer(*old).origin;
        let new = in_order(&mut b, values[old.0 as usize], &source.value(*old).shape)?;
        updates.push((values[state.0 as usize], new));
    }
    let mut function = b.function;
    (function.outputs, function.updates) = (outputs, updates);
    // Inputs stay in the order in which a call gives them.
    let place = |name: &str| source.inputs.iter().position(|i| i.name == name);
    function.inputs.sort_by_key(|i| place(&i.name));
    Ok(function)
}

fn in_order(
    b: &mut Builder<'_>,
    value: ValueId,
    shape: &[crate::graph::AxisId],
) -> Result<ValueId, ShapeError> {
    if b.shape(value) == shape {
        return Ok(value);
    }
    b.add1(Op::View(View::Transpose(shape.to_vec())), &[value])
}
