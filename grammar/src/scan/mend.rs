//! Tokens with their brackets mended.

use super::brackets::View;
use super::{Token, TokenKind, Tokens};
use crate::diagnostic::Diagnostic;

/// A token as it stands in the text, or one that is put in.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A token of the text.
    Token(usize),
    /// One of [`Mend::added`].
    Added(usize),
}

/// What is done to a text's brackets, and why.
#[derive(Default)]
pub struct Mend {
    /// What is wrong.
    pub problems: Vec<Diagnostic>,
    /// Which bracket closes which.
    pub pairs: Vec<(Place, Place)>,
    /// Brackets that are missing: the token before which each stands, and what it is.
    pub added: Vec<(usize, &'static str)>,
    /// Brackets that are left out.
    pub dropped: Vec<usize>,
    /// Tokens whose surroundings are not parsed.
    pub broken: Vec<usize>,
    /// Tokens whose surroundings are parsed, but without a word if that does not succeed.
    pub mended: Vec<usize>,
}

impl Mend {
    /// Whether braces are put in or left out.
    pub fn moves_braces(&self, view: View) -> bool {
        let brace = |word: &str| matches!(word, "{" | "}");
        self.added.iter().any(|(_, word)| brace(word)) || self.dropped.iter().any(|&at| brace(view.word(at)))
    }

    /// Takes what is to be done to other tokens of the same text.
    pub fn append(&mut self, other: Mend) {
        let moved = |place| match place {
            Place::Added(index) => Place::Added(index + self.added.len()),
            token => token,
        };
        self.pairs.extend(other.pairs.into_iter().map(|(open, close)| (moved(open), moved(close))));
        self.problems.extend(other.problems);
        self.added.extend(other.added);
        self.dropped.extend(other.dropped);
        self.broken.extend(other.broken);
        self.mended.extend(other.mended);
    }

    /// Puts in what is missing, leaves out what is too much, and sets the partners.
    pub fn apply(mut self, tokens: &mut Tokens) {
        self.dropped.sort_unstable();
        let mut added: Vec<usize> = (0..self.added.len()).collect();
        added.sort_by_key(|&index| self.added[index].0);
        let mut added = added.into_iter().peekable();
        let mut out: Vec<Token> = Vec::with_capacity(tokens.tokens.len() + self.added.len());
        // Where each token and each added one went; for one that was left out, the next that was not.
        let mut places: Vec<usize> = Vec::with_capacity(tokens.tokens.len() + 1);
        let mut places_of_added = vec![0; self.added.len()];
        let mut begins_line = false;
        for index in 0..=tokens.tokens.len() {
            while let Some(new) = added.next_if(|&new| self.added[new].0 == index) {
                places_of_added[new] = out.len();
                out.push(missing(self.added[new].1, out.last().map_or(0, |token| token.end)));
            }
            places.push(out.len());
            let Some(&token) = tokens.tokens.get(index) else { break };
            if self.dropped.binary_search(&index).is_ok() {
                begins_line |= token.first_on_line;
                continue;
            }
            out.push(Token { first_on_line: token.first_on_line || begins_line, ..token });
            begins_line = false;
        }
        let place = |place| match place {
            Place::Token(index) => places[index],
            Place::Added(index) => places_of_added[index],
        };
        for (open, close) in self.pairs {
            let (open, close) = (place(open), place(close));
            (out[open].partner, out[close].partner) = (close, open);
        }
        for comment in &mut tokens.comments {
            comment.before = places[comment.before];
        }
        // What is said of a token that was left out holds for the one before it.
        let kept = |index: usize| {
            let dropped = self.dropped.binary_search(&index).is_ok();
            places[index].saturating_sub(usize::from(dropped))
        };
        tokens.broken.extend(self.broken);
        tokens.broken.iter_mut().chain(&mut self.mended).for_each(|index| *index = kept(*index));
        self.mended.sort_unstable();
        tokens.mended = self.mended;
        tokens.tokens = out;
    }
}

/// A bracket that is missing behind byte `end`.
fn missing(bracket: &'static str, end: usize) -> Token {
    let kind = if matches!(bracket, "(" | "[" | "{") { TokenKind::Open } else { TokenKind::Close };
    Token { kind, start: end, end, first_on_line: false, partner: super::NO_PARTNER, missing: bracket }
}
