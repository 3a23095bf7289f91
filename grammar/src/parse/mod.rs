//! From text to tree.
//!
//! The scanner pairs brackets, the splitter finds where items, members and statements begin, and pest parses
//! each of them alone. So one mistake costs one statement, and pest never recurses deeper than brackets nest.
//! This module is the only one that knows pest.

mod climb;
mod expr;
mod fragment;
mod item;
mod member;
mod mistakes;
mod stmt;

use pest::Parser as _;
use pest::iterators::Pair;

use crate::ast::{Expr, ExprKind, File, Ident};
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::scan::{self, MAX_BYTES, MAX_DEPTH};
use crate::source::Source;
use crate::span::{FileId, Span};
use crate::stack::with_room;
use fragment::Fragment;

/// No more mistakes than this are reported in one run.
const MAX_PROBLEMS: usize = 100;

#[derive(pest_derive::Parser)]
#[grammar = "arch.pest"]
struct Grammar;

/// Parses a file. What could not be parsed is missing from the tree, and the reason is among the diagnostics,
/// which are in the order of the text.
#[must_use]
pub fn parse(file: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    if text.len() > MAX_BYTES {
        let problem = Diagnostic::error("A0001", "the file is too large", Span::new(file, 0, 0))
            .label(format!("{} bytes; at most {MAX_BYTES} are read", text.len()))
            .help("an architecture is short: is this the right file?");
        return (File::default(), vec![problem]);
    }
    if text.starts_with('\u{feff}') {
        let problem =
            Diagnostic::error("A0003", "the file begins with a byte-order mark", Span::new(file, 0, 3))
                .label("three bytes that no editor shows")
                .help("save the file as UTF-8 without a byte-order mark");
        return (File::default(), vec![problem]);
    }
    let mut problems = Vec::new();
    let tokens = scan::scan(file, text, &mut problems);
    let source = Source { file, text, tokens: &tokens };
    with_room(&tokens, || {
        let mut parser = Parser { source, problems, depth: 0, adrift: false };
        let tree = parser.file();
        (tree, in_order(parser.problems))
    })
}

/// The problems in the order of the text, and not too many of them.
fn in_order(mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    problems.sort_by_key(|p| p.primary.span.start);
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    problems.truncate(MAX_PROBLEMS);
    if let Some(last) = problems.last_mut().filter(|_| more > 0) {
        last.notes.push(format!("{more} further mistakes are not shown"));
    }
    problems
}

/// Parses a file as it was read from disk: reports text that is not UTF-8.
#[must_use]
pub fn parse_bytes(file: FileId, bytes: &[u8]) -> (File, Vec<Diagnostic>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(file, text),
        Err(error) => {
            let at = error.valid_up_to();
            let line = 1 + bytes[..at].iter().filter(|&&b| b == b'\n').count();
            let problem = Diagnostic::error("A0002", "the file is not UTF-8", Span::new(file, at, at))
                .label(format!("byte {at}, in line {line}, begins no character"))
                .help("save the file as UTF-8");
            (File::default(), vec![problem])
        }
    }
}

/// The state of one run.
struct Parser<'a> {
    source: Source<'a>,
    problems: Vec<Diagnostic>,
    /// How deep the expression being built lies in the tree.
    depth: usize,
    /// Whether the last item did not parse or was none: what comes then and begins no item may belong to it.
    adrift: bool,
}

/// The builder of one fragment's tree.
struct Build<'p, 'a, 'f> {
    parser: &'p mut Parser<'a>,
    fragment: &'f Fragment,
}

impl<'a> Parser<'a> {
    /// Parses the tokens `from..to` by `rule` and builds a tree from it. On a mistake the bodies inside are
    /// still looked at, for the mistakes in them.
    fn parse<T>(
        &mut self,
        rule: Rule,
        (from, to): (usize, usize),
        build: impl FnOnce(&mut Build<'_, 'a, '_>, Pair<'_, Rule>) -> T,
    ) -> Option<T> {
        let fragment = Fragment::new(&self.source, from, to);
        if fragment.is_broken(&self.source) {
            return None;
        }
        match Grammar::parse(rule, &fragment.text) {
            Ok(mut pairs) => {
                let pair = pairs.next()?;
                Some(build(&mut Build { parser: self, fragment: &fragment }, pair))
            }
            Err(_) => {
                // What pest expected costs as much again as parsing, so it is asked for only here. The switch
                // is one for all threads and is never turned back, so no thread can take it from another.
                if !fragment.is_mended(&self.source) {
                    pest::set_error_detail(true);
                    let error = Grammar::parse(rule, &fragment.text).err()?;
                    self.problems.push(mistakes::explain(&self.source, &fragment, rule, &error));
                }
                self.bodies_of_broken(rule, &fragment);
                None
            }
        }
    }

    /// Looks for mistakes in the bodies of what did not parse, as far as it is clear what stands in them.
    fn bodies_of_broken(&mut self, rule: Rule, fragment: &Fragment) {
        let first = self.source.word(fragment.range.0);
        for &open in &fragment.bodies {
            match rule {
                Rule::block_item | Rule::member_if => _ = self.members(open),
                Rule::layer if nearest(first, ["forward"]).is_none() => {}
                Rule::preset => {}
                _ => _ = self.body(open),
            }
        }
    }

    /// Runs `build` for something `levels` deeper; refuses where the tree would become too deep.
    fn deeper(&mut self, levels: usize, span: Span, build: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if self.depth + levels > MAX_DEPTH {
            if !self.problems.iter().any(|p| p.code == "A0009") {
                let problem = Diagnostic::error("A0009", "an expression nests too deep", span)
                    .label("has too many levels and operators")
                    .help(format!("at most {MAX_DEPTH}; name a part of it with `let`"));
                self.problems.push(problem);
            }
            return Expr { kind: ExprKind::Error, span };
        }
        self.depth += levels;
        let expr = build(self);
        self.depth -= levels;
        expr
    }
}

impl Build<'_, '_, '_> {
    fn span(&self, pair: &Pair<Rule>) -> Span {
        let span = pair.as_span();
        self.fragment.span(&self.parser.source, span.start(), span.end())
    }

    fn ident(&self, pair: &Pair<Rule>) -> Ident {
        Ident { name: pair.as_str().trim_end().to_string(), span: self.span(pair) }
    }

    /// The name that stands directly inside `pair`.
    fn inner_ident(&self, pair: &Pair<Rule>) -> Ident {
        match pair.clone().into_inner().find(|p| p.as_rule() == Rule::ident) {
            Some(name) => self.ident(&name),
            None => self.ident(pair),
        }
    }

    /// The index of the token with which `pair` begins.
    fn token(&self, pair: &Pair<Rule>) -> usize {
        self.fragment.token_starting(pair.as_span().start()).unwrap_or(self.fragment.range.0)
    }

    /// The documentation before the fragment.
    fn docs(&self) -> String {
        let source = &self.parser.source;
        source.tokens.docs_before(source.text, self.fragment.range.0)
    }

    /// The whole fragment.
    fn whole(&self) -> Span {
        self.parser.source.span(self.fragment.range.0, self.fragment.range.1)
    }
}
