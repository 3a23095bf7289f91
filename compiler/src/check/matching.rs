//! Matching arguments against a signature: what each open axis is, and what is lifted.

use super::Session;
use super::scope::Env;
use super::value::{Entry, Tensor};
use crate::graph::AxisId;
use arch_grammar::ast::{ExprKind, Shape};
use arch_grammar::{Diagnostic, Span};
use indexmap::IndexMap;

/// An entry of a parameter's shape.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// An axis that is known before the call: the callee's axis, and the caller's that it stands for.
    Known(AxisId, AxisId),
    /// An axis that the call binds.
    Open(String),
}

/// How a call binds the axes of a signature.
#[derive(Clone, Debug, Default)]
pub(super) struct Bound {
    /// Open axes, in order of first appearance: the caller's axes.
    pub open: IndexMap<String, AxisId>,
    /// Axes that pass through, in order of first appearance.
    pub lifted: Vec<(AxisId, Entry)>,
    /// For each argument: its axes in the caller's order, and what each is in the callee.
    pub args: Vec<Vec<(AxisId, Slot)>>,
}

/// What an axis of an argument is for the callee.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    /// An axis of the callee known before the call.
    Known(AxisId),
    /// The open axis of this number.
    Open(usize),
    /// The lifted axis of this number.
    Lifted(usize),
}

impl Session<'_> {
    /// The pattern of a shape in a signature. `known` gives the axes that are known before the call.
    pub(super) fn pattern(
        &mut self,
        env: &Env,
        shape: &Shape,
        to_caller: &dyn Fn(AxisId) -> AxisId,
    ) -> Option<Vec<Pattern>> {
        let mut out = Vec::new();
        for entry in &shape.axes {
            let name = match &entry.kind {
                ExprKind::Name(n) => n,
                ExprKind::Spread(n) => &n.name,
                ExprKind::Error => return None,
                _ => {
                    let d = Diagnostic::error("A0316", "a signature names axes", entry.span)
                        .label("not a name")
                        .help("give the axis a name: a count such as 6 can match no argument");
                    self.report(d);
                    return None;
                }
            };
            match env.axis(name) {
                Some(v) => {
                    out.extend(
                        super::block::axes_of(&v).into_iter().map(|a| Pattern::Known(a, to_caller(a))),
                    );
                }
                None => out.push(Pattern::Open(name.clone())),
            }
        }
        Some(out)
    }

    /// Binds one argument after the other.
    pub(super) fn bind(
        &mut self,
        callee: &str,
        params: &[(String, Vec<Pattern>, Span)],
        args: &[(Tensor, Span)],
        explicit: &IndexMap<String, AxisId>,
    ) -> Option<Bound> {
        let mut bound = Bound { open: explicit.clone(), ..Bound::default() };
        for ((name, pattern, declared), (arg, span)) in params.iter().zip(args) {
            let slots = self.bind_one(callee, (name, pattern, *declared), arg, *span, &mut bound)?;
            bound.args.push(slots);
        }
        Some(bound)
    }

    fn bind_one(
        &mut self,
        callee: &str,
        (name, pattern, declared): (&str, &[Pattern], Span),
        arg: &Tensor,
        span: Span,
        bound: &mut Bound,
    ) -> Option<Vec<(AxisId, Slot)>> {
        let mut slots: IndexMap<AxisId, Slot> = IndexMap::new();
        // Axes known by identity are found wherever they stand.
        for p in pattern {
            let (axis, slot, shown) = match p {
                Pattern::Known(own, caller) => (*caller, Slot::Known(*own), self.axis_name(*own)),
                Pattern::Open(n) => match bound.open.get_index_of(n) {
                    Some(i) => (bound.open[i], Slot::Open(i), n.clone()),
                    None => continue,
                },
            };
            if !arg.has(axis) || slots.contains_key(&axis) {
                self.lacks(callee, name, &shown, axis, arg, span, declared);
                return None;
            }
            slots.insert(axis, slot);
        }
        let unbound: Vec<&String> = pattern
            .iter()
            .filter_map(|p| match p {
                Pattern::Open(n) if !bound.open.contains_key(n) => Some(n),
                _ => None,
            })
            .collect();
        let rest: Vec<AxisId> = arg.ids().into_iter().filter(|a| !slots.contains_key(a)).collect();
        if rest.len() < unbound.len() {
            self.too_few(callee, name, &unbound, arg, span, declared);
            return None;
        }
        let lifted = rest.len() - unbound.len();
        if unbound.len() > 1 && lifted > 0 {
            self.ambiguous(callee, &unbound, &rest, span);
            return None;
        }
        for (axis, open) in rest[lifted..].iter().zip(unbound) {
            let (i, _) = bound.open.insert_full(open.clone(), *axis);
            slots.insert(*axis, Slot::Open(i));
        }
        for axis in &rest[..lifted] {
            let entry = arg.axes.iter().find(|(a, _)| a == axis).map(|(_, e)| e.clone());
            let known = bound.lifted.iter().position(|(a, _)| a == axis);
            let i = known.unwrap_or_else(|| {
                bound.lifted.push((*axis, entry.unwrap_or(Entry { span, how: "given here".into() })));
                bound.lifted.len() - 1
            });
            slots.insert(*axis, Slot::Lifted(i));
        }
        Some(arg.ids().into_iter().map(|a| (a, slots[&a].clone())).collect())
    }

    #[allow(clippy::too_many_arguments)]
    fn lacks(
        &mut self,
        callee: &str,
        param: &str,
        shown: &str,
        axis: AxisId,
        arg: &Tensor,
        span: Span,
        declared: Span,
    ) {
        let has = self.show_axes(&arg.ids());
        let size = self.size_of(axis);
        let there = self.axis_name(axis);
        let alias = if there == shown { String::new() } else { format!(" (`{there}` here)") };
        let title = format!("`{param}` of `{callee}` needs axis `{shown}`{alias}, but the argument is {has}");
        let mut d = Diagnostic::error("A0305", title, span)
            .label(format!("has no axis {}", self.show_axis(axis)))
            .also(declared, format!("`{param}` is declared here"));
        let info = self.axis_info(axis).clone();
        if info.declared != Span::default() && info.declared.file == span.file {
            d = d.also(info.declared, format!("`{there}` is declared here"));
        }
        let twin = arg.axes.iter().find(|(a, _)| self.size_of(*a) == size).cloned();
        if let Some((twin, entry)) = twin {
            let name = self.axis_name(twin);
            d = d
                .also(entry.span, format!("`{name}` came in here: {}", entry.how))
                .help(format!("if it is meant: `rename(…, {name} -> {there})`"));
            if !self.is_made_up(axis) {
                let text = format!("`{name}` is also {size} long, but equal size does not make it `{there}`");
                d = d.remark(text);
            }
        }
        if let Some(o) = info.origin.as_ref().filter(|_| !self.is_made_up(axis)) {
            d = d.fact(format!("{there} = {size}"), o.from.clone());
        }
        self.report(d);
    }

    fn too_few(
        &mut self,
        callee: &str,
        param: &str,
        unbound: &[&String],
        arg: &Tensor,
        span: Span,
        declared: Span,
    ) {
        let has = self.show_axes(&arg.ids());
        let wanted: Vec<String> = unbound.iter().map(|n| format!("`{n}`")).collect();
        let title = format!(
            "`{param}` of `{callee}` needs an axis for {}, but the argument is {has}",
            wanted.join(", ")
        );
        let d = Diagnostic::error("A0305", title, span)
            .label("too few axes")
            .also(declared, format!("`{param}` is declared here"));
        self.report(d);
    }

    fn ambiguous(&mut self, callee: &str, unbound: &[&String], rest: &[AxisId], span: Span) {
        let rest = self.show_axes(rest);
        let opens: Vec<&str> = unbound.iter().map(|s| s.as_str()).collect();
        let title = format!("it is not clear which of {rest} are {} of `{callee}`", opens.join(", "));
        let example = format!("{}: …", opens[0]);
        let d = Diagnostic::error("A0306", title, span)
            .label("some of these axes would be lifted")
            .help(format!("say which: `{callee}(…, {example})`"));
        self.report(d);
    }
}
