//! A fragment: a run of tokens as a text of its own for pest, with the way back to the file.

use crate::scan::{NO_PARTNER, TokenKind, Tokens};
use crate::span::{FileId, Span};

/// The text pest sees, and where each token of it stands in the file.
pub struct Fragment {
    /// Tokens with single blanks, bodies as `{}`.
    pub text: String,
    /// For each token in it: its place in `text` and its index.
    places: Vec<(usize, usize)>,
    /// The opening braces of the bodies that were left out, as token indices.
    pub bodies: Vec<usize>,
    /// The first token and one past the last.
    pub range: (usize, usize),
}

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
        self.tokens.tokens.get(index).map_or("", |t| &self.text[t.start..t.end])
    }

    /// The kind of token `index`.
    pub fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.tokens.get(index).map(|t| t.kind)
    }

    /// Whether token `index` begins a line.
    pub fn first_on_line(&self, index: usize) -> bool {
        self.tokens.tokens.get(index).is_some_and(|t| t.first_on_line)
    }

    /// Whether token `index` stands in the first column.
    pub fn column_one(&self, index: usize) -> bool {
        let Some(token) = self.tokens.tokens.get(index) else { return false };
        token.start == 0 || self.text.as_bytes()[token.start - 1] == b'\n'
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
    fn opens_carries(&self, index: usize) -> bool {
        index >= 2
            && self.word(index) == "("
            && (self.word(index - 2) == "over"
                || (index >= 3 && self.word(index - 3) == "over" && self.word(index - 2) == "reverse"))
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
    fn opens_body(&self, index: usize, first: usize) -> bool {
        if self.word(index) != "{" || index == first {
            return false;
        }
        let before = self.word(index - 1);
        let own = self.word(first) == "preset" && index == first + 2 || self.word(first) == "import";
        let set = self.word(first) == "config" && matches!(before, "in" | "of");
        !set && !own
    }
}

/// Words behind which an expression must go on.
pub fn is_joining_word(word: &str) -> bool {
    matches!(
        word,
        "let" | "for" | "if" | "else" | "in" | "and" | "or" | "not" | "repeat" | "yield" | "final" | "assert"
    )
}

impl Fragment {
    /// The tokens `from..to`.
    pub fn new(source: &Source, from: usize, to: usize) -> Fragment {
        let tokens = &source.tokens.tokens;
        let mut fragment =
            Fragment { text: String::new(), places: Vec::new(), bodies: Vec::new(), range: (from, to) };
        let mut depth = 0usize;
        let mut index = from;
        while index < to {
            let token = &tokens[index];
            if index > from && tokens[index - 1].end < token.start {
                let broken_off = matches!(source.word(index), "(" | "[") && source.breaks_off(index);
                fragment.text.push(if broken_off && depth > 0 { '\n' } else { ' ' });
            }
            fragment.push(source, index);
            match token.kind {
                TokenKind::Open if source.opens_body(index, from) => {
                    fragment.bodies.push(index);
                    if let Some(close) = source.partner(index).filter(|&c| c < to) {
                        index = close;
                        fragment.push(source, index);
                    }
                }
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            index += 1;
        }
        fragment
    }

    fn push(&mut self, source: &Source, index: usize) {
        self.places.push((self.text.len(), index));
        self.text.push_str(source.word(index));
    }

    /// Whether an error was already reported for one of its tokens.
    pub fn is_broken(&self, source: &Source) -> bool {
        let broken = &source.tokens.broken;
        !broken.is_empty() && self.places.iter().any(|&(_, index)| broken.binary_search(&index).is_ok())
    }

    /// The token that ends behind `position`: the one there, or the next. `None` at the end.
    pub fn token_at(&self, source: &Source, position: usize) -> Option<usize> {
        let at = self.places.partition_point(|&(start, _)| start <= position);
        if let Some(&(start, index)) = at.checked_sub(1).and_then(|i| self.places.get(i))
            && position < start + source.word(index).len()
        {
            return Some(index);
        }
        self.places.get(at).map(|&(_, index)| index)
    }

    /// Bytes `start..end` of this text as a span of the file.
    pub fn span(&self, source: &Source, start: usize, end: usize) -> Span {
        let from = self.offset(source, start);
        let text = self.text[start..end].trim_end();
        let to = if text.is_empty() { from } else { self.offset(source, start + text.len() - 1) + 1 };
        Span::new(source.file, from, to)
    }

    fn offset(&self, source: &Source, position: usize) -> usize {
        let at = self.places.partition_point(|&(start, _)| start <= position).saturating_sub(1);
        match self.places.get(at) {
            Some(&(start, index)) => {
                let token = &source.tokens.tokens[index];
                (token.start + (position - start)).min(token.end)
            }
            None => source.text.len(),
        }
    }

    /// The token whose first byte is at `position`.
    pub fn token_starting(&self, position: usize) -> Option<usize> {
        self.places.binary_search_by_key(&position, |&(start, _)| start).ok().map(|i| self.places[i].1)
    }
}
