//! A block's result is its caller's under another axis name. What is computed element by element may as well be
//! computed under the new name, so that a rename stands at a product, an input or another view, where it costs
//! nothing, and never between two operations that could be one kernel. Of a product it stands behind: keys that are
//! made of renamed tokens are renamed keys. When all else is done it goes to what the product reads, where nothing
//! else reads the result under its old name: what follows a product is computed in its kernel, if it is at the same place.

use super::rewrite::{has_window, reads, rewrite, view_of};
use crate::graph::{AxisId, Builder, Function, Module, Node, Size, ValueId};
use crate::ops::{Op, ShapeError, View};

/// Takes renames of results of maps that nothing else reads to the inputs of the maps, and renames of what a product
/// reads, and others without the rename, to its result.
pub(super) fn lift(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        if let Op::Contract(over) = &node.op {
            let is_shared = |at: usize| match source.producer(node.inputs[at]) {
                Node { op: Op::View(View::Rename { .. }), inputs, .. } => read[inputs[0].0 as usize] > 1,
                _ => false,
            };
            return behind(b, over, inputs, &is_shared);
        }
        let Op::View(View::Rename { from, to }) = &node.op else { return Ok(None) };
        let Node { op: op @ Op::Map(_), inputs: operands, origin, .. } =
            b.function.producer(inputs[0]).clone()
        else {
            return Ok(None);
        };
        if read[node.inputs[0].0 as usize] != 1 {
            return Ok(None);
        }
        let mut renamed = operands;
        view_of(b, &mut renamed, *from, &View::Rename { from: *from, to: *to })?;
        b.origin = b.origin.by(origin.rules);
        b.add(op, &renamed).map(Some)
    })
}

/// A product of a renamed value as a renamed product; `None` if another factor has one of the two names.
fn behind(
    b: &mut Builder<'_>,
    over: &[AxisId],
    inputs: &[ValueId],
    is_shared: &dyn Fn(usize) -> bool,
) -> Result<Option<Vec<ValueId>>, ShapeError> {
    for (at, input) in inputs.iter().enumerate() {
        let Node { op: Op::View(View::Rename { from, to }), inputs: of, .. } = b.function.producer(*input)
        else {
            continue;
        };
        let (from, to, of) = (*from, *to, of[0]);
        let has = |v: &ValueId| b.shape(*v).contains(&from) || b.shape(*v).contains(&to);
        let is_alone = inputs.iter().enumerate().all(|(other, v)| other == at || !has(v));
        if !is_alone || over.contains(&to) || !is_shared(at) {
            continue;
        }
        let mut factors = inputs.to_vec();
        factors[at] = of;
        let product = b.add1(Op::Contract(over.to_vec()), &factors)?;
        return b.add(Op::View(View::Rename { from, to }), &[product]).map(Some);
    }
    Ok(None)
}

/// Takes renames of products with weights, which nothing else reads, to what the products read.
pub(super) fn settle(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::View(View::Rename { from, to }) = node.op else { return Ok(None) };
        let Node { op: Op::Contract(over), inputs: factors, origin, .. } =
            b.function.producer(inputs[0]).clone()
        else {
            return Ok(None);
        };
        // Attention and products of chunks of scans are found by the names of their tokens.
        let is_weight = |v: &ValueId| !b.shape(*v).contains(&AxisId::BATCH);
        let is_window = |v: &ValueId| has_window(&b.function, *v);
        let stays = !factors.iter().any(is_weight) || factors.iter().any(is_window);
        if read[node.inputs[0].0 as usize] != 1 || stays {
            return Ok(None);
        }
        let (mut over, mut factors) = (over, factors);
        if over.contains(&to) {
            // The name is free once what is summed along it has another one.
            let axis = b.module.axis(to);
            let Size::Fixed(size) = axis.size else { return Ok(None) };
            let summed = b.module.add_axis(axis.name.clone(), size);
            over.iter_mut().filter(|axis| **axis == to).for_each(|axis| *axis = summed);
            view_of(b, &mut factors, to, &View::Rename { from: to, to: summed })?;
        }
        view_of(b, &mut factors, from, &View::Rename { from, to })?;
        b.origin = origin;
        b.add(Op::Contract(over), &factors).map(Some)
    })
}
