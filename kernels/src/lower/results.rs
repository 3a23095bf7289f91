//! Results that are views of what is computed: memory has no axes, so the value is written where the result is to be, in the
//! order that the view reads it in. The gradient of a weight that is read head by head is such a result.

use crate::plan::Plan;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Op, View};

/// The same function with results that no view stands before, and the order that each of them is to be stored in.
pub(super) fn seen_through(function: &Function) -> (Function, Vec<Vec<AxisId>>) {
    let mut seen = function.clone();
    let mut orders = Vec::with_capacity(function.outputs.len());
    for (_, value) in &mut seen.outputs {
        let order = function.value(*value).shape.clone();
        let (inner, order) = behind(function, *value, order.clone()).unwrap_or((*value, order));
        *value = inner;
        orders.push(order);
    }
    (seen, orders)
}

/// What lies in memory under another reading as a result that is stored in an order; none if that is an input, which is
/// copied.
fn behind(function: &Function, value: ValueId, order: Vec<AxisId>) -> Option<(ValueId, Vec<AxisId>)> {
    let node = function.producer(value);
    let Op::View(view) = &node.op else {
        return (node.op != Op::Input).then_some((value, order));
    };
    match before(view, order.clone()) {
        Some(inner) => behind(function, node.inputs[0], inner),
        None => Some((value, order)),
    }
}

/// In which order a view is to read memory so that what it gives is stored in an order, if it moves nothing.
pub(super) fn before(view: &View, mut order: Vec<AxisId>) -> Option<Vec<AxisId>> {
    let place = |axis: &AxisId| order.iter().position(|a| a == axis);
    match view {
        View::Transpose(_) => {}
        View::Rename { from, to } => {
            let at = place(to)?;
            order[at] = *from;
        }
        View::Flatten { from, to } => {
            let at = place(to)?;
            order.splice(at..=at, from.iter().copied());
        }
        View::Unflatten { from, to } => {
            let at = to.first().and_then(place)?;
            if order.get(at..at + to.len()) != Some(to) {
                return None;
            }
            order.splice(at..at + to.len(), [*from]);
        }
        _ => return None,
    }
    Some(order)
}

/// Says of the results of a plan what shapes they have in the function that was given.
pub(super) fn name(plan: &mut Plan, module: &Module, function: &Function, batch: usize) {
    for (name, value) in &function.outputs {
        let shape = &function.value(*value).shape;
        if let Some(named) = plan.outputs.get_mut(name) {
            named.dims = module.dims(shape, batch);
            plan.slots[named.slot.0 as usize].shape = module.shape_text(shape);
        }
    }
}
