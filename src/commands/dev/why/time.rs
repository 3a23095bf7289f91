//! How long steps take, as far as that can be said without running them.

use arch_kernels::Target;
use arch_kernels::plan::{Card, Machine, Plan};

/// What is predicted is for this machine, whatever machine it is asked on.
const MACHINE: Machine = Machine::TWO_CORES;
/// A GPU is not predicted: what is said is how long its memory takes for the bytes alone.
const CARD: Card = Card::A100;

/// The seconds of a step, and those of its operations one by one.
pub(super) fn of(plan: &Plan, step: usize) -> (f64, f64) {
    match plan.target {
        Target::Cuda => plan.moving_seconds(step, &CARD),
        _ => plan.predicted_seconds(step, &MACHINE),
    }
}

/// What stands before a time.
pub(super) fn label(target: Target) -> String {
    match target {
        Target::Cuda => format!("at {}", bandwidth()),
        _ => "predicted".into(),
    }
}

/// A sentence about what times are made of.
pub(super) fn made_of(target: Target) -> String {
    match target {
        Target::Cuda => format!(
            "Times are those of moving the bytes at {}, the memory of an {}. Starting kernels and\n  computing take time on top; only what is still in the card's cache comes sooner. No GPU is predicted.",
            bandwidth(),
            CARD.name
        ),
        _ => format!(
            "Times are predicted for two cores with AVX-512: {:.0} us to start a kernel, then the longer of moving\n  its bytes at {:.0} GB/s and of computing, at {:.0} G operations a second in matrix products and attention and\n  {:.0} G elsewhere. `archc bench --profile` measures.",
            1e6 * MACHINE.step,
            MACHINE.bytes / 1e9,
            MACHINE.product_flops / 1e9,
            MACHINE.operations / 1e9
        ),
    }
}

fn bandwidth() -> String {
    format!("{:.0} TB/s", CARD.bytes / 1e12)
}

pub(super) fn text(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", 1e3 * s),
        s if s >= 9.95e-6 => format!("{:.0} us", 1e6 * s),
        s if s >= 1e-6 => format!("{:.1} us", 1e6 * s),
        s if s >= 0.5e-9 => format!("{:.0} ns", 1e9 * s),
        _ => "under 1 ns".into(),
    }
}
