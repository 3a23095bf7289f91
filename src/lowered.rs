//! Programs as plans of kernels.

use crate::cli::Fuse;
use crate::failure::Failure;
use arch_compiler::fuse::Canonical;
use arch_compiler::graph::{FuncId, inline};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_compiler::schedule::Chosen;
use arch_compiler::{canon, fuse, grad};
use arch_grammar::Sources;
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target, lower};
use arch_runtime::error::{Code, Problem};

/// Brings a program into its canonical spelling, and says by which rules.
pub fn respell(program: &mut Program) -> Result<Canonical, Failure> {
    let (entry, canonical) = fuse::canonical(&mut program.module, program.entry).map_err(|e| fault(e.0))?;
    program.entry = entry;
    for name in &canonical.incomplete {
        eprintln!(
            "note: not every way to write `{name}` was tried: its kernels may depend on how it is written"
        );
    }
    Ok(canonical)
}

fn fault(message: String) -> Problem {
    Problem::new(Code::Fault, message, "please report it with this file")
}

/// The function of the forward pass, or the one that also gives the gradients of all parameters.
/// With `memory` the gradients keep that much.
pub fn entry(program: &mut Program, grad: bool, fuse: Fuse, memory: Memory) -> Result<FuncId, Failure> {
    if grad {
        return with_gradients(program, fuse, memory);
    }
    if fuse == Fuse::On {
        respell(program)?;
    }
    Ok(program.entry)
}

/// Adds a function that also gives the gradients of all parameters. With `fuse` the program becomes canonical,
/// and its gradients are those of the canonical spelling.
pub fn with_gradients(program: &mut Program, fuse: Fuse, memory: Memory) -> Result<FuncId, Failure> {
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    gradients(program, &names, fuse, memory)
}

/// Adds a function that also gives the gradients of all parameters and float inputs.
pub fn with_all_gradients(program: &mut Program, fuse: Fuse, memory: Memory) -> Result<FuncId, Failure> {
    let names = differentiable(program);
    gradients(program, &names, fuse, memory)
}

/// The parameters and float inputs of a program, by name.
pub fn differentiable(program: &Program) -> Vec<String> {
    let floats = program.inputs.iter().filter(|a| !a.integer);
    program.trained().into_iter().chain(floats.map(|a| a.name.as_str())).map(String::from).collect()
}

fn gradients(program: &mut Program, names: &[String], fuse: Fuse, memory: Memory) -> Result<FuncId, Failure> {
    if fuse == Fuse::On {
        respell(program)?;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    grad::value_and_grad_within(&mut program.module, program.entry, &names, memory)
        .map_err(|e| Failure::Misuse(format!("no gradient: {e}")))
}

/// One flat function of a program as it was written: calls inlined, cleaned up.
pub fn flat(program: &mut Program, function: FuncId) -> Result<FuncId, Failure> {
    let flat = inline(&mut program.module, function);
    canon::run(&mut program.module, flat).map_err(|e| fault(e.0))?;
    Ok(flat)
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
    let setting = options.target.setting(options.batch);
    let (flat, scans) = match fuse {
        Fuse::On => fuse::flat(&mut program.module, function, setting).map_err(|e| fault(e.0))?,
        Fuse::Off => (flat(program, function)?, Vec::new()),
    };
    let plan = lower(&program.module, program.module.function(flat), options)
        .map_err(|e| Failure::Misuse(format!("this cannot be compiled: {e}")))?;
    Ok((plan, scans))
}
