//! The step of a scan: the order in which its sequences and constants are given.

use crate::graph::{Function, Node, Value, ValueId};
use crate::ops::Op;

/// The same step with its sequences, and then its constants, in the order in which they are used, and where each
/// input stood before. Carries stay in their order.
pub(super) fn in_order_of_use(body: &Function, [carries, sequences]: [usize; 2]) -> (Function, Vec<usize>) {
    let first_use = |at: usize| {
        let value = body.inputs[at].value;
        let reader = body.nodes.iter().position(|n| n.inputs.contains(&value));
        let place = reader.and_then(|n| body.nodes[n].inputs.iter().position(|v| *v == value));
        (reader.unwrap_or(usize::MAX), place.unwrap_or(usize::MAX))
    };
    let mut order: Vec<usize> = (0..body.inputs.len()).collect();
    order[carries..carries + sequences].sort_by_key(|at| first_use(*at));
    order[carries + sequences..].sort_by_key(|at| first_use(*at));
    let mut result = Function { name: body.name.clone(), ..Function::default() };
    let mut values = vec![ValueId(u32::MAX); body.values.len()];
    for (at, old) in order.iter().enumerate() {
        let mut input = body.inputs[*old].clone();
        let node = body.producer(input.value).clone();
        input.name.clone_from(&body.inputs[at].name);
        copy(body, &mut result, &node, &mut values);
        input.value = values[input.value.0 as usize];
        result.inputs.push(input);
    }
    for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
        copy(body, &mut result, node, &mut values);
    }
    result.outputs = body.outputs.iter().map(|(name, id)| (name.clone(), values[id.0 as usize])).collect();
    (result, order)
}

pub(super) fn copy(source: &Function, result: &mut Function, node: &Node, values: &mut [ValueId]) {
    let index = result.nodes.len() as u32;
    let inputs = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
    let mut outputs = Vec::with_capacity(node.outputs.len());
    for old in &node.outputs {
        let id = ValueId(result.values.len() as u32);
        result.values.push(Value { node: index, ..source.value(*old).clone() });
        values[old.0 as usize] = id;
        outputs.push(id);
    }
    result.nodes.push(Node { op: node.op.clone(), inputs, outputs, origin: node.origin });
}
