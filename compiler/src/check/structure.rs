//! Views: rename, flatten, unflatten, split, concat, flip, shift, pad, window, broadcast, permute.

use super::Session;
use super::arguments::Given;
use super::axes::AxisPart;
use super::index::{replace_axis, with_entry};
use super::report::counted;
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

    fn own_axis_of(&mut self, env: &mut Env, t: &Tensor, expr: &Expr) -> Option<AxisId> {
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
            let target = self.target_axis(env, to, self.length_of(from))?;
            if target != from && t.has(target) {
                self.already_there(&t, target, to.span);
                return None;
            }
            t = self.rename(&t, from, target, g.span, "was renamed");
            // A renamed sum is still a sum.
            let parts = self.axis_info(from).parts.clone();
            if self.axis_info(target).parts.is_none() {
                self.axes[target.0 as usize].parts = parts;
            }
        }
        Some(t)
    }

    fn view_flatten(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
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

    fn view_unflatten(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
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

    fn view_split(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments("split", given, (1, 1), &["over"], span)?;
        let t = self.given_tensor(env, args[0])?;
        let axis = match Self::named(given, "over") {
            Some(g) => {
                let axes = self.given_axes(env, g)?;
                let a = *axes.first()?;
                if !t.has(a) {
                    self.no_axis(&t, a, g.span);
                    return None;
                }
                a
            }
            None => self.splittable(&t, span)?,
        };
        let info = self.axis_info(axis).clone();
        if let Some(parts) = info.parts {
            return Some(self.split_sum(&t, axis, &parts, span));
        }
        let size = self.size_of(axis);
        if size > 4096 {
            let text = format!("`split` would make {size} values of axis `{}`", self.axis_name(axis));
            let d = Diagnostic::error("A0310", text, span).label("at most 4,096 are allowed");
            self.report(d.help("`x[T: 0]` takes one position, a `scan` goes through all"));
            return None;
        }
        let rest: Vec<_> = t.axes.iter().filter(|(a, _)| *a != axis).cloned().collect();
        let values = (0..size).map(|at| {
            Val::Tensor(self.apply(Op::View(View::Index { axis, at }), &[&t], rest.clone(), t.dtype, span))
        });
        Some(Val::Tuple(Rc::new(values.collect())))
    }

    /// The one axis that can be taken apart.
    fn splittable(&mut self, t: &Tensor, span: Span) -> Option<AxisId> {
        let can: Vec<AxisId> = t
            .ids()
            .into_iter()
            .filter(|a| self.axis_info(*a).count || self.axis_info(*a).parts.is_some())
            .collect();
        match can[..] {
            [axis] => Some(axis),
            [] => {
                let has = self.show_axes(&t.ids());
                let d = Diagnostic::error("A0311", format!("nothing in {has} can be split"), span)
                    .remark("counts such as the 6 of `linear(D -> (6, D))` and sums such as `R ++ N` can")
                    .help("say which axis is meant: `split(x, over: Z)`");
                self.report(d);
                None
            }
            _ => {
                let has = self.show_axes(&can);
                let d = Diagnostic::error("A0311", format!("which axis is split is not clear: {has}"), span);
                self.report(d.help("say which: `split(x, over: Z)`"));
                None
            }
        }
    }

    fn split_sum(&mut self, t: &Tensor, axis: AxisId, parts: &[AxisPart], span: Span) -> Val {
        let name = self.axis_name(axis);
        let mut start = 0;
        let mut out = Vec::new();
        for part in parts {
            let value = match part.axis {
                None => {
                    let rest = t.axes.iter().filter(|(a, _)| *a != axis).cloned().collect();
                    self.apply(Op::View(View::Index { axis, at: start }), &[t], rest, t.dtype, span)
                }
                Some(to) => {
                    if t.has(to) {
                        self.already_there(t, to, span);
                        return Val::Error;
                    }
                    let axes = replace_axis(&t.axes, axis, to);
                    let axes = with_entry(&axes, to, span, &format!("split from `{name}`"));
                    let view = View::Slice { axis, to, start, step: 1 };
                    self.apply(Op::View(view), &[t], axes, t.dtype, span)
                }
            };
            out.push(Val::Tensor(value));
            start += part.size;
        }
        Val::Tuple(Rc::new(out))
    }

    /// Whether an operand of `concat` has its part's axis and no other part's; says so if not.
    fn part_fits(&mut self, axis: AxisId, parts: &[AxisPart], part: &AxisPart, t: &Tensor, at: Span) -> bool {
        let (whole, declared) = (self.axis_name(axis), self.axis_info(axis).declared);
        let others = parts.iter().filter_map(|p| p.axis).filter(|p| Some(*p) != part.axis);
        let d = if let Some(other) = others.chain([axis]).find(|p| t.has(*p)) {
            let name = self.axis_name(other);
            Diagnostic::error("A0312", format!("this part of `{whole}` also has axis `{name}`"), at)
                .label(format!("`{name}` is another part of `{whole}`, or the whole"))
                .help(format!("rename the value's own axis first: `rename(…, {name} -> {name}2)`"))
        } else if let Some(missing) = part.axis.filter(|p| !t.has(*p)) {
            let (name, has) = (self.axis_name(missing), self.show_axes(&t.ids()));
            let text = format!("this part of `{whole}` is `{name}`, but the value is {has}");
            Diagnostic::error("A0312", text, at)
                .help(format!("rename the value's axis to {name}, or declare the sum with other parts"))
        } else {
            return true;
        };
        self.report(d.also(declared, "its parts are declared here"));
        false
    }

    fn view_concat(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
        let args = self.arguments("concat", given, (1, 999), &["into"], span)?;
        let mut tensors = Vec::new();
        for g in args {
            tensors.push((self.given_tensor(env, g)?, g.span));
        }
        let Some(into) = Self::named(given, "into") else {
            let d = Diagnostic::error("A0401", "`concat` needs `into`: the sum axis that comes out", span);
            self.report(d.help("declare it, `dims S = 1 ++ T`, and write `concat(a, b, into: S)`"));
            return None;
        };
        let axis = *self.given_axes(env, into)?.first()?;
        let Some(parts) = self.axis_info(axis).parts.clone() else {
            let name = self.axis_name(axis);
            let d = Diagnostic::error("A0312", format!("`{name}` is not a sum of parts"), into.span);
            self.report(d.help(format!("declare it as one: `dims {name} = T ++ T`")));
            return None;
        };
        if parts.len() != tensors.len() {
            let are = if tensors.len() == 1 { "is" } else { "are" };
            let text = format!(
                "`{}` has {}, but {} {are} given",
                self.axis_name(axis),
                counted(parts.len(), "part"),
                counted(tensors.len(), "value"),
            );
            let declared = self.axis_info(axis).declared;
            let d = Diagnostic::error("A0312", text, span).also(declared, "its parts are declared here");
            self.report(d.help("give one value for each part, in order"));
            return None;
        }
        let ints = tensors.iter().all(|(t, _)| t.dtype == DType::Int);
        let mut axes: Vec<(AxisId, Entry)> = Vec::new();
        let entry = Entry { span, how: "`concat` makes it".into() };
        let mut inputs = Vec::new();
        for (part, (t, at)) in parts.iter().zip(&tensors) {
            if !self.part_fits(axis, &parts, part, t, *at) {
                return None;
            }
            let t = if ints { t.clone() } else { self.float(t, *at) };
            for (a, e) in &t.axes {
                let mine = Some(*a) == part.axis;
                let (a, e) = if mine { (axis, &entry) } else { (*a, e) };
                if !axes.iter().any(|(b, _)| *b == a) {
                    axes.push((a, e.clone()));
                }
            }
            inputs.push(t);
        }
        if !axes.iter().any(|(a, _)| *a == axis) {
            axes.insert(0, (axis, entry));
        }
        let view = View::Concat { parts: parts.iter().map(|p| p.axis).collect(), into: axis };
        let refs: Vec<&Tensor> = inputs.iter().collect();
        let dtype = if ints { DType::Int } else { DType::F32 };
        Some(self.apply(Op::View(view), &refs, axes, dtype, span))
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

    fn view_permute(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
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

    fn inverse(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
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
