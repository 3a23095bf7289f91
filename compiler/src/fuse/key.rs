//! What axes, operations and functions are, however they are numbered: the ground on which ties between
//! equal terms are broken, so that no order of a text decides.

use crate::graph::{AxisId, Function, Module, Size, ValueId};
use crate::ops::{Op, Scan, View};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// The color of every axis of a module, as one function sees it: its size, and where it stands in the inputs,
/// whatever these are called.
pub(super) fn colors(module: &Module, function: &Function) -> Vec<u64> {
    let mut seen: Vec<Vec<(usize, usize)>> = vec![Vec::new(); module.axes.len()];
    for input in &function.inputs {
        let shape = &function.value(input.value).shape;
        let parted = parted(function, input.value);
        for (at, axis) in shape.iter().enumerate().filter(|(_, axis)| parted != Some(**axis)) {
            seen[axis.0 as usize].push((shape.len(), at));
        }
    }
    let color = |(axis, mut seen): (&crate::graph::Axis, Vec<(usize, usize)>)| {
        seen.sort_unstable();
        let size = match axis.size {
            Size::Fixed(size) => size,
            Size::Batch => 0,
        };
        hash(&(size, seen))
    };
    module.axes.iter().zip(seen).map(color).collect()
}

/// The axis along which a value is read position by position and not otherwise: whether other inputs have the same is no
/// mathematics.
fn parted(function: &Function, value: ValueId) -> Option<AxisId> {
    let mut axes = function.nodes.iter().filter(|n| n.inputs.contains(&value)).map(|n| match n.op {
        Op::View(View::Index { axis, .. }) => Some(axis),
        _ => None,
    });
    let first = axes.next()??;
    axes.all(|axis| axis == Some(first)).then_some(first)
}

/// How axes and functions are told apart.
pub(super) struct Keys<'a> {
    pub module: &'a Module,
    pub colors: &'a [u64],
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Keys<'_> {
    pub fn axis(&self, axis: AxisId) -> u64 {
        self.colors.get(axis.0 as usize).copied().unwrap_or_default()
    }

    pub fn shape(&self, shape: &[AxisId]) -> Vec<u64> {
        shape.iter().map(|a| self.axis(*a)).collect()
    }

    /// What an operation is.
    pub fn op(&self, op: &Op) -> u64 {
        match op {
            Op::Tensor(literal) => {
                let bits: Vec<u64> = literal.data.iter().map(|x| x.to_bits()).collect();
                hash(&("tensor", bits, literal.integer, self.shape(&literal.shape)))
            }
            Op::Scan(Scan { axis, reverse, carries, sequences, yields, finals, body }) => {
                let counts = (*reverse, *carries, *sequences, *yields, *finals);
                hash(&("scan", self.axis(*axis), counts, of_function(self, body)))
            }
            Op::Call { function, axes } => {
                let callee = self.module.function(*function);
                let axes: Vec<u64> = axes.iter().map(|(_, outer)| self.axis(*outer)).collect();
                hash(&("call", &callee.name, callee.nodes.len(), axes))
            }
            // The text of the operation with colors for axes; the map need not be one to one here.
            _ => {
                let colored = op.with_axes(&mut |axis| AxisId(self.axis(axis) as u32));
                hash(&format!("{colored:?}"))
            }
        }
    }
}

/// What a function is: its operations, how they are joined, and the shapes of its results.
pub(super) fn of_function(keys: &Keys<'_>, function: &Function) -> u64 {
    let mut hasher = FxHasher::default();
    for node in &function.nodes {
        (keys.op(&node.op), node.inputs.iter().map(|v| v.0).collect::<Vec<_>>()).hash(&mut hasher);
        for output in &node.outputs {
            keys.shape(&function.value(*output).shape).hash(&mut hasher);
        }
    }
    let results: Vec<u32> = function.outputs.iter().map(|o| o.1.0).collect();
    results.hash(&mut hasher);
    hasher.finish()
}
