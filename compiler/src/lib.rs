//! Checks `.arch` programs and turns them into graphs that can be differentiated, counted and compiled.
//! Pure: no files, no clock, no environment.

pub mod canon;
pub mod check;
pub mod codes;
pub mod cost;
pub mod fuse;
pub mod grad;
pub mod graph;
pub mod interp;
pub mod library;
pub mod memory;
pub mod ops;
pub mod program;
pub mod schedule;
pub mod train;
