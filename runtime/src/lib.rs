//! Runs, trains and samples compiled programs.

pub mod execute;
