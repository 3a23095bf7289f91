//! Clean-ups that every later pass relies on. Each is one file and changes no result, except that products and
//! their sums are bracketed anew.

mod brackets;
mod constants;
mod dead;
mod duplicates;
mod folds;
mod identities;
mod orders;
mod pads;
mod products;
mod renames;
mod rewrite;
mod sink;
#[cfg(test)]
mod tests;

pub(crate) use dead::remove as without_dead;
pub(crate) use products::{elements, summed_product};
pub(crate) use rewrite::{
    Renewed, Replace, Replacement, Sums, end_of_row, has_window, reads, rewrite, rewrite_with,
};

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

/// Prepares a clean function without calls for kernels, in place: what follows a product stands at the same place, and what is
/// read in another order is computed in that order.
///
/// # Errors
/// As [`run`].
pub fn settle(module: &mut Module, function: FuncId) -> Result<(), ShapeError> {
    type Pass = fn(&mut Module, &Function) -> Result<Option<Function>, ShapeError>;
    let passes: [Pass; 3] = [renames::settle, orders::lift, dead::remove];
    for pass in passes {
        let source = module.function(function).clone();
        if let Some(settled) = pass(module, &source)? {
            module.functions[function.0 as usize] = settled;
        }
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

/// Repeats the clean-ups until nothing changes. A clean-up that finds nothing to do gives no function.
fn clean(module: &mut Module, mut function: Function, step: bool) -> Result<Function, ShapeError> {
    type Pass = fn(&mut Module, &Function) -> Result<Option<Function>, ShapeError>;
    // In a step of a scan a product and its sum stay apart: the step is one kernel anyway.
    let products: Pass = if step { brackets::narrow } else { products::contract };
    let passes: [Pass; 9] = [
        constants::fold,
        identities::simplify,
        renames::lift,
        pads::join,
        folds::turn,
        sink::sink,
        products,
        duplicates::merge,
        dead::remove,
    ];
    // What nothing depends on counts as no reader.
    if let Some(alive) = dead::remove(module, &function)? {
        function = alive;
    }
    for _ in 0..ROUNDS {
        let mut changed = bodies(module, &mut function)?;
        for pass in passes {
            if let Some(new) = pass(module, &function)? {
                function = new;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    Ok(function)
}

/// Cleans the bodies of scans up, and says whether one changed.
fn bodies(module: &mut Module, function: &mut Function) -> Result<bool, ShapeError> {
    let mut changed = false;
    for node in &mut function.nodes {
        if let Op::Scan(scan) = &mut node.op {
            let body = clean(module, Function::clone(&scan.body), true)?;
            if body != *scan.body {
                node.op = Op::Scan(Scan { body: Arc::new(body), ..scan.clone() });
                changed = true;
            }
        }
    }
    Ok(changed)
}
