//! Which values depend on an input whose gradient is wanted.

use crate::graph::Function;
use crate::ops::{Map, Op};

/// For each value, whether a gradient may flow through it to one of the wanted inputs.
pub(super) fn activity(function: &Function, wanted: &[bool]) -> Vec<bool> {
    let mut active = vec![false; function.values.len()];
    for (input, wanted) in function.inputs.iter().zip(wanted) {
        let is_float = function.value(input.value).storage.is_float();
        active[input.value.0 as usize] = *wanted && is_float;
    }
    for node in &function.nodes {
        let depends = node.inputs.iter().any(|v| active[v.0 as usize]);
        if !depends || node.op == Op::Map(Map::StopGradient) {
            continue;
        }
        for output in &node.outputs {
            active[output.0 as usize] = function.value(*output).storage.is_float();
        }
    }
    active
}
