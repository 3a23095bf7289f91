//! The scanner: cuts a text into words, numbers, strings and signs, pairs the brackets and sets comments aside.
//!
//! It runs before pest, because it can say what pest cannot: that a bracket is never closed, that a string
//! runs into the end of its line, that brackets nest deeper than a recursive parser should follow.

mod brackets;
mod lexer;
mod lines;
mod mend;
mod recovery;

pub use lexer::scan;

/// No text longer than this is read, in bytes.
pub const MAX_BYTES: usize = 1_000_000;

/// Brackets may nest this deep, and so may expressions.
pub const MAX_DEPTH: usize = 256;

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword.
    Word,
    /// `12`, `1e-6`.
    Number,
    /// `"…"`.
    Str,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Any other sign: `+`, `->`, `|>`, `..`.
    Sign,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Which kind.
    pub kind: TokenKind,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Whether it is the first on its line.
    pub first_on_line: bool,
    /// For a bracket: the index of its partner, or [`NO_PARTNER`].
    pub partner: usize,
    /// For a bracket that the text lacks and that was put in: what it is. Empty for all that stand in the text.
    pub missing: &'static str,
}

/// The partner of all that is no bracket, and of brackets that nest too deep.
pub const NO_PARTNER: usize = usize::MAX;

/// A comment, documentation or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its first byte.
    pub start: usize,
    /// One past its last byte, without the line end.
    pub end: usize,
    /// Whether it begins with exactly three slashes.
    pub doc: bool,
    /// The index of the token that comes next.
    pub before: usize,
    /// Whether only blanks stand before it on its line.
    pub own_line: bool,
}

/// A text in tokens.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The tokens, in order.
    pub tokens: Vec<Token>,
    /// The comments, in order.
    pub comments: Vec<Comment>,
    /// Tokens at which something is wrong that was already reported: what contains them is not parsed.
    pub broken: Vec<usize>,
    /// Tokens beside which a bracket was put in or left out, which was reported: what contains them is parsed,
    /// but says nothing more if that does not succeed.
    pub mended: Vec<usize>,
    /// How deep brackets nest.
    pub depth: usize,
}

impl Tokens {
    /// Whether an error was already reported for one of the tokens `from..to`, or beside one.
    #[must_use]
    pub fn is_touched(&self, from: usize, to: usize) -> bool {
        [&self.broken, &self.mended].into_iter().any(|touched| {
            let at = touched.partition_point(|&token| token < from);
            touched.get(at).is_some_and(|&token| token < to)
        })
    }

    /// The documentation that stands directly before token `index`.
    #[must_use]
    pub fn docs_before(&self, text: &str, index: usize) -> String {
        let end = self.comments.partition_point(|c| c.before <= index);
        let start = self.comments.partition_point(|c| c.before < index);
        let lines: Vec<&str> = self.comments[start..end]
            .iter()
            .filter(|c| c.doc && c.own_line)
            .map(|c| doc_line(&text[c.start..c.end]))
            .collect();
        lines.join("\n")
    }
}

/// The text of a `///` line without the slashes and the one blank behind them.
fn doc_line(comment: &str) -> &str {
    let body = comment.strip_prefix("///").unwrap_or(comment);
    body.strip_prefix(' ').unwrap_or(body).trim_end()
}
