//! What is computed alike of all parts of the same values: computed once, and then taken apart.

use super::{Part, is_all, part, take};
use crate::canon::rewrite;
use crate::fuse::forms::flats::Apart;
use crate::graph::{AxisId, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};
use std::collections::BTreeMap;

/// What is computed alike of parts of the same values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    /// The operation, which has no order of its own.
    op: String,
    /// What is read, and whether a part of it.
    of: Vec<(ValueId, bool)>,
    axis: AxisId,
    /// What the parts are called before it is computed.
    renames: Vec<(AxisId, AxisId)>,
}

/// Products and maps of all parts of the same values as parts of one product or map.
pub(super) fn joined(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let apart = Apart::new(source);
    let mut groups: BTreeMap<Alike, Vec<Part>> = BTreeMap::new();
    let mut of_node: BTreeMap<ValueId, (Alike, Part)> = BTreeMap::new();
    for node in &source.nodes {
        if let Some((alike, part)) = alike(module, source, &apart, node) {
            groups.entry(alike.clone()).or_default().push(part);
            of_node.insert(node.outputs[0], (alike, part));
        }
    }
    groups.retain(|_, parts| parts.len() > 1 && is_all(module, parts));
    if groups.is_empty() {
        return Ok(None);
    }
    let mut made: BTreeMap<Alike, ValueId> = BTreeMap::new();
    let mut values: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    rewrite(module, source, &mut |b, node, inputs| {
        values.extend(node.inputs.iter().copied().zip(inputs.iter().copied()));
        let Some((alike, part)) = of_node.get(&node.outputs[0]) else { return Ok(None) };
        if !groups.contains_key(alike) {
            return Ok(None);
        }
        let whole = match made.get(alike) {
            Some(known) => *known,
            None => {
                let of: Option<Vec<ValueId>> = alike.of.iter().map(|(v, _)| values.get(v).copied()).collect();
                let of = of.ok_or_else(|| ShapeError("a part is of nothing".into()))?;
                let whole = b.add1(node.op.clone(), &of)?;
                made.insert(alike.clone(), whole);
                whole
            }
        };
        let mut value = take(b, whole, *part)?;
        for (from, to) in &alike.renames {
            value = b.add1(Op::View(View::Rename { from: *from, to: *to }), &[value])?;
        }
        Ok(Some(vec![value]))
    })
}

/// The part that a value is, of what, and under which names.
fn renamed_part(
    module: &Module,
    source: &Function,
    value: ValueId,
) -> Option<(ValueId, Part, Vec<(AxisId, AxisId)>)> {
    let node = source.producer(value);
    match node.op {
        Op::View(View::Transpose(_)) => renamed_part(module, source, node.inputs[0]),
        Op::View(View::Rename { from, to }) => {
            let (of, part, mut renames) = renamed_part(module, source, node.inputs[0])?;
            renames.push((from, to));
            Some((of, part, renames))
        }
        _ => part(module, node).map(|part| (node.inputs[0], part, Vec::new())),
    }
}

/// What a node computes of parts: of one parameter in a product with what has no such axis, or of all operands of a map.
fn alike(module: &Module, source: &Function, apart: &Apart<'_>, node: &Node) -> Option<(Alike, Part)> {
    let is_product = match &node.op {
        Op::Contract(_) => true,
        Op::Map(map) if *map != Map::Broadcast && node.inputs.len() > 1 => false,
        _ => return None,
    };
    let parts: Vec<Option<(ValueId, Part, Vec<(AxisId, AxisId)>)>> =
        node.inputs.iter().map(|v| renamed_part(module, source, *v)).collect();
    let is_weight = |v: ValueId| apart.of_weights[v.0 as usize];
    let first = parts.iter().flatten().find(|(of, ..)| is_weight(*of))?;
    let (first, renames) = (first.1, first.2.clone());
    let is_own = |(of, part, names): &(ValueId, Part, Vec<(AxisId, AxisId)>)| {
        *part == first && *names == renames && (!is_product || is_weight(*of) && names.is_empty())
    };
    let own = |given: &Option<(ValueId, Part, Vec<(AxisId, AxisId)>)>| given.clone().filter(is_own);
    let of: Vec<(ValueId, bool)> = (node.inputs.iter().zip(&parts))
        .map(|(v, part)| own(part).map_or((*v, false), |(of, ..)| (of, true)))
        .collect();
    let mut others = of.iter().filter(|(_, is_part)| !is_part).map(|(v, _)| *v);
    let count = of.iter().filter(|(_, is_part)| *is_part).count();
    let stays = match &node.op {
        Op::Contract(over) => {
            let meets = |v: ValueId| {
                let shape = &source.value(v).shape;
                shape.contains(&first.axis) || first.to.is_some_and(|to| shape.contains(&to))
            };
            count == 1 && !others.any(meets) && first.to.is_none_or(|to| !over.contains(&to))
        }
        // A map of parts of weights alone is made of the parts.
        _ => others.next().is_none() && of.iter().any(|(v, _)| !is_weight(*v)),
    };
    let mut of = of;
    if is_product {
        of.sort_unstable();
    }
    stays.then(|| (Alike { op: format!("{:?}", node.op), of, axis: first.axis, renames }, first))
}
