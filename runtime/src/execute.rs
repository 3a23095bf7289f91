//! What every form of execution offers: interpreter, primitive luminal graph, executing luminal graph.

pub mod interpreter;

use std::time::Duration;
use thiserror::Error;

/// Elements on their way in, row-major, batch first.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Floats.
    Float(&'a [f32]),
    /// Integers.
    Int(&'a [i32]),
}

/// Why a run failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RunError {
    /// A kernel failed. `lines` are the places in the source that it was made for.
    #[error("kernel `{kernel}` failed: {cause} (made for {lines})")]
    Kernel {
        /// Its name.
        kernel: String,
        /// What happened.
        cause: String,
        /// Where it comes from.
        lines: String,
    },
    /// There is no tensor of that name.
    #[error("there is no tensor `{0}`")]
    UnknownTensor(String),
    /// A tensor has another number of elements.
    #[error("`{name}` holds {expected} elements, but {given} were given")]
    Length {
        /// The tensor.
        name: String,
        /// What it holds.
        expected: usize,
        /// What was given.
        given: usize,
    },
    /// The machine lacks what the form needs.
    #[error("{message}")]
    Machine {
        /// What it lacks.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// What was made of the program is wrong: a fault of archc.
    #[error("{message}")]
    Fault {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// The form cannot run the program.
    #[error("{0}")]
    Unsupported(String),
}

/// What all calls of one kernel took together.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelProfile {
    /// The kernel.
    pub name: String,
    /// How often it ran.
    pub calls: u64,
    /// How long that took.
    pub seconds: f64,
    /// Bytes of the buffers that it read and wrote.
    pub bytes: u64,
    /// Floating-point operations.
    pub flops: u64,
    /// The source lines that it was made for.
    pub lines: String,
}

/// Some programs over one set of tensors, for one batch size, ready to run again and again.
/// Inputs and state of one name are one tensor in all programs.
pub trait Execute {
    /// The number of samples of a run.
    fn batch(&self) -> usize;
    /// Fills an input, parameter, buffer or state.
    ///
    /// # Errors
    /// If there is no such tensor or the length differs.
    fn write(&mut self, name: &str, data: Data<'_>) -> Result<(), RunError>;
    /// Runs a program.
    ///
    /// # Errors
    /// If a kernel fails; the session can run again after it.
    fn run(&mut self, program: &str) -> Result<(), RunError>;
    /// Copies a tensor out: a result of the last run, a parameter, a buffer or state.
    ///
    /// # Errors
    /// If there is no such tensor or the length differs.
    fn read(&self, name: &str, into: &mut [f32]) -> Result<(), RunError>;
    /// The number of elements of a tensor that can be read.
    fn len(&self, name: &str) -> Option<usize>;
    /// Starts or stops taking the time of every kernel, in a form that has kernels.
    fn set_profiling(&mut self, _on: bool) {}
    /// What the kernels took while time was taken, the slowest first. Empty in a form that has none.
    fn profile(&self) -> Vec<KernelProfile> {
        Vec::new()
    }
    /// How long kernels were compiled and loaded, in a form that has kernels.
    fn compile_time(&self) -> Option<Duration> {
        None
    }
    /// Bytes of memory that were planned, in a form that plans.
    fn bytes(&self) -> Option<usize> {
        None
    }
}

/// Makes sessions: a form of execution as the training loop knows it.
pub trait Prepare {
    /// Compiles some programs of a module for a batch size. Programs are known by the names given with them.
    ///
    /// # Errors
    /// If the form cannot run one of them.
    fn prepare(
        &self,
        module: &arch_compiler::graph::Module,
        programs: &[(&str, arch_compiler::graph::FuncId)],
        batch: usize,
    ) -> Result<Box<dyn Execute>, RunError>;

    /// Whether programs come in their canonical spelling. References take them as they were written.
    fn fuses(&self) -> bool {
        false
    }
}
