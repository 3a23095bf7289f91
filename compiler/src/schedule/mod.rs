//! In which form a recurrence is computed. A text says it once, as a scan; here the scans of canonical functions are
//! rewritten. The interpreter and the primitive form never see this: they take one step after the other, and are the
//! oracle.
//!
//! | form | what it is | where |
//! | --- | --- | --- |
//! | sequential | one step after the other | always |
//! | matrix | products inside of chunks, and a scan over chunks ([`matrix`]) | one decay for all that a result sums over |
//! | in time | chunks side by side, each of which is run through twice ([`time`]) | new states affine in old ones |
//!
//! The matrix form is chosen before gradients are made, so that these are products, too ([`schedule`]). The gradient of a
//! recurrence is one that reads its states, so both are cut into the same chunks afterwards ([`in_time`]).
//!
//! [`choice`] decides, by counts.

mod choice;
mod matrix;
mod recurrence;
#[cfg(test)]
mod tests;
mod time;

use crate::canon::{self, rewrite};
use crate::graph::{FuncId, Function, Module, reached};
use crate::ops::{Op, Scan, ShapeError};
use arch_grammar::Span;
use recurrence::Recurrence;
use std::fmt;

/// On what kernels will run, as far as forms depend on it. How many threads there are is no part of it, so that results
/// do not depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Processors, each with vectors of so many lanes.
    Host {
        /// Numbers of a vector.
        lanes: usize,
    },
    /// Very many threads that run side by side.
    Gpu,
}

/// Where a flat function will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// On what.
    pub machine: Machine,
    /// With how many samples at once.
    pub batch: usize,
}

/// In which form a scan is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// One step after the other, and why.
    Sequential(Reason),
    /// Products inside of chunks of so many positions, of so many.
    Matrix {
        /// Positions of a chunk.
        chunk: usize,
        /// Positions of the scan.
        steps: usize,
    },
    /// Chunks of so many steps, of so many, side by side.
    InTime {
        /// Steps of a chunk.
        chunk: usize,
        /// Steps of the scan.
        steps: usize,
    },
}

/// Why a scan is not in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has so many states.
    States(usize),
    /// No result is read at each step.
    Unread,
    /// The new state is not a decay times the old one and a term without it.
    Step,
    /// So many terms are added to the state.
    Terms(usize),
    /// The decay differs along an axis that results are summed over.
    Decay,
    /// A result is not the sum of the new state times weights.
    Read,
    /// A value at the end is not the state.
    Final,
    /// The axes are not those of products of matrices.
    Axes,
    /// What comes in cannot be computed for all positions at once.
    Inputs,
    /// A new state is not, element by element, a multiple of the old ones and something added.
    NotAffine,
    /// So many states are side by side already, and so many are enough for the machine.
    Lanes(usize, usize),
    /// So many chunks are enough for the machine, and fewer than so many gain nothing.
    Few(usize, usize),
    /// In chunks its states do not fit beside the code that works on them.
    Room,
    /// A gradient reads its states.
    Gradient,
    /// So many steps are too few to cut; so many would do.
    Short(usize, usize),
    /// So many numbers of a state are one product, and products of fewer than so many do not pay.
    Narrow(usize, usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::States(count) => write!(f, "it has {count} states, and the matrix form is for one"),
            Reason::Unread => write!(f, "no result is read of its states on the way"),
            Reason::Step => write!(f, "the new state is not a decay times the old one, and something added"),
            Reason::Terms(count) => write!(f, "{count} products are added to the state, not one"),
            Reason::Decay => write!(f, "its decay is not one number for all that a result sums over"),
            Reason::Read => write!(f, "its results are not sums of the new state times weights"),
            Reason::Final => write!(f, "what it leaves behind is not its state"),
            Reason::Axes => write!(f, "its axes are not those of products of matrices"),
            Reason::Inputs => write!(f, "what comes in is not known for all positions at once"),
            Reason::Lanes(lanes, enough) => {
                write!(f, "{lanes} states are side by side already, and {enough} are enough")
            }
            Reason::Few(count, least) => write!(
                f,
                "{count} of its chunks would fill the machine, each run through twice; fewer than {least} gain nothing"
            ),
            Reason::Room => {
                write!(f, "the states of chunks side by side do not fit beside the code of its kernel")
            }
            Reason::Gradient => write!(f, "its gradient takes its steps again, which would be cut likewise"),
            Reason::Short(steps, least) => {
                write!(f, "its {steps} steps are too few to cut into chunks; {least} would do")
            }
            Reason::NotAffine => write!(f, "its states are not affine in the old ones, each by itself"),
            Reason::Narrow(numbers, least) => {
                write!(f, "a state of {numbers} numbers a head is too small for products; {least} would do")
            }
        }
    }
}

/// A scan, and what was chosen for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Where it was written.
    pub origin: Span,
    /// Its axis, with its size.
    pub axis: String,
    /// How it is computed.
    pub form: Form,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Sequential(reason) => write!(f, "step by step along {}: {reason}", self.axis),
            Form::Matrix { chunk, steps } => write!(
                f,
                "products of matrices along {}, in {} chunks of {chunk}: one decay for all that its results sum over",
                self.axis,
                steps.div_ceil(*chunk)
            ),
            Form::InTime { chunk, steps } => write!(
                f,
                "in parallel along {}, in {} chunks of {chunk} that are run through twice",
                self.axis,
                steps.div_ceil(*chunk)
            ),
        }
    }
}

/// Chooses the form of all scans of canonical functions, in place, and says which.
///
/// # Errors
/// If an operation does not fit its inputs: a fault of a form.
pub fn schedule(module: &mut Module, entry: FuncId) -> Result<Vec<Chosen>, ShapeError> {
    scheduled(module, entry, &choice::form)
}

/// The same with the matrix form wherever it is possible, in chunks of lengths that depend on the seed: for tests,
/// which show that only speed depends on it.
///
/// # Errors
/// As [`schedule`].
pub fn schedule_in_chaos(module: &mut Module, entry: FuncId, seed: u64) -> Result<Vec<Chosen>, ShapeError> {
    scheduled(module, entry, &|module, scan, _| {
        let steps = module.size(scan.axis, 1);
        let chunk = 1 + picked(seed, steps);
        if steps == 0 { Form::Sequential(Reason::Axes) } else { Form::Matrix { chunk, steps } }
    })
}

/// Cuts the affine scans of a flat function, gradients included, into chunks that run side by side, in place, where
/// that is faster. Says for each scan what was chosen.
///
/// # Errors
/// As [`schedule`].
pub fn in_time(module: &mut Module, function: FuncId, setting: Setting) -> Result<Vec<Chosen>, ShapeError> {
    time::in_time(module, function, setting.batch, &|counted| choice::chunks(counted, setting.machine))
}

/// The same with no scan cut: for a function whose chunks turned out not to fit. Says which would have been.
///
/// # Errors
/// As [`schedule`].
pub fn in_steps(module: &mut Module, function: FuncId, setting: Setting) -> Result<Vec<Chosen>, ShapeError> {
    time::in_time(module, function, setting.batch, &|counted| {
        choice::chunks(counted, setting.machine).and(Err(Reason::Room))
    })
}

/// The same wherever it is possible, in chunks of lengths that depend on the seed: for tests.
///
/// # Errors
/// As [`schedule`].
pub fn in_time_in_chaos(module: &mut Module, function: FuncId, seed: u64) -> Result<Vec<Chosen>, ShapeError> {
    time::in_time(module, function, 1, &|counted| match counted.steps {
        0 => Err(Reason::Axes),
        steps => Ok(1 + picked(seed, steps)),
    })
}

/// A number below `of` that depends on a seed.
fn picked(seed: u64, of: usize) -> usize {
    (seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize % of.max(1)
}

type Choice<'a> = &'a dyn Fn(&Module, &Scan, &Recurrence) -> Form;

fn scheduled(module: &mut Module, entry: FuncId, choice: Choice<'_>) -> Result<Vec<Chosen>, ShapeError> {
    let mut all = Vec::new();
    for id in reached(module, entry) {
        let source = module.function(id).clone();
        if let Some(new) = function(module, &source, choice, &mut all)? {
            module.functions[id.0 as usize] = new;
            canon::run(module, id)?;
        }
    }
    Ok(all)
}

fn function(
    module: &mut Module,
    source: &Function,
    choice: Choice<'_>,
    all: &mut Vec<Chosen>,
) -> Result<Option<Function>, ShapeError> {
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::Scan(scan) = &node.op else { return Ok(None) };
        let recurrence = Recurrence::of(scan);
        let form = match &recurrence {
            Ok(recurrence) => choice(b.module, scan, recurrence),
            Err(reason) => Form::Sequential(reason.clone()),
        };
        all.push(Chosen {
            origin: node.origin.span,
            axis: b.module.axis_text(scan.axis),
            form: form.clone(),
        });
        match (recurrence, form) {
            (Ok(recurrence), Form::Matrix { chunk, .. }) => {
                matrix::write(b, scan, inputs, &recurrence, chunk).map(Some)
            }
            _ => Ok(None),
        }
    })
}
