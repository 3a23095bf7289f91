//! The forward function of a derivative: the function with more outputs.

use super::backward::Taken;
use super::call::DerivedCall;
use super::derive::{Read, classify};
use crate::graph::{DType, FuncId, Function, Module, Value, ValueId};
use crate::ops::{Op, Scan, ShapeError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Adds the forward function that keeps what is taken, and says as what the backward function reads each of
/// the things taken. A function of which nothing is kept serves itself.
///
/// # Errors
/// If a scan with more yields does not fit its inputs.
pub(super) fn extend(
    module: &mut Module,
    function: FuncId,
    taken: &[(Taken, ValueId)],
    calls: &BTreeMap<usize, DerivedCall>,
) -> Result<(FuncId, Vec<Read>), ShapeError> {
    let mut result = module.function(function).clone();
    result.name = format!("{}.forward", result.name);
    let outputs = result.outputs.len();
    let mut places = Vec::with_capacity(taken.len());
    let mut kept_of: BTreeMap<usize, Vec<ValueId>> = BTreeMap::new();
    for (what, _) in taken {
        if let Some(read) = classify(module.function(function), what) {
            places.push(read);
            continue;
        }
        let value = match what {
            Taken::Value(id) => *id,
            Taken::Kept(node, at) => {
                kept_of.entry(*node).or_insert_with(|| keep_of_call(&mut result, *node, &calls[node]))[*at]
            }
            Taken::Carry(node, carry) => keep_carry(module, &mut result, *node, *carry)?,
        };
        let at = result.outputs.len() - outputs;
        result.outputs.push((format!("kept.{at}"), value));
        places.push(Read::Kept(at));
    }
    if result.outputs.len() == outputs {
        return Ok((function, places));
    }
    Ok((module.add_function(result), places))
}

/// Calls the forward function of the callee's derivative instead, and gives what it keeps.
fn keep_of_call(result: &mut Function, node: usize, call: &DerivedCall) -> Vec<ValueId> {
    result.nodes[node].op = Op::Call { function: call.forward, axes: call.axes.clone() };
    let kept = call.kept.iter().map(|(shape, dtype)| {
        let output = result.nodes[node].outputs.len() as u32;
        let id = push_value(&mut result.values, shape.clone(), *dtype, node, output);
        result.nodes[node].outputs.push(id);
        id
    });
    kept.collect()
}

/// Yields the carry as it was before each step.
fn keep_carry(
    module: &Module,
    result: &mut Function,
    node: usize,
    carry: usize,
) -> Result<ValueId, ShapeError> {
    let Op::Scan(scan) = result.nodes[node].op.clone() else {
        return Err(ShapeError("only a scan has carries".into()));
    };
    let mut body = Function::clone(&scan.body);
    let old = body.inputs[carry].value;
    let at = scan.carries + scan.yields;
    body.outputs.insert(at, (format!("before.{}", body.inputs[carry].name), old));
    let scan = Scan { yields: scan.yields + 1, body: Arc::new(body), ..scan };
    let op = Op::Scan(scan);
    let inputs: Vec<&Value> = result.nodes[node].inputs.iter().map(|v| result.value(*v)).collect();
    let place = at - carries_of(&op);
    let (shape, dtype) = op.shapes(module, &inputs)?.swap_remove(place);
    result.nodes[node].op = op;
    let id = push_value(&mut result.values, shape, dtype, node, place as u32);
    result.nodes[node].outputs.insert(place, id);
    for (output, id) in result.nodes[node].outputs.iter().enumerate() {
        result.values[id.0 as usize].output = output as u32;
    }
    Ok(id)
}

fn carries_of(op: &Op) -> usize {
    if let Op::Scan(scan) = op { scan.carries } else { 0 }
}

fn push_value(
    values: &mut Vec<Value>,
    shape: Vec<crate::graph::AxisId>,
    storage: DType,
    node: usize,
    output: u32,
) -> ValueId {
    let accumulate = if storage == DType::BF16 { DType::F32 } else { storage };
    values.push(Value { shape, storage, accumulate, node: node as u32, output });
    ValueId((values.len() - 1) as u32)
}
