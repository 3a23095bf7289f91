//! Which bracket closes which.

use super::{MAX_DEPTH, NO_PARTNER, Token, TokenKind, Tokens};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};

/// Words that begin an item; at the start of a line they show that what was open should have been closed.
const ITEM_WORDS: [&str; 5] = ["fn", "block", "model", "test", "import"];

/// Finds each bracket's partner, and reports those that have none.
pub fn pair(file: FileId, text: &str, tokens: &mut Tokens, problems: &mut Vec<Diagnostic>) {
    let mut pairing = Pairing { file, text, open: Vec::new(), too_deep: false, broken: Vec::new(), problems };
    for index in 0..tokens.tokens.len() {
        let token = tokens.tokens[index];
        if !pairing.open.is_empty() && begins_item(text, &tokens.tokens, index) {
            pairing.give_up(&tokens.tokens, 0);
        } else if begins_part(text, &tokens.tokens, index) {
            let braces = pairing.open.iter().rposition(|&o| pairing.byte(&tokens.tokens[o]) == b'{');
            pairing.give_up(&tokens.tokens, braces.map_or(0, |at| at + 1));
        }
        match token.kind {
            TokenKind::Open => {
                pairing.opened(&tokens.tokens, index);
                tokens.depth = tokens.depth.max(pairing.open.len());
            }
            TokenKind::Close => pairing.closed(&mut tokens.tokens, index),
            _ => {}
        }
    }
    pairing.give_up(&tokens.tokens, 0);
    let broken = pairing.broken;
    tokens.broken.extend(broken);
}

fn begins_item(text: &str, tokens: &[Token], index: usize) -> bool {
    let token = &tokens[index];
    let at_column_one = token.start == 0 || text.as_bytes()[token.start - 1] == b'\n';
    if token.kind != TokenKind::Word || !at_column_one || !ITEM_WORDS.contains(&&text[token.start..token.end])
    {
        return false;
    }
    let Some(next) = tokens.get(index + 1) else { return false };
    matches!(next.kind, TokenKind::Word | TokenKind::Str) && !is_infix(&text[next.start..next.end])
}

/// Words that go on with an expression, so that what stands before them is a name.
fn is_infix(word: &str) -> bool {
    matches!(word, "and" | "or" | "repeat" | "in" | "else" | "for" | "if")
}

/// Whether a member or statement begins at `index` that can stand in no bracket but a brace.
pub fn begins_part(text: &str, tokens: &[Token], index: usize) -> bool {
    let word = |index: usize| tokens.get(index).map_or("", |t| &text[t.start..t.end]);
    let next_is_word =
        tokens.get(index + 1).is_some_and(|t| t.kind == TokenKind::Word) && !is_infix(word(index + 1));
    if !tokens[index].first_on_line {
        return false;
    }
    match word(index) {
        "let" | "yield" | "final" | "assert" => true,
        "config" | "param" | "buffer" | "preset" | "dims" => next_is_word,
        "forward" => word(index + 1) == "(",
        _ => tokens[index].kind == TokenKind::Word && word(index + 1) == "<-",
    }
}

struct Pairing<'a> {
    file: FileId,
    text: &'a str,
    open: Vec<usize>,
    too_deep: bool,
    broken: Vec<usize>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Pairing<'_> {
    fn span(&self, token: &Token) -> Span {
        Span::new(self.file, token.start, token.end)
    }

    fn opened(&mut self, tokens: &[Token], index: usize) {
        self.open.push(index);
        if self.open.len() <= MAX_DEPTH {
            return;
        }
        self.broken.push(index);
        if !self.too_deep {
            self.too_deep = true;
            let problem = Diagnostic::error("A0009", "brackets nest too deep", self.span(&tokens[index]))
                .label(format!("this is level {}", MAX_DEPTH + 1))
                .help(format!("at most {MAX_DEPTH} levels; name a part of it with `let`"));
            self.problems.push(problem);
        }
    }

    fn closed(&mut self, tokens: &mut [Token], index: usize) {
        let closes = |opener: usize| -> bool {
            let pair = (self.byte(&tokens[opener]), self.byte(&tokens[index]));
            matches!(pair, (b'(', b')') | (b'[', b']') | (b'{', b'}'))
        };
        match self.open.iter().rposition(|&o| closes(o)) {
            // Only a brace closes over other brackets: `f(a, b]` is a slip at `]`, and `( … }` one at `(`.
            Some(at) if at + 1 == self.open.len() || self.byte(&tokens[index]) == b'}' => {
                self.give_up(tokens, at + 1);
                if let Some(opener) = self.open.pop() {
                    tokens[opener].partner = index;
                    tokens[index].partner = opener;
                }
            }
            _ => self.unmatched(tokens, index),
        }
    }

    fn byte(&self, token: &Token) -> u8 {
        self.text.as_bytes()[token.start]
    }

    fn unmatched(&mut self, tokens: &[Token], index: usize) {
        self.broken.push(index);
        let closer = self.byte(&tokens[index]) as char;
        let span = self.span(&tokens[index]);
        let innermost = self.open.last().copied();
        let problem = match innermost {
            // A stray `)` inside a body is a slip of its own; the body's brace waits for its partner.
            Some(opener) if self.byte(&tokens[opener]) != b'{' => {
                let expected = closer_of(self.byte(&tokens[opener]));
                // The opener counts as closed here: one mistake, one message.
                self.broken.push(opener);
                self.open.pop();
                Diagnostic::error("A0008", format!("`{closer}` closes nothing"), span)
                    .label(format!("`{expected}` was expected"))
                    .also(self.span(&tokens[opener]), "to close this")
            }
            _ => Diagnostic::error("A0008", format!("`{closer}` closes nothing"), span)
                .label(format!("no `{}` is open here", opener_of(closer))),
        };
        self.problems.push(problem);
    }

    /// Reports the innermost bracket still open above `keep`, and takes all of them as closed.
    fn give_up(&mut self, tokens: &[Token], keep: usize) {
        let left = self.open.split_off(keep.min(self.open.len()));
        self.broken.extend(&left);
        let Some(&inner) = left.last() else { return };
        debug_assert_eq!(tokens[inner].partner, NO_PARTNER);
        if self.too_deep {
            return;
        }
        let opener = self.byte(&tokens[inner]);
        let problem = Diagnostic::error(
            "A0007",
            format!("`{}` is never closed", opener as char),
            self.span(&tokens[inner]),
        )
        .label(format!("no `{}` belongs to it", closer_of(opener)));
        self.problems.push(problem);
    }
}

fn opener_of(closer: char) -> char {
    match closer {
        ')' => '(',
        ']' => '[',
        _ => '{',
    }
}

fn closer_of(opener: u8) -> char {
    match opener {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    }
}
