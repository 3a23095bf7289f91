//! Diagnostics as text for people.
//!
//! The layout is this, and its parts stand in this order:
//!
//! ```text
//! error[A0203]: width 768 does not divide into 10 heads
//!   --> models/my_dit.arch:31:12
//!    |
//! 31 |   blocks = DitBlock(heads: heads) repeat depth
//!    |            ^^^^^^^^ needs D % heads == 0
//!    |
//!    = D = 768     from preset B (models/my_dit.arch:8)
//!    = heads = 10  from the command line (--set heads=10)
//! note: the head width is D / heads
//! help: 12 heads keep the head width at 64
//!       archc explain A0203
//! ```

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::span::{FileId, Sources};

/// Lines longer than this are shown in part.
const MAX_WIDTH: usize = 160;
/// How much is shown before the mark in a long line.
const LEAD: usize = 60;

/// The diagnostics as text, with an empty line between two of them, and with colours if `color`.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let mut out = String::new();
    for (i, diagnostic) in diagnostics.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        Page { sources, paint: Paint { color }, out: &mut out }.diagnostic(diagnostic);
    }
    out
}

/// The colours of the parts.
#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn severity(self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Note => "1;32",
        };
        self.with(code, text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn frame(self, text: &str) -> String {
        self.with("1;34", text)
    }
}

struct Page<'a> {
    sources: &'a Sources,
    paint: Paint,
    out: &'a mut String,
}

/// A label with its place worked out.
struct Mark<'a> {
    line: usize,
    primary: bool,
    start: usize,
    end: usize,
    text: &'a str,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end_matches(' '));
        self.out.push('\n');
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        let head = format!("{}[{}]", diagnostic.severity.word(), diagnostic.code);
        let head = self.paint.severity(diagnostic.severity, &head);
        let title = self.paint.bold(&format!(": {}", diagnostic.title));
        self.line(&format!("{head}{title}"));

        let mut files = vec![diagnostic.primary.span.file];
        for label in &diagnostic.secondary {
            if !files.contains(&label.span.file) {
                files.push(label.span.file);
            }
        }
        let sections: Vec<(FileId, Vec<Mark>)> =
            files.iter().map(|&f| (f, self.marks(diagnostic, f))).collect();
        let last = sections.iter().flat_map(|(_, marks)| marks.iter().map(|m| m.line)).max().unwrap_or(1);
        let gutter = " ".repeat(last.to_string().len());
        for (i, (file, marks)) in sections.iter().enumerate() {
            self.section(diagnostic.severity, *file, marks, &gutter, i == 0);
        }
        self.facts(diagnostic, &gutter);
        for note in &diagnostic.notes {
            let word = self.paint.bold("note: ");
            self.line(&format!("{word}{}", indented(note)));
        }
        for help in &diagnostic.help {
            let word = self.paint.bold("help: ");
            self.line(&format!("{word}{}", indented(help)));
        }
        self.line(&format!("      archc explain {}", diagnostic.code));
    }

    fn marks<'d>(&self, diagnostic: &'d Diagnostic, file: FileId) -> Vec<Mark<'d>> {
        let labels = std::iter::once((true, &diagnostic.primary));
        let labels = labels.chain(diagnostic.secondary.iter().map(|label| (false, label)));
        let here = labels.filter(|(_, label)| label.span.file == file);
        let mut marks: Vec<Mark> = here.map(|(primary, label)| self.mark(primary, label)).collect();
        marks.sort_by_key(|mark| (mark.line, !mark.primary, mark.start));
        marks
    }

    fn mark<'d>(&self, primary: bool, label: &'d Label) -> Mark<'d> {
        let (line, start) = self.sources.position(label.span.file, label.span.start as usize);
        let (last_line, end) = self.sources.position(label.span.file, label.span.end as usize);
        let end = if last_line == line { end } else { usize::MAX };
        Mark { line, primary, start: start - 1, end: end.saturating_sub(1), text: &label.text }
    }

    fn section(&mut self, severity: Severity, file: FileId, marks: &[Mark], gutter: &str, first: bool) {
        let Some(at) = marks.iter().find(|m| m.primary).or(marks.first()) else { return };
        let arrow = self.paint.frame(if first { "-->" } else { ":::" });
        let name = self.sources.name(file);
        self.line(&format!("{gutter}{arrow} {name}:{}:{}", at.line, at.start + 1));
        let bar = self.paint.frame("|");
        self.line(&format!("{gutter} {bar}"));
        let mut previous: Option<usize> = None;
        for mark in marks {
            if previous.is_some_and(|line| mark.line > line + 1) {
                self.line(&self.paint.frame("..."));
            }
            let text = self.sources.line_text(file, mark.line);
            let view = View::of(text, mark.start);
            if previous != Some(mark.line) {
                let number = self.paint.frame(&format!("{:>1$}", mark.line, gutter.len()));
                self.line(&format!("{number} {bar} {}", view.text));
            }
            previous = Some(mark.line);
            let (blanks, width) = view.under(mark.start, mark.end);
            let signs = if mark.primary { "^" } else { "-" }.repeat(width);
            let note = if mark.text.is_empty() { signs } else { format!("{signs} {}", mark.text) };
            let note =
                if mark.primary { self.paint.severity(severity, &note) } else { self.paint.frame(&note) };
            self.line(&format!("{gutter} {bar} {}{note}", " ".repeat(blanks)));
        }
    }

    fn facts(&mut self, diagnostic: &Diagnostic, gutter: &str) {
        if diagnostic.facts.is_empty() {
            return;
        }
        let bar = self.paint.frame("|");
        self.line(&format!("{gutter} {bar}"));
        let width = diagnostic.facts.iter().map(|f| f.equation.chars().count()).max().unwrap_or(0);
        for fact in &diagnostic.facts {
            let sign = self.paint.frame("=");
            let blanks = " ".repeat(width - fact.equation.chars().count());
            let mut line = String::new();
            let _ = write!(line, "{gutter} {sign} {}{blanks}  {}", fact.equation, fact.origin);
            self.line(&line);
        }
    }
}

/// Further lines of a note stand under its first.
fn indented(text: &str) -> String {
    text.replace('\n', "\n      ")
}

/// What is shown of a source line.
struct View {
    text: String,
    /// The column of the line's character with which the view begins.
    from: usize,
    /// For each shown character the column at which it is shown.
    columns: Vec<usize>,
}

impl View {
    fn of(line: &str, mark: usize) -> View {
        let length = line.chars().count();
        let from = if length > MAX_WIDTH { mark.saturating_sub(LEAD).min(length) } else { 0 };
        let mut view = View { text: String::new(), from, columns: Vec::new() };
        let mut column = 0;
        if from > 0 {
            view.text.push('…');
            column = 1;
        }
        for c in line.chars().skip(from).take(MAX_WIDTH) {
            view.columns.push(column);
            let shown = match c {
                '\t' => "    ".to_string(),
                c if c.is_control() => "\u{fffd}".to_string(),
                c => c.to_string(),
            };
            column += shown.chars().count();
            view.text.push_str(&shown);
        }
        if length > from + MAX_WIDTH {
            view.text.push('…');
        }
        view.columns.push(column);
        view
    }

    /// How many blanks stand under the line before the mark, and how wide the mark is.
    fn under(&self, start: usize, end: usize) -> (usize, usize) {
        let column = |at: usize| {
            let at = at.saturating_sub(self.from).min(self.columns.len() - 1);
            self.columns[at]
        };
        let (from, to) = (column(start), column(end.max(start)));
        (from, to.saturating_sub(from).max(1))
    }
}
