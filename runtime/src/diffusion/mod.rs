//! Gaussian diffusion: schedules, what the model's output means, samplers and guidance.

mod coefficients;
mod guidance;
mod process;
mod respace;
mod sampler;
mod schedule;

pub use coefficients::{COEFFICIENTS, Coefficients, Loss};
pub use guidance::Guidance;
pub use process::{Layout, Moments, Predict, Process, Variance};
pub use respace::Respacing;
pub use sampler::{Backbone, Sampler, State, run, step};
pub use schedule::{Schedule, Tables};
