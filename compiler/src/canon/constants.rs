//! Evaluates what depends on nothing but constants, and keeps what is cheaper as index arithmetic.
//!
//! Truth values stay operations (a mask is a comparison of two positions), and so do broadcasts. A tensor
//! whose elements are all equal becomes a broadcast number.

use super::rewrite::{Replacement, rewrite};
use crate::graph::{AxisId, Builder, DType, Function, Module, Node, Value};
use crate::interp::{Sizes, Tensor};
use crate::ops::source::Literal;
use crate::ops::{Map, Op, ShapeError, batch_first};
use std::sync::Arc;

/// The largest tensor that is made, in elements.
const LARGEST: usize = 4 << 20;

/// Folds constants.
pub(super) fn fold(module: &mut Module, source: &Function) -> Result<Function, ShapeError> {
    let values = evaluate(module, source);
    // A constant is made only where a node that stays reads it.
    let mut wanted = vec![false; source.values.len()];
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    results.for_each(|id| wanted[id.0 as usize] = true);
    for node in source.nodes.iter().rev() {
        let folds = node.outputs.iter().all(|v| is_made(source, node, &values[v.0 as usize]));
        let is_unread = node.outputs.iter().all(|v| !wanted[v.0 as usize]);
        if !folds && !is_unread {
            node.inputs.iter().for_each(|v| wanted[v.0 as usize] = true);
        }
    }
    rewrite(module, source, &mut |b, node, _| {
        let Some(output) = node.outputs.first().filter(|v| wanted[v.0 as usize]) else { return Ok(None) };
        match &values[output.0 as usize] {
            Some(tensor) if is_made(source, node, &values[output.0 as usize]) => {
                made(b, source.value(*output), tensor)
            }
            _ => Ok(None),
        }
    })
}

/// The value of each constant.
fn evaluate(module: &Module, source: &Function) -> Vec<Option<Arc<Tensor>>> {
    let sizes = Sizes { module, batch: 1 };
    let mut values: Vec<Option<Arc<Tensor>>> = vec![None; source.values.len()];
    for (node, _) in source.nodes.iter().zip(needed(source)).filter(|(_, needed)| *needed) {
        let [output] = node.outputs.as_slice() else { continue };
        let inputs: Vec<Arc<Tensor>> =
            node.inputs.iter().filter_map(|v| values[v.0 as usize].clone()).collect();
        let result = source.value(*output);
        let known = inputs.len() == node.inputs.len()
            && !matches!(node.op, Op::Input | Op::Call { .. })
            && !result.shape.contains(&AxisId::BATCH)
            && sizes.elements(&result.shape) <= LARGEST;
        if known {
            let shapes: Vec<&Value> = node.inputs.iter().map(|v| source.value(*v)).collect();
            // An index out of range is an error of the run, not of the compiler: the node stays.
            let evaluated = node.op.eval(sizes, &shapes, &inputs, &[result]).ok();
            values[output.0 as usize] = evaluated.and_then(|mut tensors| tensors.pop());
        }
    }
    values
}

/// For each node, whether its value could be wanted: it could be made, or is part of what could be made. The
/// zeros of a large parameter are a broadcast that nothing reads, and are not written out.
fn needed(source: &Function) -> Vec<bool> {
    let mut needed: Vec<bool> = source.nodes.iter().map(|node| could_be_made(source, node)).collect();
    for (at, node) in source.nodes.iter().enumerate().rev() {
        if needed[at] {
            node.inputs.iter().for_each(|input| needed[source.value(*input).node as usize] = true);
        }
    }
    needed
}

/// Whether a node is replaced by its value.
fn is_made(source: &Function, node: &Node, value: &Option<Arc<Tensor>>) -> bool {
    value.is_some() && could_be_made(source, node)
}

fn could_be_made(source: &Function, node: &Node) -> bool {
    let is_source = matches!(node.op, Op::Constant(_) | Op::Tensor(_) | Op::Iota(_));
    let is_truth = node.outputs.iter().any(|v| source.value(*v).storage == DType::Bool);
    !is_source && !is_truth && node.op != Op::Map(Map::Broadcast)
}

fn made(b: &mut Builder, value: &Value, tensor: &Tensor) -> Replacement {
    let integer = value.storage == DType::Int;
    let first = tensor.data.first().copied();
    let uniform = first.filter(|x| !integer && tensor.data.iter().all(|y| y.to_bits() == x.to_bits()));
    if let Some(number) = uniform {
        let mut inputs = vec![b.add1(Op::Constant(number), &[])?];
        for axis in batch_first(value.shape.clone()) {
            inputs.push(b.add1(Op::Iota(axis), &[])?);
        }
        if inputs.len() == 1 {
            return Ok(Some(inputs));
        }
        return b.add(Op::Map(Map::Broadcast), &inputs).map(Some);
    }
    let literal = Literal { shape: value.shape.clone(), data: tensor.data.clone(), integer };
    b.add(Op::Tensor(Arc::new(literal)), &[]).map(Some)
}
