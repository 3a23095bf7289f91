//! A text with its tokens, and what can be told from a token and its neighbours.

use crate::ast::Ident;
use crate::scan::{Comment, NO_PARTNER, TokenKind, Tokens};
use crate::span::{FileId, Span};

/// The text, its tokens and its number: what all of parsing looks at.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file.
    pub file: FileId,
    /// Its text.
    pub text: &'a str,
    /// Its tokens.
    pub tokens: &'a Tokens,
}

impl<'a> Source<'a> {
    /// The text of token `index`; empty behind the last.
    pub fn word(&self, index: usize) -> &'a str {
        match self.tokens.tokens.get(index) {
            Some(token) if token.missing.is_empty() => &self.text[token.start..token.end],
            Some(token) => token.missing,
            None => "",
        }
    }

    /// The kind of token `index`.
    pub fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.tokens.get(index).map(|t| t.kind)
    }

    /// The comments between token `index` and the one before it.
    pub fn comments_before(&self, index: usize) -> &'a [Comment] {
        let comments = &self.tokens.comments;
        let start = comments.partition_point(|c| c.before < index);
        let end = comments.partition_point(|c| c.before <= index);
        &comments[start..end]
    }

    /// Whether a comment stands between the tokens `open` and `close`.
    pub fn has_comments(&self, open: usize, close: usize) -> bool {
        let at = self.tokens.comments.partition_point(|c| c.before <= open);
        self.tokens.comments.get(at).is_some_and(|c| c.before <= close)
    }

    /// Where the token before `index` ends in the text.
    pub fn end_of(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|i| self.tokens.tokens.get(i)).map_or(0, |t| t.end)
    }

    /// Whether token `index` begins a line.
    pub fn first_on_line(&self, index: usize) -> bool {
        self.tokens.tokens.get(index).is_some_and(|t| t.first_on_line)
    }

    /// The index of the bracket that belongs to the one at `index`.
    pub fn partner(&self, index: usize) -> Option<usize> {
        self.tokens.tokens.get(index).map(|t| t.partner).filter(|&p| p != NO_PARTNER)
    }

    /// The tokens `from..to` as one span.
    pub fn span(&self, from: usize, to: usize) -> Span {
        let tokens = &self.tokens.tokens;
        match (tokens.get(from), tokens.get(to.wrapping_sub(1))) {
            (Some(first), Some(last)) if from < to => Span::new(self.file, first.start, last.end),
            (Some(next), _) => Span::new(self.file, next.start, next.start),
            (None, _) => Span::new(self.file, self.text.len(), self.text.len()),
        }
    }

    /// The name at token `index`.
    pub fn ident(&self, index: usize) -> Ident {
        Ident { name: self.word(index).to_string(), span: self.span(index, index + 1) }
    }

    /// The empty span behind token `index`.
    pub fn behind(&self, index: usize) -> Span {
        let end = self.tokens.tokens.get(index).map_or(self.text.len(), |t| t.end);
        Span::new(self.file, end, end)
    }

    /// Whether an expression could end with token `index`.
    pub fn ends_operand(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(TokenKind::Word) => !is_joining_word(self.word(index)),
            Some(TokenKind::Number | TokenKind::Str | TokenKind::Close) => true,
            Some(TokenKind::Sign) => matches!(self.word(index), ".." | "?"),
            _ => false,
        }
    }

    /// Whether an expression could begin with token `index`, and not merely go on with it.
    pub fn begins_operand(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(TokenKind::Word) => !matches!(self.word(index), "and" | "or" | "repeat" | "in" | "else"),
            Some(TokenKind::Number | TokenKind::Str) => true,
            Some(TokenKind::Open) => self.word(index) != "{",
            _ => false,
        }
    }

    /// Whether the bracket at `index` opens the carries of `scan t over T (`.
    pub fn opens_carries(&self, index: usize) -> bool {
        let over = |at: usize| {
            at <= index
                && self.word(index - at) == "over"
                && at + 2 <= index
                && self.word(index - at - 2) == "scan"
        };
        let axis = index >= 1 && self.kind(index - 1) == Some(TokenKind::Word);
        self.word(index) == "(" && axis && (over(2) || over(3) && self.word(index - 2) == "reverse")
    }

    /// Whether token `index` stands on a new line where it cannot belong to the operand before it.
    pub fn breaks_off(&self, index: usize) -> bool {
        index > 0
            && self.first_on_line(index)
            && self.ends_operand(index - 1)
            && self.begins_operand(index)
            && !self.opens_carries(index)
    }

    /// Whether the brace at `index` opens a body, not a set, a list of choices, a preset or an import.
    pub fn opens_body(&self, index: usize, first: usize) -> bool {
        if self.word(index) != "{" || index == first {
            return false;
        }
        let imports = self.word(first) == "import" && self.word(first + 1) != "(";
        let preset = self.word(first) == "preset" && index == first + 2;
        !imports && !preset && !self.opens_set(index)
    }

    /// Whether the brace at `index` encloses values, as in `in {1, 2}` and `one of { a, b }`.
    pub fn opens_set(&self, index: usize) -> bool {
        let before = |n: usize| index.checked_sub(n).map_or("", |at| self.word(at));
        before(1) == "in" || before(1) == "of" && before(2) == "one"
    }
}

/// Words behind which an expression must go on.
pub fn is_joining_word(word: &str) -> bool {
    matches!(
        word,
        "let" | "for" | "if" | "else" | "in" | "and" | "or" | "not" | "repeat" | "yield" | "final" | "assert"
    )
}
