//! Lines of text, one block in another.

/// How far a block is indented within the one around.
const STEP: usize = 2;
/// The longest line that a loop and its only statement share.
const WIDEST: usize = 100;

/// The text so far.
#[derive(Default)]
pub(super) struct Lines {
    pub text: String,
    pub indent: usize,
}

/// Where the head of a block begins.
#[must_use]
pub(super) struct Opened(usize);

impl Lines {
    pub(super) fn line(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', self.indent * STEP));
        }
        self.text += text;
        self.text += "\n";
    }

    /// Opens a block under a head, `for (...)`; none has only brackets.
    pub(super) fn open(&mut self, head: &str) -> Opened {
        let at = self.text.len();
        let brackets = if head.is_empty() { "{".to_string() } else { format!("{head} {{") };
        self.line(&brackets);
        self.indent += 1;
        Opened(at)
    }

    /// Closes it, and opens the block for when it does not run.
    pub(super) fn otherwise(&mut self, _: Opened) -> Opened {
        self.indent -= 1;
        let at = self.text.len();
        self.line("} else {");
        self.indent += 1;
        Opened(at)
    }

    /// Closes it. A single statement needs no brackets, and shares the line of a loop where there is room.
    pub(super) fn close(&mut self, Opened(at): Opened) {
        self.indent -= 1;
        let (head, body) = self.text[at..].split_once('\n').unwrap_or_default();
        let statement = body.trim();
        let is_plain = !["for", "if", "#", "{"].iter().any(|start| statement.starts_with(start));
        let head = head.trim_end_matches(['{', ' ']);
        let is_short = head.len() + 1 + statement.len() <= WIDEST;
        if head.trim_start().starts_with("for")
            && statement.ends_with(';')
            && body.lines().count() == 1
            && is_plain
            && is_short
        {
            let joined = format!("{head} {statement}\n");
            self.text.truncate(at);
            self.text += &joined;
        } else {
            self.line("}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn a_loop_has_brackets_where_it_must() {
        let mut lines = Lines::default();
        let outer = lines.open("for (;;)");
        let inner = lines.open("for (;;)");
        lines.line("a = b;");
        lines.close(inner);
        lines.close(outer);
        assert_eq!(lines.text, "for (;;) {\n  for (;;) a = b;\n}\n");
        let mut lines = Lines::default();
        let two = lines.open("for (;;)");
        ["a = b;", "b = a;"].iter().for_each(|line| lines.line(line));
        lines.close(two);
        assert_eq!(lines.text, "for (;;) {\n  a = b;\n  b = a;\n}\n");
        let mut lines = Lines::default();
        let plain = lines.open("");
        lines.line("a = b;");
        lines.close(plain);
        assert_eq!(lines.text, "{\n  a = b;\n}\n");
    }
}
