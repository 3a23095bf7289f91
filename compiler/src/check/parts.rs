//! Sums and counts: taken apart by split, put together by concat.

use super::Session;
use super::arguments::Given;
use super::axes::AxisPart;
use super::index::{replace_axis, with_entry};
use super::report::counted;
use super::scope::Env;
use super::value::{Entry, Tensor, Val};
use crate::graph::{AxisId, DType};
use crate::ops::{Op, View};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

impl Session<'_> {
    pub(super) fn view_split(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
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

    pub(super) fn view_concat(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Tensor> {
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
            let parts = vec!["1"; tensors.len()].join(" ++ ");
            let what = "the axis of a value, or 1 where it is one position";
            self.report(d.help(format!(
                "declare it as one, with a part for each value, {what}: `dims {name} = {parts}`"
            )));
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
}
