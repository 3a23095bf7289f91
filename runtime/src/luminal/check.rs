//! Plans are checked before they are bound: afterwards nothing can go wrong that a plan can be blamed for.

use arch_kernels::Target;
use arch_kernels::plan::{Action, Plan, SlotId, SlotKind};
use thiserror::Error;

/// What is wrong with a plan: a fault of ours.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanFault {
    /// A step reads what nothing has written, or what was overwritten since.
    #[error("step `{step}` reads slot {slot}, which holds nothing of use")]
    Stale {
        /// The step.
        step: String,
        /// The slot.
        slot: u32,
    },
    /// A step overwrites what must outlive the run.
    #[error("step `{step}` overwrites slot {slot}, which must outlive the run")]
    Clobber {
        /// The step.
        step: String,
        /// The slot.
        slot: u32,
    },
    /// A plan is made for another instruction set than its kernels are compiled for.
    #[error("a plan for {found} is to be run as one for {wanted}")]
    Target {
        /// What kernels are compiled for.
        wanted: Target,
        /// What the plan is made for.
        found: Target,
    },
    /// A slot lies outside the memory.
    #[error("step `{step}` uses slot {slot}, which lies outside the arena")]
    Outside {
        /// The step.
        step: String,
        /// The slot.
        slot: u32,
    },
}

/// Checks a plan whose kernels are compiled for `target`.
///
/// # Errors
/// The first fault.
pub(super) fn check(plan: &Plan, target: Target) -> Result<(), PlanFault> {
    if plan.target != target {
        return Err(PlanFault::Target { wanted: target, found: plan.target });
    }
    let mut valid: Vec<bool> =
        plan.slots.iter().map(|s| matches!(s.kind, SlotKind::Resident(_) | SlotKind::Constant(_))).collect();
    for step in &plan.steps {
        let name = || step.name.clone();
        let named: Vec<SlotId> = match &step.action {
            Action::Kernel { args, .. } => args.clone(),
            Action::Gemm(g) => vec![g.left.slot, g.right.slot, g.out.slot],
        };
        for slot in &named {
            if !step.reads.contains(slot) && !step.writes.contains(slot) {
                return Err(PlanFault::Stale { step: name(), slot: slot.0 });
            }
            let s = plan.slot(*slot);
            if s.kind == SlotKind::Scratch && s.offset + s.len * 4 > plan.arena_bytes {
                return Err(PlanFault::Outside { step: name(), slot: slot.0 });
            }
        }
        for slot in &step.reads {
            // A step that updates a scratch or output of its own making reads what it has written itself.
            let own = step.writes.contains(slot) && !matches!(plan.slot(*slot).kind, SlotKind::Resident(_));
            if !valid[slot.0 as usize] && !own {
                return Err(PlanFault::Stale { step: name(), slot: slot.0 });
            }
        }
        for slot in &step.writes {
            let fixed = match plan.slot(*slot).kind {
                SlotKind::Resident(_) => !plan.updates.contains(slot),
                SlotKind::Constant(_) => true,
                SlotKind::Output | SlotKind::Scratch | SlotKind::Prepared => false,
            };
            if fixed {
                return Err(PlanFault::Clobber { step: name(), slot: slot.0 });
            }
            overwrite(plan, *slot, &mut valid);
        }
    }
    Ok(())
}

/// A slot becomes valid, and scratch that shares its place becomes invalid.
fn overwrite(plan: &Plan, slot: SlotId, valid: &mut [bool]) {
    let own = plan.slot(slot);
    if own.kind == SlotKind::Scratch {
        for (i, other) in plan.slots.iter().enumerate() {
            let meets = other.offset < own.offset + own.len * 4 && own.offset < other.offset + other.len * 4;
            if other.kind == SlotKind::Scratch && meets {
                valid[i] = false;
            }
        }
    }
    valid[slot.0 as usize] = true;
}
