//! Expressions.

use pest::iterators::Pair;

use super::climb::{Infix, Piece, as_range, climb};
use super::{Build, Rule};
use crate::ast::{
    Arg, BinaryOp, Body, Carry, Expr, ExprKind, Ident, IndexEntry, Scan, Shape, StrLit, UnaryOp,
};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

impl Build<'_, '_, '_> {
    /// The first expression directly inside `pair`.
    pub(super) fn inner_expr(&mut self, pair: &Pair<Rule>) -> Expr {
        match pair.clone().into_inner().find(|p| p.as_rule() == Rule::expr) {
            Some(expr) => self.expr(expr),
            None => Expr { kind: ExprKind::Error, span: self.span(pair) },
        }
    }

    pub(super) fn expr(&mut self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        let operators = pair.clone().into_inner().filter(|p| p.as_rule() != Rule::operand).count();
        self.deeper(1 + operators, span, |build| {
            let pieces = pair.into_inner().map(|piece| build.piece(piece)).collect();
            climb(pieces, span)
        })
    }

    fn deeper(&mut self, levels: usize, span: Span, with: impl FnOnce(&mut Build) -> Expr) -> Expr {
        let fragment = self.fragment;
        self.parser.deeper(levels, span, |parser| with(&mut Build { parser, fragment }))
    }

    fn piece(&mut self, pair: Pair<Rule>) -> Piece {
        let infix = |op| Piece::Infix(Infix::Binary(op));
        match pair.as_rule() {
            Rule::dots => Piece::Dots(self.span(&pair)),
            Rule::neg => Piece::Prefix(UnaryOp::Neg, self.span(&pair)),
            Rule::kw_not => Piece::Prefix(UnaryOp::Not, self.span(&pair)),
            Rule::kw_repeat => Piece::Infix(Infix::Repeat),
            Rule::arrow => Piece::Infix(Infix::Arrow),
            Rule::join => Piece::Infix(Infix::Join),
            Rule::pipe => Piece::Infix(Infix::Pipe),
            Rule::kw_or => infix(BinaryOp::Or),
            Rule::kw_and => infix(BinaryOp::And),
            Rule::eq => infix(BinaryOp::Eq),
            Rule::ne => infix(BinaryOp::Ne),
            Rule::lt => infix(BinaryOp::Lt),
            Rule::le => infix(BinaryOp::Le),
            Rule::gt => infix(BinaryOp::Gt),
            Rule::ge => infix(BinaryOp::Ge),
            Rule::add => infix(BinaryOp::Add),
            Rule::sub => infix(BinaryOp::Sub),
            Rule::mul => infix(BinaryOp::Mul),
            Rule::div => infix(BinaryOp::Div),
            Rule::rem => infix(BinaryOp::Rem),
            Rule::pow => infix(BinaryOp::Pow),
            _ => Piece::Operand(self.operand(pair)),
        }
    }

    fn operand(&mut self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        let Some(primary) = inner.next() else { return Expr { kind: ExprKind::Error, span } };
        let behind: Vec<Pair<Rule>> = inner.collect();
        self.deeper(behind.len(), span, |build| {
            let mut expr = build.primary(primary);
            for postfix in behind {
                let span = expr.span.to(build.span(&postfix));
                let kind = match postfix.as_rule() {
                    Rule::call => ExprKind::Call(Box::new(expr), build.args(postfix)),
                    _ => ExprKind::Index(Box::new(expr), build.entries(postfix)),
                };
                expr = Expr { kind, span };
            }
            expr
        })
    }

    fn primary(&mut self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::int => ExprKind::Int(self.int(&pair)),
            Rule::float => self.float(&pair),
            Rule::string => ExprKind::Str(self.string(&pair).value),
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::none => ExprKind::None,
            Rule::ident => ExprKind::Name(self.ident(&pair).name),
            Rule::paren => self.paren(pair),
            Rule::list => self.list(pair),
            Rule::if_expr => return self.if_expr(pair),
            Rule::scan_expr => self.scan(pair),
            _ => ExprKind::Error,
        };
        Expr { kind, span }
    }

    pub(super) fn int(&mut self, pair: &Pair<Rule>) -> i64 {
        let digits = pair.as_str().trim_end().replace('_', "");
        digits.parse().unwrap_or_else(|_| {
            let problem = Diagnostic::error("A0012", "a number that is too large", self.span(pair))
                .label("does not fit into 64 bits")
                .help(format!("the largest whole number is {}", i64::MAX));
            self.parser.problems.push(problem);
            0
        })
    }

    fn float(&mut self, pair: &Pair<Rule>) -> ExprKind {
        let text = pair.as_str().trim_end().to_string();
        let value: f64 = text.replace('_', "").parse().unwrap_or(f64::INFINITY);
        if !value.is_finite() {
            let problem = Diagnostic::error("A0012", "a number that is too large", self.span(pair))
                .label("does not fit into a 64-bit float");
            self.parser.problems.push(problem);
        }
        ExprKind::Float { value, text }
    }

    pub(super) fn string(&self, pair: &Pair<Rule>) -> StrLit {
        let text = pair.as_str().trim_end();
        let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
        let mut value = String::with_capacity(inside.len());
        let mut chars = inside.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
                c => value.push(c),
            }
        }
        StrLit { value, span: self.span(pair) }
    }

    fn exprs(&mut self, pair: Pair<Rule>) -> Vec<Expr> {
        pair.into_inner().filter(|p| p.as_rule() == Rule::expr).map(|p| self.expr(p)).collect()
    }

    fn paren(&mut self, pair: Pair<Rule>) -> ExprKind {
        let mut entries = self.exprs(pair);
        match entries.pop() {
            Some(only) if entries.is_empty() => ExprKind::Paren(Box::new(only)),
            last => {
                entries.extend(last);
                ExprKind::Tuple(entries)
            }
        }
    }

    fn list(&mut self, pair: Pair<Rule>) -> ExprKind {
        let list_for = pair.clone().into_inner().find(|p| p.as_rule() == Rule::list_for);
        let mut entries = self.exprs(pair);
        match (list_for, entries.pop()) {
            (Some(list_for), Some(body)) => {
                let name = self.inner_ident(&list_for);
                let iter = Box::new(self.inner_expr(&list_for));
                ExprKind::ListFor { body: Box::new(body), name, iter }
            }
            (_, last) => {
                entries.extend(last);
                ExprKind::List(entries)
            }
        }
    }

    pub(super) fn args(&mut self, pair: Pair<Rule>) -> Vec<Arg> {
        let args = pair.into_inner().filter(|p| p.as_rule() == Rule::arg);
        args.map(|arg| Arg { name: self.label(&arg), value: self.inner_expr(&arg) }).collect()
    }

    fn label(&self, pair: &Pair<Rule>) -> Option<Ident> {
        pair.clone().into_inner().find(|p| p.as_rule() == Rule::label).map(|label| self.inner_ident(&label))
    }

    fn entries(&mut self, pair: Pair<Rule>) -> Vec<IndexEntry> {
        pair.into_inner().map(|entry| self.entry(entry)).collect()
    }

    fn entry(&mut self, pair: Pair<Rule>) -> IndexEntry {
        let label = self.label(&pair);
        let mut exprs = self.exprs(pair.clone()).into_iter();
        let at = exprs.next().unwrap_or(Expr { kind: ExprKind::Error, span: self.span(&pair) });
        let otherwise = exprs.next();
        let Some(axis) = label else { return IndexEntry::At { at: as_range(at), otherwise } };
        if let Some(edge) = otherwise {
            let problem = Diagnostic::error("A0026", "`else` cannot stand here", edge.span)
                .label("the value beyond the edge")
                .help("`else` belongs to a position of a scan, as in `u[t - 1 else 0]`");
            self.parser.problems.push(problem);
        }
        match at.kind {
            ExprKind::Arrow(at, to) => match to.kind {
                ExprKind::Name(name) => {
                    IndexEntry::Axis { axis, at: as_range(*at), to: Some(Ident { name, span: to.span }) }
                }
                _ => {
                    let problem = Diagnostic::error("A0026", "a slice gives one axis", to.span)
                        .label("the name of an axis was expected")
                        .help("`x[S: 2.. -> T]` takes a part of `S` and calls it `T`");
                    self.parser.problems.push(problem);
                    IndexEntry::Axis { axis, at: as_range(*at), to: None }
                }
            },
            _ => IndexEntry::Axis { axis, at: as_range(at), to: None },
        }
    }

    fn if_expr(&mut self, pair: Pair<Rule>) -> Expr {
        let whole = self.span(&pair);
        let branches = pair.clone().into_inner().filter(|p| p.as_rule() == Rule::body).count();
        self.deeper(branches, whole, |build| {
            let (branches, last) = build.branches(pair);
            let mut otherwise = last.map(|open| build.parser.body(open));
            for (condition, open) in branches.into_iter().rev() {
                let then = build.parser.body(open);
                let span = condition.1.to(otherwise.as_ref().map_or(then.span, |b| b.span));
                let kind = ExprKind::If { condition: Box::new(condition.0), then, otherwise };
                let expr = Expr { kind, span };
                otherwise =
                    Some(Body { statements: Vec::new(), tail: Some(Box::new(expr)), span, braces: true });
            }
            let expr = otherwise.and_then(|b| b.tail);
            expr.map_or(Expr { kind: ExprKind::Error, span: whole }, |e| *e)
        })
    }

    /// The conditions with the braces of their bodies, and the brace of the last `else`. A condition's span
    /// comes with that of its `if`.
    #[allow(clippy::type_complexity)]
    pub(super) fn branches(&mut self, pair: Pair<Rule>) -> (Vec<((Expr, Span), usize)>, Option<usize>) {
        let mut branches = Vec::new();
        let mut condition = None;
        let mut start = self.span(&pair);
        let mut last = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_if => start = self.span(&part),
                Rule::expr => condition = Some(self.expr(part)),
                Rule::body => match condition.take() {
                    Some(expr) => branches.push(((expr, start), self.token(&part))),
                    None => last = Some(self.token(&part)),
                },
                _ => {}
            }
        }
        (branches, last)
    }

    fn scan(&mut self, pair: Pair<Rule>) -> ExprKind {
        let mut header = self.span(&pair);
        let mut names = Vec::new();
        let mut reverse = false;
        let mut carries = Vec::new();
        let mut body = Body::default();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::body {
                let open = self.token(&part);
                body = self.parser.body(open);
                continue;
            }
            header = self.span(&part);
            for part in part.into_inner() {
                match part.as_rule() {
                    Rule::ident => names.push(self.ident(&part)),
                    Rule::kw_reverse => reverse = true,
                    Rule::carry => carries.push(self.carry(part)),
                    _ => {}
                }
            }
        }
        let mut names = names.into_iter();
        let (Some(position), Some(axis)) = (names.next(), names.next()) else { return ExprKind::Error };
        ExprKind::Scan(Box::new(Scan { position, axis, reverse, carries, body, header }))
    }

    fn carry(&mut self, pair: Pair<Rule>) -> Carry {
        let span = self.span(&pair);
        let name = self.inner_ident(&pair);
        let shape = self.inner_shape(&pair);
        let init = self.inner_expr(&pair);
        Carry { name, shape, init, span }
    }

    /// The shape directly inside `pair`.
    pub(super) fn inner_shape(&mut self, pair: &Pair<Rule>) -> Shape {
        match pair.clone().into_inner().find(|p| p.as_rule() == Rule::shape) {
            Some(shape) => self.shape(shape),
            None => Shape { axes: Vec::new(), dtype: None, span: self.span(pair) },
        }
    }

    pub(super) fn shape(&mut self, pair: Pair<Rule>) -> Shape {
        let span = self.span(&pair);
        let dtype =
            pair.clone().into_inner().find(|p| p.as_rule() == Rule::dtype).map(|d| self.inner_ident(&d));
        Shape { axes: self.exprs(pair), dtype, span }
    }
}
