//! Clean-ups that every later pass relies on. Each is one file and changes no result, except that sums of
//! products are bracketed anew.

mod constants;
mod dead;
mod duplicates;
mod identities;
mod products;
mod rewrite;
#[cfg(test)]
mod tests;

use crate::graph::{FuncId, Function, Module};
use crate::ops::{Op, Scan, ShapeError};
use std::sync::Arc;

/// How often the clean-ups are repeated at most. Each round removes or simplifies something, and models need
/// three or four; the bound keeps a fault from running on.
const ROUNDS: usize = 16;

/// Cleans one function of a module up, in place; its inputs and outputs stay. Functions that it calls are not
/// touched.
///
/// # Errors
/// If an operation does not fit its inputs: a fault of a clean-up.
pub fn run(module: &mut Module, function: FuncId) -> Result<(), ShapeError> {
    let source = module.function(function).clone();
    let clean = clean(module, source, false)?;
    module.functions[function.0 as usize] = clean;
    if cfg!(debug_assertions) {
        crate::graph::verify_function(module, function).map_err(|e| ShapeError(e.0))?;
    }
    Ok(())
}

/// Cleans all functions of a module up.
///
/// # Errors
/// As [`run`].
pub fn run_all(module: &mut Module) -> Result<(), ShapeError> {
    (0..module.functions.len() as u32).try_for_each(|id| run(module, FuncId(id)))
}

/// Repeats the clean-ups until nothing changes.
fn clean(module: &mut Module, mut function: Function, step: bool) -> Result<Function, ShapeError> {
    for _ in 0..ROUNDS {
        let before = function.clone();
        function = bodies(module, function)?;
        function = constants::fold(module, &function)?;
        function = identities::simplify(module, &function)?;
        if !step {
            // In a step of a scan a product and its sum stay apart: the step is one kernel anyway.
            function = products::contract(module, &function)?;
        }
        function = duplicates::merge(module, &function)?;
        function = dead::remove(module, &function)?;
        if function == before {
            break;
        }
    }
    Ok(function)
}

/// Cleans the bodies of scans up.
fn bodies(module: &mut Module, mut function: Function) -> Result<Function, ShapeError> {
    for node in &mut function.nodes {
        if let Op::Scan(scan) = &mut node.op {
            let body = Arc::new(clean(module, Function::clone(&scan.body), true)?);
            node.op = Op::Scan(Scan { body, ..scan.clone() });
        }
    }
    Ok(function)
}
