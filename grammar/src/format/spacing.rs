//! Where a blank stands between two tokens of one line.

use crate::scan::TokenKind;
use crate::source::Source;

/// Whether a blank stands between tokens `index - 1` and `index` of the part that begins at `first`.
pub fn blank_before(source: &Source, first: usize, index: usize) -> bool {
    if index <= first {
        return false;
    }
    let (before, here) = (source.word(index - 1), source.word(index));
    if source.word(first) == "import" && in_path(source, first, index) {
        return index == first + 1;
    }
    if in_preset_reference(source, first, index) {
        return false;
    }
    match (before, here) {
        ("(" | "[" | "@" | ".", _) | (_, ")" | "]" | "," | ":" | ";" | "?" | ".") => false,
        ("{", _) | (_, "}") => {
            !is_set(source, first, if before == "{" { Some(index - 1) } else { source.partner(index) })
        }
        ("..", _) => !source.begins_operand(index) && !is_prefix(source, first, index),
        (_, "..") => !source.ends_operand(index - 1),
        ("-", _) if is_prefix(source, first, index - 1) => false,
        (_, "(" | "[") => !is_applied(source, first, index),
        _ => true,
    }
}

/// Whether the `-` at `index` stands before its only operand, or the word is `not`.
pub fn is_prefix(source: &Source, first: usize, index: usize) -> bool {
    source.word(index) == "not"
        || source.word(index) == "-"
            && (index <= first || !source.ends_operand(index - 1) || source.word(index - 1) == "..")
}

/// Whether the bracket at `index` calls or indexes what stands before it.
pub fn is_applied(source: &Source, first: usize, index: usize) -> bool {
    if index <= first {
        return false;
    }
    let before = source.word(index - 1);
    let clause = match before {
        "with" => source.word(first) == "test",
        "require" => index == first + 1,
        "null" => matches!(source.word(first), "forward" | "fn") && follows_type(source, index - 1),
        _ => false,
    };
    source.ends_operand(index - 1) && !clause && !matches!(before, "}" | "..") && !source.opens_carries(index)
}

/// `{1, 2, 4}` behind `in`, and the names of an import: braces without blanks.
fn is_set(source: &Source, first: usize, open: Option<usize>) -> bool {
    let Some(open) = open.filter(|&open| open > first) else { return false };
    source.word(first) == "import" || source.word(first) == "config" && source.word(open - 1) == "in"
}

fn in_path(source: &Source, first: usize, index: usize) -> bool {
    (first + 1..index).all(|i| source.word(i) != "{")
}

/// `S/2` behind `preset` in the head of a test.
fn in_preset_reference(source: &Source, first: usize, index: usize) -> bool {
    let preset =
        |at: usize| at > first && source.word(at) == "preset" && source.kind(at + 1) == Some(TokenKind::Word);
    source.word(first) == "test"
        && (source.word(index) == "/" && index >= 2 && preset(index - 2)
            || source.word(index - 1) == "/" && index >= 3 && preset(index - 3))
}

/// Whether a type, `[T]` or `[T] int`, stands before token `index`.
fn follows_type(source: &Source, index: usize) -> bool {
    let word = |n: usize| index.checked_sub(n).map_or("", |at| source.word(at));
    word(1) == "]" || word(2) == "]" && source.kind(index - 1) == Some(TokenKind::Word)
}
