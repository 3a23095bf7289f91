//! The host: generated C compiled by the machine's own compiler, matrix products by the `gemm` crate.
//!
//! All `unsafe` of execution on the host is in this folder.

mod bound;
mod cache;
mod compiler;
mod gemm;
mod library;
mod limited;
mod memory;
mod refused;
mod target;
mod threads;
mod trust;

pub use bound::{Bound, Failure};
pub use cache::cache_dir;
pub use compiler::{CCompiler, HostError};
pub use library::{Kernels, Remark};
pub use memory::{Memory, Region};
pub use target::{runnable, supported_targets, target};
pub use threads::Pool;
