//! Removes what no result depends on: nodes, and results and inputs of scans. Inputs of the function stay.

use crate::graph::{Builder, Function, Module, Node, ValueId};
use crate::ops::{Op, Scan, ShapeError};
use std::sync::Arc;

/// Removes dead code; `None` if there is none.
pub(crate) fn remove(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let mut alive = vec![false; source.values.len()];
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().flat_map(|u| [u.0, u.1]));
    results.for_each(|id| alive[id.0 as usize] = true);
    for node in source.nodes.iter().rev() {
        if node.outputs.iter().any(|v| alive[v.0 as usize]) {
            node.inputs.iter().for_each(|v| alive[v.0 as usize] = true);
        }
    }
    let is_whole = |node: &Node| match &node.op {
        Op::Input => true,
        Op::Scan(scan) => {
            let used = body_reads(&scan.body);
            let read = scan.body.inputs[scan.carries..].iter().all(|i| used[i.value.0 as usize]);
            // One that gives nothing at all is as dead as one of which nothing is read.
            read && !node.outputs.is_empty() && node.outputs.iter().all(|v| alive[v.0 as usize])
        }
        _ => node.outputs.iter().any(|v| alive[v.0 as usize]),
    };
    if source.nodes.iter().all(is_whole) {
        return Ok(None);
    }
    let mut b = Builder::new(module, source.name.clone());
    let mut values = vec![ValueId(u32::MAX); source.values.len()];
    for node in &source.nodes {
        if node.op != Op::Input && !node.outputs.iter().any(|v| alive[v.0 as usize]) {
            continue;
        }
        let inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
        match &node.op {
            Op::Scan(scan) => narrow(&mut b, source, node, scan, &alive, &inputs, &mut values),
            _ => {
                let new = b.copy(source, node, inputs);
                node.outputs.iter().zip(new).for_each(|(old, new)| values[old.0 as usize] = new);
            }
        }
    }
    let mut result = b.function;
    let new = |id: ValueId| values[id.0 as usize];
    result.inputs = source.inputs.clone();
    result.inputs.iter_mut().for_each(|input| input.value = new(input.value));
    result.outputs = source.outputs.iter().map(|(name, id)| (name.clone(), new(*id))).collect();
    result.updates = source.updates.iter().map(|(state, id)| (new(*state), new(*id))).collect();
    Ok(Some(result))
}

/// Copies a scan without results that nobody reads, and without sequences and constants that its step does
/// not read then.
fn narrow(
    b: &mut Builder,
    source: &Function,
    node: &Node,
    scan: &Scan,
    alive: &[bool],
    inputs: &[ValueId],
    values: &mut [ValueId],
) {
    let is_read = |at: usize| alive[node.outputs[at].0 as usize];
    let mut body = Function::clone(&scan.body);
    let mut at = 0;
    body.outputs.retain(|_| {
        at += 1;
        at <= scan.carries || is_read(at - 1 - scan.carries)
    });
    let used = body_reads(&body);
    let keep: Vec<bool> = body
        .inputs
        .iter()
        .enumerate()
        .map(|(at, input)| at < scan.carries || used[input.value.0 as usize])
        .collect();
    let sequences = keep[scan.carries..scan.carries + scan.sequences].iter().filter(|k| **k).count();
    let yields = (0..scan.yields).filter(|at| is_read(*at)).count();
    let finals = (scan.yields..node.outputs.len()).filter(|at| is_read(*at)).count();
    let mut place = 0;
    body.inputs.retain(|_| {
        place += 1;
        keep[place - 1]
    });
    let body = Arc::new(without_lost_inputs(&body));
    let op = Op::Scan(Scan { sequences, yields, finals, body, ..scan.clone() });
    let outputs: Vec<ValueId> = node.outputs.iter().copied().filter(|v| alive[v.0 as usize]).collect();
    let kept = inputs.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(v, _)| *v).collect();
    let node = Node { op, inputs: node.inputs.clone(), outputs, origin: node.origin };
    let new = b.copy(source, &node, kept);
    for (at, (old, id)) in node.outputs.iter().zip(new).enumerate() {
        b.function.values[id.0 as usize].output = at as u32;
        values[old.0 as usize] = id;
    }
}

/// Which values of a body its results depend on.
fn body_reads(body: &Function) -> Vec<bool> {
    let mut used = vec![false; body.values.len()];
    body.outputs.iter().for_each(|(_, id)| used[id.0 as usize] = true);
    for node in body.nodes.iter().rev() {
        if node.outputs.iter().any(|v| used[v.0 as usize]) {
            node.inputs.iter().for_each(|v| used[v.0 as usize] = true);
        }
    }
    used
}

/// Removes the nodes of inputs that are no longer declared, and whatever only dead nodes read.
fn without_lost_inputs(body: &Function) -> Function {
    let used = body_reads(body);
    let declared = |id: ValueId| body.inputs.iter().any(|i| i.value == id);
    let mut result = Function { name: body.name.clone(), ..Function::default() };
    let mut values = vec![ValueId(u32::MAX); body.values.len()];
    for node in &body.nodes {
        let alive = node.outputs.iter().any(|v| used[v.0 as usize] || declared(*v));
        if !alive {
            continue;
        }
        let index = result.nodes.len() as u32;
        let mut copy = node.clone();
        copy.inputs.iter_mut().for_each(|v| *v = values[v.0 as usize]);
        for output in &mut copy.outputs {
            let mut value = body.value(*output).clone();
            value.node = index;
            result.values.push(value);
            let id = ValueId((result.values.len() - 1) as u32);
            values[output.0 as usize] = id;
            *output = id;
        }
        result.nodes.push(copy);
    }
    result.inputs = body.inputs.clone();
    result.inputs.iter_mut().for_each(|input| input.value = values[input.value.0 as usize]);
    result.outputs = body.outputs.iter().map(|(name, id)| (name.clone(), values[id.0 as usize])).collect();
    result
}
