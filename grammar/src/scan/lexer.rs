//! Characters to tokens.

use super::{Comment, NO_PARTNER, Token, TokenKind, Tokens, brackets};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};

/// Signs of two characters; all others have one.
const PAIRS: [&str; 9] = ["->", "<-", "|>", "++", "..", "==", "!=", "<=", ">="];
const SINGLES: &str = "+-*/%^=<>,.:;@?";

/// What other languages write, and what is written here.
const FOREIGN: [(&str, &str); 9] = [
    ("**", "a power is written `^`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("&", "write `and`"),
    ("|", "a pipe is written `|>`, a choice `or`"),
    ("!", "write `not`"),
    ("#", "a comment begins with `//`"),
    ("'", "strings stand in double quotes"),
    ("`", "strings stand in double quotes"),
];

/// Characters that look like one the language has.
const LOOKALIKES: [(char, &str); 13] = [
    ('×', "*"),
    ('·', "*"),
    ('−', "-"),
    ('–', "-"),
    ('→', "->"),
    ('←', "<-"),
    ('≤', "<="),
    ('≥', ">="),
    ('≠', "=="),
    ('“', "\""),
    ('”', "\""),
    ('…', ".."),
    ('\u{a0}', "a plain blank"),
];

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    first_on_line: bool,
    out: Tokens,
    problems: Vec<Diagnostic>,
    tab_reported: bool,
    /// Names already reported; a name is used more than once.
    foreign_names: Vec<String>,
}

/// Cuts `text` into tokens and pairs its brackets.
pub fn scan(file: FileId, text: &str, problems: &mut Vec<Diagnostic>) -> Tokens {
    let mut lexer = Lexer {
        file,
        text,
        at: 0,
        first_on_line: true,
        out: Tokens::default(),
        problems: Vec::new(),
        tab_reported: false,
        foreign_names: Vec::new(),
    };
    while let Some(c) = lexer.peek() {
        lexer.step(c);
    }
    problems.append(&mut lexer.problems);
    brackets::pair(file, text, &mut lexer.out, problems);
    lexer.out.broken.sort_unstable();
    lexer.out
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn step(&mut self, c: char) {
        match c {
            '\n' => {
                self.first_on_line = true;
                self.at += 1;
            }
            ' ' | '\r' => self.at += 1,
            '\t' => self.tab(),
            '"' => self.string(),
            '(' | '[' | '{' => self.push(TokenKind::Open, 1),
            ')' | ']' | '}' => self.push(TokenKind::Close, 1),
            '0'..='9' => self.number(),
            _ if c.is_ascii_alphabetic() || c == '_' => self.word(),
            _ if self.rest().starts_with("//") => self.comment(),
            _ => self.sign(c),
        }
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        let token = Token {
            kind,
            start: self.at,
            end: self.at + length,
            first_on_line: self.first_on_line,
            partner: NO_PARTNER,
            missing: "",
        };
        self.out.tokens.push(token);
        self.first_on_line = false;
        self.at += length;
    }

    fn tab(&mut self) {
        if !self.tab_reported {
            self.tab_reported = true;
            let problem = Diagnostic::error("A0004", "a tab", self.span(self.at, self.at + 1))
                .label("a tab")
                .help("indent with blanks, two for each level");
            self.problems.push(problem);
        }
        self.at += 1;
    }

    fn comment(&mut self) {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        let text = self.rest()[..length].trim_end();
        let comment = Comment {
            start: self.at,
            end: self.at + text.len(),
            doc: text.starts_with("///") && !text.starts_with("////"),
            before: self.out.tokens.len(),
            own_line: self.first_on_line,
        };
        self.out.comments.push(comment);
        self.at += length;
    }

    fn word(&mut self) {
        let rest = self.rest();
        let ascii = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if length > ascii {
            self.foreign_name(length);
        }
        self.push(TokenKind::Word, length);
    }

    fn foreign_name(&mut self, length: usize) {
        let name = self.rest()[..length].to_string();
        self.out.broken.push(self.out.tokens.len());
        if self.foreign_names.contains(&name) {
            return;
        }
        self.foreign_names.push(name);
        let span = self.span(self.at, self.at + length);
        let odd: Vec<String> =
            self.rest()[..length].chars().filter(|c| !c.is_ascii()).map(|c| format!("`{c}`")).collect();
        let problem = Diagnostic::error("A0005", "a name with a letter outside ASCII", span)
            .label(format!("{} cannot stand in a name", odd.join(", ")))
            .help("names consist of the letters a-z and A-Z, digits and `_`; comments and strings may hold any text");
        self.problems.push(problem);
    }

    fn number(&mut self) {
        let bytes = self.rest().as_bytes();
        let digits =
            |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
        let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        let mut length = digits(0);
        if bytes.get(length) == Some(&b'.') && digit_at(length + 1) {
            length += 1;
            length += digits(length);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            if digit_at(length + 1 + sign) {
                length += 1 + sign;
                length += digits(length);
            }
        }
        let rest = &self.rest()[length..];
        let letters = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if letters > 0 {
            let span = self.span(self.at, self.at + length + letters);
            let problem = Diagnostic::error("A0012", "a number that runs into a name", span)
                .label("neither a number nor a name")
                .help("a name begins with a letter; between two things an operator or a comma is needed");
            self.out.broken.push(self.out.tokens.len());
            self.problems.push(problem);
        }
        self.push(TokenKind::Number, length + letters);
    }

    fn string(&mut self) {
        let mut end = None;
        let mut escaped = false;
        let mut line = self.rest().len();
        let mut bad_escape = None;
        for (i, c) in self.rest().char_indices().skip(1) {
            match c {
                '\n' => {
                    line = i;
                    break;
                }
                _ if escaped => {
                    escaped = false;
                    if !matches!(c, '"' | '\\' | 'n') {
                        bad_escape = bad_escape.or(Some((i - 1, i + c.len_utf8())));
                    }
                }
                '\\' => escaped = true,
                '"' => {
                    end = Some(i + 1);
                    break;
                }
                _ => {}
            }
        }
        let length = end.unwrap_or_else(|| self.rest()[..line].trim_end().len());
        if end.is_none() {
            let problem =
                Diagnostic::error("A0010", "a string is never closed", self.span(self.at, self.at + length))
                    .label("begins here and runs to the end of the line")
                    .help("close it with `\"`; a line break inside a string is written `\\n`");
            self.problems.push(problem);
            self.out.broken.push(self.out.tokens.len());
        } else if let Some((from, to)) = bad_escape {
            let problem =
                Diagnostic::error("A0011", "an unknown escape", self.span(self.at + from, self.at + to))
                    .label("this means nothing")
                    .help("the escapes are `\\\"`, `\\\\` and `\\n`");
            self.problems.push(problem);
            self.out.broken.push(self.out.tokens.len());
        }
        self.push(TokenKind::Str, length.max(1));
    }

    fn sign(&mut self, c: char) {
        let rest = self.rest();
        if let Some((foreign, help)) = FOREIGN.iter().find(|(f, _)| rest.starts_with(f)) {
            let native = PAIRS.iter().any(|p| rest.starts_with(p));
            if !native {
                return self.unknown(foreign.len(), Some((*help).to_string()));
            }
        }
        if PAIRS.iter().any(|p| rest.starts_with(p)) {
            return self.push(TokenKind::Sign, 2);
        }
        if SINGLES.contains(c) {
            return self.push(TokenKind::Sign, 1);
        }
        if c.is_alphabetic() {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.foreign_name(length);
            return self.push(TokenKind::Word, length);
        }
        let help = LOOKALIKES.iter().find(|(l, _)| *l == c).map(|(_, plain)| match *plain {
            "a plain blank" => "write a plain blank".to_string(),
            plain => format!("write `{plain}`"),
        });
        self.unknown(c.len_utf8(), help);
    }

    /// Reports characters that the language does not use and leaves a token there, so that what contains
    /// them is known to be broken.
    fn unknown(&mut self, length: usize, help: Option<String>) {
        let text = &self.text[self.at..self.at + length];
        let shown: String = text.escape_debug().collect();
        let mut problem = Diagnostic::error(
            "A0006",
            format!("`{shown}` is not part of the language"),
            self.span(self.at, self.at + length),
        )
        .label("means nothing here");
        if let Some(help) = help {
            problem = problem.help(help);
        }
        self.problems.push(problem);
        self.out.broken.push(self.out.tokens.len());
        self.push(TokenKind::Sign, length);
    }
}
