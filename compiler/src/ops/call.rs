//! Calls of an earlier function.

use super::{ShapeError, shape as rules};
use crate::graph::{AxisId, DType, FuncId, Module, Value};
use crate::interp::{self, RunError, Sizes, Tensor};
use std::sync::Arc;

/// The shapes of a call's results: those of the callee under the map of axes.
pub(super) fn shapes(
    function: FuncId,
    axes: &[(AxisId, AxisId)],
    module: &Module,
    inputs: &[&Value],
) -> Result<Vec<(Vec<AxisId>, DType)>, ShapeError> {
    let Some(callee) = module.functions.get(function.0 as usize) else {
        return Err(ShapeError(format!("call: there is no function {}", function.0)));
    };
    let name = format!("call of {}", callee.name);
    check_map(&name, axes, module)?;
    rules::count(&name, callee.inputs.len(), inputs)?;
    for (input, given) in callee.inputs.iter().zip(inputs) {
        let wanted = callee.value(input.value);
        let shape = mapped(&name, axes, module, &wanted.shape)?;
        if shape != given.shape {
            return Err(ShapeError(format!(
                "{name}: {} is {} here, not {}",
                input.name,
                module.shape_text(&shape),
                module.shape_text(&given.shape)
            )));
        }
        if wanted.storage.is_float() != given.storage.is_float() {
            return Err(ShapeError(format!(
                "{name}: {} holds {}, not {}",
                input.name,
                wanted.storage.text(),
                given.storage.text()
            )));
        }
    }
    callee
        .outputs
        .iter()
        .map(|(_, output)| {
            let value = callee.value(*output);
            Ok((mapped(&name, axes, module, &value.shape)?, value.storage))
        })
        .collect()
}

fn check_map(name: &str, axes: &[(AxisId, AxisId)], module: &Module) -> Result<(), ShapeError> {
    let (inner, outer): (Vec<AxisId>, Vec<AxisId>) = axes.iter().copied().unzip();
    rules::no_batch(name, &inner)?;
    rules::no_batch(name, &outer)?;
    rules::distinct(name, module, &inner)?;
    rules::distinct(name, module, &outer)?;
    match axes.iter().find(|(a, b)| module.axis(*a).size != module.axis(*b).size) {
        None => Ok(()),
        Some((a, b)) => Err(ShapeError(format!(
            "{name}: the axis {} cannot be {}",
            module.axis_text(*a),
            module.axis_text(*b)
        ))),
    }
}

fn mapped(
    name: &str,
    axes: &[(AxisId, AxisId)],
    module: &Module,
    shape: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    let one = |axis: &AxisId| match axes.iter().find(|(inner, _)| inner == axis) {
        _ if *axis == AxisId::BATCH => Ok(*axis),
        Some((_, outer)) => Ok(*outer),
        None => Err(ShapeError(format!("{name}: the axis {} is not given", module.axis_text(*axis)))),
    };
    shape.iter().map(one).collect()
}

/// Runs the callee.
pub(super) fn eval(
    function: FuncId,
    sizes: Sizes,
    inputs: &[Arc<Tensor>],
) -> Result<Vec<Arc<Tensor>>, RunError> {
    // The shapes of both sides match position by position, so that nothing is reordered.
    interp::outputs(sizes, sizes.module.function(function), inputs)
}
