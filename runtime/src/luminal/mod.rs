//! The executing form: a plan as a `luminal::Graph` whose operators own kernels.
//!
//! luminal orders and calls; memory, kernels and errors are ours. An operator holds the addresses it works
//! on, takes no tensors and gives none, so that luminal never skips, allocates or frees. Schedule edges
//! carry who reads what whom has written, and beside them the planned total order, without which buffers
//! that share their place would be overwritten too early.
//!
//! Only this folder names luminal.

mod check;
mod graph;
mod layout;
mod operator;
mod options;
pub mod primitive;
mod profile;
mod session;

pub use check::PlanFault;
pub use options::{BuildError, Options};
pub use session::Session;
