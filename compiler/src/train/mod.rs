//! The training step as a graph: noising, model, loss, gradients, clipping, AdamW and the moving average
//! are nodes like all others, so they are fused, printed and interpreted like all others.
//!
//! State lives in inputs of [`InputKind::State`](crate::graph::InputKind::State):
//!
//! | input | holds |
//! | --- | --- |
//! | `adam.m.NAME`, `adam.v.NAME` | the first and second moment of a parameter's gradient |
//! | `ema.NAME` | the moving average of a parameter |
//! | `grad.NAME` | the gradient so far, where several runs make one step |
//!
//! Numbers that change from step to step are scalar inputs, see [`SCALARS`].

mod gradients;
mod optimizer;
mod programs;
mod step;

pub use optimizer::{OptimizerOptions, SCALARS, Trained, apply_gradients};
pub use step::{Parts, TrainError, TrainOptions, TrainPrograms, build};

#[cfg(test)]
mod tests;
