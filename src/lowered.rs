//! Programs as plans of kernels.

use crate::cli::Fuse;
use crate::failure::Failure;
use crate::warnings::Warnings;
use arch_compiler::fuse::Canonical;
use arch_compiler::graph::FuncId;
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_compiler::schedule::Chosen;
use arch_grammar::Sources;
use arch_kernels::build::{self, EntryError, Gradients, PlanError, Planned, Spelling};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target};
use arch_runtime::error::{Code, Problem};

impl From<Fuse> for Spelling {
    fn from(fuse: Fuse) -> Self {
        match fuse {
            Fuse::On => Spelling::Canonical,
            Fuse::Written => Spelling::AsWritten,
            Fuse::Off => Spelling::OneByOne,
        }
    }
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Shape(e) => fault(e.0).into(),
            EntryError::Gradient(e) => Failure::Misuse(format!("no gradient: {e}")),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Shape(e) => fault(e.0).into(),
            PlanError::Lower(e) => Failure::Misuse(format!("this cannot be compiled: {e}")),
        }
    }
}

/// Brings a program into its canonical spelling, and says by which rules.
pub fn respell(program: &mut Program, said: &mut Warnings<'_>) -> Result<Canonical, Failure> {
    let (entry, canonical) = build::entry(&mut program.module, program.entry, Spelling::Canonical, None)?;
    program.entry = entry;
    said.incomplete(&canonical.incomplete);
    Ok(canonical)
}

fn fault(message: String) -> Problem {
    Problem::new(Code::Fault, message, "please report it with this file")
}

/// The function of the forward pass, or the one that also gives the gradients of all parameters.
/// With `memory` the gradients keep that much.
pub fn entry(
    program: &mut Program,
    grad: bool,
    fuse: Fuse,
    memory: Memory,
    said: &mut Warnings<'_>,
) -> Result<FuncId, Failure> {
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    if grad {
        return gradients(program, &names, fuse, memory, said);
    }
    if fuse == Fuse::On {
        respell(program, said)?;
    }
    Ok(program.entry)
}

/// Adds a function that also gives the gradients of all parameters and float inputs. With `fuse` the program becomes
/// canonical, and its gradients are those of the canonical spelling.
pub fn with_all_gradients(
    program: &mut Program,
    fuse: Fuse,
    memory: Memory,
    said: &mut Warnings<'_>,
) -> Result<FuncId, Failure> {
    let names = differentiable(program);
    gradients(program, &names, fuse, memory, said)
}

/// The parameters and float inputs of a program, by name.
pub fn differentiable(program: &Program) -> Vec<String> {
    let floats = program.inputs.iter().filter(|a| !a.integer);
    program.trained().into_iter().chain(floats.map(|a| a.name.as_str())).map(String::from).collect()
}

fn gradients(
    program: &mut Program,
    names: &[String],
    fuse: Fuse,
    memory: Memory,
    said: &mut Warnings<'_>,
) -> Result<FuncId, Failure> {
    if fuse == Fuse::On {
        respell(program, said)?;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wanted = Some(Gradients { of: &names, memory });
    Ok(build::entry(&mut program.module, program.entry, Spelling::AsWritten, wanted)?.0)
}

/// One flat function of a program as it was written: calls inlined, cleaned up.
pub fn flat(program: &mut Program, function: FuncId) -> Result<FuncId, Failure> {
    Ok(build::as_written(&mut program.module, function).map_err(PlanError::from)?)
}

/// The plan of a function: calls inlined, cleaned up, lowered.
pub fn plan(
    program: &mut Program,
    function: FuncId,
    batch: usize,
    target: Target,
    sources: &Sources,
    fuse: Fuse,
) -> Result<Plan, Failure> {
    let options = Options { target, batch, sources: Some(sources) };
    plan_and_scans(program, function, &options, fuse).map(|(plan, _)| plan)
}

/// The same, and how the recurrences of the flat function are computed.
pub fn plan_and_scans(
    program: &mut Program,
    function: FuncId,
    options: &Options<'_>,
    fuse: Fuse,
) -> Result<(Plan, Vec<Chosen>), Failure> {
    let Planned { plan, scans, .. } = build::plan(&mut program.module, function, fuse.into(), options)?;
    Ok((plan, scans))
}
