//! What is one problem: a repeated block with everything that is small or called rarely inside of it.
//!
//! A function that stays a call is opaque to its caller, so that a norm written as a block and one written out
//! would be two things. A block that a model repeats stays one function, and is one problem however often it is
//! called: the time that this takes does not grow with the depth.

use crate::graph::{FuncId, Function, Module, inline_some, reached};
use crate::ops::Op;
use std::collections::BTreeMap;

/// Callees up to this many nodes go into their callers, however often they are called.
const SMALL: usize = 48;
/// Callees that one function calls up to so often go into it, however large they are.
const RARE: usize = 2;

/// Adds a function that does what `entry` does, made of problems.
pub(super) fn problems(module: &mut Module, entry: FuncId) -> FuncId {
    let mut made: BTreeMap<FuncId, FuncId> = BTreeMap::new();
    for old in reached(module, entry) {
        let mut function = module.function(old).clone();
        let mut calls: BTreeMap<FuncId, usize> = BTreeMap::new();
        for node in &mut function.nodes {
            if let Op::Call { function: callee, .. } = &mut node.op {
                *callee = made.get(callee).copied().unwrap_or(*callee);
                *calls.entry(*callee).or_default() += 1;
            }
        }
        let sizes: BTreeMap<FuncId, usize> =
            calls.keys().map(|id| (*id, size(module.function(*id)))).collect();
        let copy = module.add_function(function);
        let goes_in = |callee: FuncId| {
            sizes.get(&callee).is_some_and(|n| *n <= SMALL) || calls.get(&callee).is_some_and(|n| *n <= RARE)
        };
        let new =
            if calls.keys().any(|id| goes_in(*id)) { inline_some(module, copy, &goes_in) } else { copy };
        made.insert(old, new);
    }
    made.get(&entry).copied().unwrap_or(entry)
}

fn size(function: &Function) -> usize {
    function.nodes.iter().filter(|n| !matches!(n.op, Op::Input | Op::Constant(_))).count()
}
