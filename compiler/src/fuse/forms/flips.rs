//! Reversed sequences are carried outwards: through maps, sums, products and views, until they cancel, until a
//! scan takes them as its direction, or until they meet something that is not reversed.
//!
//! Every value and its mirror image are one value, of which a node is reversed as a whole: what is computed of
//! `flip(x)` alone is the mirror image of what is computed of `x`. So nothing is computed in both directions, and
//! a scan over reversed sequences whose results are reversed again is a scan that goes the other way.

use super::Form;
use crate::canon::elements;
use crate::graph::{AxisId, Builder, Function, Module, Node, Rules, ValueId};
use crate::ops::{Map, Op, Scan, ShapeError, View, Windows};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A value of the new function, and the axes along which the old value is its mirror image.
#[derive(Clone, Debug, Default)]
struct Mirrored {
    value: Option<ValueId>,
    axes: BTreeSet<AxisId>,
}

/// The operation that gives the mirror image of a result, on which inputs, and along which axes.
struct Carried {
    op: Op,
    inputs: Vec<ValueId>,
    axes: BTreeSet<AxisId>,
}

pub(super) const FORM: Form = Form {
    name: "reversed at last",
    algebra: "f(flip(x, T)) = flip(f(x), T)",
    guard: "all that f reads along T is reversed",
    find: outwards,
};

/// The same function with its reversals as far outside as they go; `None` if it has none.
fn outwards(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let mut source = source.clone();
    let mut found = source.nodes.iter().any(|n| matches!(n.op, Op::View(View::Flip(_))));
    for node in &mut source.nodes {
        if let Op::Scan(scan) = &mut node.op
            && let Some(body) = outwards(module, &scan.body, by)?
        {
            scan.body = Arc::new(body);
            found = true;
        }
    }
    if !found {
        return Ok(None);
    }
    let source = &source;
    let mut pass = Pass {
        b: Builder::new(module, source.name.clone()),
        values: vec![Mirrored::default(); source.values.len()],
        turned: BTreeMap::new(),
        by,
    };
    for node in &source.nodes {
        pass.b.origin = node.origin;
        pass.node(source, node)?;
    }
    let mut outputs = Vec::with_capacity(source.outputs.len());
    for (name, id) in &source.outputs {
        outputs.push((name.clone(), pass.result(source, *id)?));
    }
    let mut updates = Vec::with_capacity(source.updates.len());
    for (state, id) in &source.updates {
        updates.push((pass.result(source, *state)?, pass.result(source, *id)?));
    }
    let mut function = Function { outputs, updates, ..pass.b.function };
    // Inputs stay in the order in which a call or a scan gives them.
    let place = |name: &str| source.inputs.iter().position(|i| i.name == name);
    function.inputs.sort_by_key(|i| place(&i.name));
    Ok(Some(function))
}

struct Pass<'m> {
    b: Builder<'m>,
    values: Vec<Mirrored>,
    /// Values that were reversed, by what and along which axis.
    turned: BTreeMap<(ValueId, AxisId), ValueId>,
    by: Rules,
}

impl Pass<'_> {
    fn node(&mut self, source: &Function, node: &Node) -> Result<(), ShapeError> {
        if node.op == Op::Input {
            let input = source.inputs.iter().find(|i| i.value == node.outputs[0]);
            let input = input.ok_or_else(|| ShapeError("an input is not declared".into()))?;
            let value = source.value(node.outputs[0]);
            let new = self.b.input(&input.name, input.kind.clone(), value.shape.clone(), value.storage);
            self.values[node.outputs[0].0 as usize] = Mirrored { value: Some(new), axes: BTreeSet::new() };
            return Ok(());
        }
        let carried = self.carried(node)?;
        let plain = carried.axes.is_empty() && carried.op == node.op && !matches!(node.op, Op::Scan(_));
        self.b.by = if carried.axes.is_empty() { Rules::NONE } else { self.by };
        let results = match &carried.op {
            // A reversal that is carried on is no operation any more.
            Op::View(View::Flip(_)) => vec![carried.inputs[0]],
            _ if plain && self.has_old_shapes(source, node, &carried.inputs) => {
                self.b.copy(source, node, carried.inputs)
            }
            op => self.b.add(op.clone(), &carried.inputs)?,
        };
        for (old, new) in node.outputs.iter().zip(results) {
            let shape = &source.value(*old).shape;
            let new = match self.b.shape(new) == shape.as_slice() {
                true => new,
                false => self.b.add1(Op::View(View::Transpose(shape.clone())), &[new])?,
            };
            let axes = carried.axes.iter().copied().filter(|a| shape.contains(a)).collect();
            self.values[old.0 as usize] = Mirrored { value: Some(new), axes };
        }
        Ok(())
    }

    fn has_old_shapes(&self, source: &Function, node: &Node, inputs: &[ValueId]) -> bool {
        node.inputs.iter().zip(inputs).all(|(old, new)| self.b.shape(*new) == source.value(*old).shape)
    }

    fn value(&self, old: ValueId) -> Result<(ValueId, &BTreeSet<AxisId>), ShapeError> {
        let Mirrored { value, axes } = &self.values[old.0 as usize];
        value.map(|v| (v, axes)).ok_or_else(|| ShapeError("a value is read before it is there".into()))
    }

    /// The value itself, reversed along these axes.
    fn turned(&mut self, value: ValueId, axes: &BTreeSet<AxisId>) -> Result<ValueId, ShapeError> {
        let mut value = value;
        for axis in axes {
            value = match self.turned.get(&(value, *axis)) {
                Some(known) => *known,
                None => {
                    let new = self.b.add1(Op::View(View::Flip(*axis)), &[value])?;
                    self.turned.insert((value, *axis), new);
                    self.turned.insert((new, *axis), value);
                    new
                }
            };
        }
        Ok(value)
    }

    fn result(&mut self, source: &Function, old: ValueId) -> Result<ValueId, ShapeError> {
        self.b.origin = source.producer(old).origin;
        let (value, axes) = self.value(old)?;
        let axes = axes.clone();
        self.turned(value, &axes)
    }

    /// The inputs of a node as they would be if the result were the mirror image along `axes`.
    fn seen(&mut self, inputs: &[ValueId], axes: &BTreeSet<AxisId>) -> Result<Vec<ValueId>, ShapeError> {
        let mut seen = Vec::with_capacity(inputs.len());
        for old in inputs {
            let (value, own) = self.value(*old)?;
            let shape = self.b.shape(value);
            let differ = own.symmetric_difference(axes).copied().filter(|a| shape.contains(a)).collect();
            seen.push(self.turned(value, &differ)?);
        }
        Ok(seen)
    }

    /// The axes along which all inputs are mirrored that have them.
    fn common(&self, inputs: &[ValueId]) -> Result<BTreeSet<AxisId>, ShapeError> {
        let mut some = BTreeSet::new();
        let mut not: BTreeSet<AxisId> = BTreeSet::new();
        for old in inputs {
            let (value, own) = self.value(*old)?;
            some.extend(own.iter().copied());
            not.extend(self.b.shape(value).iter().copied().filter(|a| !own.contains(a)));
        }
        some.retain(|a| !not.contains(a));
        Ok(some)
    }

    fn carried(&mut self, node: &Node) -> Result<Carried, ShapeError> {
        let as_it_is = |pass: &mut Self| {
            let inputs = pass.seen(&node.inputs, &BTreeSet::new())?;
            Ok(Carried { op: node.op.clone(), inputs, axes: BTreeSet::new() })
        };
        match &node.op {
            Op::Map(Map::Broadcast) => {
                let (value, axes) = self.value(node.inputs[0])?;
                let (axes, mut inputs) = (axes.clone(), vec![value]);
                for lender in &node.inputs[1..] {
                    inputs.push(self.value(*lender)?.0);
                }
                Ok(Carried { op: node.op.clone(), inputs, axes })
            }
            Op::Map(_) => {
                let axes = self.common(&node.inputs)?;
                Ok(Carried { op: node.op.clone(), inputs: self.seen(&node.inputs, &axes)?, axes })
            }
            // The order of what is added up does not matter: mirrored along summed axes is not mirrored.
            Op::Reduce(_, over) => {
                let axes = self.common(&node.inputs)?;
                let inputs = self.seen(&node.inputs, &axes)?;
                let axes = axes.into_iter().filter(|a| !over.contains(a)).collect();
                Ok(Carried { op: node.op.clone(), inputs, axes })
            }
            Op::Contract(over) => self.contraction(node, over),
            Op::Scan(scan) => self.scan(node, scan),
            Op::View(View::Concat { parts, into }) => self.concat(node, parts, *into),
            Op::View(view) => match self.view(node, view)? {
                Some(carried) => Ok(carried),
                None => as_it_is(self),
            },
            _ => as_it_is(self),
        }
    }

    /// Of two factors of which one is mirrored along a summed axis, the one with fewer elements is.
    fn contraction(&mut self, node: &Node, over: &[AxisId]) -> Result<Carried, ShapeError> {
        let mut axes = self.common(&node.inputs)?;
        let ((a, of_a), (b, of_b)) = (self.value(node.inputs[0])?, self.value(node.inputs[1])?);
        let size = |v| elements(&self.b, self.b.shape(v));
        let larger = if size(a) < size(b) { of_b } else { of_a };
        axes.extend(larger.iter().filter(|axis| over.contains(axis)));
        let inputs = self.seen(&node.inputs, &axes)?;
        let axes = axes.into_iter().filter(|a| !over.contains(a)).collect();
        Ok(Carried { op: node.op.clone(), inputs, axes })
    }

    /// A scan goes the way in which fewer of its sequences are reversed; of equals, forwards.
    fn scan(&mut self, node: &Node, scan: &Scan) -> Result<Carried, ShapeError> {
        let sequences = &node.inputs[scan.carries..scan.carries + scan.sequences];
        let mut different: BTreeMap<ValueId, BTreeSet<bool>> = BTreeMap::new();
        for old in sequences {
            let (value, own) = self.value(*old)?;
            different.entry(value).or_default().insert(own.contains(&scan.axis));
        }
        let count = |way: bool| different.values().filter(|ways| ways.contains(&way)).count();
        let (there, back) = (count(false), count(true));
        let turns = back > there || (back == there && scan.reverse);
        let axes: BTreeSet<AxisId> = turns.then_some(scan.axis).into_iter().collect();
        let inputs = self.seen(&node.inputs, &axes)?;
        let op = Op::Scan(Scan { reverse: scan.reverse != turns, ..scan.clone() });
        Ok(Carried { op, inputs, axes })
    }

    fn concat(&mut self, node: &Node, parts: &[Option<AxisId>], into: AxisId) -> Result<Carried, ShapeError> {
        let own: BTreeSet<AxisId> = parts.iter().flatten().copied().collect();
        let mut all_reversed = !own.is_empty();
        for (old, part) in node.inputs.iter().zip(parts) {
            let axes = self.value(*old)?.1;
            all_reversed &= part.is_none_or(|part| axes.contains(&part));
        }
        let outer: BTreeSet<AxisId> =
            self.common(&node.inputs)?.into_iter().filter(|a| !own.contains(a) && *a != into).collect();
        let mut axes = outer.clone();
        if all_reversed {
            axes.extend(own);
        }
        let mut inputs = self.seen(&node.inputs, &axes)?;
        let (mut parts, mut axes) = (parts.to_vec(), outer);
        if all_reversed {
            inputs.reverse();
            parts.reverse();
            axes.insert(into);
        }
        Ok(Carried { op: Op::View(View::Concat { parts, into }), inputs, axes })
    }

    /// A view of a mirror image as the mirror image of a view; `None` if there is none.
    fn view(&mut self, node: &Node, view: &View) -> Result<Option<Carried>, ShapeError> {
        let (value, own) = self.value(node.inputs[0])?;
        let mut axes = own.clone();
        let size = |axis: AxisId| self.b.module.size(axis, 0);
        let view = match view.clone() {
            View::Flip(axis) => {
                if !axes.remove(&axis) {
                    axes.insert(axis);
                }
                view.clone()
            }
            View::Transpose(_) => view.clone(),
            View::Rename { from, to } => {
                moved(&mut axes, from, &[to]);
                view.clone()
            }
            View::Unflatten { from, to } => {
                moved(&mut axes, from, &to);
                view.clone()
            }
            View::Flatten { from, to } => {
                let count = from.iter().filter(|a| axes.contains(a)).count();
                if count != 0 && count != from.len() {
                    return Ok(None);
                }
                axes.retain(|a| !from.contains(a));
                axes.extend((count > 0).then_some(to));
                view.clone()
            }
            View::Index { axis, at } => {
                let at = if moved(&mut axes, axis, &[]) { size(axis) - 1 - at } else { at };
                View::Index { axis, at }
            }
            View::Slice { axis, to, start, step } => {
                let mirrored = moved(&mut axes, axis, &[to]) && size(to) > 0;
                let last = start + size(to).saturating_sub(1) * step;
                let start = if mirrored { size(axis) - 1 - last } else { start };
                View::Slice { axis, to, start, step }
            }
            View::Pad { axis, to, before, value } => {
                let mirrored = moved(&mut axes, axis, &[to]);
                let before = if mirrored { size(to) - size(axis) - before } else { before };
                View::Pad { axis, to, before, value }
            }
            View::Window(windows) if axes.contains(&windows.axis) => {
                let Windows { axis, to, offset, stride, dilation, left } = windows;
                let reach = size(to).saturating_sub(1) * stride + size(offset).saturating_sub(1) * dilation;
                let Some(left) = (reach + 1).checked_sub(left + size(axis)) else { return Ok(None) };
                moved(&mut axes, axis, &[to, offset]);
                View::Window(Windows { left, ..windows })
            }
            View::Window(_) => view.clone(),
            View::Permute { axis, to, order } => {
                let last = size(axis).saturating_sub(1) as u32;
                let order: Arc<[u32]> = match moved(&mut axes, axis, &[]) {
                    true => order.iter().map(|from| last - from).collect(),
                    false => order,
                };
                View::Permute { axis, to, order }
            }
            View::Fold(_) | View::Concat { .. } => return Ok(None),
        };
        Ok(Some(Carried { op: Op::View(view), inputs: vec![value], axes }))
    }
}

/// Puts axes in the place of one, if that is among them, and says so.
fn moved(axes: &mut BTreeSet<AxisId>, axis: AxisId, to: &[AxisId]) -> bool {
    let there = axes.remove(&axis);
    if there {
        axes.extend(to.iter().copied());
    }
    there
}
