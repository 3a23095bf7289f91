//! Atoms to lines.

use super::WIDTH;
use super::atoms::{self, Atom, Body, Entry, Group};
use super::parts;
use super::spacing::{blank_before, is_applied, is_prefix};
use crate::source::Source;
use crate::split::split;

/// The text of a part whose first line begins at `indent`; further lines carry their own indentation.
pub fn lay_out(source: &Source, first: usize, atoms: &[Atom], indent: usize) -> String {
    let mut writer = Writer { source, first, out: String::new(), column: indent };
    writer.write(atoms, indent, 0);
    writer.out
}

/// The part on one line, if that is allowed and takes no more than `limit` characters.
pub fn flat(source: &Source, first: usize, atoms: &[Atom], limit: usize) -> Option<String> {
    let mut out = String::new();
    push_flat(source, first, atoms, limit, &mut out).then_some(out)
}

fn push_flat(source: &Source, first: usize, atoms: &[Atom], limit: usize, out: &mut String) -> bool {
    for atom in atoms {
        let (start, fits) = match atom {
            Atom::Token(index) => (*index, true),
            Atom::Group(group) => (group.open, true),
            Atom::Body(body) => (body.open, body.one_line || body.open + 1 == body.close),
        };
        if !fits {
            return false;
        }
        if !out.is_empty() && blank_before(source, first, start) {
            out.push(' ');
        }
        let done = match atom {
            Atom::Token(index) => {
                out.push_str(source.word(*index));
                true
            }
            Atom::Group(group) => push_flat_group(source, first, group, limit, out),
            Atom::Body(body) => push_flat_body(source, body, limit, out),
        };
        if !done || out.len() > limit.saturating_mul(4) || out.chars().count() > limit {
            return false;
        }
    }
    true
}

fn push_flat_group(source: &Source, first: usize, group: &Group, limit: usize, out: &mut String) -> bool {
    if !group.rest.is_empty() || group.entries.iter().any(|e| !e.above.is_empty() || e.behind.is_some()) {
        return false;
    }
    out.push_str(source.word(group.open));
    let blanks = !group.entries.is_empty() && blank_before(source, first, group.open + 1);
    if blanks {
        out.push(' ');
    }
    for (i, entry) in group.entries.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        let mut text = String::new();
        if !push_flat(source, first, &entry.atoms, limit, &mut text) {
            return false;
        }
        out.push_str(&text);
    }
    if blanks {
        out.push(' ');
    }
    out.push_str(source.word(group.close));
    true
}

fn push_flat_body(source: &Source, body: &Body, limit: usize, out: &mut String) -> bool {
    if body.open + 1 == body.close && !source.has_comments(body.open, body.close) {
        out.push_str("{}");
        return true;
    }
    if source.has_comments(body.open, body.close) {
        return false;
    }
    out.push_str("{ ");
    for (i, (from, to)) in split(source, body.level, body.open + 1, body.close).into_iter().enumerate() {
        if i > 0 {
            out.push_str("; ");
        }
        let part = atoms::part(source, body.level, from, to);
        let Some(text) = flat(source, from, &part.atoms, limit) else { return false };
        out.push_str(&text);
    }
    out.push_str(" }");
    true
}

struct Writer<'a, 's> {
    source: &'a Source<'s>,
    first: usize,
    out: String,
    column: usize,
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column = match text.rfind('\n') {
            Some(at) => text[at + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    /// A blank before `atom`, if one belongs there and the line has begun.
    fn blank(&mut self, atom: &Atom) {
        let begun = !self.out.is_empty() && !self.out.ends_with(' ') && !self.out.ends_with('\n');
        if begun && blank_before(self.source, self.first, start_of(atom)) {
            self.push(" ");
        }
    }

    /// Writes `atoms` from here on; `reserve` characters must still fit behind them.
    fn write(&mut self, atoms: &[Atom], indent: usize, reserve: usize) {
        let Some(head) = atoms.first() else { return };
        self.blank(head);
        let room = WIDTH.saturating_sub(self.column + reserve);
        if let Some(text) = flat(self.source, self.first, atoms, room) {
            return self.push(&text);
        }
        if atoms.iter().any(|a| matches!(a, Atom::Body(body) if self.is_breakable(body))) {
            return self.write_bodies(atoms, indent, reserve);
        }
        if let Some(at) = self.value_of_function(atoms, indent + 2) {
            return self.write_segments(atoms, &[at], indent + 2, reserve);
        }
        let commented = atoms.iter().position(|a| self.is_commented(a));
        if commented.is_none()
            && let Some((cuts, step)) = self.joints(atoms)
        {
            return self.write_segments(atoms, &cuts, indent + step, reserve);
        }
        match commented.or_else(|| self.longest(atoms)) {
            Some(at) => self.write_group(atoms, at, indent, reserve),
            None => {
                let text = flat(self.source, self.first, atoms, usize::MAX);
                self.push(&text.unwrap_or_default());
            }
        }
    }

    /// Writes `atoms` with all bodies among them broken: one branch broken, all broken.
    fn write_bodies(&mut self, atoms: &[Atom], indent: usize, reserve: usize) {
        let mut start = 0;
        for (at, atom) in atoms.iter().enumerate() {
            let Atom::Body(body) = atom else { continue };
            self.write(&atoms[start..at], indent, 2);
            self.blank(atom);
            self.push("{");
            if self.is_breakable(body) {
                for line in parts::lines(self.source, body.level, body.open + 1, body.close, indent + 2) {
                    self.out.push('\n');
                    self.push(&line);
                }
                self.new_line(indent);
            }
            self.push("}");
            start = at + 1;
        }
        self.write(&atoms[start..], indent, reserve);
    }

    /// Whether anything stands in the body.
    fn is_breakable(&self, body: &Body) -> bool {
        body.open + 1 < body.close || self.source.has_comments(body.open, body.close)
    }

    fn write_segments(&mut self, atoms: &[Atom], cuts: &[usize], indent: usize, reserve: usize) {
        let mut start = 0;
        for (i, &cut) in cuts.iter().chain(std::iter::once(&atoms.len())).enumerate() {
            if i > 0 {
                self.new_line(indent);
            }
            let last = if cut == atoms.len() { reserve } else { 0 };
            self.write(&atoms[start..cut], indent, last);
            start = cut;
        }
    }

    /// Where the value of `fn f(x) = …` begins, if it fits on a line of its own.
    fn value_of_function(&self, atoms: &[Atom], indent: usize) -> Option<usize> {
        let token =
            |atom: &Atom, word: &str| matches!(atom, Atom::Token(index) if self.source.word(*index) == word);
        if !token(atoms.first()?, "fn") {
            return None;
        }
        let value = 1 + atoms.iter().position(|atom| token(atom, "="))?;
        let room = WIDTH.saturating_sub(indent);
        flat(self.source, self.first, atoms.get(value..)?, room)?;
        flat(self.source, self.first, &atoms[..value], WIDTH)?;
        Some(value)
    }

    fn write_group(&mut self, atoms: &[Atom], at: usize, indent: usize, reserve: usize) {
        let Atom::Group(group) = &atoms[at] else { return };
        self.write(&atoms[..at], indent, 1);
        self.blank(&atoms[at]);
        self.push(self.source.word(group.open));
        // `(e)` alone is no list: a comma in it would only puzzle.
        let list = group.entries.len() != 1
            || self.source.word(group.open) != "("
            || is_applied(self.source, self.first, group.open);
        if let Some(text) = self.on_one_line(group, indent + 2) {
            self.new_line(indent + 2);
            self.push(&text);
            self.push(if list { "," } else { "" });
            self.new_line(indent);
            self.push(self.source.word(group.close));
            return self.write(&atoms[at + 1..], indent, reserve);
        }
        for entry in &group.entries {
            for comment in &entry.above {
                self.new_line(indent + 2);
                self.push(comment);
            }
            self.new_line(indent + 2);
            self.write(&entry.atoms, indent + 2, 1);
            if list {
                self.push(",");
            }
            if let Some(comment) = &entry.behind {
                self.push("  ");
                self.push(comment);
            }
        }
        for comment in &group.rest {
            self.new_line(indent + 2);
            self.push(comment);
        }
        self.new_line(indent);
        self.push(self.source.word(group.close));
        self.write(&atoms[at + 1..], indent, reserve);
    }

    /// The entries of a group, if they all fit on one line of their own.
    fn on_one_line(&self, group: &Group, indent: usize) -> Option<String> {
        let mut text = String::new();
        if !push_flat_group(self.source, self.first, group, WIDTH - indent.min(WIDTH), &mut text) {
            return None;
        }
        let open = self.source.word(group.open).len();
        let inside = text.get(open..text.len() - open)?.trim();
        (indent + inside.chars().count() < WIDTH).then(|| inside.to_string())
    }

    /// Whether comments stand between the entries of the group, or of one inside it.
    fn is_commented(&self, atom: &Atom) -> bool {
        match atom {
            Atom::Token(_) => false,
            Atom::Group(group) => {
                let inside = |entry: &Entry| {
                    !entry.above.is_empty()
                        || entry.behind.is_some()
                        || entry.atoms.iter().any(|atom| self.is_commented(atom))
                };
                !group.rest.is_empty() || group.entries.iter().any(inside)
            }
            Atom::Body(body) => self.source.has_comments(body.open, body.close),
        }
    }

    fn longest(&self, atoms: &[Atom]) -> Option<usize> {
        let length = |atom: &Atom| match atom {
            Atom::Group(group) if !group.entries.is_empty() => {
                let one = std::slice::from_ref(atom);
                Some(flat(self.source, self.first, one, WIDTH).map_or(WIDTH + 1, |t| t.chars().count()))
            }
            _ => None,
        };
        let lengths = atoms.iter().enumerate().filter_map(|(i, a)| length(a).map(|l| (l, i)));
        lengths.max().map(|(_, i)| i)
    }

    /// The places at which `atoms` come apart most easily, and how far the lines behind the first go in.
    fn joints(&self, atoms: &[Atom]) -> Option<(Vec<usize>, usize)> {
        let word = |i: usize| match &atoms[i] {
            Atom::Token(index) => self.source.word(*index),
            _ => "",
        };
        let inner = 1..atoms.len();
        if let Some(at) = inner.clone().find(|&i| word(i) == "@") {
            if word(0) != "@" {
                return Some((vec![at], 2));
            }
            return Some((inner.filter(|&i| word(i) == "@").collect(), 0));
        }
        let commas: Vec<usize> = inner.clone().filter(|&i| word(i - 1) == ",").collect();
        if !commas.is_empty() {
            return Some((commas, if word(0) == "dims" { 5 } else { 2 }));
        }
        for signs in [&["|>"][..], &["or"], &["and"], &["++"], &["+", "-"]] {
            let here = |&i: &usize| {
                let binary =
                    matches!(&atoms[i], Atom::Token(index) if !is_prefix(self.source, self.first, *index));
                signs.contains(&word(i)) && binary
            };
            let cuts: Vec<usize> = inner.clone().filter(here).collect();
            if !cuts.is_empty() {
                let goes_on = signs.contains(&word(0));
                return Some((cuts, if goes_on { 0 } else { 2 }));
            }
        }
        None
    }
}

fn start_of(atom: &Atom) -> usize {
    match atom {
        Atom::Token(index) => *index,
        Atom::Group(group) => group.open,
        Atom::Body(body) => body.open,
    }
}
