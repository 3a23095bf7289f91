//! Training: from a recipe, data and checked programs to weights.

mod batches;
mod diagnose;
mod held_out;
mod job;
mod rate;
mod replay;
mod session;
mod steps;

pub use job::{Ended, Job, Model, Observer, Outcome, train};
pub use rate::{Rate, bias_corrections};
pub use replay::Replay;
pub use session::Programs;
