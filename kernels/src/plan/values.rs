//! What buffers of kernels are called in the text: inputs and parameters, such as `dt` or `A_log`, and results.

use super::{Action, Plan, SlotId, SlotKind};

/// Gives kernels the names of the values that steps call them with, for readers: each once, in the order of the steps.
pub fn name_values(plan: &mut Plan) {
    for step in &plan.steps {
        let Action::Kernel { kernel, args, .. } = &step.action else { continue };
        let mut values = std::mem::take(&mut plan.kernels[*kernel].values);
        values.resize(args.len(), Vec::new());
        for (known, slot) in values.iter_mut().zip(args) {
            for name in names(plan, *slot) {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
        plan.kernels[*kernel].values = values;
    }
}

fn names(plan: &Plan, slot: SlotId) -> Vec<String> {
    match &plan.slot(slot).kind {
        SlotKind::Resident(name) => vec![name.clone()],
        _ => plan.outputs.iter().filter(|o| o.1.slot == slot).map(|o| o.0.clone()).collect(),
    }
}
