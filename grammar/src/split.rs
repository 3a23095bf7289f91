//! Where items, members and statements begin.
//!
//! Nothing separates them but their beginnings:
//! - an item begins with `edition`, `import`, `fn`, `block`, `model` or `test`;
//! - a statement with `let`, `for`, `dims`, `yield`, `final`, `assert`, or `name <-`, wherever they stand;
//! - a member with its keyword, or `name =`;
//! - and each with anything that begins a line where the line before could end, unless it is an operator:
//!   a line that begins with `+`, `-`, `|>`, `and` goes on with the line before; one that begins with a name,
//!   a number, `(` or `[` does not.
//!
//! Several on one line may be separated by `;`.

use crate::scan::TokenKind;
use crate::source::{Source, is_joining_word};

/// What is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A file into items.
    Items,
    /// A block into members.
    Members,
    /// A body into statements.
    Statements,
}

/// What may stand between a test's name and its body.
const TEST_CLAUSES: [&str; 5] = ["with", "of", "preset", "set", "deny"];

/// The runs of tokens between `from` and `to`, each one item, member or statement.
pub fn split(source: &Source, level: Level, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = from;
    let mut index = from;
    while index < to {
        let separator = source.word(index) == ";" && level != Level::Items;
        if index > start && (separator || begins(source, level, start, index)) {
            parts.push((start, index));
            start = index;
        }
        if separator {
            start = index + 1;
        }
        index = match source.kind(index) {
            Some(TokenKind::Open) => source.partner(index).unwrap_or(index) + 1,
            _ => index + 1,
        };
    }
    if start < to {
        parts.push((start, to));
    }
    parts
}

fn begins(source: &Source, level: Level, start: usize, index: usize) -> bool {
    match level {
        Level::Items => {
            let clause = source.word(start) == "test" && TEST_CLAUSES.contains(&source.word(index));
            begins_item(source, index) || (source.breaks_off(index) && !clause)
        }
        Level::Members => begins_member(source, start, index) || apart(source, start, index),
        Level::Statements => begins_statement(source, start, index) || apart(source, start, index),
    }
}

/// Whether `index` stands on a new line, or behind a body, where nothing joins it to what stands before.
fn apart(source: &Source, start: usize, index: usize) -> bool {
    if source.word(start) == "for" && source.word(index) == "collect" {
        return false;
    }
    let behind_brace = source.word(index - 1) == "}"
        && source.partner(index - 1).is_some_and(|open| !source.opens_set(open));
    // A loop has no value that an operator could go on with.
    let behind_loop = source.word(start) == "for" && !matches!(source.word(index), "else" | "{");
    let behind_body = behind_brace && (behind_loop || source.begins_operand(index));
    behind_body || source.breaks_off(index) || begins_unawaited(source, index)
}

/// Whether the line at `index` is plainly a new beginning, though the line before waits for a value:
/// `name =`, `word name:`.
fn begins_unawaited(source: &Source, index: usize) -> bool {
    let words = |from: usize, to: usize| (from..to).all(|i| source.kind(i) == Some(TokenKind::Word));
    let waits = source.kind(index - 1) == Some(TokenKind::Sign) || is_joining_word(source.word(index - 1));
    source.first_on_line(index)
        && waits
        && !matches!(source.word(index - 1), "," | ":" | "@")
        && (words(index, index + 1) && source.word(index + 1) == "="
            || words(index, index + 2) && source.word(index + 2) == ":")
}

/// Whether an item begins at `index`.
fn begins_item(source: &Source, index: usize) -> bool {
    let next = source.kind(index + 1);
    match source.word(index) {
        "fn" | "block" | "model" => {
            let named = next == Some(TokenKind::Word) && source.begins_operand(index + 1);
            named && (source.first_on_line(index) || matches!(source.word(index + 2), "(" | "{"))
        }
        "test" => next == Some(TokenKind::Str),
        "edition" => next == Some(TokenKind::Number),
        "import" => next == Some(TokenKind::Word) || matches!(source.word(index + 1), "." | ".."),
        _ => false,
    }
}

fn begins_member(source: &Source, start: usize, index: usize) -> bool {
    let free = source.ends_operand(index - 1);
    match source.word(index) {
        "config" | "param" | "buffer" | "preset" => {
            let on_its_own = free || source.first_on_line(index);
            name_follows(source, index) && on_its_own && is_keyword(source, index)
        }
        "dims" => begins_dims(source, index),
        "let" => true,
        "require" => {
            // In `x..require` it is the end of a range.
            let ends_a_range = source.word(index - 1) == ".." && !source.first_on_line(index);
            free && !ends_a_range && source.word(index + 1) != "=" && index > start + 1
        }
        "forward" => {
            let on_its_own = free || source.first_on_line(index);
            on_its_own && source.word(index + 1) == "(" && has_result_or_body(source, index + 1)
        }
        "if" => free && (source.first_on_line(index) || source.kind(index - 1) == Some(TokenKind::Close)),
        _ => {
            source.kind(index) == Some(TokenKind::Word)
                && source.word(index + 1) == "="
                && matches!(source.word(index - 1), ")" | "}")
        }
    }
}

/// Whether `dims D =` stands at `index`.
fn begins_dims(source: &Source, index: usize) -> bool {
    name_follows(source, index) && source.word(index + 2) == "=" && is_keyword(source, index)
}

/// Whether the word at `index`, which a name follows, is meant as a keyword. Where a value is awaited, as in `x + dims`,
/// the name must stand on the same line: `dims` is a name as well, and the next line may begin a part of its own.
fn is_keyword(source: &Source, index: usize) -> bool {
    let before = index - 1;
    let awaited = !source.ends_operand(before) || source.kind(before) == Some(TokenKind::Sign);
    !awaited || !source.first_on_line(index + 1)
}

fn name_follows(source: &Source, index: usize) -> bool {
    source.kind(index + 1) == Some(TokenKind::Word) && source.begins_operand(index + 1)
}

/// Whether a type or a body follows on the bracket at `open`, and not the rest of an expression.
fn has_result_or_body(source: &Source, open: usize) -> bool {
    source.partner(open).is_some_and(|close| matches!(source.word(close + 1), "->" | "{"))
}

fn begins_statement(source: &Source, start: usize, index: usize) -> bool {
    let word = source.word(index);
    match word {
        // Behind `let` a keyword was meant as a name.
        "let" | "yield" | "final" | "assert" | "for" => {
            source.first_on_line(index) || !matches!(source.word(index - 1), "let" | "for" | "=" | "," | ".")
        }
        "dims" => begins_dims(source, index),
        "if" => source.ends_operand(index - 1) && index > start,
        _ => {
            source.kind(index) == Some(TokenKind::Word)
                && !is_joining_word(word)
                && source.word(index + 1) == "<-"
                && source.word(index - 1) != ","
        }
    }
}
