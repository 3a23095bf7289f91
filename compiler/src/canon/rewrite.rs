//! Copying a function while some of its nodes are replaced.

use crate::graph::{AxisId, Builder, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};
use std::ops::Index;

/// What takes a node's place: `None` if it is copied as it is.
pub(crate) type Replacement = Result<Option<Vec<ValueId>>, ShapeError>;

/// What may replace a node: given the new function so far, the node, its inputs there, and what has been copied.
pub(crate) type Replace<'a> = dyn FnMut(&mut Builder, &Node, &[ValueId], &Renewed<'_>) -> Replacement + 'a;

/// Copies a function, or gives `None` if nothing was replaced. For each node, `replace` is asked with the new function so far, the node and its inputs
/// there. A replacement that is stored in another order of axes is put into the old order.
pub(crate) fn rewrite(
    module: &mut Module,
    source: &Function,
    replace: &mut dyn FnMut(&mut Builder, &Node, &[ValueId]) -> Replacement,
) -> Result<Option<Function>, ShapeError> {
    rewrite_with(module, source, &mut |b, node, inputs, _| replace(b, node, inputs))
}

/// What has been copied: by value, the new one. Only values of nodes that stand before may be asked for.
pub(crate) struct Renewed<'a>(&'a [ValueId]);

impl Index<&ValueId> for Renewed<'_> {
    type Output = ValueId;

    fn index(&self, value: &ValueId) -> &ValueId {
        &self.0[value.0 as usize]
    }
}

/// The same for a replacement of what stands further back than a node's inputs, too.
pub(crate) fn rewrite_with(
    module: &mut Module,
    source: &Function,
    replace: &mut Replace<'_>,
) -> Result<Option<Function>, ShapeError> {
    let mut changed = false;
    let mut b = Builder::new(module, source.name.clone());
    let mut values = vec![ValueId(u32::MAX); source.values.len()];
    for node in &source.nodes {
        b.origin = node.origin;
        let inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
        let new = match replace(&mut b, node, &inputs, &Renewed(&values))? {
            Some(new) => {
                changed = true;
                new
            }
            None => b.copy(source, node, inputs),
        };
        for (old, mut new) in node.outputs.iter().zip(new) {
            let shape = &source.value(*old).shape;
            if b.shape(new) != shape.as_slice() {
                new = b.add1(Op::View(View::Transpose(shape.clone())), &[new])?;
            }
            values[old.0 as usize] = new;
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut result = b.function;
    let new = |id: ValueId| values[id.0 as usize];
    result.inputs = source.inputs.clone();
    result.inputs.iter_mut().for_each(|input| input.value = new(input.value));
    result.outputs = source.outputs.iter().map(|(name, id)| (name.clone(), new(*id))).collect();
    result.updates = source.updates.iter().map(|(state, id)| (new(*state), new(*id))).collect();
    Ok(Some(result))
}

/// Puts a view before those values that have its axis.
pub(super) fn view_of(
    b: &mut Builder,
    values: &mut [ValueId],
    axis: AxisId,
    view: &View,
) -> Result<(), ShapeError> {
    for value in values {
        if b.shape(*value).contains(&axis) {
            *value = b.add1(Op::View(view.clone()), &[*value])?;
        }
    }
    Ok(())
}

/// How often each value is read; results of the function count as read.
pub(crate) fn reads(function: &Function) -> Vec<usize> {
    let mut reads = vec![0; function.values.len()];
    let results = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
    for id in function.nodes.iter().flat_map(|n| n.inputs.iter().copied()).chain(results) {
        reads[id.0 as usize] += 1;
    }
    reads
}

/// Whether a value is made of windows by views alone: such an operand is copied in the order of its axes.
pub(crate) fn has_window(function: &Function, value: ValueId) -> bool {
    match function.producer(value) {
        Node { op: Op::View(View::Window(_)), .. } => true,
        Node { op: Op::View(_), inputs, .. } => inputs.iter().any(|v| has_window(function, *v)),
        _ => false,
    }
}

/// Sums as they are together: a sum that only another one reads is part of that one.
pub(crate) struct Sums<'a> {
    source: &'a Function,
    inner: Vec<bool>,
}

impl<'a> Sums<'a> {
    /// The sums of a function.
    pub(crate) fn of(source: &'a Function) -> Self {
        let read = reads(source);
        let mut inner = vec![false; source.values.len()];
        for node in source.nodes.iter().filter(|n| is_sum(n)) {
            let own = |v: &&ValueId| read[v.0 as usize] == 1 && is_sum(source.producer(**v));
            node.inputs.iter().filter(own).for_each(|v| inner[v.0 as usize] = true);
        }
        Sums { source, inner }
    }

    /// The terms of a sum that is part of no other; `None` if the node is something else.
    pub(crate) fn terms(&self, node: &Node) -> Option<Vec<ValueId>> {
        if !is_sum(node) || self.inner[node.outputs[0].0 as usize] {
            return None;
        }
        let (mut terms, mut open) = (Vec::new(), node.inputs.clone());
        open.reverse();
        while let Some(value) = open.pop() {
            match self.inner[value.0 as usize] {
                true => open.extend(self.source.producer(value).inputs.iter().rev()),
                false => terms.push(value),
            }
        }
        Some(terms)
    }
}

/// Where spans in a row end that begin at zero and leave nothing out; `None` if there is a gap, or some overlap.
pub(crate) fn end_of_row(spans: impl IntoIterator<Item = (usize, usize)>) -> Option<usize> {
    spans.into_iter().try_fold(0, |end, (start, size)| (start == end).then_some(end + size))
}

fn is_sum(node: &Node) -> bool {
    matches!(node.op, Op::Map(Map::Add))
}
