//! A part as a tree of tokens, bracket groups and bodies, with the comments where they can stay.

use crate::scan::TokenKind;
use crate::source::Source;
use crate::split::Level;

/// What a part consists of.
pub enum Atom {
    /// One token.
    Token(usize),
    /// Brackets with entries between commas.
    Group(Group),
    /// Braces with parts in them.
    Body(Body),
}

/// `(a, b: c)`, `[T, D]`, `{1, 2}`.
pub struct Group {
    /// The opening bracket.
    pub open: usize,
    /// The closing bracket.
    pub close: usize,
    /// What stands between the commas.
    pub entries: Vec<Entry>,
    /// Comments behind the last entry, each on a line of its own.
    pub rest: Vec<String>,
}

/// One entry of a group and its comments.
pub struct Entry {
    /// On the lines before it.
    pub above: Vec<String>,
    /// The entry.
    pub atoms: Vec<Atom>,
    /// At the end of its line.
    pub behind: Option<String>,
}

/// `{ … }` with parts.
pub struct Body {
    /// The opening brace.
    pub open: usize,
    /// The closing brace.
    pub close: usize,
    /// What its parts are.
    pub level: Level,
    /// Whether it was written on one line and may stay so.
    pub one_line: bool,
}

/// A part as atoms.
pub struct Part {
    /// The atoms.
    pub atoms: Vec<Atom>,
    /// Comments from the middle of something, to be set above the part.
    pub hoisted: Vec<String>,
}

/// The atoms of the part `from..to`.
pub fn part(source: &Source, level: Level, from: usize, to: usize) -> Part {
    let mut builder = Builder { source, level, first: from, depth: 0, hoisted: Vec::new() };
    let atoms = builder.atoms(from, to);
    Part { atoms, hoisted: builder.hoisted }
}

/// The text of a comment; one that moves must not become documentation where it arrives.
pub fn plain(text: &str) -> String {
    match text.strip_prefix("///") {
        Some(rest) if !rest.starts_with('/') => format!("//{rest}"),
        _ => text.to_string(),
    }
}

struct Builder<'a, 's> {
    source: &'a Source<'s>,
    level: Level,
    first: usize,
    /// How many brackets are open, bodies aside.
    depth: usize,
    hoisted: Vec<String>,
}

impl Builder<'_, '_> {
    fn atoms(&mut self, from: usize, to: usize) -> Vec<Atom> {
        let mut atoms = Vec::new();
        let mut index = from;
        while index < to {
            if index > from {
                self.hoist(index);
            }
            match self.source.partner(index).filter(|&close| close > index && close < to) {
                Some(close) if self.source.opens_body(index, self.first) => {
                    atoms.push(Atom::Body(self.body(index, close)));
                    index = close;
                }
                Some(close) => {
                    atoms.push(Atom::Group(self.group(index, close)));
                    index = close;
                }
                None => atoms.push(Atom::Token(index)),
            }
            index += 1;
        }
        atoms
    }

    /// Comments before token `index` that cannot stay there.
    fn hoist(&mut self, index: usize) {
        for comment in self.source.comments_before(index) {
            self.hoisted.push(plain(&self.source.text[comment.start..comment.end]));
        }
    }

    fn body(&self, open: usize, close: usize) -> Body {
        // The body of an item or of a compile-time `if` among members holds members.
        let holds_members = self.depth == 0
            && match self.level {
                Level::Items => matches!(self.source.word(self.first), "block" | "model"),
                Level::Members => {
                    self.source.word(self.first) == "if" && self.source.word(self.first + 1) != "="
                }
                Level::Statements => false,
            };
        let level = if holds_members { Level::Members } else { Level::Statements };
        let tokens = &self.source.tokens.tokens;
        let text = &self.source.text[tokens[open].start..tokens[close].end];
        Body { open, close, level, one_line: level == Level::Statements && !text.contains('\n') }
    }

    fn group(&mut self, open: usize, close: usize) -> Group {
        let mut group = Group { open, close, entries: Vec::new(), rest: Vec::new() };
        self.depth += 1;
        let mut start = open + 1;
        let mut index = start;
        while index < close {
            if self.source.word(index) == "," {
                self.entry(&mut group, start, index);
                start = index + 1;
            }
            index = match self.source.kind(index) {
                Some(TokenKind::Open) => self.source.partner(index).unwrap_or(index) + 1,
                _ => index + 1,
            };
        }
        if start < close {
            self.entry(&mut group, start, close);
        }
        self.comments_at(&mut group, close);
        self.depth -= 1;
        group
    }

    fn entry(&mut self, group: &mut Group, from: usize, to: usize) {
        self.comments_at(group, from);
        let above = std::mem::take(&mut group.rest);
        let atoms = self.atoms(from, to);
        group.entries.push(Entry { above, atoms, behind: None });
        if self.source.word(to) == "," {
            self.comments_at(group, to);
        }
    }

    /// Comments before token `index`: the first behind the last entry if it shares its line, others above what
    /// comes.
    fn comments_at(&self, group: &mut Group, index: usize) {
        for comment in self.source.comments_before(index) {
            let text = self.source.text[comment.start..comment.end].to_string();
            match group.entries.last_mut() {
                Some(entry) if !comment.own_line && entry.behind.is_none() && group.rest.is_empty() => {
                    entry.behind = Some(text);
                }
                _ => group.rest.push(text),
            }
        }
    }
}
