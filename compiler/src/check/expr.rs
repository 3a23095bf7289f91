//! Expressions: names, operators, conditions, lists.

use super::Session;
use super::scope::{Env, Part};
use super::value::{Callee, Number, Origin, Scalar, Val};
use arch_grammar::ast::{self, Expr, ExprKind};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

/// Functions that call themselves and blocks in blocks may nest deeper than a thread's stack: where less than
/// this many bytes are left, [`STACK`] more are taken.
pub(super) const RED_ZONE: usize = 256 << 10;
pub(super) const STACK: usize = 4 << 20;

/// Turns of a loop, layers of a `repeat`.
pub(super) const MOST_REPEATS: i64 = 10_000;

impl Session<'_> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, env: &mut Env, expr: &Expr) -> Val {
        if !self.burn(expr.span) {
            return Val::Error;
        }
        let value = stacker::maybe_grow(RED_ZONE, STACK, || self.eval_here(env, expr));
        if matches!(value, Val::Error) {
            self.unknown_because_of_an_error();
        }
        value
    }

    fn eval_here(&mut self, env: &mut Env, expr: &Expr) -> Val {
        match &expr.kind {
            ExprKind::Int(i) => Val::int(*i),
            ExprKind::Float { value, .. } => {
                Val::Number(Number { value: Scalar::Float(*value), origin: None })
            }
            ExprKind::Bool(b) => Val::Bool(*b),
            ExprKind::None => Val::None,
            ExprKind::Str(s) => Val::Str(s.as_str().into()),
            ExprKind::Name(name) => self.eval_name(env, name, expr.span),
            ExprKind::Unary(op, x) => self.eval_unary(env, *op, x, expr.span),
            ExprKind::Binary(op, a, b) => self.eval_binary(env, *op, a, b, expr.span),
            ExprKind::Pipe(value, call) => self.eval_pipe(env, value, call, expr.span),
            ExprKind::Call(callee, args) => self.eval_call(env, callee, None, args, expr.span),
            ExprKind::Index(base, entries) => self.eval_index(env, base, entries, expr.span),
            ExprKind::Paren(x) => self.eval(env, x),
            ExprKind::Tuple(xs) => {
                let values: Vec<Val> = xs.iter().map(|x| self.eval(env, x)).collect();
                Val::Tuple(Rc::new(values))
            }
            ExprKind::List(xs) => {
                let values: Vec<Val> = xs.iter().map(|x| self.eval(env, x)).collect();
                Val::List(Rc::new(values))
            }
            ExprKind::ListFor { body, name, iter } => self.eval_list_for(env, body, name, iter),
            ExprKind::If { condition, then, otherwise } => {
                self.eval_if(env, condition, then, otherwise.as_ref(), expr.span)
            }
            ExprKind::Scan(scan) => self.eval_scan(env, scan, expr.span),
            ExprKind::Range(..) | ExprKind::Set(_) | ExprKind::Arrow(..) | ExprKind::Repeat(..) => {
                self.misplaced(expr)
            }
            ExprKind::Parts(_) => {
                let name = self.sources.slice(expr.span).to_string();
                self.axis_from_expr(env, expr, &name).map_or(Val::Error, Val::Axis)
            }
            ExprKind::Spread(name) => self.eval_name(env, &name.name, name.span),
            ExprKind::Error => Val::Error,
        }
    }

    fn misplaced(&mut self, expr: &Expr) -> Val {
        let what = match expr.kind {
            ExprKind::Range(None, None) => {
                "`..` stands last where a layer is declared and hands config values down"
            }
            ExprKind::Range(..) => "a range stands in a slice, behind `in`, or in `for`",
            ExprKind::Set(_) => "a set of values stands behind `in` in a config",
            ExprKind::Arrow(..) => "`->` stands in the arguments of a view or a layer",
            _ => "`repeat` stands in the declaration of a layer",
        };
        self.report(
            Diagnostic::error("A0403", "this is not a value", expr.span)
                .label("not a value here")
                .remark(what),
        );
        Val::Error
    }

    pub(super) fn eval_name(&mut self, env: &mut Env, name: &str, span: Span) -> Val {
        if let Some(local) = env.local(name) {
            env.used_locals.borrow_mut().insert(local.span);
            return local.value.clone();
        }
        if let Some(config) = env.scope.config.get(name) {
            env.used.borrow_mut().insert(name.to_string());
            return config.value.clone();
        }
        if let Some(axis) = env.axis(name) {
            env.used.borrow_mut().insert(name.to_string());
            return axis;
        }
        if let Some((part, _)) = env.scope.parts.get(name).cloned() {
            env.used.borrow_mut().insert(name.to_string());
            return match part {
                Part::Layer(v) => v,
                Part::Parameter(i) => self.use_parameter(env, i, span),
            };
        }
        if self.is_lost(env.scope.file, name) {
            return Val::Error;
        }
        if let Some(callee) = self.callee_named(env.scope.file, name) {
            return Val::Callee(callee);
        }
        self.unknown_name(env, name, span);
        Val::Error
    }

    /// A function, block or operation of that name.
    pub(super) fn callee_named(&mut self, file: usize, name: &str) -> Option<Callee> {
        if let Some(item) = self.lookup_item(file, name) {
            let is_fn = matches!(self.files[item.file].ast.items[item.index], ast::Item::Fn(_));
            return Some(if is_fn { Callee::Function(item) } else { Callee::Block(item) });
        }
        super::builtin::find(name).map(Callee::Builtin)
    }

    pub(super) fn unknown_name(&mut self, env: &Env, name: &str, span: Span) {
        if !self.is_to_be_reported(name, span) {
            return;
        }
        let mut names = env.value_names();
        names.extend(env.axis_names());
        names.extend(self.files[env.scope.file].scope.iter().map(|(n, _)| n.clone()));
        let prelude = self.prelude();
        names.extend(self.files[prelude].scope.iter().map(|(n, _)| n.clone()));
        names.extend(super::builtin::NAMES.iter().map(|n| (*n).to_string()));
        let near = nearest(name, names.iter().map(String::as_str)).map(str::to_string);
        let d = Diagnostic::error("A0101", format!("there is no `{name}` here"), span).label("not known");
        let d = self.known_elsewhere(d, name, near);
        self.report(d);
    }

    fn eval_pipe(&mut self, env: &mut Env, value: &Expr, call: &Expr, span: Span) -> Val {
        let first = self.eval(env, value);
        let first = Some((first, value.span));
        match &call.kind {
            ExprKind::Call(callee, args) => self.eval_call(env, callee, first, args, span),
            _ => self.eval_call(env, call, first, &[], span),
        }
    }

    fn eval_list_for(&mut self, env: &mut Env, body: &Expr, name: &ast::Ident, iter: &Expr) -> Val {
        let Some((from, to)) = self.int_range(env, iter) else { return Val::Error };
        let mut values = Vec::new();
        for i in from..to {
            env.frames.push(super::scope::Frame::default());
            env.bind(&name.name, Val::int(i), name.span);
            values.push(self.eval(env, body));
            env.frames.pop();
        }
        Val::List(Rc::new(values))
    }

    /// `a..b` as two numbers.
    pub(super) fn int_range(&mut self, env: &mut Env, iter: &Expr) -> Option<(i64, i64)> {
        let ExprKind::Range(from, Some(to)) = &iter.kind else {
            self.report(
                Diagnostic::error("A0211", "a range `a..b` of whole numbers is wanted here", iter.span)
                    .help("write for example `0..depth`"),
            );
            return None;
        };
        let from = match from {
            Some(x) => self.eval_int(env, x)?,
            None => 0,
        };
        let to = self.eval_int(env, to)?;
        if to.saturating_sub(from) > MOST_REPEATS {
            let text = format!("{} repetitions are too many", to.saturating_sub(from));
            self.report(Diagnostic::error("A0207", text, iter.span).help("at most 10,000 are allowed"));
            return None;
        }
        Some((from, to))
    }

    fn eval_if(
        &mut self,
        env: &mut Env,
        condition: &Expr,
        then: &ast::Body,
        otherwise: Option<&ast::Body>,
        span: Span,
    ) -> Val {
        let Some(holds) = self.eval_condition(env, condition) else { return Val::Error };
        if holds {
            return self.eval_body(env, then);
        }
        match otherwise {
            Some(body) => self.eval_body(env, body),
            None => {
                let text = self.sources.slice(condition.span);
                let _ = span;
                Val::Absent(format!("it exists only if {text}").into())
            }
        }
    }

    /// A truth value known at compile time.
    pub(super) fn eval_condition(&mut self, env: &mut Env, condition: &Expr) -> Option<bool> {
        match self.eval(env, condition) {
            Val::Bool(b) => Some(b),
            Val::Error => None,
            other => {
                let text = format!("a condition is true or false, not {}", other.kind());
                self.report(
                    Diagnostic::error("A0211", text, condition.span)
                        .remark(
                            "conditions are decided when the program is checked, on config values and sizes",
                        )
                        .help("to choose between tensors, use `where(condition, a, b)`"),
                );
                None
            }
        }
    }

    /// A whole number known at compile time.
    pub(super) fn eval_int(&mut self, env: &mut Env, expr: &Expr) -> Option<i64> {
        let was = std::mem::replace(&mut env.sizes, true);
        let value = self.eval(env, expr);
        env.sizes = was;
        self.as_int(&value, expr.span)
    }

    pub(super) fn as_int(&mut self, value: &Val, span: Span) -> Option<i64> {
        match value {
            Val::Number(Number { value: Scalar::Int(i), .. }) => Some(*i),
            Val::Axis(a) => Some(self.size_of(*a) as i64),
            Val::Axes(list) => Some(self.elements(list) as i64),
            Val::Error => None,
            Val::Number(Number { value: Scalar::Float(f), .. }) => {
                // The fraction may come from a size that was made up; the kind of number does not.
                let given = if self.made_up.is_some() { String::new() } else { format!(" {f:?}") };
                let text = format!("a whole number is wanted here, not the float{given}");
                let text = text.strip_suffix("the float").map_or(text.clone(), |t| format!("{t}a float"));
                self.report(Diagnostic::error("A0211", text, span).help("`int(…)` cuts off the fraction"));
                None
            }
            other => {
                let text =
                    format!("a whole number known at compile time is wanted here, not {}", other.kind());
                self.report(Diagnostic::error("A0211", text, span));
                None
            }
        }
    }

    /// A number known at compile time, with its history.
    pub(super) fn as_number(&mut self, value: &Val) -> Option<Number> {
        match value {
            Val::Number(n) => Some(n.clone()),
            Val::Axis(a) => {
                let origin = self.axis_info(*a).origin.clone();
                Some(Number { value: Scalar::Int(self.size_of(*a) as i64), origin })
            }
            Val::Axes(list) => Some(Number { value: Scalar::Int(self.elements(list) as i64), origin: None }),
            _ => None,
        }
    }

    /// The facts that a message shows for the numbers in an expression: each name once, with its value
    /// and where that came from.
    pub(super) fn facts(&mut self, env: &mut Env, expr: &Expr, d: Diagnostic) -> Diagnostic {
        let mut names = Vec::new();
        names_in(expr, &mut names);
        let mut d = d;
        for (name, span) in names {
            let known = env.local(&name).is_some()
                || env.scope.config.contains_key(&name)
                || env.axis(&name).is_some();
            if !known {
                continue;
            }
            let value = self.eval_name(env, &name, span);
            let Some(number) = self.as_number(&value) else { continue };
            let from = self.origin_text(env, &name, number.origin.as_deref());
            d = d.fact(format!("{name} = {}", number.value), from);
        }
        d
    }

    fn origin_text(&self, env: &Env, name: &str, origin: Option<&Origin>) -> String {
        match origin {
            Some(o) if o.name.is_empty() || o.name == name => o.from.clone(),
            Some(o) => format!("which is `{}` {}", o.name, o.from),
            None => env
                .scope
                .config
                .get(name)
                .map(|c| format!("declared at {}", self.sources.place(c.declared)))
                .unwrap_or_default(),
        }
    }
}

/// The names that occur in an expression, in order, each once.
pub(super) fn names_in(expr: &Expr, out: &mut Vec<(String, Span)>) {
    if let ExprKind::Name(n) = &expr.kind
        && !out.iter().any(|(m, _)| m == n)
    {
        out.push((n.clone(), expr.span));
    }
    let mut each = |xs: &[&Expr]| xs.iter().for_each(|x| names_in(x, out));
    match &expr.kind {
        ExprKind::Unary(_, x) | ExprKind::Paren(x) => each(&[x]),
        ExprKind::Binary(_, a, b) | ExprKind::Pipe(a, b) | ExprKind::Arrow(a, b) | ExprKind::Repeat(a, b) => {
            each(&[a, b])
        }
        ExprKind::Call(_, args) => args.iter().for_each(|a| names_in(&a.value, out)),
        ExprKind::Tuple(xs) | ExprKind::List(xs) | ExprKind::Parts(xs) | ExprKind::Set(xs) => {
            xs.iter().for_each(|x| names_in(x, out));
        }
        ExprKind::Range(a, b) => {
            a.iter().chain(b.iter()).for_each(|x| names_in(x, out));
        }
        ExprKind::If { condition, .. } => names_in(condition, out),
        _ => {}
    }
}
