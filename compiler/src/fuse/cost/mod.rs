//! The cost e-graph: sums of products, in the order that takes the fewest operations and bytes.
//!
//! `sum(sum(q * k, over: D) * v, over: S)` and `sum(q * sum(k * v, over: S), over: D)` are one value, and one of them
//! may be a hundred times the work of the other. A spelling cannot say which: sizes can. So here, after the canon
//! e-graph, which knows of no sizes, every sum of products of sums of products is loaded whole ([`load`]), two rules
//! give all orders in which its factors can be multiplied and summed ([`rules`]), and the cheapest is written back
//! ([`extract`], [`write`]). A value that is in memory for others, too, costs nothing to whoever reads it again.
//!
//! After the search for contraction orders of Pfeifer, Haegeman and Verstraete, "Faster identification of optimal
//! contraction sequences for tensor networks" (2014), as an e-graph, so that what two sums share is found as well.

mod extract;
mod lang;
mod load;
mod price;
mod rules;
#[cfg(test)]
mod tests;
mod write;

pub(super) use rules::RULES;

use super::{Canonical, Incomplete, Unfinished};
use crate::canon;
use crate::graph::{FuncId, Module};
use crate::ops::ShapeError;
use arch_grammar::Span;
use std::fmt;

/// A sum of products that was multiplied in another order than it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reordered {
    /// Where it was written.
    pub origin: Span,
    /// Multiplications and additions, as written and as chosen, for a batch of 8.
    pub operations: (u64, u64),
    /// The largest value on the way, as written and as chosen: its shape.
    pub through: (String, String),
}

impl fmt::Display for Reordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [self.operations.0, self.operations.1].map(crate::cost::grouped);
        write!(
            f,
            "through {} instead of {}: {after} operations at batch 8 instead of {before}",
            self.through.1, self.through.0
        )
    }
}

/// Brings the sums of products of a function into their cheapest order, in place, and says what it did, and whether it
/// wrote the function anew.
///
/// # Errors
/// If an operation does not fit its inputs: a fault of a rule.
pub(super) fn order(
    module: &mut Module,
    function: FuncId,
    chaos: Option<u64>,
) -> Result<(Canonical, bool), ShapeError> {
    let mut done = Canonical::default();
    let source = module.function(function).clone();
    let Some(mut problem) = load::load(module, &source) else { return Ok((done, false)) };
    let saturated = rules::saturate(&mut problem);
    let choice = extract::extract(&problem, chaos);
    let nested = write::nested(&problem, &choice);
    let changed: Vec<_> =
        nested.iter().copied().filter(|root| write::is_changed(&problem, &choice, root)).collect();
    if !changed.is_empty() {
        done.products =
            changed.iter().map(|root| write::reordered(module, &problem, &choice, root)).collect();
        done.fired = saturated.fired;
    }
    if !nested.is_empty() {
        module.functions[function.0 as usize] = write::write(module, &source, &problem, &choice, &nested)?;
        canon::run(module, function)?;
    }
    if !saturated.complete {
        done.incomplete.push(Incomplete::of(&source, Unfinished::Limit));
    }
    Ok((done, !nested.is_empty()))
}
