//! Which functions a function calls.

use super::{FuncId, Module};
use crate::ops::Op;

/// A function and all that it reaches by calls, callees first.
#[must_use]
pub fn reached(module: &Module, function: FuncId) -> Vec<FuncId> {
    let mut order = Vec::new();
    visit(module, function, &mut order);
    order
}

fn visit(module: &Module, function: FuncId, order: &mut Vec<FuncId>) {
    if order.contains(&function) {
        return;
    }
    for node in &module.function(function).nodes {
        if let Op::Call { function, .. } = &node.op {
            visit(module, *function, order);
        }
    }
    order.push(function);
}
