//! What is packed into one axis and taken apart again: whether a text has one projection of three things or three
//! projections, and whether these stand in a row (`D ++ D ++ D`), along an axis of their own (`(3, D)`) or in three
//! parameters, is no mathematics.
//!
//! - Parts of one size are positions along an axis of their own.
//! - Parts of what is made of weights alone are made of parts of the weights.
//! - Products of one value with all parts of one parameter are one product, of which parts are taken; so are sums of such parts
//!   and those of a bias.
//! - A product with parameters in a row, of which only the parts are read, is a product a parameter.

mod joined;
mod rows;

use super::weights::Weights;
use super::{Form, Pass, rewrite, rewrite_with};
use crate::canon::{end_of_row, reads, without_dead};
use crate::graph::{AxisId, Builder, Function, Module, Node, Rules, ValueId};
use crate::ops::{Map, Op, ShapeError, View};
use std::collections::BTreeMap;

pub(super) const FORM: Form = Form {
    name: "packed as one",
    algebra: "sum(w[P: 0] * x, over: D), sum(w[P: 1] * x, over: D), ... = sum(w * x, over: D)",
    guard: "all of P, one x; read in parts alone",
    find: parts,
};

pub(super) const NAMES: Form = Form {
    name: "names of weights",
    algebra: "rename(sum(w * x, over: D), A -> B) = sum(rename(w, A -> B) * x, over: D)",
    guard: "only w has A",
    find: named,
};

/// The same function with its parts as described; `None` if it has none.
fn parts(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let passes: [Pass; 4] = [rows::in_a_row, of_equal_size, of_weights, joined::joined];
    let mut found: Option<Function> = None;
    for pass in passes {
        // A part moves past one operation a round, so there are no more rounds than operations in a row.
        for _ in 0..source.nodes.len() {
            let Some(next) = pass(module, found.as_ref().unwrap_or(source), by)? else { break };
            // What was replaced reads nothing any more.
            let alive = without_dead(module, &next)?;
            found = Some(alive.unwrap_or(next));
        }
    }
    Ok(found)
}

/// Some positions of an axis in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    axis: AxisId,
    start: usize,
    size: usize,
    /// The axis that comes; none if the part is one position without one.
    to: Option<AxisId>,
}

/// The part that a node takes of its input.
fn part(module: &Module, node: &Node) -> Option<Part> {
    match node.op {
        Op::View(View::Index { axis, at }) => Some(Part { axis, start: at, size: 1, to: None }),
        Op::View(View::Slice { axis, to, start, step: 1 }) => {
            Some(Part { axis, start, size: module.size(to, 0), to: Some(to) })
        }
        _ => None,
    }
}

/// The value that is stored in another order.
fn stored(function: &Function, value: ValueId) -> ValueId {
    match function.producer(value) {
        Node { op: Op::View(View::Transpose(_)), inputs, .. } => stored(function, inputs[0]),
        _ => value,
    }
}

/// By value: the nodes that read it, and none if something else than a node does.
fn readers(source: &Function) -> Vec<Option<Vec<usize>>> {
    let mut readers = vec![Some(Vec::new()); source.values.len()];
    for (n, node) in source.nodes.iter().enumerate() {
        for value in &node.inputs {
            readers[value.0 as usize].iter_mut().for_each(|all| all.push(n));
        }
    }
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    results.for_each(|value| readers[value.0 as usize] = None);
    readers
}

/// The parts that all readers of a value take, if they do nothing else.
fn all_parts(module: &Module, source: &Function, readers: Option<&Vec<usize>>) -> Option<Vec<Part>> {
    let parts: Vec<Part> = readers?.iter().map(|n| part(module, &source.nodes[*n])).collect::<Option<_>>()?;
    (!parts.is_empty()).then_some(parts)
}

/// Whether parts are all of an axis, each once.
fn is_all(module: &Module, parts: &[Part]) -> bool {
    let mut parts = parts.to_vec();
    parts.sort_unstable_by_key(|p| p.start);
    let end = end_of_row(parts.iter().map(|p| (p.start, p.size)));
    parts.first().is_some_and(|p| end == Some(module.size(p.axis, 0)))
}

/// A part of a value.
fn take(b: &mut Builder<'_>, of: ValueId, part: Part) -> Result<ValueId, ShapeError> {
    let Part { axis, start, to, .. } = part;
    let view = match to {
        Some(to) => View::Slice { axis, to, start, step: 1 },
        None => View::Index { axis, at: start },
    };
    b.add1(Op::View(view), &[of])
}

/// Parts of one size of what can be made with the axis taken apart, as positions along an axis of their own.
fn of_equal_size(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let readers = readers(source);
    let weights = Weights::new(source);
    let mut split: BTreeMap<ValueId, (ValueId, AxisId, AxisId)> = BTreeMap::new();
    rewrite(module, source, by, &mut |b, node, inputs| {
        let Some(Part { axis, start, size, to: Some(to) }) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let Some(parts) = all_parts(b.module, source, readers[of.0 as usize].as_ref()) else {
            return Ok(None);
        };
        let whole = b.module.size(axis, 0);
        let is_even =
            parts.iter().all(|p| p.axis == axis && p.to.is_some() && p.size == size && p.start % size == 0);
        if !is_even || whole % size != 0 || whole == size || !weights.allows(of, axis) {
            return Ok(None);
        }
        let (along, outer, inner) = match split.get(&of) {
            Some(known) => *known,
            None => {
                let name = b.module.axis(axis).name.clone();
                let [outer, inner] = [whole / size, size].map(|n| b.module.add_axis(name.clone(), n));
                let unflatten = View::Unflatten { from: axis, to: vec![outer, inner] };
                let along = b.add1(Op::View(unflatten), &[inputs[0]])?;
                split.insert(of, (along, outer, inner));
                (along, outer, inner)
            }
        };
        // A projection renames its results before they are taken apart, where it can.
        let renamed = View::Rename { from: inner, to };
        let index = View::Index { axis: outer, at: start / size };
        let can_be_renamed = parts.iter().all(|p| p.to == Some(to)) && !b.shape(along).contains(&to);
        let views = if can_be_renamed { [renamed, index] } else { [index, renamed] };
        let one = views.into_iter().try_fold(along, |value, view| b.add1(Op::View(view), &[value]))?;
        Ok(Some(vec![one]))
    })
}

/// Parts of maps of weights, of which only parts are read, as maps of parts.
fn of_weights(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let readers = readers(source);
    let weights = Weights::new(source);
    rewrite(module, source, by, &mut |b, node, inputs| {
        let Some(part) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let map = b.function.producer(stored(&b.function, inputs[0])).clone();
        let Node { op: op @ Op::Map(map), inputs: operands, .. } = map else {
            return Ok(None);
        };
        let is_read_in_parts = all_parts(b.module, source, readers[of.0 as usize].as_ref()).is_some();
        let lends = map == Map::Broadcast && operands.len() > 1;
        if !weights.of_weights[of.0 as usize] || !is_read_in_parts || lends {
            return Ok(None);
        }
        let mut parts = operands;
        for operand in &mut parts {
            if b.shape(*operand).contains(&part.axis) {
                *operand = take(b, *operand, part)?;
            }
        }
        b.add(op, &parts).map(Some)
    })
}

/// Renames of what projections give, as renames of their weights. Names change, and nothing that is computed, so no rule is
/// named for it.
fn named(module: &mut Module, source: &Function, _: Rules) -> Result<Option<Function>, ShapeError> {
    let weights = Weights::new(source);
    let read = reads(source);
    rewrite(module, source, Rules::NONE, &mut |b, node, inputs| {
        let Op::View(View::Rename { from, to }) = node.op else { return Ok(None) };
        let of = stored(source, node.inputs[0]);
        let product = source.producer(of);
        let Op::Contract(over) = &product.op else { return Ok(None) };
        let has = |v: ValueId, axis: AxisId| source.value(v).shape.contains(&axis);
        let is_free = !over.contains(&to) && !product.inputs.iter().any(|v| has(*v, to));
        let of_weights = product.inputs.iter().all(|v| !has(*v, from) || weights.of_weights[v.0 as usize]);
        let is_alone = [of, node.inputs[0]].iter().all(|v| read[v.0 as usize] == 1);
        if !is_alone || !is_free || !of_weights {
            return Ok(None);
        }
        let mut factors = b.function.producer(stored(&b.function, inputs[0])).inputs.clone();
        for factor in &mut factors {
            if b.shape(*factor).contains(&from) {
                *factor = b.add1(Op::View(View::Rename { from, to }), &[*factor])?;
            }
        }
        b.add(Op::Contract(over.clone()), &factors).map(Some)
    })
}
