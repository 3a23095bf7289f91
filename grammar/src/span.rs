//! Places in source texts.

use std::ops::Range;

/// Which source text a span belongs to: an index into [`crate::Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` to `end` of `file`.
    #[must_use]
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; they must belong to one file.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The byte range within its file.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The source texts of one compilation, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(String, String)>,
}

impl Sources {
    /// Adds a text under the name that messages show for it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push((name.into(), text.into()));
        FileId((self.files.len() - 1) as u32)
    }

    /// The name that messages show for `file`.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].0
    }

    /// The whole text of `file`.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].1
    }

    /// The text under a span.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        &self.text(span.file)[span.range()]
    }

    /// The line of the start of a span, counted from 1.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        1 + self.text(span.file)[..span.start as usize].matches('\n').count()
    }

    /// The line and column of byte `at` of `file`, both counted from 1, columns in characters. A place behind
    /// the end of the text is taken as the end.
    #[must_use]
    pub fn position(&self, file: FileId, at: usize) -> (usize, usize) {
        let text = self.text(file);
        let before = &text[..text.floor_char_boundary(at.min(text.len()))];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
    }

    /// Line `line` of `file`, counted from 1, without its line end; empty behind the last.
    #[must_use]
    pub fn line_text(&self, file: FileId, line: usize) -> &str {
        self.text(file).lines().nth(line.saturating_sub(1)).unwrap_or("")
    }

    /// `models/dit.arch:31`: how a message names a place in passing.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.name(span.file), self.line(span))
    }

    /// The same for a span that may belong to no text: one that was never set, or of other sources than these.
    #[must_use]
    pub fn known_place(&self, span: Span) -> Option<String> {
        let (_, text) = self.files.get(span.file.0 as usize)?;
        (span.end > 0 && text.is_char_boundary(span.start as usize)).then(|| self.place(span))
    }

    /// All texts, with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &str, &str)> {
        self.files.iter().enumerate().map(|(i, (n, t))| (FileId(i as u32), n.as_str(), t.as_str()))
    }
}
