//! The gradient of a call: a call of the callee's backward function.

use super::backward::{Backward, Lane, Taken};
use super::derive::{Derivatives, Read};
use crate::graph::{AxisId, DType, FuncId, Module, ValueId};
use crate::ops::{Op, ShapeError};
use std::collections::BTreeMap;

/// How a call reads in the forward function of the caller.
pub(super) struct DerivedCall {
    /// The function that is called instead.
    pub forward: FuncId,
    /// The axes of that call.
    pub axes: Vec<(AxisId, AxisId)>,
    /// Shape and type of what it gives beside the results, in the caller's axes.
    pub kept: Vec<(Vec<AxisId>, DType)>,
}

/// Adds the cotangents of a call's arguments. `None` if no gradient flows through the call.
pub(super) fn differentiate(
    derivatives: &mut Derivatives,
    backward: &mut Backward,
    node: usize,
    (callee, pairs): (FuncId, &[(AxisId, AxisId)]),
    active: &[bool],
) -> Result<Option<DerivedCall>, ShapeError> {
    let forward = backward.forward;
    let (inputs, outputs) = (&forward.nodes[node].inputs, &forward.nodes[node].outputs);
    let wanted: Vec<bool> = inputs.iter().map(|v| active[v.0 as usize]).collect();
    let cotangents: Vec<Option<ValueId>> =
        outputs.iter().map(|v| backward.cotangent(*v, Lane::Whole)).collect();
    let given: Vec<bool> = cotangents.iter().map(Option::is_some).collect();
    if !wanted.contains(&true) || !given.contains(&true) {
        return Ok(None);
    }
    let derivative = derivatives.of(backward.builder.module, callee, &wanted, &given)?;
    let mut axes = Axes { known: pairs.iter().copied().collect(), twins: &mut backward.twins, callee };
    let module = &mut *backward.builder.module;
    let kept_outputs = module.function(callee).outputs.len();
    let forward_function = module.function(derivative.forward).clone();
    let kept: Vec<(Vec<AxisId>, DType)> = forward_function.outputs[kept_outputs..]
        .iter()
        .map(|(_, id)| {
            let value = forward_function.value(*id);
            (value.shape.iter().map(|a| axes.outer(module, *a)).collect(), value.storage)
        })
        .collect();
    let forward_axes = interface(module, derivative.forward, &mut axes);
    let backward_axes = interface(module, derivative.backward, &mut axes);
    let mut arguments = Vec::with_capacity(derivative.reads.len());
    for read in &derivative.reads {
        arguments.push(match *read {
            Read::Input(at) => backward.value(inputs[at])?,
            Read::Output(at) => backward.value(outputs[at])?,
            Read::Kept(at) => backward.take(Taken::Kept(node, at), kept[at].0.clone(), kept[at].1),
            Read::Cotangent(at) => {
                let g = cotangents[at].ok_or_else(|| ShapeError("a cotangent is missing".into()))?;
                backward.ordered(g, &forward.value(outputs[at]).shape)?
            }
        });
    }
    let op = Op::Call { function: derivative.backward, axes: backward_axes };
    let results = backward.builder.add(op, &arguments)?;
    for (input, gradient) in inputs.iter().zip(&derivative.gradients) {
        if let Some(at) = gradient {
            backward.accumulate(*input, results[*at])?;
        }
    }
    Ok(Some(DerivedCall { forward: derivative.forward, axes: forward_axes, kept }))
}

/// From the callee's axes to the caller's, with new axes of the caller for those that only what is kept has.
struct Axes<'a> {
    known: BTreeMap<AxisId, AxisId>,
    twins: &'a mut BTreeMap<(FuncId, AxisId), AxisId>,
    callee: FuncId,
}

impl Axes<'_> {
    fn outer(&mut self, module: &mut Module, inner: AxisId) -> AxisId {
        match self.known.get(&inner) {
            Some(outer) => *outer,
            None => *self.twins.entry((self.callee, inner)).or_insert_with(|| module.twin_axis(inner)),
        }
    }
}

/// The axes of a function's inputs and outputs, each with the caller's axis.
fn interface(module: &mut Module, function: FuncId, axes: &mut Axes) -> Vec<(AxisId, AxisId)> {
    let function = module.function(function);
    let values = function.inputs.iter().map(|i| i.value).chain(function.outputs.iter().map(|o| o.1));
    let mut inner: Vec<AxisId> = Vec::new();
    for axis in values.flat_map(|id| function.value(id).shape.clone()) {
        if axis != AxisId::BATCH && !inner.contains(&axis) {
            inner.push(axis);
        }
    }
    inner.into_iter().map(|axis| (axis, axes.outer(module, axis))).collect()
}
