//! Joins two modules: a model and its loss.

use super::{AxisId, FuncId, Module};
use crate::ops::Op;

/// Where the axes and functions of a module went that was joined to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// For each axis of the joined module, the axis it is now.
    pub axes: Vec<AxisId>,
    /// For each function of the joined module, the function it is now.
    pub functions: Vec<FuncId>,
}

impl Linked {
    /// What an axis of the joined module is now.
    #[must_use]
    pub fn axis(&self, axis: AxisId) -> AxisId {
        self.axes[axis.0 as usize]
    }

    /// What a function of the joined module is now.
    #[must_use]
    pub fn function(&self, function: FuncId) -> FuncId {
        self.functions[function.0 as usize]
    }
}

/// Appends the functions and axes of another module. The batch of both is one axis; all other axes of the
/// joined module are new.
pub fn link(module: &mut Module, other: &Module) -> Linked {
    let mut linked = Linked { axes: vec![AxisId::BATCH], functions: Vec::new() };
    for axis in &other.axes[1..] {
        linked.axes.push(AxisId(module.axes.len() as u32));
        module.axes.push(axis.clone());
    }
    let first = module.functions.len() as u32;
    linked.functions = (0..other.functions.len() as u32).map(|id| FuncId(first + id)).collect();
    for function in &other.functions {
        let mut function = function.with_axes(&mut |axis| linked.axis(axis));
        for node in &mut function.nodes {
            if let Op::Call { function, axes } = &mut node.op {
                *function = linked.function(*function);
                axes.iter_mut().for_each(|(inner, _)| *inner = linked.axis(*inner));
            }
        }
        module.add_function(function);
    }
    linked
}
