//! Views of weights, hidden: a weight of which only one view is read is, for the search, a weight of the view's shape. What
//! a text calls the axes of its parameters, and how many there are, is lost on the way.

use super::weights::is_weight;
use crate::graph::{AxisId, Builder, Function, Input, Module, Node, ValueId};
use crate::ops::{Op, ShapeError, View};
use std::collections::BTreeMap;

/// A weight, by its name, which no other input has, and the views of it that were hidden, nearest first.
pub(in crate::fuse) struct Hidden {
    name: String,
    shape: Vec<AxisId>,
    views: Vec<View>,
}

/// The same function with weights as they are read, and what has been hidden.
pub(in crate::fuse) fn hide(
    module: &mut Module,
    source: &Function,
) -> Result<(Function, Vec<Hidden>), ShapeError> {
    let mut hidden = Vec::new();
    let mut shapes: BTreeMap<ValueId, Vec<AxisId>> = BTreeMap::new();
    let mut stands_for: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for input in source.inputs.iter().filter(|input| is_weight(input)) {
        let (mut at, mut views) = (input.value, Vec::new());
        while let Some(node) = only_reader(source, at)
            && let Op::View(view @ (View::Rename { .. } | View::Unflatten { .. } | View::Flatten { .. })) =
                &node.op
        {
            at = node.outputs[0];
            views.push(view.clone());
            stands_for.insert(at, input.value);
        }
        if !views.is_empty() {
            let shape = source.value(input.value).shape.clone();
            hidden.push(Hidden { name: input.name.clone(), shape, views });
            shapes.insert(input.value, source.value(at).shape.clone());
        }
    }
    let mut pass = Pass::new(module, source);
    for node in &source.nodes {
        if let Some(input) = node.outputs.first().and_then(|v| stands_for.get(v)) {
            pass.values[node.outputs[0].0 as usize] = pass.values[input.0 as usize];
        } else {
            let shape = node.outputs.first().and_then(|v| shapes.get(v));
            pass.node(node, shape, &[])?;
        }
    }
    Ok((pass.finish(), hidden))
}

/// The node that reads a value, if there is one alone and the value is no result.
fn only_reader(source: &Function, value: ValueId) -> Option<&Node> {
    let mut readers = source.nodes.iter().filter(|n| n.inputs.contains(&value));
    let is_result = source.outputs.iter().any(|o| o.1 == value)
        || source.updates.iter().any(|(state, new)| *state == value || *new == value);
    let reader = readers.next()?;
    (readers.next().is_none() && !is_result).then_some(reader)
}

/// The function with weights as they were, and the views of them.
pub(in crate::fuse) fn restore(
    module: &mut Module,
    source: &Function,
    hidden: &[Hidden],
) -> Result<Function, ShapeError> {
    let mut pass = Pass::new(module, source);
    for node in &source.nodes {
        let name = pass.input(node).map(|input| &input.name);
        let old = hidden.iter().find(|h| Some(&h.name) == name);
        pass.node(node, old.map(|h| &h.shape), old.map_or(&[], |h| &h.views))?;
    }
    Ok(pass.finish())
}

/// A function that is copied with inputs of other shapes.
struct Pass<'m> {
    b: Builder<'m>,
    source: &'m Function,
    values: Vec<ValueId>,
}

impl<'m> Pass<'m> {
    fn new(module: &'m mut Module, source: &'m Function) -> Self {
        let b = Builder::new(module, source.name.clone());
        Pass { b, source, values: vec![ValueId(u32::MAX); source.values.len()] }
    }

    /// The input that a node is, if it is one.
    fn input(&self, node: &Node) -> Option<&'m Input> {
        // A scan of which nothing is read any more has no results.
        let input = self.source.inputs.iter().find(|i| node.outputs.first() == Some(&i.value));
        input.filter(|_| node.op == Op::Input)
    }

    /// Copies a node; an input with another shape, if one is given, and views of it.
    fn node(&mut self, node: &Node, shape: Option<&Vec<AxisId>>, views: &[View]) -> Result<(), ShapeError> {
        self.b.origin = node.origin;
        let new = match self.input(node) {
            Some(input) => {
                let value = self.source.value(input.value);
                let shape = shape.unwrap_or(&value.shape).clone();
                let mut new = self.b.input(&input.name, input.kind.clone(), shape, value.storage);
                for view in views {
                    new = self.b.add1(Op::View(view.clone()), &[new])?;
                }
                vec![new]
            }
            None => {
                let inputs = node.inputs.iter().map(|v| self.values[v.0 as usize]).collect();
                self.b.copy(self.source, node, inputs)
            }
        };
        node.outputs.iter().zip(new).for_each(|(old, new)| self.values[old.0 as usize] = new);
        Ok(())
    }

    fn finish(self) -> Function {
        let Pass { b, source, values } = self;
        let mut result = b.function;
        let new = |id: ValueId| values[id.0 as usize];
        result.outputs = source.outputs.iter().map(|(name, id)| (name.clone(), new(*id))).collect();
        result.updates = source.updates.iter().map(|(state, id)| (new(*state), new(*id))).collect();
        // Inputs stay in the order in which a call gives them.
        let place = |name: &str| source.inputs.iter().position(|i| i.name == name);
        result.inputs.sort_by_key(|i| place(&i.name));
        result
    }
}
