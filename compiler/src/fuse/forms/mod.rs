//! One form for what is no arithmetic: where axes are put together and taken apart, where things are reversed, renamed,
//! packed and shifted says nothing, and the e-graph knows nothing of it. Each pass is one file, and takes what a text may
//! say in several places, or in several ways, to one.

mod apart;
mod flips;
mod heads;
pub(super) mod hidden;
mod parts;
mod rolled;
pub(super) mod scales;
mod swaps;
mod taps;
mod weights;

use crate::canon;
use crate::graph::{FuncId, Function, Module};
use crate::ops::ShapeError;

/// Takes a function to that form, in place.
pub(super) fn one(module: &mut Module, function: FuncId) -> Result<(), ShapeError> {
    type Pass = fn(&mut Module, &Function) -> Result<Option<Function>, ShapeError>;
    let passes: [Pass; 8] = [
        apart::apart,
        rolled::rolled,
        taps::taps,
        swaps::swaps,
        parts::parts,
        heads::everywhere,
        parts::named,
        flips::outwards,
    ];
    canon::run(module, function)?;
    for pass in passes {
        let source = module.function(function).clone();
        // What stood behind a view can be cleaned up once that is gone.
        if let Some(changed) = pass(module, &source)? {
            module.functions[function.0 as usize] = changed;
            canon::run(module, function)?;
        }
    }
    Ok(())
}
