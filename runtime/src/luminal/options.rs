//! How sessions are built, and why they cannot be.

use super::check::PlanFault;
use crate::device::host::{self, HostError};
use arch_grammar::Sources;
use arch_kernels::build::Spelling;
use arch_kernels::{LowerError, Target};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// How programs are built.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many threads work. Results do not depend on it.
    pub threads: usize,
    /// Whether programs are in their canonical spelling, so that values need no order of their own, and whether operations
    /// share kernels.
    pub spelling: Spelling,
    /// The instruction set; none takes the one named in `ARCHC_TARGET`, else the best of the machine.
    pub target: Option<Target>,
    /// The texts that spans point into, so that kernels and errors name their lines.
    pub sources: Option<Arc<Sources>>,
    /// Where compiled kernels are kept.
    pub cache: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            spelling: Spelling::AsWritten,
            target: None,
            sources: None,
            cache: host::cache_dir(),
        }
    }
}

impl Options {
    /// The instruction set that kernels are made for.
    pub(super) fn instructions(&self) -> Result<Target, HostError> {
        self.target.map_or_else(host::target, host::runnable)
    }
}

/// Why a session cannot be built.
#[derive(Clone, Debug, Error)]
pub enum BuildError {
    /// A program cannot be respelled: a fault of ours.
    #[error("a rule does not fit; this is a fault of archc: {0}")]
    Respell(String),
    /// A program cannot be lowered.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// Kernels cannot be compiled or loaded.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A plan is wrong: a fault of ours.
    #[error("a plan is wrong; this is a fault of archc: {0}")]
    Plan(#[from] PlanFault),
    /// Two programs use one name for tensors of different sizes.
    #[error("`{name}` has the sizes {first:?} in one program and {second:?} in another")]
    Sizes {
        /// The tensor.
        name: String,
        /// Its sizes in the program that has it first.
        first: Vec<usize>,
        /// Its sizes in another.
        second: Vec<usize>,
    },
    /// The system does not have the memory.
    #[error("a batch of {batch} takes {:.1} GB of memory, which this machine does not give", *bytes as f64 / 1e9)]
    Memory {
        /// What all tensors take together.
        bytes: usize,
        /// The batch.
        batch: usize,
    },
    /// A plan names a kernel that was not loaded: a fault of ours.
    #[error("the kernel of step `{0}` was not loaded; this is a fault of archc")]
    Missing(String),
}
