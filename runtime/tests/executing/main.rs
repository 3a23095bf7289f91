//! The executing form against the interpreter: every operation, many sizes, one and two threads.

mod attention;
mod common;
mod fuzz;
mod generator;
mod in_time;
mod memory;
mod models;
mod ops;
mod paper_blocks;
mod products;
mod scans;
mod session;
mod speed;
mod states;
mod tolerance;
