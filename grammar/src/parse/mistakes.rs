//! From where pest stopped to what is wrong, in our own words.
//!
//! pest says at which token it stopped and which tokens could have stood there. The table in [`explain`] reads
//! both, first match first; pest's own words are never shown.

use pest::error::{Error, InputLocation};

use super::Rule;
use super::fragment::Fragment;
use crate::ast::BinaryOp;
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::scan::TokenKind;
use crate::source::{Source, is_joining_word};
use crate::span::Span;

/// Words with which a member of a block can begin.
pub const MEMBER_WORDS: [&str; 9] =
    ["config", "preset", "require", "dims", "let", "param", "buffer", "forward", "if"];
/// Words with which an item can begin.
pub const ITEM_WORDS: [&str; 6] = ["edition", "import", "fn", "block", "model", "test"];
/// Attributes, for who forgets the `@`.
const ATTRIBUTES: [&str; 6] = ["name", "stored", "f32", "no_decay", "preset_suffix", "ignored"];
/// What a test may ask of an item's program.
const MEASURES: [&str; 7] =
    ["kernels", "gemms", "bytes_moved", "macs", "activation_bytes", "params", "params_with_buffers"];
/// Types of values, as they stand behind a colon.
const TYPES: [&str; 8] = ["bool", "int", "float", "string", "init", "fn", "axis", "one"];

/// Where pest stopped, and why.
struct Stop<'s> {
    source: &'s Source<'s>,
    rule: Rule,
    /// The first token of the fragment.
    first: usize,
    /// The token that does not fit; `None` where the fragment ends too early.
    found: Option<usize>,
    /// The token before it.
    before: usize,
    expected: Vec<String>,
}

/// What is wrong with a fragment that `rule` does not accept.
pub fn explain(source: &Source, fragment: &Fragment, rule: Rule, error: &Error<Rule>) -> Diagnostic {
    let (position, expected) = match error.parse_attempts() {
        Some(attempts) => {
            let expected = attempts.expected_tokens().iter().map(ToString::to_string).collect();
            (attempts.max_position, expected)
        }
        None => match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => (at, Vec::new()),
        },
    };
    let (first, end) = fragment.range;
    let found = fragment.token_at(source, position);
    let before = found.unwrap_or(end).saturating_sub(1).max(first);
    Stop { source, rule, first, found, before, expected }.diagnostic()
}

impl Stop<'_> {
    fn expects(&self, token: &str) -> bool {
        self.expected.iter().any(|e| e == token)
    }

    /// An expression could begin here.
    fn wants_operand(&self) -> bool {
        self.expects("\"") && self.expects("(")
    }

    /// An expression has just ended here.
    fn after_operand(&self) -> bool {
        self.expects("++")
    }

    fn wants_name(&self) -> bool {
        self.expects("A..Z") && !self.wants_operand()
    }

    fn found_word(&self) -> &str {
        self.found.map_or("", |index| self.source.word(index))
    }

    fn before_word(&self) -> &str {
        self.source.word(self.before)
    }

    fn here(&self) -> Span {
        match self.found {
            Some(index) => self.source.span(index, index + 1),
            None => self.behind(),
        }
    }

    /// The place directly behind the last token that fitted.
    fn behind(&self) -> Span {
        self.source.behind(self.before)
    }

    fn found_begins_operand(&self) -> bool {
        self.found.is_some_and(|index| self.source.begins_operand(index))
    }

    fn diagnostic(&self) -> Diagnostic {
        let table: [fn(&Self) -> Option<Diagnostic>; 14] = [
            Self::method,
            Self::measure_without_assert,
            Self::assignment_with_an_operator,
            Self::name_taken_for_type,
            Self::wrong_beginning,
            Self::keyword_as_name,
            Self::missing_value,
            Self::loop_form,
            Self::missing_body,
            Self::missing_colon,
            Self::missing_equals,
            Self::missing_comma,
            Self::two_in_a_row,
            Self::missing_parenthesis_or_name,
        ];
        table.iter().find_map(|entry| entry(self)).unwrap_or_else(|| self.unexpected())
    }

    /// `kernels: 5` in a test.
    fn measure_without_assert(&self) -> Option<Diagnostic> {
        let name = self.source.word(self.first);
        let found = self.found.filter(|_| self.found_word() == ":")?;
        if self.rule != Rule::expr_stmt || !MEASURES.contains(&name) {
            return None;
        }
        let number = self.source.kind(found + 1).filter(|k| *k == TokenKind::Number);
        let number = number.map_or("…", |_| self.source.word(found + 1));
        let pass = match self.before_word() {
            ")" => &self.source.text[self.source.span(self.first + 1, found).range()],
            _ if name.starts_with("params") => "",
            _ => "(forward)",
        };
        let problem = Diagnostic::error("A0026", "`:` cannot stand here", self.here());
        Some(problem.help(format!("in a test, write `assert {name}{pass} == {number}`")))
    }

    /// `x.mean(-1)`, `self.fc(x)`.
    fn method(&self) -> Option<Diagnostic> {
        let dot =
            [self.found, Some(self.before)].into_iter().flatten().find(|&i| self.source.word(i) == ".")?;
        if self.rule == Rule::import || dot <= self.first {
            return None;
        }
        let (owner, name) = (self.source.word(dot - 1), self.source.word(dot + 1));
        let problem = Diagnostic::error("A0026", "`.` cannot stand here", self.source.span(dot, dot + 1));
        let problem = problem.label("nothing has methods or parts with names");
        let named = self.source.kind(dot + 1) == Some(TokenKind::Word);
        Some(match owner {
            _ if !named => problem,
            "self" => problem.help(format!("layers and parameters are called by their names: `{name}`")),
            _ => problem.help(format!("write `{name}(…)` around the value, or `… |> {name}` behind it")),
        })
    }

    /// `x += y`.
    fn assignment_with_an_operator(&self) -> Option<Diagnostic> {
        let operator = self.before_word();
        let written = self.found_word() == "=" && matches!(operator, "+" | "-" | "*" | "/" | "%" | "^");
        if !written || self.rule != Rule::expr_stmt || self.before != self.first + 1 {
            return None;
        }
        let (word, end) = (self.source.word(self.first), self.found? + 1);
        let text = format!("`{word} {operator}= …` is written otherwise");
        let problem = Diagnostic::error("A0023", text, self.source.span(self.first, end));
        Some(problem.label("a new value").help(format!(
            "write `let {word} = {word} {operator} …`; inside a loop, `{word} <- {word} {operator} …` gives `{word}` its next value"
        )))
    }

    /// `x: [T] y: [D]`: without a comma, `y` reads as the element type of `x`.
    fn name_taken_for_type(&self) -> Option<Diagnostic> {
        let taken = self.before > self.first && self.source.word(self.before - 1) == "]";
        if self.found_word() != ":" || !taken || self.source.kind(self.before) != Some(TokenKind::Word) {
            return None;
        }
        let problem = Diagnostic::error("A0019", "a comma is missing", self.source.behind(self.before - 1));
        Some(problem.label(format!("`,` was expected here, before `{}`", short(self.before_word()))))
    }

    /// A member or statement that begins with a word that begins none.
    fn wrong_beginning(&self) -> Option<Diagnostic> {
        let word = self.source.word(self.first);
        let at_second =
            self.found == Some(self.first + 1) && self.source.kind(self.first) == Some(TokenKind::Word);
        let here = self.source.span(self.first, self.first + 1);
        if self.rule == Rule::layer
            && (at_second || self.found == Some(self.first))
            && self.found_word() != "="
        {
            let misspelt = nearest(word, MEMBER_WORDS);
            let foreign = ITEM_WORDS.contains(&word) || word == "for";
            let third = self.source.word(self.first + 2);
            let looks_like_one =
                third == ":" || matches!(self.found_word(), ":" | "(" | "{") || misspelt.is_some();
            if !foreign && (is_joining_word(word) || !looks_like_one) {
                return None;
            }
            let problem = Diagnostic::error("A0017", format!("`{word}` begins no part of a block"), here);
            let problem = problem.label("a member was expected");
            return Some(match (word, misspelt) {
                ("for", _) => problem.help("statements stand in the body of `forward`"),
                _ if ITEM_WORDS.contains(&word) => {
                    problem.help(format!("`{word}` stands at the top of a file, outside all braces"))
                }
                (_, Some(near)) => problem.help(format!("did you mean `{near}`?")),
                _ => problem
                    .help(format!("a member begins with {}, or is `name = layer(…)`", list(&MEMBER_WORDS))),
            });
        }
        if self.rule == Rule::expr_stmt && self.found_word() == "=" && at_second {
            let problem = Diagnostic::error("A0023", format!("`{word} = …` needs `let`"), here);
            return Some(problem.label("a new value").help(format!(
                "write `let {word} = …`; inside a loop, `{word} <- …` gives `{word}` its next value"
            )));
        }
        None
    }

    fn keyword_as_name(&self) -> Option<Diagnostic> {
        let keyword = |index: usize| {
            let word = self.source.word(index);
            is_joining_word(word) || matches!(word, "true" | "false" | "none")
        };
        let joins = matches!(self.found_word(), "and" | "or" | "repeat" | "in" | "else");
        let at = match self.found {
            Some(found) if keyword(found) && (self.wants_name() || self.wants_operand() && !joins) => found,
            // The grammar refuses a keyword where it ends, since it could still have become a longer name.
            _ if self.expects("0..9") && !self.wants_operand() && keyword(self.before) => self.before,
            _ => return None,
        };
        let word = self.source.word(at);
        let problem =
            Diagnostic::error("A0022", format!("`{word}` cannot be a name"), self.source.span(at, at + 1));
        Some(problem.label("a word of the language").help(format!("for example `{word}_`")))
    }

    fn missing_value(&self) -> Option<Diagnostic> {
        if !self.wants_operand() || self.found_begins_operand() {
            return None;
        }
        let (before, found) = (self.before_word(), self.found_word());
        if is_infix(before) {
            let problem = Diagnostic::error(
                "A0025",
                format!("`{before}` lacks its right side"),
                self.source.span(self.before, self.before + 1),
            );
            return Some(problem.label("a value must follow"));
        }
        if is_infix(found) && found != "->" {
            let problem = Diagnostic::error("A0025", format!("`{found}` lacks its left side"), self.here());
            return Some(problem.label("a value must stand before this"));
        }
        let title = match before {
            "," if found == "," => "nothing stands between two commas".to_string(),
            "[" | "(" => format!("nothing stands behind `{before}`"),
            _ => format!("a value is missing behind `{before}`"),
        };
        Some(Diagnostic::error("A0021", title, self.behind()).label("a value was expected here"))
    }

    fn loop_form(&self) -> Option<Diagnostic> {
        let scan = (self.before > self.first && self.source.word(self.before - 1) == "scan"
            || self.before_word() == "scan")
            && self.source.kind(self.before) == Some(TokenKind::Word)
            && self.source.kind(self.found?) == Some(TokenKind::Word);
        if scan {
            let start = if self.before_word() == "scan" { self.before } else { self.before - 1 };
            let span = self.source.span(start, self.found? + 1);
            let problem = Diagnostic::error("A0029", "a scan is written otherwise", span);
            return Some(
                problem.label("not the beginning of a scan").help("write `scan t over T (h: [E] = 0) { … }`"),
            );
        }
        if self.expects("in") && !self.after_operand() {
            let problem = Diagnostic::error("A0029", "`in` is missing", self.behind());
            let help = match self.rule {
                Rule::for_stmt => "write `for layer in layers { … }`",
                _ => "write `[Block(D) for i in 0..depth]`",
            };
            return Some(problem.label("`in` was expected here").help(help));
        }
        None
    }

    fn missing_body(&self) -> Option<Diagnostic> {
        if !self.expects("{") || self.found_word() == "{" {
            return None;
        }
        let span = self.behind();
        if self.rule == Rule::import || self.rule == Rule::preset {
            let problem = Diagnostic::error("A0024", "`{` is missing", span).label("`{` was expected here");
            return Some(problem.help(match self.rule {
                Rule::import => "write `import std.{linear, layer_norm}`",
                _ => "write `preset S { depth: 12 }`",
            }));
        }
        let problem =
            Diagnostic::error("A0024", "a body in braces is missing", span).label("`{` was expected here");
        Some(match self.rule {
            Rule::fn_item => problem.help("write `fn f(x) = …` or `fn f(x) { … }`"),
            _ => problem,
        })
    }

    fn missing_colon(&self) -> Option<Diagnostic> {
        if !self.expects(":") || self.after_operand() || self.rule == Rule::let_stmt {
            return None;
        }
        let parameter = self.expects("null");
        let typed = self.found_word() == "[" || TYPES.contains(&self.found_word());
        if parameter && !typed {
            return None;
        }
        let name = self.before_word();
        let problem = Diagnostic::error("A0018", format!("`:` is missing behind `{name}`"), self.behind());
        let problem = problem.label("`:` was expected here");
        let found = self.found_value();
        Some(match self.rule {
            Rule::config if found.is_empty() => problem.help(format!("write `config {name}: int = …`")),
            Rule::config => problem.help(format!("write `config {name}: {found}`")),
            Rule::weight => problem.help(format!("write `{} {name}: [T, D]`", self.source.word(self.first))),
            _ if !found.is_empty() => problem.help(format!("write `{name}: {found}`")),
            _ => problem,
        })
    }

    /// What stands where a colon is missing, as far as it can be repeated in a proposal.
    fn found_value(&self) -> &str {
        let Some(found) = self.found else { return "" };
        match self.source.word(found) {
            "=" | "," | "}" | ")" => "",
            word => match self.source.partner(found) {
                Some(close) if close > found => {
                    let span = self.source.span(found, close + 1);
                    self.source
                        .text
                        .get(span.range())
                        .filter(|t| t.len() < 40 && !t.contains('\n'))
                        .unwrap_or("")
                }
                _ => word,
            },
        }
    }

    fn missing_equals(&self) -> Option<Diagnostic> {
        if !self.expects("=") || self.after_operand() || self.found_begins_operand() && self.expects(",") {
            return None;
        }
        if matches!(self.rule, Rule::forward | Rule::fn_item | Rule::block_item) {
            return None;
        }
        let name = self.source.word(self.first + usize::from(self.rule != Rule::layer));
        let problem =
            Diagnostic::error("A0020", "`=` is missing", self.behind()).label("`=` was expected here");
        Some(match self.rule {
            Rule::dims => {
                problem.help(format!("an axis needs a size, as in `dims {} = 16`", self.before_word()))
            }
            Rule::let_stmt | Rule::let_member => problem.help("write `let name = value`"),
            Rule::layer => problem.help(format!("write `{name} = layer(…)`")),
            _ if self.found_word() == ")" || self.found_word() == "," => {
                problem.help("a carry needs its first value, as in `h: [E, N] = 0`")
            }
            _ => problem,
        })
    }

    fn missing_comma(&self) -> Option<Diagnostic> {
        let found = self.found?;
        let begins = self.source.begins_operand(found) || self.source.word(found) == "{";
        if !self.expects(",") || !begins {
            return None;
        }
        let problem = Diagnostic::error("A0019", "a comma is missing", self.behind());
        Some(problem.label(match self.rule {
            Rule::require => "`,` was expected here, before the message".to_string(),
            _ => format!("`,` was expected here, before `{}`", short(self.source.word(found))),
        }))
    }

    fn two_in_a_row(&self) -> Option<Diagnostic> {
        let found = self.found?;
        if !self.after_operand() || !self.source.begins_operand(found) {
            return None;
        }
        let word = self.source.word(found);
        let problem = Diagnostic::error("A0028", "two expressions in a row", self.here())
            .label("an operator, a line break or `;` is missing before this");
        let problem = match self.before_word() {
            "return" => problem.help("there is no `return`: the last expression of a body is its value"),
            "while" => problem.help("there is no `while`; a recurrence along an axis is a `scan`"),
            _ if ATTRIBUTES.contains(&word) => {
                problem.help(format!("an attribute begins with `@`: `@{word}`"))
            }
            before => match nearest(before, ["let", "for", "yield", "final", "assert", "dims"]) {
                Some(near) if self.before == self.first => problem.help(format!("did you mean `{near}`?")),
                _ => problem,
            },
        };
        Some(problem)
    }

    fn missing_parenthesis_or_name(&self) -> Option<Diagnostic> {
        if self.expects("(") && !self.after_operand() && !self.wants_operand() && !self.wants_name() {
            let problem = Diagnostic::error(
                "A0027",
                format!("`(` is missing behind `{}`", self.before_word()),
                self.behind(),
            );
            return Some(problem.label("`(` was expected here"));
        }
        if self.wants_name() && self.rule == Rule::import && self.expects(".") {
            let problem =
                Diagnostic::error("A0024", "`{` is missing", self.behind()).label("what is imported?");
            return Some(problem.help("write `import std.{linear, layer_norm}`"));
        }
        if self.wants_name() {
            let title = format!("a name is missing behind `{}`", self.before_word());
            return Some(Diagnostic::error("A0030", title, self.behind()).label("a name was expected here"));
        }
        None
    }

    fn unexpected(&self) -> Diagnostic {
        let title = match self.found {
            Some(index) => format!("`{}` cannot stand here", short(self.source.word(index))),
            None => format!("something is missing behind `{}`", short(self.before_word())),
        };
        let mut expected: Vec<String> =
            self.expected.iter().filter(|e| is_shown(e)).map(|e| format!("`{e}`")).collect();
        expected.sort();
        expected.dedup();
        let problem = Diagnostic::error("A0026", title, self.here());
        let clause = nearest(self.found_word(), ["with", "of", "preset", "set", "deny"]);
        match expected.as_slice() {
            _ if self.rule == Rule::test_item && self.source.kind(self.before) != Some(TokenKind::Sign) => {
                let problem = problem.label("a clause of the test or its body was expected");
                match clause {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("write `test \"name\" of Model preset S { … }`"),
                }
            }
            _ if self.found_word() == "{" && nearest(self.before_word(), ["else"]).is_some() => {
                problem.label("no body was expected").help("did you mean `else`?")
            }
            _ if self.after_operand() => problem.label("the expression before it is complete"),
            [] => problem.label("did not expect this"),
            [only] => problem.label(format!("{only} was expected here")),
            [first @ .., last] => problem.label(format!("{} or {last} was expected here", first.join(", "))),
        }
    }
}

/// Whether the word at `index` looks like one that begins an item.
pub fn is_misspelt_item(source: &Source, index: usize) -> bool {
    let word = source.word(index);
    let other = MEMBER_WORDS.contains(&word) || is_joining_word(word) || source.word(index + 1) == "=";
    nearest(word, ITEM_WORDS).is_some() && !other
}

/// What stands at `index` begins no item.
pub fn no_item(source: &Source, index: usize) -> Diagnostic {
    let word = source.word(index);
    let span = source.span(index, index + 1);
    let problem = Diagnostic::error("A0017", format!("`{}` begins no item", short(word)), span);
    let problem = problem.label("an item was expected");
    match nearest(word, ITEM_WORDS) {
        _ if MEMBER_WORDS.contains(&word) => problem.help(format!("`{word}` stands in a block or model")),
        Some(near) if near != word => problem.help(format!("did you mean `{near}`?")),
        _ => problem.help(format!("an item begins with {}", list(&ITEM_WORDS))),
    }
}

/// An `edition` or `import` that stands too late.
pub fn out_of_order(source: &Source, part: (usize, usize), again: bool) -> Diagnostic {
    let word = source.word(part.0);
    let title = match word {
        "edition" if again => "the edition is given twice".to_string(),
        _ => format!("`{word}` stands too late"),
    };
    Diagnostic::error("A0015", title, source.span(part.0, part.1))
        .label("must stand further up")
        .help("first `edition 2026`, then the imports, then everything else")
}

fn is_infix(word: &str) -> bool {
    const BINARY: [BinaryOp; 14] = [
        BinaryOp::Or,
        BinaryOp::And,
        BinaryOp::Eq,
        BinaryOp::Ne,
        BinaryOp::Lt,
        BinaryOp::Le,
        BinaryOp::Gt,
        BinaryOp::Ge,
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Rem,
        BinaryOp::Pow,
    ];
    matches!(word, "->" | "++" | "|>" | "repeat" | "not") || BINARY.iter().any(|op| op.symbol() == word)
}

/// Whether a token that pest expected says anything to a reader.
fn is_shown(expected: &str) -> bool {
    !expected.trim().is_empty() && !matches!(expected, "_" | "\"") && !expected.contains("..")
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}

/// A long token in a title is cut.
fn short(word: &str) -> String {
    if word.chars().count() <= 30 {
        return word.to_string();
    }
    let beginning: String = word.chars().take(27).collect();
    format!("{beginning}…")
}
