//! The same operations and functions over other axes.

use super::{AxisId, Function, Module, Value};
use crate::ops::source::Literal;
use crate::ops::{Op, Scan, View};
use std::sync::Arc;

impl Module {
    /// A new axis with the name and size of another. The batch has no twin: it is returned itself.
    pub fn twin_axis(&mut self, axis: AxisId) -> AxisId {
        if axis == AxisId::BATCH {
            return axis;
        }
        self.axes.push(self.axis(axis).clone());
        AxisId((self.axes.len() - 1) as u32)
    }
}

impl Function {
    /// The same function over other axes. The map must keep different axes different.
    #[must_use]
    pub fn with_axes(&self, map: &mut dyn FnMut(AxisId) -> AxisId) -> Function {
        let mut result = self.clone();
        for Value { shape, .. } in &mut result.values {
            shape.iter_mut().for_each(|axis| *axis = map(*axis));
        }
        for node in &mut result.nodes {
            node.op = node.op.with_axes(map);
        }
        result
    }
}

impl Op {
    /// The same operation over other axes. The map must keep different axes different. In a call only the
    /// caller's axes change.
    #[must_use]
    pub fn with_axes(&self, map: &mut dyn FnMut(AxisId) -> AxisId) -> Op {
        match self {
            Op::Input | Op::Constant(_) | Op::Map(_) | Op::After => self.clone(),
            Op::Tensor(literal) => {
                let shape = literal.shape.iter().map(|a| map(*a)).collect();
                Op::Tensor(Arc::new(Literal { shape, ..Literal::clone(literal) }))
            }
            Op::Iota(axis) => Op::Iota(map(*axis)),
            Op::Reduce(reduce, axes) => Op::Reduce(*reduce, axes.iter().map(|a| map(*a)).collect()),
            Op::Contract(axes) => Op::Contract(axes.iter().map(|a| map(*a)).collect()),
            Op::Scan(scan) => {
                let (axis, body) = (map(scan.axis), Arc::new(scan.body.with_axes(map)));
                Op::Scan(Scan { axis, body, ..scan.clone() })
            }
            Op::View(view) => Op::View(view.with_axes(map)),
            Op::Gather { axis } => Op::Gather { axis: map(*axis) },
            Op::ScatterAdd { axis, shape } => {
                Op::ScatterAdd { axis: map(*axis), shape: shape.iter().map(|a| map(*a)).collect() }
            }
            Op::Call { function, axes } => {
                Op::Call { function: *function, axes: axes.iter().map(|(a, b)| (*a, map(*b))).collect() }
            }
        }
    }
}

impl View {
    fn with_axes(&self, map: &mut dyn FnMut(AxisId) -> AxisId) -> View {
        match self.clone() {
            View::Rename { from, to } => View::Rename { from: map(from), to: map(to) },
            View::Transpose(order) => View::Transpose(order.into_iter().map(map).collect()),
            View::Flatten { from, to } => {
                View::Flatten { from: from.into_iter().map(&mut *map).collect(), to: map(to) }
            }
            View::Unflatten { from, to } => {
                View::Unflatten { from: map(from), to: to.into_iter().map(map).collect() }
            }
            View::Slice { axis, to, start, step } => {
                View::Slice { axis: map(axis), to: map(to), start, step }
            }
            View::Index { axis, at } => View::Index { axis: map(axis), at },
            View::Concat { parts, into } => {
                let parts = parts.into_iter().map(|part| part.map(&mut *map)).collect();
                View::Concat { parts, into: map(into) }
            }
            View::Flip(axis) => View::Flip(map(axis)),
            View::Pad { axis, to, before, value } => {
                View::Pad { axis: map(axis), to: map(to), before, value }
            }
            View::Window(windows) => View::Window(windows.with_axes(map)),
            View::Fold(windows) => View::Fold(windows.with_axes(map)),
            View::Permute { axis, to, order } => View::Permute { axis: map(axis), to: map(to), order },
        }
    }
}
