//! Runs, trains and samples compiled programs.

pub mod checkpoint;
pub mod data;
pub mod device;
pub mod diffusion;
pub mod error;
pub mod exchange;
pub mod execute;
pub mod files;
pub mod image;
pub mod interface;
pub mod luminal;
pub mod quality;
pub mod random;
pub mod recipe;
pub mod run;
pub mod sample;
pub mod train;
