//! The parts of a body, a block or a file, one below the other, with their comments and empty lines.

use super::align::align;
use super::atoms::{self, plain};
use super::layout::lay_out;
use crate::source::Source;
use crate::split::{Level, split};

/// One part or comment, laid out.
pub struct Chunk {
    /// Its text, without the indentation of its first line.
    pub text: String,
    /// Whether an empty line stands before it.
    pub blank: bool,
    /// What stands behind its last line.
    pub behind: Option<String>,
    /// Its first token; `None` for a comment.
    pub first: Option<usize>,
}

/// The lines of the parts in `from..to`, each with `indent` blanks before it. A line may hold several lines.
pub fn lines(source: &Source, level: Level, from: usize, to: usize, indent: usize) -> Vec<String> {
    let mut stack = Stack { source, chunks: Vec::new(), end: source.end_of(from) };
    let mut done = from;
    for (start, end) in split(source, level, from, to) {
        stack.comments(done, start);
        let part = atoms::part(source, level, start, end);
        stack.hoisted(start, part.hoisted);
        let text = lay_out(source, start, &part.atoms, indent);
        stack.part(start, end, text);
        done = end;
    }
    stack.comments(done, to);
    let mut chunks = stack.chunks;
    if level == Level::Items {
        part_items(source, &mut chunks);
    }
    if level == Level::Statements {
        separate(source, &mut chunks);
    }
    align(source, level, indent, &mut chunks);
    if let Some(first) = chunks.first_mut() {
        first.blank = false;
    }
    let pad = " ".repeat(indent);
    let mut lines = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        if chunk.blank {
            lines.push(String::new());
        }
        let behind = chunk.behind.map_or_else(String::new, |comment| format!("  {comment}"));
        lines.push(format!("{pad}{}{behind}", chunk.text));
    }
    lines
}

struct Stack<'a, 's> {
    source: &'a Source<'s>,
    chunks: Vec<Chunk>,
    /// Where the last thing taken ends in the text.
    end: usize,
}

impl Stack<'_, '_> {
    /// Whether an empty line stands in the text before `start`.
    fn blank_before(&self, start: usize) -> bool {
        let gap = self.source.text.get(self.end..start).unwrap_or("");
        gap.matches('\n').count() > 1
    }

    /// Comments from inside the part at token `start`, set above it.
    fn hoisted(&mut self, start: usize, comments: Vec<String>) {
        let start = self.source.span(start, start + 1).range().start;
        for text in comments {
            let blank = self.blank_before(start);
            self.end = start;
            self.chunks.push(Chunk { text, blank, behind: None, first: None });
        }
    }

    fn part(&mut self, start: usize, end: usize, text: String) {
        let span = self.source.span(start, end).range();
        let blank = self.blank_before(span.start);
        self.end = span.end;
        self.chunks.push(Chunk { text, blank, behind: None, first: Some(start) });
    }

    /// The comments before the tokens `from..=to`, where `to` begins the next part or closes the body.
    fn comments(&mut self, from: usize, to: usize) {
        for index in from..=to {
            for comment in self.source.comments_before(index) {
                let text = &self.source.text[comment.start..comment.end];
                let blank = self.blank_before(comment.start);
                self.end = comment.end;
                match self.chunks.last_mut() {
                    Some(last) if !comment.own_line && last.first.is_some() && last.behind.is_none() => {
                        last.behind = Some(text.to_string());
                    }
                    _ => {
                        let stays = comment.own_line && index == to;
                        let text = if stays { text.to_string() } else { plain(text) };
                        self.chunks.push(Chunk { text, blank, behind: None, first: None });
                    }
                }
            }
        }
    }
}

/// Between items stands an empty line, save between two imports or two functions of one line.
fn part_items(source: &Source, chunks: &mut [Chunk]) {
    let word = |chunk: &Chunk| chunk.first.map_or("", |first| source.word(first));
    let mut previous: Option<usize> = None;
    for index in 0..chunks.len() {
        if chunks[index].first.is_none() {
            continue;
        }
        if let Some(before) = previous {
            let same = word(&chunks[before]) == word(&chunks[index]);
            let short = |chunk: &Chunk| !chunk.text.contains('\n');
            let close = same
                && matches!(word(&chunks[index]), "import" | "fn")
                && short(&chunks[before])
                && short(&chunks[index]);
            if !close {
                chunks[before + 1].blank = true;
            }
        }
        previous = Some(index);
    }
}

/// Where a statement begins with a sign, `;` keeps it apart from the one before.
fn separate(source: &Source, chunks: &mut [Chunk]) {
    let mut previous: Option<usize> = None;
    for index in 0..chunks.len() {
        let Some(first) = chunks[index].first else { continue };
        if let Some(before) = previous
            && matches!(source.word(first), "-" | "..")
        {
            chunks[before].text.push(';');
        }
        previous = Some(index);
    }
}
