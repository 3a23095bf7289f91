//! Statements: `let`, `<-`, `for`, `dims`.

use super::Session;
use super::report::counted;
use super::scope::{Env, Frame};
use super::value::{Tensor, Val};
use crate::graph::AxisId;
use arch_grammar::ast::{self, Body, Expr, ExprKind, Pattern, Stmt, StmtKind};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

impl Session<'_> {
    /// Runs a body in a scope of its own and gives the value of its last expression.
    pub(super) fn eval_body(&mut self, env: &mut Env, body: &Body) -> Val {
        env.frames.push(Frame::default());
        let value = self.run_body(env, body);
        env.frames.pop();
        value
    }

    /// Runs a body in the scope at hand: what it binds stays bound.
    pub(super) fn run_body(&mut self, env: &mut Env, body: &Body) -> Val {
        for statement in &body.statements {
            self.statement(env, statement);
        }
        match &body.tail {
            Some(tail) => self.eval(env, tail),
            None => {
                let place = body.statements.last().map_or(body.span, |s| s.span);
                let d = Diagnostic::error("A0408", "this body has no value", place);
                let d = d.label("the last thing here is not an expression").help("end with the value: `x`");
                let lines = self.sources.slice(place).trim_end().lines().count();
                self.report(match body.statements.last().map(|s| &s.kind) {
                    // An operator at the end of a line takes the next line along.
                    Some(StmtKind::Let { .. }) if lines > 1 && !self.sources.slice(place).ends_with('}') => {
                        d.remark(format!("this `let` goes on over {lines} lines"))
                    }
                    _ => d,
                });
                Val::Error
            }
        }
    }

    pub(super) fn statement(&mut self, env: &mut Env, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Let { pattern, shape, value } => {
                let v = self.eval(env, value);
                let v = match shape {
                    Some(shape) => self.annotated(env, v, shape, value),
                    None => v,
                };
                self.bind_pattern(env, pattern, v, value.span);
            }
            StmtKind::Update { name, value } => self.update(env, name, value),
            StmtKind::For { pattern, iter, collect, body } => {
                self.for_loop(env, pattern, iter, collect.as_ref(), body);
            }
            StmtKind::Dims(d) => self.local_dims(env, d),
            StmtKind::Yield(_) | StmtKind::Final(_) => {
                let d = Diagnostic::error("A0508", "`yield` and `final` belong in a scan", statement.span);
                self.report(d.help(
                    "`scan t over T (h: [D] = 0) { … }` goes along an axis; a body ends with its value",
                ));
            }
            StmtKind::Assert(_) => {
                let d = Diagnostic::error("A0409", "`assert` belongs in a test", statement.span);
                self.report(d.help("in a block, `require` states what sizes and config must satisfy"));
            }
            StmtKind::Expr(e) => {
                self.eval(env, e);
                // It may be the rest of a line that did not parse.
                if self.is_astray() {
                    return;
                }
                let d = Diagnostic::error("A0409", "the value of this expression is lost", statement.span)
                    .label("nothing takes it")
                    .help("bind it with `let x = …`, or remove it");
                self.report(d);
            }
        }
    }

    fn annotated(&mut self, env: &mut Env, value: Val, shape: &ast::Shape, of: &Expr) -> Val {
        let Some(t) = self.tensor(&value, of.span) else { return Val::Error };
        if matches!(of.kind, ExprKind::Call(..) | ExprKind::Pipe(..)) {
            name_axes(env, &t, shape);
        }
        match self.held_against(env, &t, shape, &[], of.span, "the value") {
            Some(order) => {
                let mut t = t;
                t.axes.sort_by_key(|(a, _)| order.iter().position(|b| a == b));
                Val::Tensor(t)
            }
            None => Val::Error,
        }
    }

    pub(super) fn bind_pattern(&mut self, env: &mut Env, pattern: &Pattern, value: Val, span: Span) {
        match pattern {
            Pattern::Name(name) if name.name == "_" => {}
            Pattern::Name(name) => env.bind(&name.name, value, name.span),
            Pattern::Tuple(patterns, at) => {
                let values: Vec<Val> = match value {
                    Val::Tuple(vs) | Val::List(vs) => vs.to_vec(),
                    Val::Error => vec![Val::Error; patterns.len()],
                    other => {
                        let names = counted(patterns.len(), "name");
                        let are = if patterns.len() == 1 { "is" } else { "are" };
                        let text = format!("{names} {are} asked for, but this is {}", other.kind());
                        let d = Diagnostic::error("A0407", text, span).also(*at, "asked for here");
                        self.report(d.help("`split(x)` takes a tensor apart"));
                        vec![Val::Error; patterns.len()]
                    }
                };
                if values.len() != patterns.len() {
                    let come = if values.len() == 1 { "comes" } else { "come" };
                    let are = if patterns.len() == 1 { "is" } else { "are" };
                    let text = format!(
                        "{} {are} asked for, but {} {come}",
                        counted(patterns.len(), "name"),
                        counted(values.len(), "value"),
                    );
                    let mut d = Diagnostic::error("A0407", text, *at).also(span, "the values");
                    if let Some(parts) = self.shown_parts(&values) {
                        d = d.remark(parts);
                    }
                    if values.len() > patterns.len() {
                        d = d.help("name them all; a value that is not wanted is called `_`");
                    }
                    self.report(d);
                    for p in patterns {
                        self.bind_pattern(env, p, Val::Error, span);
                    }
                    return;
                }
                for (p, v) in patterns.iter().zip(values) {
                    self.bind_pattern(env, p, v, span);
                }
            }
        }
    }

    fn shown_parts(&mut self, values: &[Val]) -> Option<String> {
        let shapes: Option<Vec<String>> = values
            .iter()
            .map(|v| match v {
                Val::Tensor(t) => Some(self.show_axes(&t.ids())),
                _ => None,
            })
            .collect();
        shapes.map(|s| format!("the values are {}", s.join(", ")))
    }

    fn update(&mut self, env: &mut Env, name: &ast::Ident, value: &Expr) {
        let Some(local) = env.local(&name.name).cloned() else {
            if self.is_astray() {
                return;
            }
            let names = env.value_names();
            let mut d =
                Diagnostic::error("A0107", format!("there is no `{}` to update", name.name), name.span);
            d = match nearest(&name.name, names.iter().map(String::as_str)) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None => d.help(format!("bind it first: `let {} = …`", name.name)),
            };
            return self.report(d);
        };
        let new = self.eval(env, value);
        if local.collects {
            // The list would be copied as long as two hold it.
            drop(local);
            self.append(env, &name.name, new);
            return;
        }
        if let (Val::Tensor(a), Val::Tensor(b)) = (&local.value, &new)
            && !self.same_type(a, b, name, value.span)
        {
            return self.rebind(env, &name.name, Val::Error);
        }
        self.rebind(env, &name.name, new);
    }

    fn append(&mut self, env: &mut Env, name: &str, value: Val) {
        for frame in env.frames.iter_mut().rev() {
            if let Some(local) = frame.values.get_mut(name) {
                if let Val::List(list) = &mut local.value {
                    Rc::make_mut(list).push(value);
                }
                return;
            }
        }
    }

    fn rebind(&mut self, env: &mut Env, name: &str, value: Val) {
        for frame in env.frames.iter_mut().rev() {
            if let Some(local) = frame.values.get_mut(name) {
                local.value = value;
                return;
            }
        }
    }

    fn same_type(&mut self, old: &Tensor, new: &Tensor, name: &ast::Ident, span: Span) -> bool {
        let shown = (self.show_axes(&old.ids()), self.show_axes(&new.ids()));
        let title = format!("`{}` is {}, but its new value is {}", name.name, shown.0, shown.1);
        for (a, entry) in &new.axes {
            if !old.has(*a) {
                let axis = self.axis_name(*a);
                let d = Diagnostic::error("A0317", title, span)
                    .label(format!("axis `{axis}` is new"))
                    .also(entry.span, format!("`{axis}` came in here: {}", entry.how))
                    .help("`<-` keeps the type; a value of another type gets a `let`");
                self.report(d);
                return false;
            }
        }
        for (a, entry) in &old.axes {
            if !new.has(*a) {
                let axis = self.axis_name(*a);
                let d = Diagnostic::error("A0317", title, span)
                    .label(format!("axis `{axis}` is gone"))
                    .also(entry.span, format!("`{axis}` came in here: {}", entry.how))
                    .help("`<-` keeps the type; a value of another type gets a `let`");
                self.report(d);
                return false;
            }
        }
        true
    }

    fn for_loop(
        &mut self,
        env: &mut Env,
        pattern: &Pattern,
        iter: &Expr,
        collect: Option<&ast::Ident>,
        body: &Body,
    ) {
        if let Some(name) = collect {
            env.bind(&name.name, Val::List(Rc::default()), name.span);
            if let Some(local) = env.frames.last_mut().and_then(|f| f.values.get_mut(&name.name)) {
                local.collects = true;
            }
        }
        let Some(values) = self.iterated(env, iter) else {
            if let Some(name) = collect {
                env.bind(&name.name, Val::Error, name.span);
            }
            return;
        };
        let errors = self.error_count();
        for value in values {
            env.frames.push(Frame::default());
            self.bind_pattern(env, pattern, value, iter.span);
            for statement in &body.statements {
                self.statement(env, statement);
            }
            if let Some(tail) = &body.tail {
                let s = Stmt { kind: StmtKind::Expr((**tail).clone()), span: tail.span };
                self.statement(env, &s);
            }
            env.frames.pop();
            // The next round would only say the same again.
            if self.error_count() > errors {
                break;
            }
        }
        if let Some(name) = collect
            && let Some(local) = env.frames.iter_mut().rev().find_map(|f| f.values.get_mut(&name.name))
        {
            local.collects = false;
        }
    }

    /// What a loop goes through: layers, a list, `zip(…)`, or `a..b`.
    fn iterated(&mut self, env: &mut Env, iter: &Expr) -> Option<Vec<Val>> {
        if matches!(iter.kind, ExprKind::Range(..)) {
            let (from, to) = self.int_range(env, iter)?;
            return Some((from..to).map(Val::int).collect());
        }
        match self.eval(env, iter) {
            Val::List(l) => Some(l.to_vec()),
            Val::Error => None,
            other => {
                let text = format!("a loop goes through layers or a list, not {}", other.kind());
                let d = Diagnostic::error("A0211", text, iter.span);
                self.report(d.help("a loop over an axis is a `scan`"));
                None
            }
        }
    }
}

/// Names in an annotation of a call that nobody knows yet, in order, name the axes of the result that have no
/// name here.
fn name_axes(env: &mut Env, t: &Tensor, shape: &ast::Shape) {
    let entries = shape.axes.iter().filter_map(|e| match &e.kind {
        ExprKind::Name(name) => Some(name),
        _ => None,
    });
    let new: Vec<&String> = entries.filter(|n| env.axis(n).is_none()).collect();
    let named = |axis: &AxisId| {
        let local = env.frames.iter().flat_map(|f| f.axes.values()).any(|a| a == axis);
        let block = || {
            env.scope.axes.values().any(|v| match v {
                Val::Axis(a) => a == axis,
                Val::Axes(list) => list.contains(axis),
                _ => false,
            })
        };
        *axis == AxisId::BATCH || env.lifted.contains(axis) || local || block()
    };
    let nameless: Vec<AxisId> = t.axes.iter().map(|(a, _)| *a).filter(|a| !named(a)).collect();
    if new.len() == nameless.len() {
        for (name, axis) in new.into_iter().zip(nameless) {
            env.bind_axis(name, axis);
        }
    }
}
