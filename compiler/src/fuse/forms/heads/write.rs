//! A function with its channels taken apart.

use super::groups::Groups;
use super::places::{Places, Scope};
use crate::graph::{AxisId, Builder, Function, Module, Node, Rules, ValueId};
use crate::ops::{Op, Scan, ShapeError, View};
use std::sync::Arc;

pub(super) fn write(
    module: &mut Module,
    places: &Places<'_>,
    groups: &Groups,
    by: Rules,
) -> Result<Function, ShapeError> {
    Writer { places, groups, scope: 0, by }.function(module)
}

#[derive(Clone, Copy)]
struct Writer<'a, 'p> {
    places: &'p Places<'a>,
    groups: &'p Groups,
    scope: Scope,
    by: Rules,
}

impl Writer<'_, '_> {
    fn function(&self, module: &mut Module) -> Result<Function, ShapeError> {
        let source = self.places.scopes[self.scope].function;
        let mut b = Builder::new(module, source.name.clone());
        let mut values = vec![ValueId(u32::MAX); source.values.len()];
        let mut given = vec![ValueId(u32::MAX); source.values.len()];
        for (at, node) in source.nodes.iter().enumerate() {
            b.origin = node.origin;
            b.by = if self.is_split(node) { self.by } else { Rules::NONE };
            let inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
            let new = self.node(&mut b, (at, node), &inputs)?;
            for (old, new) in node.outputs.iter().zip(new) {
                given[old.0 as usize] = new;
                values[old.0 as usize] = self.as_expected(&mut b, *old, new)?;
            }
        }
        // Results of the function are what they were, and those of a step have what its states have.
        let mut outputs = Vec::with_capacity(source.outputs.len());
        for (name, old) in &source.outputs {
            outputs.push((name.clone(), self.result(&mut b, *old, values[old.0 as usize])?));
        }
        let mut updates = Vec::with_capacity(source.updates.len());
        for (state, old) in &source.updates {
            updates.push((given[state.0 as usize], self.result(&mut b, *old, values[old.0 as usize])?));
        }
        let mut result = b.function;
        result.inputs = source.inputs.clone();
        result.inputs.iter_mut().for_each(|input| input.value = given[input.value.0 as usize]);
        result.outputs = outputs;
        result.updates = updates;
        Ok(result)
    }

    fn parts(&self, value: ValueId, axis: AxisId) -> Option<&[AxisId]> {
        self.groups.parts(self.places, (self.scope, value, axis))
    }

    fn expanded(&self, value: ValueId, axes: &[AxisId]) -> Vec<AxisId> {
        self.groups.expanded(self.places, (self.scope, value), axes)
    }

    /// The shape of a value with its channels taken apart.
    fn shape(&self, value: ValueId) -> Vec<AxisId> {
        self.expanded(value, &self.places.scopes[self.scope].function.value(value).shape)
    }

    /// Whether a node reads or gives what is taken apart.
    fn is_split(&self, node: &Node) -> bool {
        let source = self.places.scopes[self.scope].function;
        node.inputs.iter().chain(&node.outputs).any(|v| self.shape(*v) != source.value(*v).shape)
    }

    /// What a node gives, perhaps with channels that are still together.
    fn node(
        &self,
        b: &mut Builder<'_>,
        (at, node): (usize, &Node),
        inputs: &[ValueId],
    ) -> Result<Vec<ValueId>, ShapeError> {
        let source = self.places.scopes[self.scope].function;
        let one = |value: ValueId| Ok(vec![value]);
        match &node.op {
            Op::Input => {
                let new = b.copy(source, node, Vec::new());
                if self.scope > 0 {
                    b.function.values[new[0].0 as usize].shape = self.shape(node.outputs[0]);
                }
                Ok(new)
            }
            Op::Scan(scan) => {
                let scope = self.places.scopes[self.scope].steps[&at];
                let body = Writer { scope, ..*self }.function(b.module)?;
                b.add(Op::Scan(Scan { body: Arc::new(body), ..scan.clone() }), inputs)
            }
            _ if !self.is_split(node) => Ok(b.copy(source, node, inputs.to_vec())),
            Op::View(View::Flatten { from, to }) => match self.parts(node.outputs[0], *to) {
                Some(parts) => renamed(b, inputs[0], from, parts).and_then(one),
                None => b.add(node.op.clone(), inputs),
            },
            Op::View(View::Unflatten { from, to }) => match self.parts(node.inputs[0], *from) {
                Some(parts) => renamed(b, inputs[0], parts, to).and_then(one),
                None => b.add(node.op.clone(), inputs),
            },
            Op::View(View::Rename { from, .. }) if self.parts(node.inputs[0], *from).is_some() => {
                one(inputs[0])
            }
            Op::View(View::Transpose(_)) => one(inputs[0]),
            Op::View(View::Index { axis, at }) if let Some(parts) = self.parts(node.inputs[0], *axis) => {
                let mut rest = *at;
                let mut value = inputs[0];
                for part in parts.iter().rev() {
                    let size = b.module.size(*part, 0);
                    value = b.add1(Op::View(View::Index { axis: *part, at: rest % size }), &[value])?;
                    rest /= size;
                }
                one(value)
            }
            Op::Contract(over) => b.add(Op::Contract(self.expanded(node.inputs[0], over)), inputs),
            Op::Reduce(reduce, over) => {
                b.add(Op::Reduce(*reduce, self.expanded(node.inputs[0], over)), inputs)
            }
            op => b.add(op.clone(), inputs),
        }
    }

    /// A result of the function with its channels together again.
    fn result(&self, b: &mut Builder<'_>, old: ValueId, mut new: ValueId) -> Result<ValueId, ShapeError> {
        if self.scope > 0 {
            return Ok(new);
        }
        let shape = &self.places.scopes[0].function.value(old).shape;
        for axis in shape {
            if let Some(parts) = self.parts(old, *axis) {
                let flatten = View::Flatten { from: parts.to_vec(), to: *axis };
                new = b.add1(Op::View(flatten), &[new])?;
            }
        }
        match b.shape(new) == shape.as_slice() {
            true => Ok(new),
            false => b.add1(Op::View(View::Transpose(shape.clone())), &[new]),
        }
    }

    /// A value with the axes that its channels became, in their order.
    fn as_expected(
        &self,
        b: &mut Builder<'_>,
        old: ValueId,
        mut new: ValueId,
    ) -> Result<ValueId, ShapeError> {
        let shape = &self.places.scopes[self.scope].function.value(old).shape;
        for axis in shape.iter().filter(|axis| b.shape(new).contains(axis)).copied().collect::<Vec<_>>() {
            if let Some(parts) = self.parts(old, axis) {
                let unflatten = View::Unflatten { from: axis, to: parts.to_vec() };
                new = b.add1(Op::View(unflatten), &[new])?;
            }
        }
        let expected = self.shape(old);
        match b.shape(new) == expected {
            true => Ok(new),
            false => b.add1(Op::View(View::Transpose(expected)), &[new]),
        }
    }
}

/// A value with axes under other names.
fn renamed(
    b: &mut Builder<'_>,
    value: ValueId,
    from: &[AxisId],
    to: &[AxisId],
) -> Result<ValueId, ShapeError> {
    let pairs = from.iter().zip(to).filter(|(from, to)| from != to);
    let pairs: Vec<(AxisId, AxisId)> = pairs.map(|(from, to)| (*from, *to)).collect();
    let meets = pairs.iter().any(|(_, to)| b.shape(value).contains(to));
    // Names may change places, so each goes by way of one of its own.
    let steps = if meets {
        let own: Vec<AxisId> = pairs.iter().map(|(from, _)| b.module.add_axis_like(*from)).collect();
        let away = pairs.iter().zip(&own).map(|((from, _), own)| (*from, *own));
        away.chain(pairs.iter().zip(&own).map(|((_, to), own)| (*own, *to))).collect()
    } else {
        pairs
    };
    steps
        .into_iter()
        .try_fold(value, |value, (from, to)| b.add1(Op::View(View::Rename { from, to }), &[value]))
}
