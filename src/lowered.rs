//! Programs as plans of kernels.

use crate::failure::Failure;
use arch_compiler::graph::{FuncId, inline};
use arch_compiler::program::Program;
use arch_compiler::{canon, grad};
use arch_grammar::Sources;
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target, lower};
use arch_runtime::error::{Code, Problem};

/// Adds a function that also gives the gradients of all parameters.
pub fn with_gradients(program: &mut Program) -> Result<FuncId, Failure> {
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    gradients(program, &names)
}

/// Adds a function that also gives the gradients of all parameters and float inputs.
pub fn with_all_gradients(program: &mut Program) -> Result<FuncId, Failure> {
    let names = differentiable(program);
    gradients(program, &names)
}

/// The parameters and float inputs of a program, by name.
pub fn differentiable(program: &Program) -> Vec<String> {
    let floats = program.inputs.iter().filter(|a| !a.integer);
    program.trained().into_iter().chain(floats.map(|a| a.name.as_str())).map(String::from).collect()
}

fn gradients(program: &mut Program, names: &[String]) -> Result<FuncId, Failure> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    grad::value_and_grad(&mut program.module, program.entry, &names)
        .map_err(|e| Failure::Misuse(format!("no gradient: {e}")))
}

/// The plan of a function: calls inlined, cleaned up, lowered.
pub fn plan(
    program: &mut Program,
    function: FuncId,
    batch: usize,
    target: Target,
    sources: &Sources,
) -> Result<Plan, Failure> {
    let flat = inline(&mut program.module, function);
    canon::run(&mut program.module, flat)
        .map_err(|e| Problem::new(Code::Fault, e.0, "please report it with this file"))?;
    let options = Options { target, batch, sources: Some(sources) };
    lower(&program.module, program.module.function(flat), &options)
        .map_err(|e| Failure::Misuse(format!("this cannot be compiled: {e}")))
}
