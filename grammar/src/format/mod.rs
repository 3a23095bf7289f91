//! One style, no options.
//!
//! The formatter moves tokens and never changes them: it works on the scanner's tokens, cut by the same
//! splitter that the parser uses, and sets blanks and line breaks anew. All it adds or takes away is what means
//! nothing: trailing commas and `;`. So the tree cannot change, and tests hold it to that.
//!
//! - Two blanks for a level; no line longer than 110 characters if it can be broken.
//! - A body written on one line stays on one line if it fits; every other body is broken.
//! - What does not fit is broken at its loosest joints: before attributes, after commas, before `|>` and
//!   operators, then inside its longest brackets: all entries on one line if they fit there, else one on each.
//! - The `=` of neighbouring layers stand in one column, and so do the entries of neighbouring presets.
//! - A comment keeps its place before or behind an entry, a statement, a member or an item; one in the middle
//!   of something moves to the line above it.
//! - Single empty lines stay.

mod align;
mod atoms;
mod layout;
mod parts;
mod spacing;

use crate::diagnostic::Diagnostic;
use crate::parse::parse;
use crate::scan;
use crate::source::Source;
use crate::span::FileId;
use crate::split::Level;
use crate::stack::with_room;

/// No line is longer than this if it can be broken.
const WIDTH: usize = 110;

/// The text in the one style.
///
/// # Errors
///
/// A text that does not parse is not formatted; its mistakes are returned.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let file = FileId(0);
    let (_, problems) = parse(file, text);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let mut ignored = Vec::new();
    let tokens = scan::scan(file, text, &mut ignored);
    let source = Source { file, text, tokens: &tokens };
    let mut out =
        with_room(&tokens, || parts::lines(&source, Level::Items, 0, tokens.tokens.len(), 0).join("\n"));
    out.push('\n');
    Ok(out)
}
