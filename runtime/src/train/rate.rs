//! Numbers that change from step to step: learning rate and bias corrections.

use crate::recipe::RateSchedule;
use std::f64::consts::PI;

/// How the learning rate goes. Steps count from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The rate after the warm-up.
    pub peak: f64,
    /// Steps of linear warm-up: step `s` has the share `(s + 1) / warmup`.
    pub warmup: u64,
    /// How it goes on.
    pub schedule: RateSchedule,
    /// The run's steps in all.
    pub steps: u64,
}

impl Rate {
    /// The learning rate of a step.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        match self.schedule {
            RateSchedule::Constant => self.peak,
            RateSchedule::Cosine => {
                let length = self.steps.saturating_sub(self.warmup).max(1) as f64;
                let done = ((step - self.warmup) as f64 / length).min(1.0);
                self.peak * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }
}

/// AdamW's bias corrections `1 - beta1^s` and `sqrt(1 - beta2^s)` for the step after `done` steps.
#[must_use]
pub fn bias_corrections(betas: (f64, f64), done: u64) -> (f64, f64) {
    let s = (done + 1) as f64;
    (1.0 - betas.0.powf(s), (1.0 - betas.1.powf(s)).sqrt())
}
