//! Positions in an order that is known when the program is checked.

use super::Session;
use super::arguments::Given;
use super::index::{replace_axis, with_entry};
use super::scope::Env;
use super::value::Tensor;
use crate::graph::DType;
use crate::ops::{Op, View};
use arch_grammar::{Diagnostic, Span};

impl Session<'_> {
    pub(super) fn view_permute(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("permute", given, (3, 3), &[], span)?;
        let t = self.given_tensor(env, args[0])?;
        let (from, to) = self.arrow(args[1], "permute")?;
        let axis = self.own_axis_of(env, &t, from)?;
        let target = self.target_axis(env, to, self.length_of(axis))?;
        if t.has(target) && target != axis {
            self.already_there(&t, target, to.span);
            return None;
        }
        let order = self.order(env, args[2], self.size_of(axis))?;
        let axes = with_entry(&replace_axis(&t.axes, axis, target), target, span, "`permute` makes it");
        let view = View::Permute { axis, to: target, order: order.into() };
        Some(self.apply(Op::View(view), &[&t], axes, t.dtype, span))
    }

    /// A permutation known at compile time.
    fn order(&mut self, env: &mut Env, given: &Given<'_>, size: usize) -> Option<Vec<u32>> {
        let t = self.given_tensor(env, given)?;
        let Some(values) = self.constant_tensor(&t) else {
            let d = Diagnostic::error("A0314", "an order must be known at compile time", given.span);
            self.report(d.help("build it from `iota` and config values"));
            return None;
        };
        let mut seen = vec![false; size];
        if t.axes.len() != 1 || values.len() != size {
            let has = self.show_axes(&t.ids());
            let text = format!("an order of {size} positions is wanted here, but this is {has}");
            self.report(Diagnostic::error("A0314", text, given.span));
            return None;
        }
        for (i, v) in values.iter().enumerate() {
            let at = *v as usize;
            let bad = if *v < 0.0 || v.fract() != 0.0 || at >= size {
                Some(format!("position {i} comes from {v}, which is outside 0..{size}"))
            } else if std::mem::replace(&mut seen[at], true) {
                Some(format!("{at} occurs twice, the second time at position {i}"))
            } else {
                None
            };
            if let Some(bad) = bad {
                let d = Diagnostic::error("A0314", "this is not a permutation", given.span).remark(bad);
                self.report(d.help(format!("each of 0..{size} stands in it once")));
                return None;
            }
        }
        Some(values.iter().map(|v| *v as u32).collect())
    }

    pub(super) fn inverse(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("inverse", given, (1, 1), &[], span)?;
        let t = self.given_tensor(env, args[0])?;
        let size = t.axes.first().map_or(0, |(a, _)| self.size_of(*a));
        let order = self.order(env, args[0], size)?;
        let mut inverse = vec![0.0; size];
        for (i, at) in order.iter().enumerate() {
            inverse[*at as usize] = i as f64;
        }
        let literal = crate::ops::source::Literal { shape: t.ids(), data: inverse, integer: true };
        Some(self.apply(Op::Tensor(literal.into()), &[], t.axes.clone(), DType::Int, span))
    }
}
