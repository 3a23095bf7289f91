//! Evaluates what depends on nothing but constants, and keeps what is cheaper as index arithmetic.
//!
//! Truth values stay operations (a mask is a comparison of two positions), and so do broadcasts. A tensor
//! whose elements are all equal becomes a broadcast number.

use super::rewrite::{Replacement, rewrite};
use crate::graph::{AxisId, Builder, DType, Function, Module, Node, Value};
use crate::interp::{Sizes, Tensor};
use crate::ops::source::Literal;
use crate::ops::{Map, Op, ShapeError, View, batch_first};
use std::sync::Arc;

/// The largest tensor that is made, in elements.
const LARGEST: usize = 4 << 20;

/// Folds constants.
pub(super) fn fold(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let wanted = wanted(module, source);
    if !wanted.iter().any(|w| w.made) {
        return Ok(None);
    }
    let values = evaluate(module, source, &wanted);
    rewrite(module, source, &mut |b, node, _| {
        let Some(output) = node.outputs.first().filter(|v| wanted[v.0 as usize].made) else {
            return Ok(None);
        };
        // An index out of range is an error of the run, not of the compiler: the node stays.
        values[output.0 as usize].as_ref().map_or(Ok(None), |t| made(b, source.value(*output), t))
    })
}

/// What is wanted of a value.
#[derive(Clone, Copy, Default)]
struct Wanted {
    /// A node that stays reads it.
    read: bool,
    /// A constant takes its place.
    made: bool,
    /// A constant takes its place or is computed from it.
    known: bool,
}

/// What is wanted of each value. A constant is made only where a node that stays reads it, and nothing is
/// computed that no constant needs: a broadcast initial value would be as large as its parameter.
fn wanted(module: &Module, source: &Function) -> Vec<Wanted> {
    let constant = constant(module, source);
    let mut wanted = vec![Wanted::default(); source.values.len()];
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    results.for_each(|id| wanted[id.0 as usize].read = true);
    for (node, makes) in source.nodes.iter().zip(can_be_made(source, &constant)).rev() {
        let outputs = || node.outputs.iter().map(|v| v.0 as usize);
        let read = outputs().any(|v| wanted[v].read);
        if makes && read {
            outputs().for_each(|v| (wanted[v].made, wanted[v].known) = (true, true));
        }
        let known = outputs().any(|v| wanted[v].known);
        for v in &node.inputs {
            let input = &mut wanted[v.0 as usize];
            input.read |= read && !makes;
            input.known |= known;
        }
    }
    wanted
}

/// Whether each value depends on nothing but constants.
fn constant(module: &Module, source: &Function) -> Vec<bool> {
    let sizes = Sizes { module, batch: 1 };
    let mut constant = vec![false; source.values.len()];
    for node in &source.nodes {
        let [output] = node.outputs.as_slice() else { continue };
        let shape = &source.value(*output).shape;
        constant[output.0 as usize] = node.inputs.iter().all(|v| constant[v.0 as usize])
            && !matches!(node.op, Op::Input | Op::Call { .. })
            && !shape.contains(&AxisId::BATCH)
            && sizes.elements(shape) <= LARGEST;
    }
    constant
}

/// Whether a constant may take the place of each node. Another order of a broadcast's axes is as cheap as the
/// broadcast itself.
fn can_be_made(source: &Function, constant: &[bool]) -> Vec<bool> {
    let mut is_broadcast = vec![false; source.values.len()];
    let can = |node: &Node| {
        let is_source = matches!(node.op, Op::Constant(_) | Op::Tensor(_) | Op::Iota(_));
        let is_truth = node.outputs.iter().any(|v| source.value(*v).storage == DType::Bool);
        let spreads = match node.op {
            Op::Map(Map::Broadcast) => true,
            Op::View(View::Transpose(_)) => is_broadcast[node.inputs[0].0 as usize],
            _ => false,
        };
        node.outputs.iter().for_each(|v| is_broadcast[v.0 as usize] = spreads);
        !is_source && !is_truth && !spreads && node.outputs.iter().all(|v| constant[v.0 as usize])
    };
    source.nodes.iter().map(can).collect()
}

/// The value of each constant that is wanted.
fn evaluate(module: &Module, source: &Function, wanted: &[Wanted]) -> Vec<Option<Arc<Tensor>>> {
    let sizes = Sizes { module, batch: 1 };
    let mut values: Vec<Option<Arc<Tensor>>> = vec![None; source.values.len()];
    for node in &source.nodes {
        let [output] = node.outputs.as_slice() else { continue };
        let inputs: Vec<Arc<Tensor>> =
            node.inputs.iter().filter_map(|v| values[v.0 as usize].clone()).collect();
        if wanted[output.0 as usize].known && inputs.len() == node.inputs.len() {
            let shapes: Vec<&Value> = node.inputs.iter().map(|v| source.value(*v)).collect();
            let evaluated = node.op.eval(sizes, &shapes, &inputs, &[source.value(*output)]).ok();
            values[output.0 as usize] = evaluated.and_then(|mut tensors| tensors.pop());
        }
    }
    values
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
