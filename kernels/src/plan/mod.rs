//! What is run: steps in execution order over slots, each with its place in memory.

mod memory;
mod predict;
mod prepare;
mod text;
mod values;

pub use memory::place;
pub use predict::{Card, Machine};
pub use prepare::prepare;
pub(crate) use values::name_values;

use crate::ir::{Elem, Kernel};
use crate::lower::{Apart, Refusal};
use crate::print::Target;
use arch_compiler::graph::Rules;
use indexmap::IndexMap;
use std::sync::Arc;

/// A buffer of the plan: an index into [`Plan::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u32);

/// What a buffer is.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// An input of the function, by name: lives across runs.
    Resident(String),
    /// A result of the function: kept until the next run.
    Output,
    /// Computed of parameters alone: kept until these are written again.
    Prepared,
    /// Numbers known at compile time.
    Constant(Arc<[f64]>),
    /// Lives between the first and the last step that names it; shares the arena with others.
    Scratch,
}

/// A buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// What it is.
    pub kind: SlotKind,
    /// The type of its elements.
    pub elem: Elem,
    /// How many elements it has, for the batch of the plan.
    pub len: usize,
    /// Its axes with their sizes, for readers: `[batch, T: 5]`.
    pub shape: String,
    /// For scratch, its place in the arena, in bytes.
    pub offset: usize,
}

/// One operand of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The buffer.
    pub slot: SlotId,
    /// The first element.
    pub offset: usize,
    /// From one row to the next.
    pub row: isize,
    /// From one column to the next.
    pub column: isize,
}

/// An axis that a matrix product is repeated over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// How often.
    pub count: usize,
    /// From one to the next in the left operand, the right one and the result.
    pub strides: [isize; 3],
}

/// `out[m, n] = sum(left[m, k] * right[k, n], over: k)`, repeated. Repeats that move the result are
/// independent; the result is not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemm {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// The left operand.
    pub left: Operand,
    /// The right operand.
    pub right: Operand,
    /// The result.
    pub out: Operand,
    /// The axes that it is repeated over.
    pub repeats: Vec<Repeat>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Runs a kernel on buffers.
    Kernel {
        /// An index into [`Plan::kernels`].
        kernel: usize,
        /// Its arguments.
        args: Vec<SlotId>,
        /// How many independent pieces it has.
        pieces: usize,
        /// How many of them to run at a time: from the shapes, never from the number of threads.
        grain: usize,
    },
    /// A matrix product that a library runs; there is none for CUDA.
    Gemm(Gemm),
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The kernel's name, or `gemm_…`.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// What it reads.
    pub reads: Vec<SlotId>,
    /// What it writes.
    pub writes: Vec<SlotId>,
    /// The source lines that it was made for.
    pub origins: Vec<String>,
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes of the buffers that it reads and writes.
    pub bytes: u64,
}

/// Two steps that could have been one kernel, were it not for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// The step that writes: its place in [`Plan::steps`].
    pub from: usize,
    /// The step that reads.
    pub to: usize,
    /// Why they are two.
    pub apart: Apart,
}

/// What a step computes, and what its operations would take if each were a kernel of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The lines of its operations, `file:line`, in the order of the texts.
    pub lines: Vec<String>,
    /// The rules that chose its operations in place of what was written.
    pub rules: Rules,
    /// Bytes that it moves: what it reads of its buffers, and those that it writes.
    pub moved: u64,
    /// How many operations there are; none in a step that only prepares what another one reads.
    pub operations: usize,
    /// Bytes that these would read and write one by one.
    pub bytes: u64,
    /// How many of the steps that follow work on the same operations.
    pub with: usize,
}

/// A named tensor of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where it is.
    pub slot: SlotId,
    /// Its sizes, for the batch of the plan.
    pub dims: Vec<usize>,
}

/// A whole function, ready to be bound to memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The instruction set of the kernels.
    pub target: Target,
    /// The number of samples.
    pub batch: usize,
    /// The kernels, each once.
    pub kernels: Vec<Kernel>,
    /// The buffers.
    pub slots: Vec<Slot>,
    /// The steps in execution order.
    pub steps: Vec<Step>,
    /// The inputs by name.
    pub inputs: IndexMap<String, Named>,
    /// The results by name.
    pub outputs: IndexMap<String, Named>,
    /// The inputs that a run leaves changed.
    pub updates: Vec<SlotId>,
    /// Softmaxes between two products that are no attention kernels.
    pub refused: Vec<Refusal>,
    /// What each step computes.
    pub contents: Vec<Contents>,
    /// For each step, the steps whose values it reads from memory, and why it does not compute them itself.
    pub neighbors: Vec<Neighbor>,
    /// Bytes of the arena that scratch shares.
    pub arena_bytes: usize,
    /// The most bytes of scratch that are alive at once: no arena can be smaller.
    pub live_lower_bound: usize,
}

impl Plan {
    /// A slot.
    #[must_use]
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0 as usize]
    }

    /// How many steps run generated kernels, and how many are matrix products.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let gemms = (0..self.steps.len()).filter(|step| self.is_product(*step)).count();
        (self.steps.len() - gemms, gemms)
    }

    /// Whether a step is a matrix product.
    #[must_use]
    pub fn is_product(&self, step: usize) -> bool {
        match self.steps[step].action {
            Action::Gemm(_) => true,
            Action::Kernel { kernel, .. } => self.kernels[kernel].family == "gemm",
        }
    }

    /// Bytes that all steps read and write.
    #[must_use]
    pub fn bytes_moved(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.bytes))
    }
}
