//! Checks that a module keeps the rules of the graph. Run after every pass in tests and debug builds.

use super::{AxisId, FuncId, Function, Module, Node, Size, Value, ValueId};
use crate::ops::Op;

/// A rule that a graph breaks: the fault of the pass that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError(pub String);

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for VerifyError {}

/// Checks every function of a module.
///
/// # Errors
/// If a rule is broken: which, and where.
pub fn verify(module: &Module) -> Result<(), VerifyError> {
    if module.axes.first().map(|a| a.size) != Some(Size::Batch)
        || module.axes.iter().skip(1).any(|a| a.size == Size::Batch)
    {
        return Err(VerifyError("the first axis, and no other, is the batch".into()));
    }
    (0..module.functions.len()).try_for_each(|id| verify_function(module, FuncId(id as u32)))
}

/// Checks one function of a module, scan bodies included.
///
/// # Errors
/// If a rule is broken: which, and where.
pub fn verify_function(module: &Module, id: FuncId) -> Result<(), VerifyError> {
    let function = module.function(id);
    let calls = function.nodes.iter().filter_map(|node| match &node.op {
        Op::Call { function, .. } => Some(*function),
        _ => None,
    });
    for callee in calls {
        if callee >= id {
            return Err(VerifyError(format!("{} calls the later function {}", function.name, callee.0)));
        }
    }
    check_function(module, function)
}

fn check_function(module: &Module, function: &Function) -> Result<(), VerifyError> {
    let at = |message: String| VerifyError(format!("in {}: {message}", function.name));
    let mut given = vec![false; function.values.len()];
    for (index, node) in function.nodes.iter().enumerate() {
        for input in &node.inputs {
            if !given.get(input.0 as usize).copied().unwrap_or(false) {
                return Err(at(format!("node {index} reads %{} before it is given", input.0)));
            }
        }
        check_node(module, function, index, node).map_err(at)?;
        for output in &node.outputs {
            given[output.0 as usize] = true;
        }
    }
    if let Some(value) = given.iter().position(|g| !g) {
        return Err(at(format!("no node gives %{value}")));
    }
    check_interface(function).map_err(at)
}

fn check_node(module: &Module, function: &Function, index: usize, node: &Node) -> Result<(), String> {
    for (place, output) in node.outputs.iter().enumerate() {
        let value = value(function, *output)?;
        if (value.node, value.output) != (index as u32, place as u32) {
            return Err(format!("%{} does not name node {index} as its origin", output.0));
        }
        check_shape(module, *output, value)?;
    }
    if node.op == Op::Input {
        let known = function.inputs.iter().filter(|i| node.outputs == [i.value]).count();
        return if known == 1 { Ok(()) } else { Err(format!("node {index} is the input of {known} names")) };
    }
    if let Op::Scan(scan) = &node.op {
        check_function(module, &scan.body).map_err(|e| e.0)?;
        if scan.body.nodes.iter().any(|n| matches!(n.op, Op::Scan(_) | Op::Call { .. })) {
            return Err(format!("the scan of node {index} contains a scan or a call"));
        }
    }
    let inputs: Vec<&Value> = node.inputs.iter().map(|v| function.value(*v)).collect();
    let wanted = node.op.shapes(module, &inputs).map_err(|e| format!("node {index}: {e}"))?;
    if wanted.len() != node.outputs.len() {
        return Err(format!("node {index} has {} results, not {}", node.outputs.len(), wanted.len()));
    }
    for ((shape, dtype), output) in wanted.iter().zip(&node.outputs) {
        let value = function.value(*output);
        let same_type = value.storage == *dtype || (value.storage.is_float() && dtype.is_float());
        if value.shape != *shape || !same_type {
            return Err(format!(
                "%{} is {} {}, but its operation gives {} {}",
                output.0,
                module.shape_text(&value.shape),
                value.storage.text(),
                module.shape_text(shape),
                dtype.text()
            ));
        }
    }
    Ok(())
}

fn check_shape(module: &Module, id: ValueId, value: &Value) -> Result<(), String> {
    for (place, axis) in value.shape.iter().enumerate() {
        if axis.0 as usize >= module.axes.len() {
            return Err(format!("%{} has an axis {} that is not declared", id.0, axis.0));
        }
        if value.shape[..place].contains(axis) {
            return Err(format!("%{} has the axis {} twice", id.0, module.axis_text(*axis)));
        }
        if *axis == AxisId::BATCH && place > 0 {
            return Err(format!("the batch does not stand first in %{}", id.0));
        }
    }
    Ok(())
}

fn check_interface(function: &Function) -> Result<(), String> {
    for (place, input) in function.inputs.iter().enumerate() {
        if function.inputs[..place].iter().any(|other| other.name == input.name) {
            return Err(format!("two inputs are called {}", input.name));
        }
        let value = value(function, input.value)?;
        if function.nodes[value.node as usize].op != Op::Input {
            return Err(format!("the input {} is not an input's value", input.name));
        }
    }
    for (place, (name, output)) in function.outputs.iter().enumerate() {
        value(function, *output)?;
        if function.outputs[..place].iter().any(|other| other.0 == *name) {
            return Err(format!("two outputs are called {name}"));
        }
    }
    for (state, new) in &function.updates {
        let (old, new) = (value(function, *state)?, value(function, *new)?);
        if old.shape != new.shape || function.nodes[old.node as usize].op != Op::Input {
            return Err(format!("%{} cannot be updated with that value", state.0));
        }
    }
    Ok(())
}

fn value(function: &Function, id: ValueId) -> Result<&Value, String> {
    function.values.get(id.0 as usize).ok_or_else(|| format!("there is no value %{}", id.0))
}
