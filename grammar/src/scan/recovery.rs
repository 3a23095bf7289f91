//! What was meant where brackets do not fit.
//!
//! Two readings are tried. Both know that a member or statement that begins a line stands in no bracket but a
//! brace. The one by indentation also knows that a bracket is over where a line is indented no further than the
//! line on which it was opened, and that a brace which closes on a line of its own stands as far in as that line.

use super::TokenKind;
use super::brackets::{View, closer_of, closes, opener_of};
use super::lines::Lines;
use super::mend::{Mend, Place};
use crate::diagnostic::Diagnostic;

/// Words of a line that a body follows.
const HEADS: [&str; 9] = ["fn", "block", "model", "test", "forward", "for", "if", "else", "scan"];

/// How many tokens of a line are looked at to decide between two readings.
const LOOK_AHEAD: usize = 200;

/// A bracket that is open.
struct Open {
    token: usize,
    /// The line that counts for its indentation: where it stands, or where the brackets around it were opened.
    line: usize,
    /// A closing bracket of another kind that stands inside it and closes nothing.
    doubt: Option<usize>,
}

/// One reading of the brackets between two tokens.
pub struct Recovery<'a> {
    view: View<'a>,
    lines: &'a Lines,
    /// Whether the indentation counts.
    indented: bool,
    /// The line that counts for the indentation of what is opened: this one, or where the brackets were opened
    /// inside which it begins.
    line: usize,
    open: Vec<Open>,
    out: Mend,
}

impl<'a> Recovery<'a> {
    /// Reads the tokens `from..to`.
    pub fn run(view: View<'a>, (from, to): (usize, usize), lines: &'a Lines, indented: bool) -> Mend {
        let mut reading = Recovery { view, lines, indented, line: 0, open: Vec::new(), out: Mend::default() };
        for index in from..to {
            if view.tokens[index].first_on_line {
                reading.begin_line(index);
            }
            match view.tokens[index].kind {
                TokenKind::Open => reading.open.push(Open { token: index, line: reading.line, doubt: None }),
                TokenKind::Close if view.word(index) == "}" => reading.brace(index),
                TokenKind::Close => reading.bracket(index),
                _ => {}
            }
        }
        reading.give_up(0, to);
        reading.out
    }

    fn word(&self, at: usize) -> &str {
        self.view.word(self.open[at].token)
    }

    /// How far in the line stands on which the bracket at `at` was opened.
    fn column(&self, at: usize) -> usize {
        self.lines.column(self.open[at].line)
    }

    /// Where the brackets inside the innermost open brace begin.
    fn inner(&self) -> usize {
        (0..self.open.len()).rfind(|&at| self.word(at) == "{").map_or(0, |at| at + 1)
    }

    /// Gives up what cannot be open any more where a line begins.
    fn begin_line(&mut self, index: usize) {
        if self.view.begins_part(index) {
            self.give_up(self.inner(), index);
        }
        let line = self.lines.line(index);
        if self.indented && self.view.tokens[index].kind != TokenKind::Close {
            let mut keep = self.open.len();
            while keep > 0 && self.column(keep - 1) >= self.lines.column(line) {
                keep -= 1;
            }
            self.give_up(keep, index);
        }
        self.line = match self.open.last() {
            Some(around) if self.view.word(around.token) != "{" => around.line,
            _ => line,
        };
    }

    /// A `)` or `]`.
    fn bracket(&mut self, index: usize) {
        let closer = self.view.word(index);
        let inner = self.inner();
        let here = self.lines.line(index);
        // A bracket outside a brace is meant only if both stand on this line: `f({x)`.
        let near = |at: &usize| *at >= inner || self.lines.line(self.open[*at].token) == here;
        let at = (0..self.open.len()).rev().take_while(near).find(|at| closes(self.word(*at), closer));
        // It closes over others if the line then goes on without a further mistake, or does not otherwise.
        let over = at.filter(|at| {
            *at + 1 == self.open.len()
                || self.goes_on(*at, index)
                || *at >= inner && !self.goes_on(self.open.len(), index)
        });
        match (over, self.open[inner..].last_mut()) {
            (Some(at), _) => self.close(at, index),
            (None, Some(open)) if at.is_none() && open.doubt.is_none() => open.doubt = Some(index),
            _ => self.stray(index),
        }
    }

    /// Whether the brackets behind `index` on its line fit if of those that are open the first `keep` remain.
    fn goes_on(&self, keep: usize, index: usize) -> bool {
        let mut open: Vec<&str> = (0..keep).map(|at| self.word(at)).collect();
        let end = self.lines.behind(self.lines.line(index)).min(index + LOOK_AHEAD);
        for token in index + 1..end {
            let word = self.view.word(token);
            match self.view.tokens[token].kind {
                TokenKind::Open => open.push(word),
                TokenKind::Close if !open.pop().is_some_and(|opener| closes(opener, word)) => return false,
                _ => {}
            }
        }
        true
    }

    /// A `}`.
    fn brace(&mut self, index: usize) {
        let Some(at) = self.inner().checked_sub(1) else {
            if !self.put_in_brace(index, None) {
                self.stray(index);
            }
            return;
        };
        let line = self.lines.line(index);
        // `f(x}, y)`: the brackets inside the brace find their partners later on the line.
        let inside = at + 1 < self.open.len();
        if inside && !self.goes_on(at, index) && self.goes_on(self.open.len(), index) {
            return self.stray(index);
        }
        if !self.indented || self.lines.line(self.open[at].token) == line {
            return self.close(at, index);
        }
        let column = self.lines.column(line);
        // The brace that closes it by its indentation.
        let closer = self.lines.end(self.open[at].line).filter(|&end| {
            let column = self.lines.column(self.lines.line(end));
            end > self.open[at].token && self.view.word(end) == "}" && column == self.column(at)
        });
        if !self.view.tokens[index].first_on_line {
            return match closer {
                Some(closer) if closer != index => self.surplus(index, at, closer),
                _ => self.close(at, index),
            };
        }
        let fits = |at: &usize| self.word(*at) == "{" && self.column(*at) == column;
        match ((0..=at).rfind(fits), closer) {
            (Some(at), _) => match self.next_that_closes(line) {
                Some(closer) => self.surplus(index, at, closer),
                None => self.close(at, index),
            },
            _ if self.put_in_brace(index, Some(at)) => {}
            (None, Some(closer)) => self.surplus(index, at, closer),
            (None, None) => self.close(at, index),
        }
    }

    /// For a brace alone on its line: another such as far in, with only lines between that go further in.
    fn next_that_closes(&self, line: usize) -> Option<usize> {
        let next = self.lines.end(line)?;
        let other = self.lines.line(next);
        let alone = self.lines.behind(line) == self.lines.first(line) + 1 && other > line + 1;
        let alike = self.view.word(next) == "}" && self.lines.column(other) == self.lines.column(line);
        (alone && alike).then_some(next)
    }

    fn close(&mut self, at: usize, index: usize) {
        self.give_up(at + 1, index);
        let Some(open) = self.open.pop() else { return };
        self.out.pairs.push((Place::Token(open.token), Place::Token(index)));
        if let Some(stray) = open.doubt {
            self.stray(stray);
            self.out.broken.push(open.token);
        }
    }

    /// A closing bracket that has no partner.
    fn stray(&mut self, index: usize) {
        let closer = self.view.word(index);
        let problem = Diagnostic::error("A0008", format!("`{closer}` closes nothing"), self.view.span(index))
            .label(format!("no `{0}` is open here", opener_of(closer)))
            .help(format!("remove it, or write the `{}` that it should close", opener_of(closer)));
        self.leave_out(index, problem);
    }

    /// A brace that stands inside the one at `at`, which another closes.
    fn surplus(&mut self, index: usize, at: usize, closer: usize) {
        let problem = Diagnostic::error("A0008", "`}` closes nothing", self.view.span(index))
            .label("one too many")
            .also(self.view.span(self.open[at].token), "the `{` that is open here …")
            .also(self.view.span(closer), "… is closed here")
            .help("remove it, or write the `{` that it should close");
        self.leave_out(index, problem);
    }

    fn leave_out(&mut self, index: usize, problem: Diagnostic) {
        self.out.problems.push(problem);
        self.out.dropped.push(index);
        if self.view.word(index) == "}" {
            // The line may lack the `{`.
            self.out.mended.extend(self.lines.first(self.lines.line(index))..=index);
        } else {
            self.out.broken.push(index);
        }
    }

    /// Puts in the `{` whose body the `}` at `index` closes, if a line before it lacks one: it stands as far in
    /// as the `}`, all lines between further in, and bodies follow such lines.
    fn put_in_brace(&mut self, index: usize, around: Option<usize>) -> bool {
        let line = self.lines.line(index);
        if !self.indented || !self.view.tokens[index].first_on_line {
            return false;
        }
        let Some(head) = self.lines.sibling(line).filter(|head| head + 1 < line) else { return false };
        let first = self.lines.first(head);
        if around.is_some_and(|at| self.open[at].token > first) {
            return false;
        }
        // Brackets may take the head further than its line.
        let mut end = self.lines.behind(head);
        for (open, close) in self.out.pairs.iter().rev() {
            let (Place::Token(open), Place::Token(close)) = (open, close) else { continue };
            if *close < first {
                break;
            }
            if (first..end).contains(open) && *close >= end && self.view.word(*open) != "{" {
                end = self.lines.behind(self.lines.line(*close));
            }
        }
        if end >= index || !(first..end).any(|token| HEADS.contains(&self.view.word(token))) {
            return false;
        }
        let before = self.view.span(end - 1);
        let place = crate::span::Span::new(before.file, before.end as usize, before.end as usize);
        let problem = Diagnostic::error("A0024", "a body in braces is missing", place)
            .label("`{` was expected here")
            .also(self.view.span(index), "this would close it");
        self.out.problems.push(problem);
        self.out.mended.push(end - 1);
        self.give_up(around.map_or(0, |at| at + 1), index);
        self.out.pairs.push((Place::Added(self.out.added.len()), Place::Token(index)));
        self.out.added.push((end, "{"));
        true
    }

    /// Takes all brackets above `keep` as closed before token `at`, and reports the innermost.
    fn give_up(&mut self, keep: usize, at: usize) {
        let left = self.open.split_off(keep.min(self.open.len()));
        let mut said = false;
        for open in left.into_iter().rev() {
            let opener = self.view.word(open.token);
            if let Some(closer) = open.doubt {
                self.another_was_meant(open.token, closer);
                continue;
            }
            let body = opener == "{" && self.lines.line(at - 1) > self.lines.line(open.token);
            if body && self.lines.line(open.token + 1) == self.lines.line(open.token) {
                // A body begins at the end of a line: this brace is one too many.
                self.out.dropped.push(open.token);
                self.out.mended.push(open.token);
            } else {
                self.out.pairs.push((Place::Token(open.token), Place::Added(self.out.added.len())));
                self.out.added.push((at, closer_of(opener)));
                // Of a bracket nobody knows where it was meant to end.
                let sure = if body { &mut self.out.mended } else { &mut self.out.broken };
                sure.push(open.token);
            }
            if !std::mem::replace(&mut said, true) {
                self.never_closed(open.token, at);
            }
        }
    }

    fn never_closed(&mut self, open: usize, at: usize) {
        let opener = self.view.word(open);
        let mut problem =
            Diagnostic::error("A0007", format!("`{opener}` is never closed"), self.view.span(open))
                .label(format!("no `{}` belongs to it", closer_of(opener)));
        if at < self.view.tokens.len() && self.lines.line(at) > self.lines.line(open) + 1 {
            problem = problem.also(self.view.span(at), "it should be closed before this");
        }
        self.out.problems.push(problem);
    }

    /// `f(x]`.
    fn another_was_meant(&mut self, open: usize, closer: usize) {
        let (opener, word) = (self.view.word(open), self.view.word(closer));
        let problem = Diagnostic::error("A0008", format!("`{word}` closes nothing"), self.view.span(closer))
            .label(format!("`{}` was expected", closer_of(opener)))
            .also(self.view.span(open), "to close this");
        self.out.problems.push(problem);
        self.out.pairs.push((Place::Token(open), Place::Token(closer)));
        self.out.broken.push(open);
    }
}
