//! The lines of a text and how far they are indented.

use super::Token;

/// The lines on which a token stands, and for each the next and the one before that is indented no further.
pub struct Lines {
    /// The column of each line's first token.
    columns: Vec<usize>,
    /// The first token of each line.
    first: Vec<usize>,
    /// For each token its line.
    of: Vec<usize>,
    /// For each line the next one that is indented no further.
    next: Vec<Option<usize>>,
    /// For each line the one before it that is indented no further.
    before: Vec<Option<usize>>,
}

impl Lines {
    /// The lines of a text.
    pub fn of(text: &str, tokens: &[Token]) -> Lines {
        let (mut columns, mut first, mut of) = (Vec::new(), Vec::new(), Vec::with_capacity(tokens.len()));
        for (index, token) in tokens.iter().enumerate() {
            if token.first_on_line || index == 0 {
                let start = text[..token.start].rfind('\n').map_or(0, |newline| newline + 1);
                columns.push(token.start - start);
                first.push(index);
            }
            of.push(columns.len() - 1);
        }
        let (mut next, mut before) = (vec![None; columns.len()], vec![None; columns.len()]);
        let mut open: Vec<usize> = Vec::new();
        for line in 0..columns.len() {
            while let Some(above) = open.pop_if(|above| columns[*above] >= columns[line]) {
                next[above] = Some(line);
                if columns[above] == columns[line] {
                    before[line] = Some(above);
                }
            }
            before[line] = before[line].or(open.last().copied());
            open.push(line);
        }
        Lines { columns, first, of, next, before }
    }

    /// The line of a token.
    pub fn line(&self, token: usize) -> usize {
        self.of[token]
    }

    /// The column of a line's first token.
    pub fn column(&self, line: usize) -> usize {
        self.columns[line]
    }

    /// The first token of a line.
    pub fn first(&self, line: usize) -> usize {
        self.first[line]
    }

    /// The first token of the next line that is indented no further than `line`, if `line` is not the last.
    pub fn end(&self, line: usize) -> Option<usize> {
        self.next[line].map(|next| self.first[next])
    }

    /// The line before that is indented exactly as `line` is, with only lines between that go further in.
    pub fn sibling(&self, line: usize) -> Option<usize> {
        self.before[line].filter(|&before| self.columns[before] == self.columns[line])
    }

    /// The token behind the last of a line.
    pub fn behind(&self, line: usize) -> usize {
        self.first.get(line + 1).copied().unwrap_or(self.of.len())
    }
}
