//! From a flat function to a plan.
//!
//! 0. [`results`]: views before results, which memory knows nothing of; [`storage`]: in which order values are stored.
//! 1. [`attention`](mod@attention): softmaxes between two products that become one kernel.
//! 2. [`analysis`]: which nodes are needed, which values must be in memory, which are computed where they
//!    are read.
//! 3. [`group`]: maps and row reductions over one index space share a kernel.
//! 4. [`gemm`](mod@gemm): which groups are computed with the product that they read.
//! 5. [`order`]: units in an order that lets state be updated in place.
//! 6. Each unit becomes kernels or a matrix product: [`rows`], [`scan`], [`scatter`], [`product`].
//!
//! Inside a kernel everything is *pulled* ([`pull`]): an element of a value is an expression of elements of
//! its inputs, down to what is in memory. Views are index arithmetic on the way.

mod analysis;
mod apart;
mod attention;
mod choices;
mod columns;
mod cones;
mod contents;
mod element;
mod fronts;
mod gemm;
mod group;
mod lowering;
mod order;
mod product;
mod pull;
mod results;
mod rows;
mod scan;
mod scatter;
mod sizes;
mod storage;
mod tile;
mod window;

pub use apart::Apart;
pub use attention::{Reason, Refusal};
pub use gemm::Reason as ProductReason;

use crate::plan::Plan;
use crate::print::Target;
use arch_compiler::graph::{Function, Module};
use arch_grammar::Sources;
use choices::Choices;
use std::fmt;

/// What lowering must know beside the function.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The instruction set that kernels are printed for.
    pub target: Target,
    /// The number of samples.
    pub batch: usize,
    /// The texts that spans point into, for `file:line` in kernels.
    pub sources: Option<&'a Sources>,
}

/// Why a function cannot be lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LowerError {
    /// The function still holds a call: it must be inlined first.
    Call,
    /// A storage type that the host does not have.
    Storage(String),
    /// Something has more elements, operations or positions than can be counted.
    TooLarge {
        /// What there are too many of.
        what: &'static str,
        /// The axes, with their sizes.
        axes: String,
        /// The number of samples.
        batch: usize,
        /// How many there are.
        count: u128,
        /// The source line, where it is known.
        line: Option<String>,
    },
    /// A scan whose state does not fit beside the code that works on it.
    ScanState {
        /// The bytes of its local arrays.
        bytes: usize,
        /// The most that there may be.
        most: usize,
        /// The axis of its steps, with its size.
        axis: String,
        /// The source line, where it is known.
        line: Option<String>,
    },
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LowerError::Call => write!(f, "a function with calls cannot be lowered: inline it first"),
            LowerError::Storage(name) => write!(f, "the host cannot store {name}"),
            LowerError::TooLarge { what, axes, batch, count, line } => {
                let line = line.as_ref().map_or_else(String::new, |line| format!(" at {line}"));
                write!(
                    f,
                    "{count} {what}{line}, [{axes}] with a batch of {batch}, are too many: make axes or the batch smaller"
                )
            }
            LowerError::ScanState { bytes, most, axis, line } => {
                let line = line.as_ref().map_or_else(String::new, |line| format!(" at {line}"));
                write!(
                    f,
                    "the scan over {axis}{line} keeps {bytes} bytes of states beside its code, and {most} fit: sum over \
                     fewer channels in one step, in blocks or groups of their own, or make its state smaller"
                )
            }
        }
    }
}

impl std::error::Error for LowerError {}

/// Lowers a flat function.
///
/// # Errors
/// If the function has calls or storage types that the host does not know.
pub fn lower(module: &Module, function: &Function, options: &Options<'_>) -> Result<Plan, LowerError> {
    lower_with(module, function, options, Choices::default())
}

/// The same with bad decisions, others for each seed: for tests, which show that only speed depends on them.
///
/// # Errors
/// As [`lower`].
pub fn lower_in_chaos(
    module: &Module,
    function: &Function,
    options: &Options<'_>,
    seed: u64,
) -> Result<Plan, LowerError> {
    lower_with(module, function, options, Choices::Bad(seed))
}

/// The same with a kernel for each operation, except what only reads values elsewhere: a reference.
///
/// # Errors
/// As [`lower`].
pub fn lower_one_by_one(
    module: &Module,
    function: &Function,
    options: &Options<'_>,
) -> Result<Plan, LowerError> {
    lower_with(module, function, options, Choices::OneByOne)
}

fn lower_with(
    module: &Module,
    function: &Function,
    options: &Options<'_>,
    choices: Choices,
) -> Result<Plan, LowerError> {
    sizes::check(module, function, options)?;
    let lanes = options.target.lanes();
    let (seen, orders) = results::seen_through(function);
    let wanted = attention::find(module, &seen, options.target, choices).orders();
    let mut chosen = storage::choose(module, &seen, lanes, (&wanted, &orders), choices);
    let chunks = scan::chunks(module, &mut chosen, lanes, choices);
    let mut plan = lowering::Lowering::new(module, &chosen, &chunks, options, choices)?.run()?;
    results::name(&mut plan, module, function, options.batch);
    Ok(plan)
}
