//! From a flat function of the graph to kernels and a plan.
//!
//! - [`build`]: from a checked program to a plan, as commands have it.
//! - [`ir`]: what a kernel is: loop nests over named index spaces, with explicit loop kinds.
//! - [`print`]: kernels as C, for one of three pinned instruction sets.
//! - [`lower`](mod@lower): which values reach memory, which operations share a kernel, and the kernels themselves.
//! - [`plan`]: steps in execution order, buffers with their places in one arena.
//!
//! Everything here is a pure function of its input; two runs give the same bytes.

pub mod build;
pub mod ir;
pub mod lower;
pub mod plan;
pub mod print;

pub use lower::{LowerError, Options, lower, lower_in_chaos, lower_one_by_one};
pub use plan::Plan;
pub use print::Target;
