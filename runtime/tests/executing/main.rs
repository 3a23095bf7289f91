//! The executing form against the interpreter: every operation, many sizes, one and two threads.

mod common;
mod ops;
mod scans;
mod fuzz;
