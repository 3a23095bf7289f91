//! In which order values are stored. The order of a shape means nothing but storage, so it may be chosen:
//! what is computed for tokens keeps the tokens outside and the features inside, whichever factor of a
//! product was written first.

use super::analysis::readers;
use super::choices::Choices;
use super::results::before;
use arch_compiler::graph::{AxisId, Function, Module, Node, Value, ValueId};
use arch_compiler::ops::{Op, Scan, View};
use std::collections::BTreeMap;

/// The same function with storage orders chosen, some of them as given, and those of its results.
pub(super) fn choose(
    module: &Module,
    function: &Function,
    lanes: usize,
    (given, results): (&BTreeMap<ValueId, Vec<AxisId>>, &[Vec<AxisId>]),
    choices: Choices,
) -> Function {
    let mut chosen = function.clone();
    let wanted = function.outputs.iter().map(|o| o.1).zip(results.iter().cloned()).collect();
    let readers = readers(function, &vec![true; function.nodes.len()]);
    let original = &Original { function, readers, wanted };
    let mut products: Vec<ValueId> = Vec::new();
    let mut spread = vec![false; chosen.values.len()];
    for n in 0..chosen.nodes.len() {
        let node = chosen.nodes[n].clone();
        let shapes: Vec<Vec<AxisId>> = match &node.op {
            Op::Input | Op::Call { .. } => continue,
            Op::Scan(scan) => {
                // Vectors of results are stored as they are.
                let lane = super::scan::arrange(module, &chosen, scan, &node.inputs, lanes).lane();
                let last = |v: &ValueId| {
                    let mut shape = chosen.value(*v).shape.clone();
                    if let Some(chunks) = joined(original, scan, *v) {
                        shape.retain(|a| *a != scan.axis);
                        let at = shape.iter().position(|a| *a == chunks).unwrap_or(0);
                        shape.insert(at + 1, scan.axis);
                        return shape;
                    }
                    if let Some(at) = lane.and_then(|lane| shape.iter().position(|a| *a == lane)) {
                        shape[at..].rotate_left(1);
                    }
                    shape
                };
                node.outputs.iter().map(last).collect()
            }
            _ if node.outputs.iter().any(|v| given.contains_key(v)) => {
                node.outputs.iter().map(|v| original.wanted.get(v).unwrap_or(&given[v]).clone()).collect()
            }
            Op::Contract(over) => {
                products.push(node.outputs[0]);
                let order = product(original, &chosen, &node, over);
                vec![turned(order, choices.pick("order of a product", n, 4))]
            }
            // What gradients are put together into is stored like the product that it is the gradient of.
            Op::View(View::Pad { .. } | View::Concat { .. })
                if let Some(like) = same_axes(&chosen, &products, node.outputs[0]) =>
            {
                vec![like]
            }
            op => {
                let given: Vec<&Value> = node.inputs.iter().map(|v| chosen.value(*v)).collect();
                let Ok(shapes) = op.shapes(module, &given) else { continue };
                let shapes: Vec<Vec<AxisId>> = shapes.into_iter().map(|s| s.0).collect();
                match op {
                    Op::Map(_) => {
                        let like = stored(&chosen, &spread, &node, &shapes[0]);
                        spread[node.outputs[0].0 as usize] = like.is_none();
                        like.map_or(shapes, |like| vec![like])
                    }
                    _ => shapes,
                }
            }
        };
        for (value, shape) in node.outputs.iter().zip(shapes) {
            chosen.values[value.0 as usize].shape = shape;
        }
    }
    for (at, order) in results.iter().enumerate() {
        let value = chosen.outputs[at].1;
        if chosen.value(value).shape != *order {
            chosen.outputs[at].1 = transposed(&mut chosen, value, order.clone());
        }
    }
    chosen
}

/// How the first value is stored that a map reads and that has all axes of its result, but for what is only spread over them,
/// such as a shift of each channel times a factor of each token: in whichever order that stands, nobody stores it.
fn stored(function: &Function, spread: &[bool], node: &Node, shape: &[AxisId]) -> Option<Vec<AxisId>> {
    let is_whole = |v: &&ValueId| function.value(**v).shape.len() == shape.len() && !spread[v.0 as usize];
    node.inputs.iter().find(is_whole).map(|v| function.value(*v).shape.clone())
}

/// The axis of chunks of a result that all who read it take for one sequence: in another order, they would not find its
/// steps beside each other.
fn joined(original: &Original<'_>, scan: &Scan, value: ValueId) -> Option<AxisId> {
    let chunks = original.readers(value).map(|node| match &node.op {
        Op::View(View::Flatten { from, .. }) if from.len() == 2 && from[1] == scan.axis => Some(from[0]),
        _ => None,
    });
    // A result is read as it is asked for.
    let asked = original.wanted.get(&value).map(|order| {
        let at = order.iter().position(|a| *a == scan.axis)?;
        order.get(at.checked_sub(1)?).copied().filter(|a| *a != AxisId::BATCH)
    });
    let mut all = asked.into_iter().chain(chunks);
    let first = all.next()??;
    all.all(|other| other == Some(first)).then_some(first)
}

/// The same axes in an order that is none of ours: those behind the batch are turned around.
fn turned(mut order: Vec<AxisId>, by: Option<usize>) -> Vec<AxisId> {
    let behind = usize::from(order.first() == Some(&AxisId::BATCH));
    let count = order.len() - behind;
    order[behind..].rotate_left(by.unwrap_or(0) % count.max(1));
    order
}

/// How the first of these values is stored that has the same axes.
fn same_axes(function: &Function, among: &[ValueId], value: ValueId) -> Option<Vec<AxisId>> {
    let shape = &function.value(value).shape;
    let same = |v: &&ValueId| {
        let other = &function.value(**v).shape;
        other.len() == shape.len() && shape.iter().all(|a| other.contains(a))
    };
    among.iter().find(same).map(|v| function.value(*v).shape.clone())
}

/// The function before anything was chosen, and the nodes that read each of its values.
struct Original<'a> {
    function: &'a Function,
    readers: Vec<Vec<usize>>,
    /// How results are to be stored.
    wanted: BTreeMap<ValueId, Vec<AxisId>>,
}

impl Original<'_> {
    fn readers(&self, value: ValueId) -> impl Iterator<Item = &Node> {
        self.readers[value.0 as usize].iter().map(|n| &self.function.nodes[*n])
    }

    fn shape(&self, value: ValueId) -> &[AxisId] {
        &self.function.value(value).shape
    }
}

/// The order of a product's axes.
fn product(original: &Original<'_>, chosen: &Function, node: &Node, over: &[AxisId]) -> Vec<AxisId> {
    let (a, b) = (&chosen.value(node.inputs[0]).shape, &chosen.value(node.inputs[1]).shape);
    let value = node.outputs[0];
    let own =
        |of: &[AxisId], other: &[AxisId]| of.last().is_some_and(|x| !other.contains(x) && !over.contains(x));
    let batch = |of: &[AxisId]| of.contains(&AxisId::BATCH) && !over.contains(&AxisId::BATCH);
    let swapped = match (batch(a), batch(b)) {
        (false, false) => return weight(original, chosen, value),
        (true, false) => false,
        (false, true) => true,
        // What is stored last in a factor and stays is stored last again; else what is reduced next.
        (true, true) if own(a, b) != own(b, a) => own(a, b),
        (true, true) => {
            hint(original, chosen, value).is_some_and(|axis| a.contains(&axis) && !b.contains(&axis))
        }
    };
    let (first, second) = if swapped { (b, a) } else { (a, b) };
    let mut order: Vec<AxisId> = first.iter().copied().filter(|x| !over.contains(x)).collect();
    order.extend(second.iter().filter(|x| !first.contains(x)));
    let at = order.iter().position(|x| *x == AxisId::BATCH).unwrap_or(0);
    order[..=at].rotate_right(1);
    order
}

/// The axis that a product's readers would like last: that of a value with the same axes beside it, or one that
/// they reduce over.
fn hint(original: &Original<'_>, chosen: &Function, value: ValueId) -> Option<AxisId> {
    let shape = original.shape(value);
    let same = |other: &[AxisId]| other.len() == shape.len() && shape.iter().all(|a| other.contains(a));
    let mut open = vec![value];
    let mut seen = Vec::new();
    while let Some(at) = open.pop() {
        for node in original.readers(at) {
            let mut before = node.inputs.iter().filter(|i| **i < value && same(original.shape(**i)));
            if let Some(beside) = before.next_back() {
                return chosen.value(*beside).shape.last().copied();
            }
            match &node.op {
                Op::Reduce(_, over) => return shape.iter().copied().find(|a| over.contains(a)),
                Op::Map(_) if same(original.shape(node.outputs[0])) && !seen.contains(&node.outputs[0]) => {
                    seen.push(node.outputs[0]);
                    open.push(node.outputs[0]);
                }
                _ => {}
            }
        }
    }
    None
}

/// A product without the batch, such as the gradient of a weight, is stored as whoever reads it wants it.
fn weight(original: &Original<'_>, chosen: &Function, value: ValueId) -> Vec<AxisId> {
    if let Some(order) = original.wanted.get(&value) {
        return order.clone();
    }
    asked(original, chosen, value, &mut vec![value]).unwrap_or_else(|| original.shape(value).to_vec())
}

/// The order that those who read a value ask for.
fn asked(
    original: &Original<'_>,
    chosen: &Function,
    value: ValueId,
    seen: &mut Vec<ValueId>,
) -> Option<Vec<AxisId>> {
    let shape = original.shape(value);
    let same = |other: &[AxisId]| other.len() == shape.len() && shape.iter().all(|a| other.contains(a));
    for node in original.readers(value) {
        if let Op::View(View::Transpose(order)) = &node.op {
            return Some(order.clone());
        }
        if !matches!(node.op, Op::Map(_)) {
            continue;
        }
        if let Some(order) = original.wanted.get(&node.outputs[0]).filter(|order| same(order)) {
            return Some(order.clone());
        }
        let mut beside = node.inputs.iter().filter(|i| is_input(chosen, **i));
        if let Some(input) = beside.find(|i| same(&chosen.value(**i).shape)) {
            return Some(chosen.value(*input).shape.clone());
        }
    }
    // An optimizer scales a gradient before it meets the state that is stored as the weight is, and may know its axes under
    // other names.
    let further: Vec<&Node> = original.readers(value).collect();
    further.into_iter().rev().find_map(|node| {
        let result = node.outputs[0];
        let follows = match &node.op {
            Op::Map(_) => same(original.shape(result)),
            Op::View(View::Flatten { .. } | View::Unflatten { .. } | View::Rename { .. }) => true,
            _ => false,
        };
        if !follows || seen.contains(&result) {
            return None;
        }
        seen.push(result);
        let order = asked(original, chosen, result, seen)?;
        match &node.op {
            Op::View(view) => before(view, order),
            _ => Some(order),
        }
    })
}

/// Whether a value is an input as it lies in memory, under whatever axes.
fn is_input(function: &Function, value: ValueId) -> bool {
    let node = function.producer(value);
    match node.op {
        Op::Input => true,
        Op::View(View::Unflatten { .. } | View::Flatten { .. } | View::Rename { .. }) => {
            is_input(function, node.inputs[0])
        }
        _ => false,
    }
}

fn transposed(function: &mut Function, value: ValueId, order: Vec<AxisId>) -> ValueId {
    let source = function.value(value).clone();
    let origin = function.producer(value).origin;
    let id = ValueId(function.values.len() as u32);
    let node = function.nodes.len() as u32;
    function.values.push(Value { shape: order.clone(), node, output: 0, ..source });
    let op = Op::View(View::Transpose(order));
    function.nodes.push(Node { op, inputs: vec![value], outputs: vec![id], origin });
    id
}
