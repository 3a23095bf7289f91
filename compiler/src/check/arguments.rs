//! Arguments of calls: which parameter each goes to, and what it is there.

use super::Session;
use super::report::counted;
use super::scope::Env;
use super::value::{Scalar, Tensor, Val};
use crate::graph::{AxisId, DType};
use arch_grammar::ast::{self, Expr, Param, ParamKind};
use arch_grammar::{Diagnostic, Span, nearest};
use indexmap::IndexMap;

/// An argument with its place.
#[derive(Clone)]
pub(super) struct Given<'a> {
    pub name: Option<&'a ast::Ident>,
    /// The value, if it came through a pipe; otherwise the expression is evaluated where it is wanted.
    pub value: Option<Val>,
    pub expr: Option<&'a Expr>,
    pub span: Span,
}

impl Session<'_> {
    /// Which argument goes to which parameter. Reports missing, surplus and unknown ones.
    pub(super) fn assign<'a>(
        &mut self,
        what: &str,
        params: &[Param],
        open: &[String],
        given: &[Given<'a>],
        span: Span,
    ) -> Option<(Vec<Option<Given<'a>>>, Vec<Given<'a>>)> {
        let mut slots: Vec<Option<Given<'a>>> = vec![None; params.len()];
        let mut named_axes = Vec::new();
        let mut next = 0;
        for g in given {
            let place = match g.name {
                None => {
                    next += 1;
                    next - 1
                }
                Some(n) => match params.iter().position(|p| p.name.name == n.name) {
                    Some(i) => i,
                    None if open.contains(&n.name) => {
                        named_axes.push(g.clone());
                        continue;
                    }
                    None => {
                        self.unknown_argument(what, params, n);
                        return None;
                    }
                },
            };
            if place >= params.len() {
                let names: Vec<&str> = params.iter().map(|p| p.name.name.as_str()).collect();
                let takes = counted(params.len(), "argument");
                let text = format!("`{what}` takes {takes} ({})", names.join(", "));
                self.report(Diagnostic::error("A0401", text, g.span).label("one too many"));
                return None;
            }
            if slots[place].is_some() {
                let text = format!("`{}` of `{what}` is given twice", params[place].name.name);
                let d = Diagnostic::error("A0401", text, g.span).label("given again");
                self.report(d.help("arguments without names go to the parameters in order; leave one out"));
                return None;
            }
            slots[place] = Some(g.clone());
        }
        for (slot, p) in slots.iter().zip(params) {
            if slot.is_none() && p.default.is_none() && p.condition.is_none() {
                let text = format!("`{what}` needs `{}`", p.name.name);
                let d = Diagnostic::error("A0401", text, span)
                    .label("missing here")
                    .also(p.span, "declared here");
                self.report(d.help(format!("give it: `{what}(…, {0}: …)`", p.name.name)));
                return None;
            }
        }
        Some((slots, named_axes))
    }

    fn unknown_argument(&mut self, what: &str, params: &[Param], name: &ast::Ident) {
        let names: Vec<&str> = params.iter().map(|p| p.name.name.as_str()).collect();
        let d = Diagnostic::error("A0402", format!("`{what}` has no `{}`", name.name), name.span);
        let d = match nearest(&name.name, names.iter().copied()) {
            Some(n) => d.help(format!("did you mean `{n}`?")),
            None if names.is_empty() => d.help("it takes no arguments"),
            None => d.help(format!("it takes `{}`", names.join("`, `"))),
        };
        self.report(d);
    }

    /// The value of an argument, evaluated in the caller's scope.
    pub(super) fn given_value(&mut self, env: &mut Env, given: &Given<'_>) -> Val {
        match (&given.value, given.expr) {
            (Some(v), _) => v.clone(),
            (None, Some(e)) => self.eval(env, e),
            (None, None) => Val::Error,
        }
    }

    /// Arguments have their values before a call's axes are looked up: `softmax(flatten(x, (H, W) -> T), over: T)`
    /// makes its axis itself.
    pub(super) fn evaluated<'a>(
        &mut self,
        env: &mut Env,
        params: &[Param],
        slots: Vec<Option<Given<'a>>>,
    ) -> Vec<Option<Given<'a>>> {
        let mut value = |(param, slot): (&Param, Option<Given<'a>>)| match slot {
            Some(g) if !matches!(param.kind, ParamKind::Axis(_)) => {
                let value = self.given_value(env, &g);
                Some(Given { value: Some(value), ..g })
            }
            slot => slot,
        };
        params.iter().zip(slots).map(&mut value).collect()
    }

    /// Axes that a call gives by name, `T: GH`, or for a parameter that takes one.
    pub(super) fn explicit_axes(
        &mut self,
        env: &mut Env,
        params: &[Param],
        slots: &[Option<Given<'_>>],
        named: &[Given<'_>],
    ) -> Option<IndexMap<String, AxisId>> {
        let mut explicit: IndexMap<String, AxisId> = IndexMap::new();
        for g in named {
            let axis = self.axis_argument(env, g)?;
            explicit.insert(g.name?.name.clone(), axis);
        }
        for (param, slot) in params.iter().zip(slots) {
            if let (ParamKind::Axis(axis), Some(g)) = (&param.kind, slot) {
                let a = self.axis_argument(env, g)?;
                explicit.insert(axis.name.clone(), a);
            }
        }
        Some(explicit)
    }

    pub(super) fn axis_argument(&mut self, env: &mut Env, given: &Given<'_>) -> Option<AxisId> {
        match (&given.value, given.expr) {
            (Some(Val::Axis(a)), _) => Some(*a),
            (_, Some(e)) => {
                let text = self.sources.slice(e.span).to_string();
                self.axis_from_expr(env, e, &text)
            }
            _ => {
                self.report(Diagnostic::error("A0316", "an axis is wanted here", given.span));
                None
            }
        }
    }

    /// A compile-time argument of the declared type.
    pub(super) fn value_argument(
        &mut self,
        value: Val,
        ty: &ast::Ident,
        name: &str,
        span: Span,
    ) -> Option<Val> {
        let fine = match ty.name.as_str() {
            "int" => {
                return self
                    .as_int(&value, span)
                    .map(|_| self.as_number(&value))
                    .map(|n| n.map_or(Val::Error, Val::Number));
            }
            "float" => self.as_number(&value).is_some(),
            "bool" => matches!(value, Val::Bool(_)),
            "string" => matches!(value, Val::Str(_)),
            "fn" => matches!(value, Val::Callee(_)),
            _ => true,
        };
        if fine {
            return Some(match self.as_number(&value) {
                Some(n) => Val::Number(n),
                None => value,
            });
        }
        let text = format!("`{name}` is a `{}`, but {} was given", ty.name, value.kind());
        self.report(Diagnostic::error("A0205", text, span));
        None
    }

    /// Integers where floats are wanted are converted; floats where integers are wanted are an error.
    pub(super) fn element_type(
        &mut self,
        value: &Val,
        shape: &ast::Shape,
        name: &str,
        span: Span,
    ) -> Option<Tensor> {
        let integer = shape.dtype.as_ref().is_some_and(|d| d.name == "int");
        if let (true, Some(Scalar::Int(i))) = (integer, self.as_number(value).map(|n| n.value)) {
            return Some(self.number(i as f64, true, span));
        }
        let t = self.tensor(value, span)?;
        if !integer {
            return Some(self.float(&t, span));
        }
        if t.dtype != DType::Int {
            let d =
                Diagnostic::error("A0315", format!("`{name}` takes integers, but floats are given"), span)
                    .also(shape.span, "declared here");
            self.report(d);
            return None;
        }
        Some(t)
    }
}

/// Axes that a signature leaves open, in order, as far as names tell.
pub(super) fn open_names(params: &[Param]) -> Vec<String> {
    let mut out = Vec::new();
    for p in params {
        if let ParamKind::Tensor(shape) = &p.kind {
            for e in &shape.axes {
                if let ast::ExprKind::Name(n) = &e.kind
                    && !out.contains(n)
                {
                    out.push(n.clone());
                }
            }
        }
    }
    out
}
