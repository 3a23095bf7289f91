//! A block's result is its caller's under another axis name. What is computed element by element, or summed along other
//! axes, may as well be computed under the new name, so that a rename stands at an input or another view, where it costs
//! nothing, and never between two operations that could be one kernel.

use super::rewrite::{reads, rewrite};
use crate::graph::{Function, Module, Node};
use crate::ops::{Op, ShapeError, View};

/// Takes renames of results of maps and sums that nothing else reads to the inputs of these.
pub(super) fn lift(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::View(View::Rename { from, to }) = &node.op else { return Ok(None) };
        let Node { op: op @ (Op::Map(_) | Op::Contract(_) | Op::Reduce(..)), inputs: operands, .. } =
            b.function.producer(inputs[0]).clone()
        else {
            return Ok(None);
        };
        // A sum may be along an axis of the new name.
        if read[node.inputs[0].0 as usize] != 1 || operands.iter().any(|o| b.shape(*o).contains(to)) {
            return Ok(None);
        }
        let mut renamed = operands;
        for operand in &mut renamed {
            if b.shape(*operand).contains(from) {
                *operand = b.add1(Op::View(View::Rename { from: *from, to: *to }), &[*operand])?;
            }
        }
        b.add(op, &renamed).map(Some)
    })
}
