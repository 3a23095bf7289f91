//! Operations that change nothing: `x * 1`, `x + 0`, views onto the same, broadcasts along axes that are there.

use super::rewrite::{Replacement, rewrite};
use crate::graph::{AxisId, Builder, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};

/// Removes operations that change nothing.
pub(super) fn simplify(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    rewrite(module, source, &mut |b, node, inputs| match &node.op {
        Op::Map(Map::Broadcast) => broadcast(b, source, node, inputs),
        Op::Map(map) => match passed_on(b, *map, inputs) {
            Some(same) if is_same(b, source, node, same) => Ok(Some(vec![same])),
            _ => without_broadcasts(b, source, node, *map, inputs),
        },
        Op::View(view) => seen_through(b, view, inputs),
        _ => Ok(None),
    })
}

/// The input that a map passes on, if it does.
fn passed_on(b: &Builder, map: Map, inputs: &[ValueId]) -> Option<ValueId> {
    let number = |at: usize| constant(b, inputs[at]);
    match map {
        Map::Add if number(0) == Some(0.0) => Some(inputs[1]),
        Map::Mul if number(0) == Some(1.0) => Some(inputs[1]),
        Map::Add | Map::Sub if number(1) == Some(0.0) => Some(inputs[0]),
        Map::Mul | Map::Div | Map::Pow if number(1) == Some(1.0) => Some(inputs[0]),
        Map::Neg => match b.function.producer(inputs[0]) {
            Node { op: Op::Map(Map::Neg), inputs, .. } => Some(inputs[0]),
            _ => None,
        },
        Map::ToFloat => Some(inputs[0]),
        Map::Where if inputs[1] == inputs[2] => Some(inputs[1]),
        _ => None,
    }
}

/// The number that a value is, without axes or broadcast along some.
fn constant(b: &Builder, id: ValueId) -> Option<f64> {
    match b.function.producer(id) {
        Node { op: Op::Constant(number), .. } => Some(*number),
        Node { op: Op::Map(Map::Broadcast), inputs, .. } => constant(b, inputs[0]),
        _ => None,
    }
}

/// Whether a value may stand for a node's result: the same axes and the same type.
fn is_same(b: &Builder, source: &Function, node: &Node, id: ValueId) -> bool {
    let (old, new) = (source.value(node.outputs[0]), b.function.value(id));
    old.storage == new.storage
        && old.shape.len() == new.shape.len()
        && old.shape.iter().all(|a| new.shape.contains(a))
}

/// A value nearer to the inputs that lends the batch, too: what only lends it keeps no large value alive.
fn nearer(b: &mut Builder, lender: ValueId) -> Result<ValueId, ShapeError> {
    let (mut at, mut computed) = (lender, false);
    loop {
        let node = b.function.producer(at);
        let next = match node.op {
            Op::View(View::Index { .. } | View::Transpose(_)) => Some(node.inputs[0]),
            Op::Map(_) => {
                computed = true;
                node.inputs.iter().copied().find(|v| b.shape(*v).contains(&AxisId::BATCH))
            }
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    if !computed {
        return Ok(lender);
    }
    while let Some(axis) = b.shape(at).iter().copied().find(|a| *a != AxisId::BATCH) {
        at = b.add1(Op::View(View::Index { axis, at: 0 }), &[at])?;
    }
    Ok(at)
}

/// A broadcast keeps only inputs that lend something, and reads through a broadcast.
fn broadcast(b: &mut Builder, source: &Function, node: &Node, inputs: &[ValueId]) -> Replacement {
    let mut kept = vec![inputs[0]];
    let mut lenders = inputs[1..].to_vec();
    if let Node { op: Op::Map(Map::Broadcast), inputs: inner, .. } = b.function.producer(inputs[0]) {
        kept[0] = inner[0];
        lenders.splice(0..0, inner[1..].iter().copied());
    }
    let mut axes = b.shape(kept[0]).to_vec();
    for lender in lenders {
        let more: Vec<_> = b.shape(lender).iter().copied().filter(|a| !axes.contains(a)).collect();
        if !more.is_empty() {
            let batch_only = more == [AxisId::BATCH];
            axes.extend(more);
            kept.push(if batch_only { nearer(b, lender)? } else { lender });
        }
    }
    if kept.len() == 1 && is_same(b, source, node, kept[0]) {
        return Ok(Some(kept));
    }
    if kept == inputs { Ok(None) } else { b.add(Op::Map(Map::Broadcast), &kept).map(Some) }
}

/// A map reads what was broadcast if its other inputs bring the axes anyway.
fn without_broadcasts(
    b: &mut Builder,
    source: &Function,
    node: &Node,
    map: Map,
    inputs: &[ValueId],
) -> Replacement {
    let mut new = inputs.to_vec();
    for at in 0..new.len() {
        let Node { op: Op::Map(Map::Broadcast), inputs: inner, .. } = b.function.producer(new[at]) else {
            continue;
        };
        let narrow = inner[0];
        let brought = |axis| {
            let others = new.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, v)| *v);
            others.chain([narrow]).any(|v| b.shape(v).contains(axis))
        };
        if source.value(node.outputs[0]).shape.iter().all(brought) {
            new[at] = narrow;
        }
    }
    if new == inputs { Ok(None) } else { b.add(Op::Map(map), &new).map(Some) }
}

/// A view that changes nothing, and two that undo each other.
fn seen_through(b: &mut Builder, view: &View, inputs: &[ValueId]) -> Replacement {
    let input = inputs[0];
    let before = match b.function.producer(input) {
        Node { op: Op::View(before), inputs, .. } if inputs.len() == 1 => Some((before.clone(), inputs[0])),
        _ => None,
    };
    let same = match (view, before) {
        (View::Rename { from, to }, _) if from == to => Some(input),
        (View::Slice { axis, to, .. } | View::Pad { axis, to, .. }, _) if axis == to => Some(input),
        (View::Transpose(order), _) if b.shape(input) == order.as_slice() => Some(input),
        (View::Concat { parts, into }, _) if parts.as_slice() == [Some(*into)] => Some(input),
        (View::Flatten { from, to }, _) if from.as_slice() == [*to] => Some(input),
        (View::Unflatten { from, to }, _) if to.as_slice() == [*from] => Some(input),
        // The order that things are in already, such as a scan row by row.
        (View::Permute { axis, to, order }, _) if order.iter().zip(0..).all(|(from, at)| *from == at) => {
            let op = Op::View(View::Rename { from: *axis, to: *to });
            return b.add(op, &[input]).map(Some);
        }
        (View::Transpose(_), Some((View::Transpose(_), first))) => {
            return b.add(Op::View(view.clone()), &[first]).map(Some);
        }
        (View::Rename { from, to }, Some((View::Rename { from: old, to: middle }, first)))
            if from == &middle =>
        {
            if *to == old {
                Some(first)
            } else if b.shape(first).contains(to) {
                None
            } else {
                let op = Op::View(View::Rename { from: old, to: *to });
                return b.add(op, &[first]).map(Some);
            }
        }
        (View::Flip(axis), Some((View::Flip(before), first))) if *axis == before => Some(first),
        (View::Unflatten { from, to }, Some((View::Flatten { from: old, to: flat }, first)))
            if *from == flat && *to == old =>
        {
            Some(first)
        }
        (View::Flatten { from, to }, Some((View::Unflatten { from: old, to: parts }, first)))
            if *to == old && *from == parts =>
        {
            Some(first)
        }
        _ => None,
    };
    Ok(same.map(|id| vec![id]))
}
