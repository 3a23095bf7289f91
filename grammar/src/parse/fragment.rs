//! A fragment: a run of tokens as a text of its own for pest, with the way back to the file.

use crate::scan::TokenKind;
use crate::source::Source;
use crate::span::Span;

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
        self.has_one_of(&source.tokens.broken)
    }

    /// Whether a bracket was put in or left out among its tokens.
    pub fn is_mended(&self, source: &Source) -> bool {
        self.has_one_of(&source.tokens.mended)
    }

    fn has_one_of(&self, tokens: &[usize]) -> bool {
        !tokens.is_empty() && self.places.iter().any(|(_, index)| tokens.binary_search(index).is_ok())
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
