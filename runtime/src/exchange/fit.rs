//! What does not fit between a program and tensors from elsewhere, said all at once.

use crate::error::{Code, Problem, nearest};
use std::collections::BTreeSet;

/// How many tensors of a kind a message names.
const NAMED: usize = 8;

/// What does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Parameters that are not there: name, sizes, and the names that they would have been made of.
    pub missing: Vec<(String, Vec<usize>, Vec<String>)>,
    /// Parameters with their sizes there and in the model.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Names that nothing is made of.
    pub extra: Vec<String>,
    /// How many parameters are there.
    pub found: usize,
}

impl Misfit {
    /// The problem that lists everything that does not fit. `what` is what messages call the tensors, `given` how
    /// many they are, `wanted` the names of the model `item`.
    pub fn problem(&self, what: &str, given: usize, item: &str, wanted: &BTreeSet<&str>) -> Problem {
        let (missing, misshapen, extra) = (self.missing.len(), self.misshapen.len(), self.extra.len());
        let mut lines = if self.found == 0 {
            vec![format!("none of the {given} names in {what} is one of the {} of `{item}`", wanted.len())]
        } else {
            vec![format!(
                "{what} does not fit `{item}`: {missing} missing, {misshapen} of another shape, {extra} extra"
            )]
        };
        let more = |lines: &mut Vec<String>, all: usize| {
            if all > NAMED {
                lines.push(format!("  and {} more", all - NAMED));
            }
        };
        for (name, shape, theirs) in self.missing.iter().take(NAMED) {
            let sought = theirs.first().unwrap_or(name);
            let near = nearest(sought, self.extra.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |n| format!("; the nearest there is `{n}`"));
            let made_of = theirs.iter().any(|t| t != name);
            let made_of = if made_of { format!(", from `{}`", theirs.join("`, `")) } else { String::new() };
            lines.push(format!("  missing: `{name}` {shape:?}{made_of}{near}"));
        }
        more(&mut lines, missing);
        for (name, there, here) in self.misshapen.iter().take(NAMED) {
            lines.push(format!("  shape: `{name}` is {there:?} there, but {here:?} in the model"));
        }
        more(&mut lines, misshapen);
        for name in self.extra.iter().take(NAMED) {
            let near = nearest(name, wanted.iter().copied());
            let near = near.map_or_else(String::new, |n| format!("; the nearest in the model is `{n}`"));
            lines.push(format!("  extra: `{name}`{near}"));
        }
        more(&mut lines, extra);
        let help = if missing + misshapen == 0 {
            "check that the model is the right one; `--allow-extra` leaves them out"
        } else {
            "check the preset and the `--set` values against those the weights were made with; `archc dev FILE --stage \
             program` lists all names and sizes, and `--mapping` takes other names"
        };
        Problem::new(Code::CheckpointTensor, lines.join("\n"), help)
    }

    /// Whether every parameter is there in its shape.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty()
    }
}
