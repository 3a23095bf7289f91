//! Bodies and statements.

use pest::iterators::Pair;

use super::{Build, Parser, Rule};
use crate::ast::{Body, DimsDecl, Expr, ExprKind, Pattern, Stmt, StmtKind};
use crate::scan::TokenKind;
use crate::split::{Level, split};

impl Parser<'_> {
    /// The body whose brace is token `open`.
    pub(super) fn body(&mut self, open: usize) -> Body {
        let Some(close) = self.source.partner(open) else { return Body::default() };
        let span = self.source.span(open, close + 1);
        let mut body = Body { statements: Vec::new(), tail: None, span, braces: true };
        let parts = split(&self.source, Level::Statements, open + 1, close);
        let last = parts.last().copied();
        for part in parts {
            let Some(stmt) = self.statement(part) else { continue };
            match stmt.kind {
                StmtKind::Expr(expr) if Some(part) == last => body.tail = Some(Box::new(expr)),
                _ => body.statements.push(stmt),
            }
        }
        body
    }

    fn statement(&mut self, part: (usize, usize)) -> Option<Stmt> {
        let next = self.source.kind(part.0 + 1);
        let rule = match self.source.word(part.0) {
            "let" => Rule::let_stmt,
            "for" => Rule::for_stmt,
            "yield" => Rule::yield_stmt,
            "final" => Rule::final_stmt,
            "assert" => Rule::assert_stmt,
            "dims" if next == Some(TokenKind::Word) && self.source.begins_operand(part.0 + 1) => Rule::dims,
            _ if self.source.word(part.0 + 1) == "<-" => Rule::update_stmt,
            _ => Rule::expr_stmt,
        };
        let span = self.source.span(part.0, part.1);
        let kind = self.parse(rule, part, |build, pair| build.statement(pair));
        let kind = kind.or_else(|| self.what_is_left(rule, part))?;
        Some(Stmt { kind, span })
    }

    /// Of a statement that did not parse the names are kept, so that their uses are no further errors, and that
    /// there was one: a body needs its value, a step its updates.
    fn what_is_left(&mut self, rule: Rule, part: (usize, usize)) -> Option<StmtKind> {
        let value = Expr { kind: ExprKind::Error, span: self.source.span(part.0, part.1) };
        match rule {
            Rule::expr_stmt => Some(StmtKind::Expr(value)),
            Rule::let_stmt => {
                let mut names = Vec::new();
                for index in part.0 + 1..part.1 {
                    match self.source.word(index) {
                        "=" | ":" => break,
                        _ if self.source.kind(index) == Some(TokenKind::Word) => {
                            names.push(Pattern::Name(self.source.ident(index)));
                        }
                        _ => {}
                    }
                }
                let pattern = if names.len() == 1 { names.pop()? } else { Pattern::Tuple(names, value.span) };
                Some(StmtKind::Let { pattern, shape: None, value })
            }
            Rule::update_stmt => Some(StmtKind::Update { name: self.source.ident(part.0), value }),
            Rule::yield_stmt => Some(StmtKind::Yield(value)),
            Rule::final_stmt => Some(StmtKind::Final(value)),
            Rule::for_stmt => {
                let collect = (part.0..part.1).find(|&index| self.source.word(index) == "collect");
                let collect = collect.filter(|index| self.source.kind(index + 1) == Some(TokenKind::Word));
                let collect = collect.map(|index| self.source.ident(index + 1));
                let pattern = Pattern::Tuple(Vec::new(), value.span);
                let body = Body { span: value.span, braces: true, ..Body::default() };
                Some(StmtKind::For { pattern, iter: value, collect, body })
            }
            Rule::dims => {
                let names = (part.0..part.1).filter(|&index| self.source.word(index + 1) == "=");
                let dims = names.map(|index| (self.source.ident(index), value.clone())).collect();
                Some(StmtKind::Dims(DimsDecl { dims, span: value.span }))
            }
            _ => None,
        }
    }
}

impl Build<'_, '_, '_> {
    fn statement(&mut self, pair: Pair<Rule>) -> StmtKind {
        match pair.as_rule() {
            Rule::let_stmt => {
                let pattern = self.inner_pattern(&pair);
                let shape =
                    pair.clone().into_inner().find(|p| p.as_rule() == Rule::shape).map(|s| self.shape(s));
                StmtKind::Let { pattern, shape, value: self.inner_expr(&pair) }
            }
            Rule::update_stmt => {
                StmtKind::Update { name: self.inner_ident(&pair), value: self.inner_expr(&pair) }
            }
            Rule::for_stmt => {
                let pattern = self.inner_pattern(&pair);
                let iter = self.inner_expr(&pair);
                let mut collect = None;
                let mut body = Body::default();
                for part in pair.into_inner() {
                    match part.as_rule() {
                        Rule::collect => collect = Some(self.inner_ident(&part)),
                        Rule::body => {
                            let open = self.token(&part);
                            body = self.parser.body(open);
                        }
                        _ => {}
                    }
                }
                StmtKind::For { pattern, iter, collect, body }
            }
            Rule::dims => StmtKind::Dims(self.dims(pair)),
            Rule::yield_stmt => StmtKind::Yield(self.inner_expr(&pair)),
            Rule::final_stmt => StmtKind::Final(self.inner_expr(&pair)),
            Rule::assert_stmt => StmtKind::Assert(self.inner_expr(&pair)),
            _ => StmtKind::Expr(self.inner_expr(&pair)),
        }
    }

    fn inner_pattern(&self, pair: &Pair<Rule>) -> Pattern {
        match pair.clone().into_inner().find(|p| p.as_rule() == Rule::pattern) {
            Some(pattern) => self.pattern(&pattern),
            None => Pattern::Tuple(Vec::new(), self.span(pair)),
        }
    }

    fn pattern(&self, pair: &Pair<Rule>) -> Pattern {
        match pair.clone().into_inner().find(|p| p.as_rule() == Rule::tuple_pattern) {
            Some(tuple) => {
                let parts = tuple.clone().into_inner().map(|p| self.pattern(&p)).collect();
                Pattern::Tuple(parts, self.span(&tuple))
            }
            None => Pattern::Name(self.inner_ident(pair)),
        }
    }
}
