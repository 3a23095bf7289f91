//! Axes as they are written: in shapes, in the arguments of views and layers, in `dims`.

use super::Session;
use super::axes::{AxisPart, Length};
use super::scope::{Env, Scope};
use super::value::{Origin, Val};
use crate::graph::AxisId;
use arch_grammar::ast::{self, Expr, ExprKind};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

/// What the right side of `dims` is.
enum DimValue {
    Size(usize, Option<Rc<Origin>>),
    Parts(Vec<AxisPart>),
}

impl Session<'_> {
    /// `dims` among a block's members.
    pub(super) fn block_dims(&mut self, env: &mut Env, dims: &ast::DimsDecl) {
        for (name, size) in &dims.dims {
            let Some(axis) = self.dim(env, name, size) else { return };
            if let Some(before) = env.scope.axes.get(&name.name) {
                let first = super::block::axes_of(before).first().map(|a| self.axis_info(*a).declared);
                let d =
                    Diagnostic::error("A0104", format!("axis `{}` is declared twice", name.name), name.span);
                self.report(d.also(first.unwrap_or(name.span), "first declared here"));
                return;
            }
            let scope: &mut Scope = Rc::make_mut(&mut env.scope);
            scope.axes.insert(name.name.clone(), Val::Axis(axis));
        }
    }

    /// `dims` in a body.
    pub(super) fn local_dims(&mut self, env: &mut Env, dims: &ast::DimsDecl) {
        for (name, size) in &dims.dims {
            match self.dim(env, name, size) {
                Some(axis) => env.bind_axis(&name.name, axis),
                None => env.bind(&name.name, Val::Error, name.span),
            }
        }
    }

    fn dim(&mut self, env: &mut Env, name: &ast::Ident, size: &Expr) -> Option<AxisId> {
        match self.dim_value(env, size)? {
            DimValue::Parts(parts) => Some(self.sum_axis(&name.name, parts, name.span)),
            DimValue::Size(n, origin) => {
                let text = self.sources.slice(size.span).to_string();
                let place = self.sources.place(name.span);
                let simple = matches!(size.kind, ExprKind::Name(_));
                let origin = origin.filter(|_| simple).unwrap_or_else(|| {
                    let from = if matches!(size.kind, ExprKind::Int(_)) {
                        format!("declared at {place}")
                    } else {
                        format!("= {text} ({place})")
                    };
                    Rc::new(Origin { name: name.name.clone(), from })
                });
                let certain = self.is_certain(env, size);
                let axis = self.new_axis_from(&name.name, n, name.span, Some(origin));
                self.axes[axis.0 as usize].certain = certain;
                Some(axis)
            }
        }
    }

    /// Whether nothing made up has a part in a size.
    fn is_certain(&self, env: &Env, size: &Expr) -> bool {
        let mut names = Vec::new();
        super::expr::names_in(size, &mut names);
        names.iter().all(|(name, _)| {
            let value = env.local(name).map(|l| &l.value);
            let value = value.or_else(|| env.scope.config.get(name).map(|c| &c.value));
            match (value, env.axis(name)) {
                (Some(Val::Number(n)), _) => !n.origin.as_deref().is_some_and(super::made_up::is_made_up),
                (Some(Val::Axis(a)), _) => self.axis_info(*a).certain,
                (None, Some(Val::Axis(a))) => self.axis_info(a).certain,
                _ => true,
            }
        })
    }

    fn dim_value(&mut self, env: &mut Env, size: &Expr) -> Option<DimValue> {
        match &size.kind {
            ExprKind::Parts(parts) => Some(DimValue::Parts(self.parts(env, parts)?)),
            ExprKind::Paren(x) => self.dim_value(env, x),
            ExprKind::If { condition, then, otherwise } => {
                let holds = self.eval_condition(env, condition)?;
                let body = if holds { Some(then) } else { otherwise.as_ref() };
                match body.and_then(|b| b.tail.as_deref()) {
                    Some(tail) => self.dim_value(env, tail),
                    None => {
                        let d = Diagnostic::error(
                            "A0202",
                            "this size has no value when the condition fails",
                            size.span,
                        );
                        self.report(d.help("add `else { … }`"));
                        None
                    }
                }
            }
            _ => {
                let was = std::mem::replace(&mut env.sizes, true);
                let value = self.eval(env, size);
                env.sizes = was;
                let n = self.as_int(&value, size.span)?;
                let origin = self.as_number(&value).and_then(|n| n.origin);
                let n = self.positive(env, n, size)?;
                Some(DimValue::Size(n, origin))
            }
        }
    }

    fn positive(&mut self, env: &mut Env, n: i64, size: &Expr) -> Option<usize> {
        if (1..=i64::from(u32::MAX)).contains(&n) {
            return Some(n as usize);
        }
        let text = self.sources.slice(size.span).to_string();
        let d = Diagnostic::error("A0207", format!("an axis cannot be {n} long"), size.span)
            .label(format!("{text} = {n}"));
        let d = self.facts(env, size, d);
        self.report(d.help("sizes are at least 1 and below 4,294,967,296"));
        None
    }

    pub(super) fn parts(&mut self, env: &mut Env, parts: &[Expr]) -> Option<Vec<AxisPart>> {
        let all: Option<Vec<AxisPart>> = parts.iter().map(|p| self.part(env, p)).collect();
        let size = all.iter().flatten().fold(0, |n: usize, p| n.saturating_add(p.size));
        let span = parts.first().zip(parts.last()).map(|(a, b)| a.span.to(b.span)).unwrap_or_default();
        all.filter(|_| self.can_be_long(size, span))
    }

    fn part(&mut self, env: &mut Env, part: &Expr) -> Option<AxisPart> {
        if let ExprKind::Int(1) = part.kind {
            return Some(AxisPart { axis: None, size: 1 });
        }
        let text = self.sources.slice(part.span).to_string();
        let axis = self.axis_from_expr(env, part, &text)?;
        Some(AxisPart { axis: Some(axis), size: self.size_of(axis) })
    }

    /// One axis, where an axis is wanted. `name` is what a sum or count made here is called.
    pub(super) fn axis_from_expr(&mut self, env: &mut Env, expr: &Expr, name: &str) -> Option<AxisId> {
        match &expr.kind {
            ExprKind::Paren(x) => self.axis_from_expr(env, x, name),
            ExprKind::Parts(parts) => {
                let parts = self.parts(env, parts)?;
                Some(self.sum_axis(name, parts, expr.span))
            }
            ExprKind::Int(n) if *n >= 1 => {
                let size = *n as usize;
                self.can_be_long(size, expr.span).then(|| self.count_axis(size, expr.span))
            }
            ExprKind::Name(n) => match env.axis(n) {
                Some(Val::Axis(a)) => {
                    env.used.borrow_mut().insert(n.clone());
                    Some(a)
                }
                Some(Val::Axes(list)) if list.len() == 1 => Some(list[0]),
                _ => match env.local(n).map(|l| l.value.clone()) {
                    Some(Val::Axis(a)) => Some(a),
                    Some(Val::Error) => None,
                    _ => self.not_an_axis(env, n, expr.span),
                },
            },
            ExprKind::Error => None,
            _ => {
                let text = self.sources.slice(expr.span).to_string();
                let d = Diagnostic::error("A0316", "an axis is wanted here, not a calculation", expr.span)
                    .help(format!("give it a name first: `dims N = {text}`"));
                self.report(d);
                None
            }
        }
    }

    fn not_an_axis(&mut self, env: &Env, name: &str, span: Span) -> Option<AxisId> {
        let names = env.axis_names();
        let mut d = Diagnostic::error("A0316", format!("there is no axis `{name}` here"), span);
        if env.scope.config.contains_key(name) {
            d = d
                .label("a config value, not an axis")
                .help(format!("declare an axis of that size: `dims N = {name}`"));
        } else if !self.is_to_be_reported(name, span) {
            return None;
        } else if let Some(n) = nearest(name, names.iter().map(String::as_str)) {
            d = d.help(format!("did you mean `{n}`?"));
        } else if names.is_empty() {
            d = d.help("no axes are declared: `dims T = 16` declares one");
        } else {
            d = d.help(format!("the axes here are {}", names.join(", ")));
        }
        self.report(d);
        None
    }

    /// One or several axes: `D`, `(C, P, Q)`, an axis list.
    pub(super) fn axes_from_expr(&mut self, env: &mut Env, expr: &Expr) -> Option<Vec<AxisId>> {
        match &expr.kind {
            ExprKind::Tuple(xs) => {
                let lists: Option<Vec<Vec<AxisId>>> =
                    xs.iter().map(|x| self.axes_from_expr(env, x)).collect();
                lists.map(|l| l.concat())
            }
            ExprKind::Spread(name) => match env.axis(&name.name) {
                Some(v) => Some(super::block::axes_of(&v)),
                None => self.not_an_axis(env, &name.name, name.span).map(|a| vec![a]),
            },
            ExprKind::Name(n) if matches!(env.axis(n), Some(Val::Axes(_))) => {
                env.used.borrow_mut().insert(n.clone());
                env.axis(n).map(|v| super::block::axes_of(&v))
            }
            _ => {
                let name = self.sources.slice(expr.span).to_string();
                self.axis_from_expr(env, expr, &name).map(|a| vec![a])
            }
        }
    }

    /// An axis behind `->`: a name in scope is that axis, another name declares one of that size.
    pub(super) fn target_axis(&mut self, env: &mut Env, expr: &Expr, length: Length) -> Option<AxisId> {
        if let ExprKind::Name(n) = &expr.kind {
            return self.target_name(env, n, expr.span, length);
        }
        let text = self.sources.slice(expr.span).to_string();
        let axis = self.axis_from_expr(env, expr, &text)?;
        self.same_size(axis, length.size, expr.span).then_some(axis)
    }

    pub(super) fn target_name(
        &mut self,
        env: &mut Env,
        name: &str,
        span: Span,
        length: Length,
    ) -> Option<AxisId> {
        if let Some(Val::Axis(a)) = env.axis(name) {
            env.used.borrow_mut().insert(name.to_string());
            return self.same_size(a, length.size, span).then_some(a);
        }
        if !self.can_be_long(length.size, span) {
            return None;
        }
        let axis = self.new_axis(name, length.size, span);
        self.axes[axis.0 as usize].certain = length.certain;
        env.bind_axis(name, axis);
        Some(axis)
    }

    pub(super) fn same_size(&mut self, axis: AxisId, size: usize, span: Span) -> bool {
        if self.size_of(axis) == size {
            return true;
        }
        let name = self.axis_name(axis);
        let text = format!("`{name}` is {} long, but {size} elements come here", self.size_of(axis));
        let info = self.axis_info(axis).clone();
        let mut d =
            Diagnostic::error("A0309", text, span).also(info.declared, format!("`{name}` is declared here"));
        if let Some(o) = info.origin {
            d = d.fact(format!("{name} = {}", self.size_of(axis)), o.from.clone());
        }
        self.report(d.help("another name behind `->` declares a new axis of the right size"));
        false
    }

    /// The axes of a written shape, all of which must be known; each entry's axes apart.
    pub(super) fn shape_entries(&mut self, env: &mut Env, shape: &ast::Shape) -> Option<Vec<Vec<AxisId>>> {
        let mut out: Vec<Vec<AxisId>> = Vec::new();
        for entry in &shape.axes {
            let axes = self.axes_from_expr(env, entry)?;
            for a in &axes {
                if out.iter().flatten().any(|b| a == b) {
                    let text = format!("`{}` stands in this shape twice", self.axis_name(*a));
                    let d = Diagnostic::error("A0307", text, shape.span);
                    self.report(
                        d.help("one axis can stand in a tensor once; declare a second of the same size"),
                    );
                    return None;
                }
            }
            out.push(axes);
        }
        Some(out)
    }
}
