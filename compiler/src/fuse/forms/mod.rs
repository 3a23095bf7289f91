//! One form for what is no arithmetic: where axes are put together and taken apart, where things are reversed, renamed,
//! packed and shifted says nothing, and the e-graph knows nothing of it. Each form is one file, and takes what a text may
//! say in several places, or in several ways, to one.

mod apart;
mod basis;
mod flips;
mod heads;
pub(super) mod hidden;
mod parts;
mod rolled;
mod scales;
mod swaps;
mod taps;
#[cfg(test)]
mod tests;
mod weights;

use super::form_rule;
use crate::canon::{self, Renewed, Replace, Replacement};
use crate::graph::{Builder, FuncId, Function, Module, Node, Rules, ValueId};
use crate::ops::ShapeError;
use std::ops::Range;

/// What takes a function to a form: the same function, or `None` if it has that form. What is computed in another way than
/// before names the given rule.
type Pass = fn(&mut Module, &Function, Rules) -> Result<Option<Function>, ShapeError>;

/// A form.
pub(super) struct Form {
    /// Its name in `--why`.
    pub name: &'static str,
    /// What it says, in one line.
    pub algebra: &'static str,
    /// When it holds.
    pub guard: &'static str,
    find: Pass,
}

/// All forms, in the order in which a function is taken to them; the last [`LATE`] once it is known where numbers stand.
pub(super) static FORMS: [Form; 10] = [
    apart::FORM,
    rolled::FORM,
    taps::FORM,
    swaps::FORM,
    parts::FORM,
    heads::FORM,
    parts::NAMES,
    flips::FORM,
    scales::FORM,
    basis::FORM,
];

/// How many of the forms look at terms as the e-graph writes them.
const LATE: usize = 2;

/// Takes a function to all forms but the late ones, in place, and gives those that it did not have.
pub(super) fn one(module: &mut Module, function: FuncId) -> Result<Rules, ShapeError> {
    canon::run(module, function)?;
    all(module, function, 0..FORMS.len() - LATE)
}

/// Takes a function to the late forms.
pub(super) fn late(module: &mut Module, function: FuncId) -> Result<Rules, ShapeError> {
    all(module, function, FORMS.len() - LATE..FORMS.len())
}

fn all(module: &mut Module, function: FuncId, mut places: Range<usize>) -> Result<Rules, ShapeError> {
    places.try_fold(Rules::NONE, |found, place| Ok(found.and(take(module, function, place)?)))
}

fn take(module: &mut Module, function: FuncId, place: usize) -> Result<Rules, ShapeError> {
    let (source, by) = (module.function(function).clone(), form_rule(place));
    let Some(changed) = (FORMS[place].find)(module, &source, by)? else { return Ok(Rules::NONE) };
    module.functions[function.0 as usize] = changed;
    // What stood behind a view can be cleaned up once that is gone.
    canon::run(module, function)?;
    Ok(by)
}

/// As [`canon::rewrite`], with a rule for what takes the place of a node.
fn rewrite(
    module: &mut Module,
    source: &Function,
    by: Rules,
    replace: &mut dyn FnMut(&mut Builder<'_>, &Node, &[ValueId]) -> Replacement,
) -> Result<Option<Function>, ShapeError> {
    rewrite_with(module, source, by, &mut |b, node, inputs, _| replace(b, node, inputs))
}

/// As [`canon::rewrite_with`], with a rule for what takes the place of a node.
fn rewrite_with(
    module: &mut Module,
    source: &Function,
    by: Rules,
    replace: &mut Replace<'_>,
) -> Result<Option<Function>, ShapeError> {
    canon::rewrite_with(module, source, &mut |b, node, inputs, values: &Renewed<'_>| {
        b.by = by;
        replace(b, node, inputs, values)
    })
}
