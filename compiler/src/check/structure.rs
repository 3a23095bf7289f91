//! Views: which there are, and rename, flip, shift, pad, window, broadcast.

use super::Session;
use super::arguments::Given;
use super::index::{replace_axis, with_entry};
use super::scope::Env;
use super::value::{Entry, Tensor, Val};
use crate::graph::{AxisId, DType};
use crate::ops::{Map, Op, View, Windows};
use arch_grammar::ast::{Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

impl Session<'_> {
    pub(super) fn call_view(
        &mut self,
        env: &mut Env,
        name: &str,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        match name {
            "rename" => self.view_rename(env, given, span).map(Val::Tensor),
            "flatten" => self.view_flatten(env, given, span).map(Val::Tensor),
            "unflatten" => self.view_unflatten(env, given, span).map(Val::Tensor),
            "split" => self.view_split(env, given, span),
            "concat" => self.view_concat(env, given, span).map(Val::Tensor),
            "flip" => self.view_flip(env, given, span).map(Val::Tensor),
            "shift" => self.view_shift(env, given, span).map(Val::Tensor),
            "pad" => self.view_pad(env, given, span).map(Val::Tensor),
            "window" => self.view_window(env, given, span).map(Val::Tensor),
            "broadcast" => self.view_broadcast(env, given, span).map(Val::Tensor),
            "permute" => self.view_permute(env, given, span).map(Val::Tensor),
            "inverse" => self.inverse(env, given, span).map(Val::Tensor),
            "rearrange" => self.view_rearrange(env, given, span).map(Val::Tensor),
            _ => None,
        }
    }

    pub(super) fn own_axis_of(&mut self, env: &mut Env, t: &Tensor, expr: &Expr) -> Option<AxisId> {
        let text = self.sources.slice(expr.span).to_string();
        let axis = self.axis_from_expr(env, expr, &text)?;
        if !t.has(axis) {
            self.no_axis(t, axis, expr.span);
            return None;
        }
        Some(axis)
    }

    fn view_rename(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("rename", given, (2, 99), &[], span)?;
        let mut t = self.given_tensor(env, args[0])?;
        for g in &args[1..] {
            let (from, to) = self.arrow(g, "rename")?;
            let from = self.own_axis_of(env, &t, from)?;
            let known = self.axes.len();
            let target = self.target_axis(env, to, self.length_of(from))?;
            if target != from && t.has(target) {
                self.already_there(&t, target, to.span);
                return None;
            }
            t = self.rename(&t, from, target, g.span, "was renamed");
            // A renamed sum is still a sum, unless its name is that of an axis which others have as well.
            if target.0 as usize >= known {
                self.axes[target.0 as usize].parts = self.axis_info(from).parts.clone();
            }
        }
        Some(t)
    }

    fn view_flip(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("flip", given, (2, 99), &[], span)?;
        let t = self.given_tensor(env, args[0])?;
        let mut out = t.clone();
        for g in &args[1..] {
            for axis in self.given_axes(env, g)? {
                if !t.has(axis) {
                    self.no_axis(&t, axis, g.span);
                    return None;
                }
                out = self.apply(Op::View(View::Flip(axis)), &[&out], t.axes.clone(), t.dtype, span);
            }
        }
        Some(out)
    }

    fn view_shift(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("shift", given, (2, 2), &["by", "fill"], span)?;
        let t = self.given_tensor(env, args[0])?;
        let axis = *self.given_axes(env, args[1])?.first()?;
        if !t.has(axis) {
            self.no_axis(&t, axis, args[1].span);
            return None;
        }
        let by = match Self::named(given, "by") {
            Some(g) => self.given_int(env, g)?,
            None => 1,
        };
        let fill = match Self::named(given, "fill") {
            Some(g) => self.given_number(env, g)?,
            None => 0.0,
        };
        self.shifted(&t, axis, by, fill, span)
    }

    fn view_pad(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("pad", given, (2, 2), &["left", "right", "fill"], span)?;
        let t = self.given_tensor(env, args[0])?;
        let (from, to) = self.arrow(args[1], "pad")?;
        let axis = self.own_axis_of(env, &t, from)?;
        let (left, right) = (self.count(env, given, "left", 0)?, self.count(env, given, "right", 0)?);
        let fill = match Self::named(given, "fill") {
            Some(g) => self.given_number(env, g)?,
            None => 0.0,
        };
        let target =
            self.target_axis(env, to, self.length_of(axis).changed_to(self.size_of(axis) + left + right))?;
        if t.has(target) && target != axis {
            self.already_there(&t, target, to.span);
            return None;
        }
        let axes = with_entry(&replace_axis(&t.axes, axis, target), target, span, "`pad` makes it");
        let view = View::Pad { axis, to: target, before: left, value: fill };
        Some(self.apply(Op::View(view), &[&t], axes, t.dtype, span))
    }

    /// A named number of positions.
    fn count(&mut self, env: &mut Env, given: &[Given<'_>], name: &str, default: usize) -> Option<usize> {
        let Some(g) = Self::named(given, name) else { return Some(default) };
        let n = self.given_int(env, g)?;
        if !(0..=1_000_000).contains(&n) {
            let text = format!("`{name}` cannot be {n}");
            self.report(Diagnostic::error("A0319", text, g.span));
            return None;
        }
        Some(n as usize)
    }

    fn view_window(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("window", given, (2, 2), &["stride", "dilation", "left", "right"], span)?;
        let t = self.given_tensor(env, args[0])?;
        let (from, to) = self.arrow(args[1], "window")?;
        let axis = self.own_axis_of(env, &t, from)?;
        let ExprKind::Tuple(targets) = &to.kind else {
            let d = Diagnostic::error("A0319", "a window has two axes: `T -> (T, K)`", to.span);
            self.report(d);
            return None;
        };
        let [windows, offset] = &targets[..] else {
            self.report(Diagnostic::error("A0319", "a window has two axes: `T -> (T, K)`", to.span));
            return None;
        };
        let stride = self.count(env, given, "stride", 1)?.max(1);
        let dilation = self.count(env, given, "dilation", 1)?.max(1);
        let (left, right) = (self.count(env, given, "left", 0)?, self.count(env, given, "right", 0)?);
        let text = self.sources.slice(offset.span).to_string();
        let offset = self.axis_from_expr(env, offset, &text)?;
        let size = self.size_of(axis);
        let reach = (self.size_of(offset) - 1) * dilation + 1;
        let length = size + left + right;
        if length < reach {
            let text = format!("a window of {reach} does not fit into {length} positions");
            let d = Diagnostic::error("A0319", text, span)
                .remark(format!("{length} = left {left} + {size} + right {right}"));
            self.report(d.help("`left:` and `right:` add positions, filled with zeros"));
            return None;
        }
        let count = (length - reach) / stride + 1;
        let target = self.target_axis(env, windows, self.length_of(axis).changed_to(count))?;
        if (t.has(target) && target != axis) || t.has(offset) || target == offset {
            self.already_there(&t, if t.has(offset) { offset } else { target }, to.span);
            return None;
        }
        let mut axes = Vec::new();
        for (a, e) in &t.axes {
            if *a == axis {
                let how: Rc<str> = "`window` makes it".into();
                axes.push((target, Entry { span, how: how.clone() }));
                axes.push((offset, Entry { span, how }));
            } else {
                axes.push((*a, e.clone()));
            }
        }
        // The graph wants three different axes; a window that keeps the length keeps the name.
        let inner = if target == axis {
            let name = self.axis_name(axis);
            self.copy_axis(axis, &name)
        } else {
            target
        };
        let view = View::Window(Windows { axis, to: inner, offset, stride, dilation, left });
        let w = self.apply(Op::View(view), &[&t], replace_axis(&axes, target, inner), t.dtype, span);
        if inner == target {
            return Some(w);
        }
        Some(Tensor { axes, ..self.rename(&w, inner, target, span, "`window` makes it") })
    }

    fn view_broadcast(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("broadcast", given, (2, 99), &[], span)?;
        let t = self.given_tensor(env, args[0])?;
        let mut axes: Vec<AxisId> = Vec::new();
        for g in &args[1..] {
            for a in self.given_axes(env, g)? {
                if t.has(a) || axes.contains(&a) {
                    self.already_there(&t, a, g.span);
                    return None;
                }
                axes.push(a);
            }
        }
        Some(self.broadcast_over(&t, &axes, span))
    }

    fn broadcast_over(&mut self, t: &Tensor, axes: &[AxisId], span: Span) -> Tensor {
        let entry = Entry { span, how: "`broadcast` added it".into() };
        let lenders: Vec<Tensor> = axes
            .iter()
            .map(|a| self.apply(Op::Iota(*a), &[], vec![(*a, entry.clone())], DType::Int, span))
            .collect();
        let mut inputs = vec![t];
        inputs.extend(lenders.iter());
        let mut all = t.axes.clone();
        all.extend(axes.iter().map(|a| (*a, entry.clone())));
        self.apply(Op::Map(Map::Broadcast), &inputs, all, t.dtype, span)
    }

    /// A value with the axes (and the batch) of another.
    pub(super) fn broadcast_like(&mut self, t: &Tensor, like: &Tensor, span: Span) -> Tensor {
        self.apply(Op::Map(Map::Broadcast), &[t, like], like.axes.clone(), t.dtype, span)
    }
}
