//! The luminal operator: a bound step.

use super::profile::Clock;
use crate::device::host::Bound;
use crate::execute::RunError;
use luminal::op::{InputTensor, Operator};
use luminal::prelude::{ShapeTracker, Tensor};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the operators of a session share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The first error of a run: later operators do nothing then.
    pub failed: Mutex<Option<RunError>>,
    /// Whether operators take their time.
    pub timed: AtomicBool,
}

impl Shared {
    pub(super) fn take_error(&self) -> Option<RunError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A step as an operator. It takes no tensors and gives none.
pub(super) struct StepOperator {
    pub name: Arc<str>,
    pub lines: Arc<str>,
    pub bound: Bound,
    pub clock: Arc<Clock>,
    pub shared: Arc<Shared>,
    /// For a step that keeps its results: whether they are there.
    pub prepared: Option<Arc<AtomicBool>>,
}

impl fmt::Debug for StepOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// No two steps are one, whatever they compute.
impl PartialEq for StepOperator {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Operator for StepOperator {
    fn process(&mut self, _: Vec<(InputTensor, ShapeTracker)>) -> Vec<Tensor> {
        let mut failed = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            return Vec::new();
        }
        if self.prepared.as_ref().is_some_and(|there| there.load(Ordering::Relaxed)) {
            return Vec::new();
        }
        let start = self.shared.timed.load(Ordering::Relaxed).then(Instant::now);
        let outcome = self.bound.run();
        if let Some(start) = start {
            self.clock.add(start.elapsed());
        }
        if let Err(failure) = outcome {
            *failed = Some(RunError::Kernel {
                kernel: self.name.to_string(),
                cause: failure.0,
                lines: self.lines.to_string(),
            });
        }
        Vec::new()
    }
}
