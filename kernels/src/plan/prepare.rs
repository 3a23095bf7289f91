//! What depends on parameters alone is computed once, and not in every run: above all the weights of products in the order
//! in which these read them.

use super::{Plan, SlotId, SlotKind};
use std::collections::BTreeSet;

/// More bytes than this are not kept. It is what the weights of a model of 268 million parameters take: below it, keeping
/// them a second time is worth what every run saves; beyond it memory is scarcer.
const MOST: usize = 1 << 30;

/// Lets steps keep their results for further runs that read nothing but slots which no run changes, or what other such
/// steps have kept. `fixed` are the slots of parameters and buffers that this and other programs only read. The arena
/// is planned anew without them.
pub fn prepare(plan: &mut Plan, fixed: &[SlotId]) {
    let constant = |s: &usize| matches!(plan.slots[*s].kind, SlotKind::Constant(_));
    let constants = (0..plan.slots.len()).filter(constant).map(|s| SlotId(s as u32));
    let mut known: BTreeSet<SlotId> = fixed.iter().copied().chain(constants).collect();
    let mut writers = vec![0; plan.slots.len()];
    plan.steps.iter().flat_map(|s| &s.writes).for_each(|w| writers[w.0 as usize] += 1);
    let mut left = MOST;
    for step in &plan.steps {
        let own = |w: &SlotId| plan.slot(*w).kind == SlotKind::Scratch && writers[w.0 as usize] == 1;
        let bytes: usize = step.writes.iter().map(|w| 4 * plan.slot(*w).len).sum();
        if bytes <= left && step.reads.iter().all(|r| known.contains(r)) && step.writes.iter().all(own) {
            left -= bytes;
            known.extend(&step.writes);
            step.writes.iter().for_each(|w| plan.slots[w.0 as usize].kind = SlotKind::Prepared);
        }
    }
    super::place(plan);
}

impl Plan {
    /// Whether a step keeps its results for further runs.
    #[must_use]
    pub fn is_prepared(&self, step: usize) -> bool {
        self.steps[step].writes.iter().all(|w| self.slot(*w).kind == SlotKind::Prepared)
    }

    /// The names of the tensors that steps read which keep their results.
    #[must_use]
    pub fn prepared_from(&self) -> BTreeSet<String> {
        let steps = (0..self.steps.len()).filter(|s| self.is_prepared(*s));
        let reads = steps.flat_map(|s| &self.steps[s].reads);
        let named = reads.filter_map(|r| match &self.slot(*r).kind {
            SlotKind::Resident(name) => Some(name.clone()),
            _ => None,
        });
        named.collect()
    }
}
