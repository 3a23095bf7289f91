//! Several axes as one, and one as several: flatten and unflatten.

use super::Session;
use super::arguments::Given;
use super::scope::Env;
use super::value::{Entry, Tensor};
use crate::graph::AxisId;
use crate::ops::{Op, View};
use arch_grammar::ast::{Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};

impl Session<'_> {
    pub(super) fn view_flatten(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("flatten", given, (2, 99), &[], span)?;
        let mut t = self.given_tensor(env, args[0])?;
        for g in &args[1..] {
            let (from, to) = self.arrow(g, "flatten")?;
            let from_axes = self.axes_from_expr(env, from)?;
            for a in &from_axes {
                if !t.has(*a) {
                    self.no_axis(&t, *a, from.span);
                    return None;
                }
            }
            let target = self.target_axis(env, to, self.length_of_all(&from_axes))?;
            t = self.flatten_to(&t, &from_axes, target, g.span)?;
        }
        Some(t)
    }

    pub(super) fn flatten_to(
        &mut self,
        t: &Tensor,
        from: &[AxisId],
        to: AxisId,
        span: Span,
    ) -> Option<Tensor> {
        if t.has(to) && !from.contains(&to) {
            self.already_there(t, to, span);
            return None;
        }
        let entry = Entry { span, how: format!("flattened from {}", self.show_axes(from)).into() };
        let mut axes = Vec::new();
        for (a, e) in &t.axes {
            if Some(a) == from.first() {
                axes.push((to, entry.clone()));
            } else if !from.contains(a) {
                axes.push((*a, e.clone()));
            }
        }
        let view = View::Flatten { from: from.to_vec(), to };
        Some(self.apply(Op::View(view), &[t], axes, t.dtype, span))
    }

    pub(super) fn view_unflatten(
        &mut self,
        env: &mut Env,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Tensor> {
        let args = self.arguments("unflatten", given, (2, 99), &[], span)?;
        let mut t = self.given_tensor(env, args[0])?;
        for g in &args[1..] {
            let (from, to) = self.arrow(g, "unflatten")?;
            let axis = self.own_axis_of(env, &t, from)?;
            let to_axes = self.unflatten_targets(env, axis, to)?;
            t = self.unflatten_to(&t, axis, &to_axes, g.span)?;
        }
        Some(t)
    }

    /// The axes that come out; one that is not in scope may be left to be computed.
    pub(super) fn unflatten_targets(
        &mut self,
        env: &mut Env,
        axis: AxisId,
        to: &Expr,
    ) -> Option<Vec<AxisId>> {
        let names: Vec<&Expr> = match &to.kind {
            ExprKind::Tuple(xs) => xs.iter().collect(),
            ExprKind::Paren(x) => vec![x],
            _ => vec![to],
        };
        let mut known: Vec<Option<Vec<AxisId>>> = Vec::new();
        for e in &names {
            let open = matches!(&e.kind, ExprKind::Name(n) if env.axis(n).is_none());
            known.push(if open { None } else { Some(self.axes_from_expr(env, e)?) });
        }
        let size = self.size_of(axis);
        let product = self.elements(&known.iter().flatten().flatten().copied().collect::<Vec<_>>());
        let open = known.iter().filter(|k| k.is_none()).count();
        let name = self.axis_name(axis);
        if open > 1 || product == 0 || !size.is_multiple_of(product) || (open == 0 && product != size) {
            let shown: Vec<String> = known
                .iter()
                .flatten()
                .flatten()
                .map(|a| format!("{} = {}", self.axis_name(*a), self.size_of(*a)))
                .collect();
            let text = if open > 1 {
                format!("`{name}` = {size} can be divided in many ways")
            } else {
                let parts = if shown.is_empty() { "that".into() } else { shown.join(" times ") };
                let verb = if open == 0 { "is not" } else { "does not divide by" };
                format!("`{name}` = {size} {verb} {parts}")
            };
            let mut d = Diagnostic::error("A0309", text, to.span);
            if let Some(o) = self.axis_info(axis).origin.clone() {
                d = d.fact(format!("{name} = {size}"), o.from.clone());
            }
            for a in known.iter().flatten().flatten() {
                if let Some(o) = self.axis_info(*a).origin.clone() {
                    d = d.fact(format!("{} = {}", self.axis_name(*a), self.size_of(*a)), o.from.clone());
                }
            }
            self.report(
                d.help("all axes behind `->` but one must be declared, and their sizes must divide it"),
            );
            return None;
        }
        let mut out = Vec::new();
        for (k, e) in known.into_iter().zip(names) {
            match (k, &e.kind) {
                (Some(axes), _) => out.extend(axes),
                (None, ExprKind::Name(n)) => {
                    let length = self.length_of(axis).changed_to(size / product);
                    out.push(self.target_name(env, n, e.span, length)?);
                }
                (None, _) => {}
            }
        }
        Some(out)
    }

    pub(super) fn unflatten_to(
        &mut self,
        t: &Tensor,
        from: AxisId,
        to: &[AxisId],
        span: Span,
    ) -> Option<Tensor> {
        for (i, a) in to.iter().enumerate() {
            if (t.has(*a) && *a != from) || to[..i].contains(a) {
                self.already_there(t, *a, span);
                return None;
            }
        }
        let entry = Entry { span, how: format!("unflattened from `{}`", self.axis_name(from)).into() };
        let mut axes = Vec::new();
        for (a, e) in &t.axes {
            if *a == from {
                axes.extend(to.iter().map(|b| (*b, entry.clone())));
            } else {
                axes.push((*a, e.clone()));
            }
        }
        let view = View::Unflatten { from, to: to.to_vec() };
        Some(self.apply(Op::View(view), &[t], axes, t.dtype, span))
    }
}
