//! The gradient of a convolution of each channel is one, too: `fold(g * weight)` over overlapping windows adds
//! `g * weight` from memory; as windows of `g`, read from behind, it is a sum that one kernel computes.

use super::rewrite::{reads, rewrite};
use crate::graph::{AxisId, Function, Module, Node};
use crate::ops::{Map, Op, Reduce, ShapeError, View, Windows};

/// `fold(g * w)[s] = sum(g[s + left - k * dilation] * w[k], over: k)`, where `g` does not have the places in a window
/// and `w` not the windows, which move one by one.
pub(super) fn turn(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::View(View::Fold(windows)) = &node.op else { return Ok(None) };
        let Node { op: Op::Map(Map::Mul), inputs: factors, .. } = b.function.producer(inputs[0]).clone()
        else {
            return Ok(None);
        };
        let Windows { axis, to, offset, stride, dilation, left } = *windows;
        let reach = b.module.size(offset, 0).saturating_sub(1) * dilation;
        if stride != 1 || left > reach || read[node.inputs[0].0 as usize] != 1 {
            return Ok(None);
        }
        let has = |v, axis: AxisId| b.shape(v).contains(&axis);
        let moved = |v| has(v, to) && !has(v, offset);
        let still = |v| has(v, offset) && !has(v, to) && !has(v, axis);
        let (g, w) = match factors[..] {
            [g, w] if moved(g) && still(w) => (g, w),
            [w, g] if moved(g) && still(w) => (g, w),
            _ => return Ok(None),
        };
        let back = Windows { axis: to, to: axis, offset, stride: 1, dilation, left: reach - left };
        let g = b.add1(Op::View(View::Window(back)), &[g])?;
        let w = b.add1(Op::View(View::Flip(offset)), &[w])?;
        let product = b.add1(Op::Map(Map::Mul), &[g, w])?;
        b.add(Op::Reduce(Reduce::Sum, vec![offset]), &[product]).map(Some)
    })
}
