//! What the compiler has to say about a program, as data. Rendering is in [`crate::render`].

use crate::span::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something worth knowing; nothing needs to change.
    Note,
    /// Very likely a mistake; the program is still valid.
    Warning,
    /// The program is not valid.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A place in the source and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be said there; may be empty.
    pub text: String,
}

/// A number that took part in the problem, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `D = 768`.
    pub equation: String,
    /// `from preset B (models/my_dit.arch:8)`.
    pub origin: String,
}

/// One message: a code, the place, the numbers with their origins, and a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `A0203`; `archc explain` knows every one.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One short sentence without a full stop.
    pub title: String,
    /// Where it happened.
    pub primary: Label,
    /// Other places that matter.
    pub secondary: Vec<Label>,
    /// The numbers involved.
    pub facts: Vec<Fact>,
    /// Further sentences, one a line.
    pub notes: Vec<String>,
    /// Ways out, one a line.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error with its code, title and place.
    #[must_use]
    pub fn error(code: &'static str, title: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Error, code, title, span)
    }

    /// A warning with its code, title and place.
    #[must_use]
    pub fn warning(code: &'static str, title: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Warning, code, title, span)
    }

    /// A note with its code, title and place.
    #[must_use]
    pub fn note(code: &'static str, title: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Note, code, title, span)
    }

    fn new(severity: Severity, code: &'static str, title: impl Into<String>, span: Span) -> Self {
        Diagnostic {
            code,
            severity,
            title: title.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            facts: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// What is to be said at the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Another place that matters.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// A number and where it came from.
    #[must_use]
    pub fn fact(mut self, equation: impl Into<String>, origin: impl Into<String>) -> Self {
        self.facts.push(Fact { equation: equation.into(), origin: origin.into() });
        self
    }

    /// A further sentence.
    #[must_use]
    pub fn remark(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// A way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Whether the program is invalid because of this.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
