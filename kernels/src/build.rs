//! From a checked program to a plan: the one way that commands, sessions and tests have.
//!
//! ```text
//! program ─canonical─▶ ─gradients, memory─▶ entry ─flat─▶ ─lower─▶ plan
//! ```
//!
//! [`entry`] is the first half, and [`plan`] the second; training composes its own functions in between
//! (`arch_compiler::train`). Tests of single operations and of the unfused baseline lower a function by themselves.

use crate::lower::{LowerError, Options, lower, lower_one_by_one};
use crate::plan::Plan;
use arch_compiler::canon;
use arch_compiler::fuse::{self, Canonical};
use arch_compiler::grad::{self, GradError};
use arch_compiler::graph::{FuncId, Module, inline};
use arch_compiler::memory::Memory;
use arch_compiler::ops::ShapeError;
use arch_compiler::schedule::{Chosen, Form};

/// In which spelling mathematics is computed, and by which kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The canonical one, with its scans in the forms that are computed best.
    Canonical,
    /// As the text has it.
    AsWritten,
    /// As the text has it, each operation in a kernel of its own: a reference.
    OneByOne,
}

impl Spelling {
    /// Lowers a flat function to the kernels of this spelling.
    ///
    /// # Errors
    /// As [`lower`].
    pub fn lower(self, module: &Module, function: FuncId, options: &Options<'_>) -> Result<Plan, LowerError> {
        let function = module.function(function);
        match self {
            Spelling::Canonical | Spelling::AsWritten => lower(module, function, options),
            Spelling::OneByOne => lower_one_by_one(module, function, options),
        }
    }
}

/// Which gradients a function also gives.
#[derive(Clone, Copy, Debug)]
pub struct Gradients<'a> {
    /// By which inputs.
    pub of: &'a [&'a str],
    /// How much is kept for them.
    pub memory: Memory,
}

/// Why there is no function to lower.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryError {
    /// An operation does not fit its inputs: a fault of a rule.
    Shape(ShapeError),
    /// Something has no gradient.
    Gradient(GradError),
}

impl From<ShapeError> for EntryError {
    fn from(error: ShapeError) -> Self {
        EntryError::Shape(error)
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanError {
    /// An operation does not fit its inputs: a fault of a clean-up or of the form of a scan.
    Shape(ShapeError),
    /// The function cannot be lowered.
    Lower(LowerError),
}

impl From<ShapeError> for PlanError {
    fn from(error: ShapeError) -> Self {
        PlanError::Shape(error)
    }
}

impl From<LowerError> for PlanError {
    fn from(error: LowerError) -> Self {
        PlanError::Lower(error)
    }
}

/// A plan, and what it was lowered from.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The flat function.
    pub function: FuncId,
    /// How its recurrences are computed.
    pub scans: Vec<Chosen>,
}

/// The function that becomes kernels: what `function` gives, in a spelling, and the gradients that are asked for, which
/// are those of that spelling. Also what was done to it.
///
/// # Errors
/// If a rule is at fault, or something has no gradient.
pub fn entry(
    module: &mut Module,
    function: FuncId,
    spelling: Spelling,
    gradients: Option<Gradients<'_>>,
) -> Result<(FuncId, Canonical), EntryError> {
    let (entry, canonical) = match spelling {
        Spelling::Canonical => fuse::canonical(module, function)?,
        Spelling::AsWritten | Spelling::OneByOne => (function, Canonical::default()),
    };
    let Some(Gradients { of, memory }) = gradients else { return Ok((entry, canonical)) };
    let both = grad::value_and_grad_within(module, entry, of, memory).map_err(EntryError::Gradient)?;
    Ok((both, canonical))
}

/// One flat function of what was written: calls inlined, cleaned up.
///
/// # Errors
/// If a clean-up is at fault.
pub fn as_written(module: &mut Module, function: FuncId) -> Result<FuncId, ShapeError> {
    let flat = inline(module, function);
    canon::run(module, flat)?;
    canon::settle(module, flat)?;
    Ok(flat)
}

/// The plan of a function that [`entry`] or training has made. Recurrences that only fit where they are not cut are not:
/// whatever lowers step by step is never refused.
///
/// # Errors
/// If an operation does not fit its inputs, or the function cannot be lowered.
pub fn plan(
    module: &mut Module,
    function: FuncId,
    spelling: Spelling,
    options: &Options<'_>,
) -> Result<Planned, PlanError> {
    let setting = options.target.setting(options.batch);
    let (flat, scans) = match spelling {
        Spelling::Canonical => fuse::flat(module, function, setting)?,
        Spelling::AsWritten | Spelling::OneByOne => (as_written(module, function)?, Vec::new()),
    };
    let is_cut = scans.iter().any(|scan| matches!(scan.form, Form::InTime { .. }));
    match spelling.lower(module, flat, options) {
        Ok(plan) => Ok(Planned { plan, function: flat, scans }),
        Err(LowerError::ScanState { .. }) if is_cut => {
            let (flat, scans) = fuse::flat_in_steps(module, function, setting)?;
            let plan = lower(module, module.function(flat), options)?;
            Ok(Planned { plan, function: flat, scans })
        }
        Err(other) => Err(other.into()),
    }
}
