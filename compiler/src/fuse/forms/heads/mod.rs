//! Channels that are taken apart into heads somewhere are in heads everywhere: where a text puts heads together, or takes
//! them apart, says nothing. Where they come out of something that has them in a row (a slice, weights, what is read from
//! outside), they are taken apart there, which is another way to read the same numbers.
//!
//! Tokens stay together, since attention and scans want one axis of them, and so does what is seen through windows, and
//! whatever goes out of the function as it is.

mod groups;
mod places;
mod write;

use super::Form;
use crate::graph::{Function, Module, Rules};
use crate::ops::ShapeError;
use groups::Groups;
use places::Places;

/// How often heads may be taken apart themselves.
const DEEPEST: usize = 8;

pub(super) const FORM: Form = Form {
    name: "heads everywhere",
    algebra: "f(flatten(x, (H, K) -> D)) = flatten(f(x), (H, K) -> D)",
    guard: "f does not look along D, or sums over it",
    find: everywhere,
};

/// The same function with such channels taken apart; `None` if it has none.
fn everywhere(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let mut found: Option<Function> = None;
    for _ in 0..DEEPEST {
        let current = found.as_ref().unwrap_or(source);
        let places = Places::of(current);
        let groups = Groups::of(module, &places);
        if groups.is_empty() {
            break;
        }
        found = Some(write::write(module, &places, &groups, by)?);
    }
    Ok(found)
}
