//! Training.

mod rate;

pub use rate::{Rate, bias_corrections};
