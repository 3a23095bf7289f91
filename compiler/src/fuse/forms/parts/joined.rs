//! What is computed alike of all parts of the same values: computed once, and then taken apart.

use super::{Part, is_all, part, rewrite_with, take};
use crate::fuse::forms::weights::Weights;
use crate::graph::{AxisId, Function, Module, Node, Rules, ValueId};
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
pub(super) fn joined(
    module: &mut Module,
    source: &Function,
    by: Rules,
) -> Result<Option<Function>, ShapeError> {
    let weights = Weights::new(source);
    let mut groups: BTreeMap<Alike, Vec<Part>> = BTreeMap::new();
    let mut of_node: BTreeMap<ValueId, (Alike, Part)> = BTreeMap::new();
    for node in &source.nodes {
        if let Some((alike, part)) = alike(module, source, &weights, node) {
            groups.entry(alike.clone()).or_default().push(part);
            of_node.insert(node.outputs[0], (alike, part));
        }
    }
    groups.retain(|_, parts| parts.len() > 1 && is_all(module, parts));
    if groups.is_empty() {
        return Ok(None);
    }
    let mut made: BTreeMap<Alike, ValueId> = BTreeMap::new();
    rewrite_with(module, source, by, &mut |b, node, _, values| {
        let Some((alike, part)) = of_node.get(&node.outputs[0]) else { return Ok(None) };
        if !groups.contains_key(alike) {
            return Ok(None);
        }
        let whole = match made.get(alike) {
            Some(known) => *known,
            None => {
                let of: Vec<ValueId> = alike.of.iter().map(|(v, _)| values[v]).collect();
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

/// A part of a value under other names.
#[derive(Clone, PartialEq, Eq)]
struct Renamed {
    of: ValueId,
    part: Part,
    /// From which name to which, in their order.
    renames: Vec<(AxisId, AxisId)>,
}

impl Renamed {
    /// What a value is a part of, if it is one.
    fn from(module: &Module, source: &Function, value: ValueId) -> Option<Self> {
        let node = source.producer(value);
        match node.op {
            Op::View(View::Transpose(_)) => Self::from(module, source, node.inputs[0]),
            Op::View(View::Rename { from, to }) => {
                let mut renamed = Self::from(module, source, node.inputs[0])?;
                renamed.renames.push((from, to));
                Some(renamed)
            }
            _ => part(module, node).map(|part| Renamed { of: node.inputs[0], part, renames: Vec::new() }),
        }
    }
}

/// What a node computes of parts, and of which.
fn alike(module: &Module, source: &Function, weights: &Weights<'_>, node: &Node) -> Option<(Alike, Part)> {
    let parts = node.inputs.iter().map(|v| Renamed::from(module, source, *v)).collect();
    let is_weight = |v: ValueId| weights.of_weights[v.0 as usize];
    let (of, first) = match &node.op {
        Op::Contract(over) => of_product(source, &is_weight, (node, over), parts)?,
        Op::Map(map) if *map != Map::Broadcast && node.inputs.len() > 1 => of_map(&is_weight, parts)?,
        _ => return None,
    };
    let Renamed { part, renames, .. } = first;
    Some((Alike { op: format!("{:?}", node.op), of, axis: part.axis, renames }, part))
}

/// What is read, and whether a part of it.
type Read = Vec<(ValueId, bool)>;

/// A product of a part of one parameter and of what has no such axis.
fn of_product(
    source: &Function,
    is_weight: &dyn Fn(ValueId) -> bool,
    (node, over): (&Node, &[AxisId]),
    parts: Vec<Option<Renamed>>,
) -> Option<(Read, Renamed)> {
    let is_own = |part: &Renamed| is_weight(part.of) && part.renames.is_empty();
    let at = parts.iter().position(|part| part.as_ref().is_some_and(is_own))?;
    let own = parts[at].clone()?;
    let mut of: Read = node.inputs.iter().map(|v| (*v, false)).collect();
    of[at] = (own.of, true);
    let meets = |(value, is_part): &(ValueId, bool)| {
        let shape = &source.value(*value).shape;
        !is_part && (shape.contains(&own.part.axis) || own.part.to.is_some_and(|to| shape.contains(&to)))
    };
    if of.iter().any(meets) || own.part.to.is_some_and(|to| over.contains(&to)) {
        return None;
    }
    // A product has no order of its own.
    of.sort_unstable();
    Some((of, own))
}

/// A map of the same parts of several values. One of weights alone is made of the parts.
fn of_map(is_weight: &dyn Fn(ValueId) -> bool, parts: Vec<Option<Renamed>>) -> Option<(Read, Renamed)> {
    let parts: Vec<Renamed> = parts.into_iter().collect::<Option<_>>()?;
    let first = parts.iter().find(|part| is_weight(part.of))?.clone();
    let same = |part: &Renamed| (part.part, &part.renames) == (first.part, &first.renames);
    let is_joined = parts.iter().all(same) && !parts.iter().all(|part| is_weight(part.of));
    is_joined.then(|| (parts.iter().map(|part| (part.of, true)).collect(), first))
}
