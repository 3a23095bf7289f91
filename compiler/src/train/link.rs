//! Bringing two modules together.

use crate::graph::{AxisId, FuncId, Function, Module};
use crate::ops::source::Literal;
use crate::ops::{Op, Scan, View};
use std::sync::Arc;

/// Adds all axes and functions of `other` to `module`. The batches become one; every other axis keeps its
/// identity apart from those of `module`. Gives how far the ids of axes (except the batch) and of functions
/// have moved.
pub fn link(module: &mut Module, other: &Module) -> Moved {
    let moved = Moved { axes: module.axes.len() as u32 - 1, functions: module.functions.len() as u32 };
    module.axes.extend_from_slice(&other.axes[1..]);
    module.functions.extend(other.functions.iter().map(|f| moved.function(f)));
    moved
}

/// How far ids moved when one module went into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    axes: u32,
    functions: u32,
}

impl Moved {
    /// Where an axis is now.
    #[must_use]
    pub fn axis(&self, axis: AxisId) -> AxisId {
        if axis == AxisId::BATCH { axis } else { AxisId(axis.0 + self.axes) }
    }

    /// The axes of a shape.
    #[must_use]
    pub fn shape(&self, shape: &[AxisId]) -> Vec<AxisId> {
        shape.iter().map(|a| self.axis(*a)).collect()
    }

    /// Where a function is now.
    #[must_use]
    pub fn id(&self, function: FuncId) -> FuncId {
        FuncId(function.0 + self.functions)
    }

    fn function(&self, function: &Function) -> Function {
        let mut moved = function.clone();
        for value in &mut moved.values {
            value.shape = self.shape(&value.shape);
        }
        for node in &mut moved.nodes {
            node.op = self.op(&node.op);
        }
        moved
    }

    fn op(&self, op: &Op) -> Op {
        match op {
            Op::Input | Op::Constant(_) | Op::Map(_) => op.clone(),
            Op::Tensor(literal) => {
                Op::Tensor(Arc::new(Literal { shape: self.shape(&literal.shape), ..Literal::clone(literal) }))
            }
            Op::Iota(axis) => Op::Iota(self.axis(*axis)),
            Op::Reduce(reduce, axes) => Op::Reduce(*reduce, self.shape(axes)),
            Op::Contract(axes) => Op::Contract(self.shape(axes)),
            Op::Scan(scan) => Op::Scan(Scan {
                axis: self.axis(scan.axis),
                body: Arc::new(self.function(&scan.body)),
                ..scan.clone()
            }),
            Op::View(view) => Op::View(self.view(view)),
            Op::Gather { axis } => Op::Gather { axis: self.axis(*axis) },
            Op::ScatterAdd { axis, shape } => {
                Op::ScatterAdd { axis: self.axis(*axis), shape: self.shape(shape) }
            }
            Op::Call { function, axes } => Op::Call {
                function: self.id(*function),
                axes: axes.iter().map(|(of, to)| (self.axis(*of), self.axis(*to))).collect(),
            },
        }
    }

    fn view(&self, view: &View) -> View {
        let mut view = view.clone();
        let move_one = |axis: &mut AxisId| *axis = self.axis(*axis);
        match &mut view {
            View::Rename { from, to } => [from, to].into_iter().for_each(move_one),
            View::Transpose(axes) => axes.iter_mut().for_each(move_one),
            View::Flatten { from, to } => from.iter_mut().chain([to]).for_each(move_one),
            View::Unflatten { from, to } => to.iter_mut().chain([from]).for_each(move_one),
            View::Slice { axis, to, .. } | View::Pad { axis, to, .. } | View::Permute { axis, to, .. } => {
                [axis, to].into_iter().for_each(move_one);
            }
            View::Index { axis, .. } | View::Flip(axis) => move_one(axis),
            View::Concat { parts, into } => parts.iter_mut().flatten().chain([into]).for_each(move_one),
            View::Window { axis, to, offset, .. } | View::Fold { axis, to, offset, .. } => {
                [axis, to, offset].into_iter().for_each(move_one);
            }
        }
        view
    }
}
