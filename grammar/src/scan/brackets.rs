//! Which bracket closes which.
//!
//! Where all brackets of an item fit, that is all. Where they do not, [`Recovery`] finds out what was meant, twice:
//! once by the indentation, which shows best where a brace is missing or one too many, and once without it, for
//! texts that are not indented. The reading with fewer mistakes is taken, and the tokens are mended by it: what
//! is missing is put in, what is too much is left out. So one bracket costs one message, and what stands around it
//! is parsed as it was meant.

use super::lines::Lines;
use super::mend::{Mend, Place};
use super::recovery::Recovery;
use super::{MAX_DEPTH, Token, TokenKind, Tokens};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};

/// Words that begin an item; at the start of a line they show that what was open should have been closed.
const ITEM_WORDS: [&str; 5] = ["fn", "block", "model", "test", "import"];

/// A text cut into tokens, before its brackets are paired.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The file.
    pub file: FileId,
    /// Its text.
    pub text: &'a str,
    /// Its tokens.
    pub tokens: &'a [Token],
}

impl View<'_> {
    /// The text of a token; empty behind the last.
    pub fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |t| &self.text[t.start..t.end])
    }

    /// The place of a token.
    pub fn span(&self, index: usize) -> Span {
        self.tokens.get(index).map_or(Span::new(self.file, self.text.len(), self.text.len()), |t| {
            Span::new(self.file, t.start, t.end)
        })
    }

    /// Whether a token begins a line and is a word.
    fn line_begins_with_word(&self, index: usize) -> bool {
        let token = &self.tokens[index];
        token.first_on_line && token.kind == TokenKind::Word
    }

    /// Whether the token behind `index` is a word that does not go on with an expression.
    fn name_follows(&self, index: usize) -> bool {
        self.tokens.get(index + 1).is_some_and(|t| t.kind == TokenKind::Word)
            && !is_infix(self.word(index + 1))
    }

    /// Whether an item begins at `index`, in the first column.
    fn begins_item(&self, index: usize) -> bool {
        let start = self.tokens[index].start;
        let at_column_one = start == 0 || self.text.as_bytes()[start - 1] == b'\n';
        let named = self.name_follows(index)
            || self.tokens.get(index + 1).is_some_and(|t| t.kind == TokenKind::Str)
            || self.word(index) == "import" && self.word(index + 1).starts_with('.');
        at_column_one && self.line_begins_with_word(index) && ITEM_WORDS.contains(&self.word(index)) && named
    }

    /// Whether a member or statement begins at `index` that can stand in no bracket but a brace.
    pub fn begins_part(&self, index: usize) -> bool {
        self.line_begins_with_word(index)
            && match self.word(index) {
                "let" | "yield" | "final" | "assert" => true,
                "config" | "param" | "buffer" | "preset" | "dims" => self.name_follows(index),
                "forward" => self.word(index + 1) == "(",
                _ => self.word(index + 1) == "<-",
            }
    }
}

/// Finds each bracket's partner, reports those that have none and mends the tokens.
pub fn pair(file: FileId, text: &str, tokens: &mut Tokens, problems: &mut Vec<Diagnostic>) {
    let view = View { file, text, tokens: &tokens.tokens };
    tokens.depth = depth(view, |_| {});
    let mut mend = Mend::default();
    if tokens.depth > MAX_DEPTH {
        mend = too_deep(view);
    } else {
        let lines = std::cell::OnceCell::new();
        for (from, to) in items(view) {
            if let Some(pairs) = matched(view, from, to) {
                mend.pairs.extend(pairs);
                continue;
            }
            let lines = lines.get_or_init(|| Lines::of(text, view.tokens));
            let indented = Recovery::run(view, (from, to), lines, true);
            let mut plain = Recovery::run(view, (from, to), lines, false);
            if indented.problems.len() <= plain.problems.len() {
                mend.append(indented);
                continue;
            }
            if plain.moves_braces(view) {
                // Without indentation nobody knows which brace is the wrong one, and so what stands in which body.
                plain.mended.extend(from..to);
            }
            mend.append(plain);
        }
    }
    problems.append(&mut mend.problems);
    mend.apply(tokens);
}

/// The runs of tokens between the beginnings of items in the first column.
fn items(view: View) -> Vec<(usize, usize)> {
    let begins = (1..view.tokens.len()).filter(|&index| view.begins_item(index));
    let mut cuts: Vec<usize> = std::iter::once(0).chain(begins).collect();
    cuts.push(view.tokens.len());
    cuts.windows(2).map(|cut| (cut[0], cut[1])).collect()
}

/// The pairs among the tokens `from..to`, if all brackets there have a partner.
fn matched(view: View, from: usize, to: usize) -> Option<Vec<(Place, Place)>> {
    let (mut open, mut pairs) = (Vec::new(), Vec::new());
    for index in from..to {
        match view.tokens[index].kind {
            TokenKind::Open => open.push(index),
            TokenKind::Close => {
                let opener = open.pop().filter(|&o| closes(view.word(o), view.word(index)))?;
                pairs.push((Place::Token(opener), Place::Token(index)));
            }
            _ => {}
        }
    }
    open.is_empty().then_some(pairs)
}

/// How deep brackets nest, whatever closes them; `deeper` is handed those beyond what is allowed.
fn depth(view: View, mut deeper: impl FnMut(usize)) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for (index, token) in view.tokens.iter().enumerate() {
        if open > 0 && view.begins_item(index) {
            open = 0;
        }
        match token.kind {
            TokenKind::Open => {
                open += 1;
                most = most.max(open);
                if open > MAX_DEPTH {
                    deeper(index);
                }
            }
            TokenKind::Close => open = open.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Brackets that nest too deep: one message, and nothing around them is parsed.
fn too_deep(view: View) -> Mend {
    let mut mend = Mend::default();
    depth(view, |index| mend.broken.push(index));
    if let Some(&first) = mend.broken.first() {
        let problem = Diagnostic::error("A0009", "brackets nest too deep", view.span(first))
            .label(format!("this is level {}", MAX_DEPTH + 1))
            .help(format!("at most {MAX_DEPTH} levels; name a part of it with `let`"));
        mend.problems.push(problem);
    }
    let mut open = Vec::new();
    for (index, token) in view.tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => open.push(index),
            TokenKind::Close => match open.pop() {
                Some(opener) if closes(view.word(opener), view.word(index)) => {
                    mend.pairs.push((Place::Token(opener), Place::Token(index)));
                }
                _ => mend.broken.push(index),
            },
            _ => {}
        }
    }
    mend.broken.extend(open);
    mend
}

/// Words that go on with an expression, so that what stands before them is a name.
fn is_infix(word: &str) -> bool {
    matches!(word, "and" | "or" | "repeat" | "in" | "else" | "for" | "if")
}

/// Whether one bracket closes another.
pub fn closes(opener: &str, closer: &str) -> bool {
    closer_of(opener) == closer
}

/// What closes a bracket.
pub fn closer_of(opener: &str) -> &'static str {
    match opener {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// What a closing bracket closes.
pub fn opener_of(closer: &str) -> &'static str {
    match closer {
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}
