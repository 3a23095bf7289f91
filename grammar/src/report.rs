//! Diagnostics as plain data for programs.

use crate::diagnostic::Diagnostic;
use crate::span::{Sources, Span};

/// A place as editors count it: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name of the file.
    pub file: String,
    /// The line of the first character.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// The line of the place behind the last character.
    pub end_line: usize,
    /// Its column.
    pub end_column: usize,
    /// What is to be said there; may be empty.
    pub label: String,
}

/// One diagnostic with its places worked out and its text unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `A0203`.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// One short sentence.
    pub title: String,
    /// Where it happened.
    pub primary: Location,
    /// Other places that matter.
    pub secondary: Vec<Location>,
    /// The numbers involved: the equation and where it came from.
    pub facts: Vec<(String, String)>,
    /// Further sentences.
    pub notes: Vec<String>,
    /// Ways out.
    pub help: Vec<String>,
}

/// A diagnostic as plain data.
#[must_use]
pub fn report(diagnostic: &Diagnostic, sources: &Sources) -> Report {
    Report {
        code: diagnostic.code,
        severity: diagnostic.severity.word(),
        title: diagnostic.title.clone(),
        primary: location(diagnostic.primary.span, &diagnostic.primary.text, sources),
        secondary: diagnostic.secondary.iter().map(|l| location(l.span, &l.text, sources)).collect(),
        facts: diagnostic.facts.iter().map(|f| (f.equation.clone(), f.origin.clone())).collect(),
        notes: diagnostic.notes.clone(),
        help: diagnostic.help.clone(),
    }
}

fn location(span: Span, label: &str, sources: &Sources) -> Location {
    let (line, column) = sources.position(span.file, span.start as usize);
    let (end_line, end_column) = sources.position(span.file, span.end as usize);
    let file = sources.name(span.file).to_string();
    Location { file, line, column, end_line, end_column, label: label.to_string() }
}
