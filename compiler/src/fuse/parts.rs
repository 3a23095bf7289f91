//! What is packed into one axis and taken apart again: whether a text has one projection of three things or three
//! projections, and whether these stand in a row (`D ++ D ++ D`), along an axis of their own (`(3, D)`) or in three
//! parameters, is no mathematics.
//!
//! - Parts of one size are positions along an axis of their own.
//! - Parts of what is made of weights alone are made of parts of the weights.
//! - Products of one value with all parts of one parameter are one product, of which parts are taken; so are sums of such parts
//!   and those of a bias.
//! - A product with parameters in a row, of which only the parts are read, is a product a parameter.

use super::flats::Apart;
use crate::canon::{reads, rewrite};
use crate::graph::{AxisId, Builder, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};
use std::collections::BTreeMap;

/// The same function with its parts as described; `None` if it has none.
pub(super) fn parts(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    type Pass = fn(&mut Module, &Function) -> Result<Option<Function>, ShapeError>;
    let passes: [Pass; 4] = [in_a_row, of_equal_size, of_weights, joined];
    let mut found: Option<Function> = None;
    for pass in passes {
        // A part moves past one operation a round, so there are no more rounds than operations in a row.
        for _ in 0..source.nodes.len() {
            match pass(module, found.as_ref().unwrap_or(source))? {
                Some(next) => found = Some(next),
                None => break,
            }
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
    let mut end = 0;
    for part in &parts {
        if part.start != end {
            return false;
        }
        end += part.size;
    }
    parts.first().is_some_and(|p| end == module.size(p.axis, 0))
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
fn of_equal_size(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let readers = readers(source);
    let apart = Apart::new(source);
    let mut split: BTreeMap<ValueId, (ValueId, AxisId, AxisId)> = BTreeMap::new();
    rewrite(module, source, &mut |b, node, inputs| {
        let Some(Part { axis, start, size, to: Some(to) }) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let Some(parts) = all_parts(b.module, source, readers[of.0 as usize].as_ref()) else {
            return Ok(None);
        };
        let whole = b.module.size(axis, 0);
        let is_even =
            parts.iter().all(|p| p.axis == axis && p.to.is_some() && p.size == size && p.start % size == 0);
        if !is_even || whole % size != 0 || whole == size || !apart.allows_projection(of, axis, true) {
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
fn of_weights(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let readers = readers(source);
    let apart = Apart::new(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Some(part) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let map = b.function.producer(stored(&b.function, inputs[0])).clone();
        let Node { op: op @ Op::Map(map), inputs: operands, .. } = map else {
            return Ok(None);
        };
        let is_read_in_parts = all_parts(b.module, source, readers[of.0 as usize].as_ref()).is_some();
        let lends = map == Map::Broadcast && operands.len() > 1;
        if !apart.of_weights[of.0 as usize] || !is_read_in_parts || lends {
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
fn joined(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
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

/// Parts of what is computed of values in a row, of which only such parts are read, as the same of the values.
fn in_a_row(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let row = Row { source, apart: Apart::new(source), read: reads(source) };
    let readers = readers(source);
    let mut values: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    rewrite(module, source, &mut |b, node, inputs| {
        values.extend(node.inputs.iter().copied().zip(inputs.iter().copied()));
        let Some(own) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let all = all_parts(b.module, source, readers[of.0 as usize].as_ref());
        let is_in_row = |part: &Part| row.way(b.module, of, part) == Way::Row;
        if !all.is_some_and(|all| all.iter().all(is_in_row)) {
            return Ok(None);
        }
        row.taken(b, &values, of, &own).map(|value| Some(vec![value]))
    })
}

/// How a part of a value can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// As any part.
    Part,
    /// As a part of weights, read elsewhere.
    Weight,
    /// As one of the values in a row that it is made of.
    Row,
}

/// What is computed of values in a row.
struct Row<'a> {
    source: &'a Function,
    apart: Apart<'a>,
    read: Vec<usize>,
}

impl Row<'_> {
    fn has(&self, value: ValueId, axis: AxisId) -> bool {
        self.source.value(value).shape.contains(&axis)
    }

    fn way(&self, module: &Module, value: ValueId, part: &Part) -> Way {
        let node = self.source.producer(value);
        let is_weight = self.apart.of_weights[value.0 as usize];
        let otherwise = if is_weight { Way::Weight } else { Way::Part };
        let within = |v: ValueId, part: &Part| match self.read[v.0 as usize] == 1 {
            true => self.way(module, v, part),
            false if self.apart.of_weights[v.0 as usize] => self.way(module, v, part).min(Way::Weight),
            false => Way::Part,
        };
        match &node.op {
            Op::View(View::Transpose(_)) => within(node.inputs[0], part),
            Op::View(View::Rename { from, to }) if *to == part.axis => {
                within(node.inputs[0], &Part { axis: *from, ..*part })
            }
            Op::View(View::Concat { parts, into }) if *into == part.axis => {
                let found = one_of(module, parts, part).filter(|at| {
                    let (axis, shape) = (parts[*at], &self.source.value(node.inputs[*at]).shape);
                    // What lacks axes of others is broadcast along them.
                    let is_whole =
                        shape.len() + usize::from(axis.is_none()) == self.source.value(value).shape.len();
                    is_whole && part.to.is_none_or(|to| Some(to) == axis || !shape.contains(&to))
                });
                found.map_or(otherwise, |_| Way::Row)
            }
            Op::Map(map) if *map != Map::Broadcast || node.inputs.len() == 1 => {
                self.of_all(node, part, &within)
            }
            Op::Contract(over)
                if !over.contains(&part.axis) && part.to.is_none_or(|to| !over.contains(&to)) =>
            {
                let meets = |v: &ValueId| part.to.is_some_and(|to| self.has(*v, to));
                if node.inputs.iter().any(meets) { otherwise } else { self.of_all(node, part, &within) }
            }
            _ => otherwise,
        }
    }

    /// How a part of a map or product can be had of parts of its operands: one must be in a row, and others weights.
    fn of_all(&self, node: &Node, part: &Part, within: &dyn Fn(ValueId, &Part) -> Way) -> Way {
        let ways = node.inputs.iter().filter(|v| self.has(**v, part.axis)).map(|v| within(*v, part));
        let ways: Vec<Way> = ways.collect();
        match ways.iter().min() {
            Some(Way::Part) | None => Way::Part,
            _ => ways.into_iter().max().unwrap_or(Way::Part),
        }
    }

    /// The part, where its way is through a row.
    fn taken(
        &self,
        b: &mut Builder<'_>,
        values: &BTreeMap<ValueId, ValueId>,
        value: ValueId,
        part: &Part,
    ) -> Result<ValueId, ShapeError> {
        let node = self.source.producer(value);
        let known =
            |v: &ValueId| values.get(v).copied().ok_or_else(|| ShapeError("a part is of nothing".into()));
        if self.way(b.module, value, part) != Way::Row {
            return take(b, known(&value)?, *part);
        }
        match &node.op {
            Op::View(View::Transpose(_)) => self.taken(b, values, node.inputs[0], part),
            Op::View(View::Rename { from, .. }) => {
                self.taken(b, values, node.inputs[0], &Part { axis: *from, ..*part })
            }
            Op::View(View::Concat { parts, .. }) => {
                let at = one_of(b.module, parts, part).unwrap_or_default();
                let one = known(&node.inputs[at])?;
                match (parts[at], part.to) {
                    (Some(from), Some(to)) if from != to => {
                        b.add1(Op::View(View::Rename { from, to }), &[one])
                    }
                    _ => Ok(one),
                }
            }
            op => {
                let mut operands = Vec::with_capacity(node.inputs.len());
                for input in &node.inputs {
                    operands.push(match self.has(*input, part.axis) {
                        true => self.taken(b, values, *input, part)?,
                        false => known(input)?,
                    });
                }
                b.add1(op.clone(), &operands)
            }
        }
    }
}

/// Which value of a row a part is.
fn one_of(module: &Module, parts: &[Option<AxisId>], part: &Part) -> Option<usize> {
    let mut start = 0;
    parts.iter().position(|axis| {
        let size = axis.map_or(1, |axis| module.size(axis, 0));
        start += size;
        (start - size, size, axis.is_some()) == (part.start, part.size, part.to.is_some())
    })
}

/// Renames of what projections give, as renames of their weights.
pub(super) fn named(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let apart = Apart::new(source);
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::View(View::Rename { from, to }) = node.op else { return Ok(None) };
        let of = stored(source, node.inputs[0]);
        let product = source.producer(of);
        let Op::Contract(over) = &product.op else { return Ok(None) };
        let has = |v: ValueId, axis: AxisId| source.value(v).shape.contains(&axis);
        let is_free = !over.contains(&to) && !product.inputs.iter().any(|v| has(*v, to));
        let of_weights = product.inputs.iter().all(|v| !has(*v, from) || apart.of_weights[v.0 as usize]);
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
