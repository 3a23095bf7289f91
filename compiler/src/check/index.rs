//! Square brackets: positions of a scan, slices, single positions, gathers, entries of lists.

use super::Session;
use super::scope::Env;
use super::value::{Entry, Tensor, Val};
use crate::graph::{AxisId, DType};
use crate::ops::{Op, View};
use arch_grammar::ast::{self, Expr, ExprKind, IndexEntry};
use arch_grammar::{Diagnostic, Span};

impl Session<'_> {
    pub(super) fn eval_index(
        &mut self,
        env: &mut Env,
        base: &Expr,
        entries: &[IndexEntry],
        span: Span,
    ) -> Val {
        let mut value = self.eval(env, base);
        for entry in entries {
            if matches!(value, Val::Error) {
                return Val::Error;
            }
            let next = match entry {
                IndexEntry::At { at, otherwise } => {
                    self.index_at(env, value, base, at, otherwise.as_ref(), span)
                }
                IndexEntry::Axis { axis, at, to } => self.index_axis(env, value, axis, at, to.as_ref(), span),
            };
            value = next.unwrap_or(Val::Error);
        }
        value
    }

    fn index_at(
        &mut self,
        env: &mut Env,
        value: Val,
        base: &Expr,
        at: &Expr,
        otherwise: Option<&Expr>,
        span: Span,
    ) -> Option<Val> {
        let was = std::mem::replace(&mut env.sizes, true);
        let position = self.eval(env, at);
        env.sizes = was;
        match (&value, &position) {
            (_, Val::Error) => None,
            (Val::List(list) | Val::Tuple(list), Val::Number(_) | Val::Axis(_)) => {
                let i = self.as_int(&position, at.span)?;
                let found = usize::try_from(i).ok().and_then(|i| list.get(i)).cloned();
                if found.is_none() {
                    let text = format!("there is no entry {i}: the list has {}", list.len());
                    let d = Diagnostic::error("A0313", text, at.span);
                    self.report(d.help("entries are counted from 0"));
                }
                found
            }
            (Val::Tensor(t), Val::Position(offset)) => {
                self.at_position(env, t, base, *offset, otherwise, span)
            }
            (Val::Tensor(_), _) => {
                let d = Diagnostic::error("A0316", "which axis is meant is not clear", at.span)
                    .help("write the axis: `x[T: 0]` takes one position, `x[T: 1.. -> S]` a slice");
                self.report(d);
                None
            }
            (other, _) => {
                let text = format!("{} cannot be indexed", other.kind());
                self.report(Diagnostic::error("A0315", text, span));
                None
            }
        }
    }

    /// `u[t]`, `u[t - 1]` with `else`.
    fn at_position(
        &mut self,
        env: &mut Env,
        t: &Tensor,
        base: &Expr,
        offset: i64,
        otherwise: Option<&Expr>,
        span: Span,
    ) -> Option<Val> {
        let level = self.depth();
        let axis = self.context().levels[level].axis?;
        let name = self.axis_name(axis);
        let shown = self.sources.slice(base.span).to_string();
        if t.level == level {
            let d = Diagnostic::error("A0504", format!("`{shown}` exists only for this step"), span)
                .label("a value of the step has no positions")
                .help("carries are the state that the previous step left; only values from before the scan are indexed");
            self.report(d);
            return None;
        }
        if !t.has(axis) {
            let has = self.show_axes(&t.ids());
            let d = Diagnostic::error("A0501", format!("`{shown}` is {has} and has no axis `{name}`"), span)
                .label("the same at every step")
                .help(format!("leave out the brackets: `{shown}`"));
            self.report(d);
            return None;
        }
        let mut t = t.clone();
        if offset != 0 {
            let Some(fill) = otherwise else {
                let edge = if offset < 0 { "first" } else { "last" };
                let d = Diagnostic::error(
                    "A0505",
                    format!("`{}` has no value at the {edge} position", self.sources.slice(span)),
                    span,
                )
                .help(format!(
                    "say which value stands there: `{} else 0]`",
                    self.sources.slice(span).trim_end_matches(']')
                ));
                self.report(d);
                return None;
            };
            let fill_value = self.eval(env, fill);
            let fill = self.as_number(&fill_value).map(|n| n.value.float());
            let Some(fill) = fill else {
                let d = Diagnostic::error("A0211", "the value beyond the edge is a number", span);
                self.report(d);
                return None;
            };
            t = self.shifted(&t, axis, -offset, fill, span)?;
        }
        let inner = self.capture(t.value, level, true, span);
        let axes = t.axes.iter().filter(|(a, _)| *a != axis).cloned().collect();
        Some(Val::Tensor(Tensor { level, value: inner, axes, dtype: t.dtype, gone: t.gone.clone() }))
    }

    /// The tensor moved by `by` positions to the right along `axis`.
    pub(super) fn shifted(
        &mut self,
        t: &Tensor,
        axis: AxisId,
        by: i64,
        fill: f64,
        span: Span,
    ) -> Option<Tensor> {
        let size = self.size_of(axis);
        let cut = (by.unsigned_abs() as usize).min(size);
        let name = self.axis_name(axis);
        let t = &self.float_if_bool(t, span);
        if by == 0 {
            return Some(t.clone());
        }
        if cut == size {
            let f = self.number(fill, t.dtype == DType::Int, span);
            return Some(self.broadcast_like(&f, t, span));
        }
        let part = match self.cut_axes.get(&(axis, cut)) {
            Some(part) => *part,
            None => self.new_axis(&name, size - cut, span),
        };
        self.cut_axes.insert((axis, cut), part);
        let start = if by > 0 { 0 } else { cut };
        let view = View::Slice { axis, to: part, start, step: 1 };
        let cut_axes = replace_axis(&t.axes, axis, part);
        let sliced = self.apply(Op::View(view), &[t], cut_axes, t.dtype, span);
        let before = if by > 0 { cut } else { 0 };
        let view = View::Pad { axis: part, to: axis, before, value: fill };
        Some(self.apply(Op::View(view), &[&sliced], t.axes.clone(), t.dtype, span))
    }

    fn float_if_bool(&mut self, t: &Tensor, span: Span) -> Tensor {
        if t.dtype == DType::Bool { self.float(t, span) } else { t.clone() }
    }

    fn index_axis(
        &mut self,
        env: &mut Env,
        value: Val,
        axis: &ast::Ident,
        at: &Expr,
        to: Option<&ast::Ident>,
        span: Span,
    ) -> Option<Val> {
        let t = self.tensor(&value, span)?;
        let name = Expr { kind: ExprKind::Name(axis.name.clone()), span: axis.span };
        let id = self.axis_from_expr(env, &name, &axis.name)?;
        if !t.has(id) {
            self.no_axis(&t, id, axis.span);
            return None;
        }
        if let ExprKind::Range(from, end) = &at.kind {
            return self.slice(env, &t, id, (from.as_deref(), end.as_deref()), to, at.span).map(Val::Tensor);
        }
        let was = std::mem::replace(&mut env.sizes, true);
        let position = self.eval(env, at);
        env.sizes = was;
        match position {
            Val::Tensor(index) => self.gather(&t, id, &index, at.span).map(Val::Tensor),
            Val::Error => None,
            position => {
                let i = self.as_int(&position, at.span)?;
                let size = self.size_of(id);
                if i < 0 || i as usize >= size {
                    let text = format!("position {i} is outside `{}`, which has 0..{size}", axis.name);
                    let d = Diagnostic::error("A0313", text, at.span);
                    self.report(d.help(format!("positions are counted from 0; the last is {}", size - 1)));
                    return None;
                }
                let axes = t.axes.iter().filter(|(a, _)| *a != id).cloned().collect();
                let view = View::Index { axis: id, at: i as usize };
                Some(Val::Tensor(self.apply(Op::View(view), &[&t], axes, t.dtype, span)))
            }
        }
    }

    fn slice(
        &mut self,
        env: &mut Env,
        t: &Tensor,
        axis: AxisId,
        (from, end): (Option<&Expr>, Option<&Expr>),
        to: Option<&ast::Ident>,
        span: Span,
    ) -> Option<Tensor> {
        let size = self.size_of(axis) as i64;
        let from = match from {
            Some(e) => self.eval_int(env, e)?,
            None => 0,
        };
        let end = match end {
            Some(e) => self.eval_int(env, e)?,
            None => size,
        };
        let name = self.axis_name(axis);
        if from < 0 || end > size || from >= end {
            let text = format!("{from}..{end} is not a part of `{name}`, which has 0..{size}");
            let mut d = Diagnostic::error("A0313", text, span);
            if let Some(o) = self.axis_info(axis).origin.clone() {
                d = d.fact(format!("{name} = {size}"), o.from.clone());
            }
            self.report(d.help(format!("the end is not included: the whole of it is `0..{size}`")));
            return None;
        }
        let Some(to) = to else {
            let d = Diagnostic::error("A0308", "a slice has another axis than the whole", span)
                .label("which one is not said")
                .help(format!("name it: `[{name}: {from}..{end} -> S]`"));
            self.report(d);
            return None;
        };
        let target =
            self.target_name(env, &to.name, to.span, self.length_of(axis).changed_to((end - from) as usize))?;
        if target != axis && t.has(target) {
            self.already_there(t, target, to.span);
            return None;
        }
        let how = format!("a slice of `{name}`");
        let axes = with_entry(&replace_axis(&t.axes, axis, target), target, span, &how);
        let view = View::Slice { axis, to: target, start: from as usize, step: 1 };
        Some(self.apply(Op::View(view), &[t], axes, t.dtype, span))
    }

    fn gather(&mut self, t: &Tensor, axis: AxisId, index: &Tensor, span: Span) -> Option<Tensor> {
        if index.dtype != DType::Int {
            let d = Diagnostic::error("A0315", "a look-up takes integers, but floats are given", span);
            self.report(d.help("declare the input as integers: `y: [] int`"));
            return None;
        }
        if index.has(axis) {
            let text = format!("the positions have axis `{}` themselves", self.axis_name(axis));
            self.report(Diagnostic::error("A0307", text, span));
            return None;
        }
        let rest: Vec<(AxisId, Entry)> = t.axes.iter().filter(|(a, _)| *a != axis).cloned().collect();
        let axes = super::arith::union(&index.axes, &rest);
        Some(self.apply(Op::Gather { axis }, &[t, index], axes, t.dtype, span))
    }

    /// Reports an axis that a value does not have.
    pub(super) fn no_axis(&mut self, t: &Tensor, axis: AxisId, span: Span) {
        let name = self.axis_name(axis);
        let has = self.show_axes(&t.ids());
        let mut d = Diagnostic::error("A0304", format!("this value has no axis `{name}`"), span)
            .label(format!("the value is {has}"));
        let namesake = t.axes.iter().find(|(a, _)| self.axis_name(*a) == name).cloned();
        match namesake {
            Some((_, entry)) => {
                d = d.also(entry.span, format!("`{name}` came in here: {}", entry.how));
                d = d.remark(format!("it has another axis that is also called `{name}`"));
            }
            None => d = self.way_to_axis(d, t, axis, &t.ids()),
        }
        let names: Vec<String> = t.ids().iter().map(|a| self.axis_name(*a)).collect();
        if t.axes.is_empty() {
            d = d.help("a value without axes needs no reduction");
        } else if let Some(way) = unsayable(&name).filter(|_| names.contains(&name)) {
            d = d.help(format!("{way}, and here"));
        } else if let Some(near) = arch_grammar::nearest(&name, names.iter().map(String::as_str)) {
            d = d.help(format!("did you mean `{near}`?"));
        } else if d.help.is_empty() {
            d = d.help(format!("name one that it has ({}), or bring `{name}` in before", names.join(", ")));
        }
        self.report(d);
    }

    /// Reports an axis that a view would bring in although it is there.
    pub(super) fn already_there(&mut self, t: &Tensor, axis: AxisId, span: Span) {
        let name = self.axis_name(axis);
        let entry = t.axes.iter().find(|(a, _)| *a == axis).map(|(_, e)| e.clone());
        let mut d = Diagnostic::error("A0308", format!("the value already has axis `{name}`"), span)
            .label("one axis can stand in a tensor once");
        if let Some(e) = entry {
            d = d.also(e.span, format!("it came in here: {}", e.how));
        }
        self.report(d.help("choose another name behind `->`"));
    }
}

/// How an axis without a name that a text can say, such as `D ++ D`, gets one.
pub(super) fn unsayable(axis: &str) -> Option<String> {
    let is_name =
        axis.chars().all(|c| c.is_alphanumeric() || c == '_') && !axis.starts_with(char::is_numeric);
    (!is_name)
        .then(|| format!("give the axis a name, `dims J = {axis}`, and write `J` where `{axis}` makes it"))
}

/// The axes with one in the place of another.
pub(super) fn replace_axis(axes: &[(AxisId, Entry)], from: AxisId, to: AxisId) -> Vec<(AxisId, Entry)> {
    axes.iter().map(|(a, e)| if *a == from { (to, e.clone()) } else { (*a, e.clone()) }).collect()
}

/// The axes with one newly come in.
pub(super) fn with_entry(
    axes: &[(AxisId, Entry)],
    axis: AxisId,
    span: Span,
    how: &str,
) -> Vec<(AxisId, Entry)> {
    let entry = Entry { span, how: how.into() };
    axes.iter().map(|(a, e)| if *a == axis { (*a, entry.clone()) } else { (*a, e.clone()) }).collect()
}
