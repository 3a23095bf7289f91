//! Open axes that an argument has in another order than the signature names them: they bind by their places, so
//! that `f(w * x)` may run over another axis than `f(x * w)`. That is the rule, and hardly ever what was meant.

use super::Session;
use super::arith::union;
use super::matching::{Bound, Called, Handed};
use super::scope::Env;
use super::value::{Entry, Tensor, Val};
use crate::graph::AxisId;
use arch_grammar::ast::BinaryOp;
use arch_grammar::{Diagnostic, Span};

/// An argument whose axes have the names of the open axes that they bind, in another order.
#[derive(Clone, Debug)]
pub(super) struct Transposed {
    pub span: Span,
    /// The parameter, and where it is declared.
    parameter: String,
    declared: Span,
    /// The axes of the argument that bind open axes, and where each came in.
    axes: Vec<(AxisId, Entry)>,
    /// The names of the open axes, in the order of the signature.
    wanted: Vec<String>,
    /// The axes of the argument, as messages show them.
    shown: String,
}

/// What a product or sum is called and how its axes stand once its sides are exchanged.
#[derive(Clone, Debug)]
pub(super) struct Exchanged {
    text: String,
    axes: Vec<AxisId>,
}

impl Session<'_> {
    /// Remembers how the axes of a product or sum would stand if its sides were exchanged, where that differs.
    pub(super) fn remember_exchanged(
        &mut self,
        op: BinaryOp,
        (a, b): (&Tensor, &Tensor),
        (first, second): (Span, Span),
        span: Span,
    ) {
        if !matches!(op, BinaryOp::Mul | BinaryOp::Add) {
            return;
        }
        let ids = |axes: Vec<(AxisId, Entry)>| axes.into_iter().map(|(a, _)| a).collect::<Vec<_>>();
        let axes = ids(union(&b.axes, &a.axes));
        if axes != ids(union(&a.axes, &b.axes)) {
            let (first, second) = (self.sources.slice(first), self.sources.slice(second));
            let text = format!("{second} {} {first}", op.symbol());
            self.exchanged.insert(span, Exchanged { text, axes });
        }
    }

    /// The argument as one with transposed axes, if it is one: `axes` bind `open` by their places.
    pub(super) fn transposed(
        &self,
        handed: &Handed<'_>,
        open: &[&String],
        axes: &[AxisId],
    ) -> Option<Transposed> {
        let names: Vec<String> = axes.iter().map(|a| self.axis_name(*a)).collect();
        let differ = names.iter().zip(open).any(|(name, open)| name != *open);
        let permuted = open.iter().all(|o| names.iter().filter(|n| n == o).count() == 1);
        if !differ || !permuted || names.len() != open.len() {
            return None;
        }
        let entry = |a: &AxisId| handed.value.axes.iter().find(|(b, _)| a == b).cloned();
        Some(Transposed {
            span: handed.span,
            parameter: handed.parameter.to_string(),
            declared: handed.declared,
            axes: axes.iter().filter_map(entry).collect(),
            wanted: open.iter().map(|o| (*o).clone()).collect(),
            shown: self.show_axes(&handed.value.ids()),
        })
    }

    /// Warns of arguments with transposed axes once the whole call was bound.
    pub(super) fn warn_of_transposed(&mut self, env: &Env, callee: &str, bound: &Bound) {
        for t in &bound.transposed {
            let met: Vec<String> = t
                .axes
                .iter()
                .zip(&t.wanted)
                .filter(|((a, _), wanted)| self.axis_name(*a) != **wanted)
                .map(|((a, _), wanted)| format!("`{}` to its `{wanted}`", self.axis_name(*a)))
                .collect();
            let title = format!(
                "`{}` of `{callee}` is [{}], but the argument is {}: by their places, {}",
                t.parameter,
                t.wanted.join(", "),
                t.shown,
                met.join(" and ")
            );
            let mut d =
                Diagnostic::warning("A0908", title, t.span).label(format!("its axes stand as {}", t.shown));
            d = d.also(t.declared, format!("`{}` is declared here", t.parameter));
            for (axis, entry) in &t.axes {
                d = d.also(entry.span, format!("{} came in here: {}", self.show_axis(*axis), entry.how));
            }
            d = self.with_bindings(d, bound).help(self.in_the_order_of(env, callee, t));
            if let Some(meant) = self.named_in_the_call(env, callee, t, false) {
                d = d.help(format!("if it is meant, say so: {meant}"));
            }
            self.report(d);
        }
    }

    /// How to hand over an argument with its axes as the signature names them.
    pub(super) fn in_the_order_of(&self, env: &Env, callee: &str, t: &Transposed) -> String {
        let exchanged = self.exchanged.get(&t.span).filter(|e| {
            let names = e.axes.iter().filter(|a| t.axes.iter().any(|(b, _)| *a == b));
            names.map(|a| self.axis_name(*a)).eq(t.wanted.iter().cloned())
        });
        let exchanged =
            exchanged.map(|e| format!("write `{}`, which is {}", e.text, self.show_axes(&e.axes)));
        let named = self.named_in_the_call(env, callee, t, true);
        let named = named.map(|call| format!("name the axes in the call: {call}"));
        match (exchanged, named) {
            (Some(exchanged), Some(named)) => format!("{exchanged}, or {named}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => {
                "the axes of a product are those of its first factor, then those that others add".into()
            }
        }
    }

    /// The call with its open axes named: each by the axis of that name, or by the one that it has by its place.
    /// `None` where a name is not known at the call.
    fn named_in_the_call(&self, env: &Env, callee: &str, t: &Transposed, by_name: bool) -> Option<String> {
        // The last one follows from the others.
        let given = t.wanted.iter().zip(&t.axes).take(t.wanted.len() - 1).map(|(wanted, (axis, _))| {
            let place = self.axis_name(*axis);
            let name = if by_name { wanted } else { &place };
            let axis = t.axes.iter().map(|(a, _)| *a).find(|a| self.axis_name(*a) == *name)?;
            let known = matches!(env.axis(name), Some(Val::Axis(a)) if a == axis);
            known.then(|| format!("{wanted}: {name}"))
        });
        let given: Vec<String> = given.collect::<Option<_>>()?;
        Some(format!("`{callee}(…, {})`", given.join(", ")))
    }

    /// Says of an argument that lacks an axis which other argument is the cause, and what to do with that one.
    pub(super) fn blamed(&self, d: Diagnostic, handed: &Handed<'_>, t: &Transposed) -> Diagnostic {
        let Called { env, name, .. } = handed.to;
        let text = self.sources.slice(t.span);
        let way = self.in_the_order_of(env, name, t);
        d.also(
            t.span,
            format!("its axes stand as {}, those of `{}` as [{}]", t.shown, t.parameter, t.wanted.join(", ")),
        )
        .help(format!("your `{text}` is {}: {way}", t.shown))
    }

    /// The argument with transposed axes that is to blame where another argument lacks the axis that the open
    /// axis `name` stands for: by names, this one would have it.
    pub(super) fn transposed_to_blame<'b>(
        &self,
        name: &str,
        value: &Tensor,
        bound: &'b Bound,
    ) -> Option<&'b Transposed> {
        bound.transposed.iter().find(|t| {
            t.wanted.iter().any(|w| w == name)
                && t.axes.iter().any(|(a, _)| self.axis_name(*a) == name && value.has(*a))
        })
    }
}
