//! Matching arguments against a signature: what each open axis is, and what is lifted.

use super::Session;
use super::scope::Env;
use super::transposed::Transposed;
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
    /// For each open axis what bound it.
    pub by: Vec<Binder>,
    /// Arguments whose axes stand in another order than the signature's, by their names.
    pub transposed: Vec<Transposed>,
}

/// What bound an open axis: an argument, by the name of its parameter, or the call by name.
#[derive(Clone, Debug)]
pub(super) struct Binder {
    pub parameter: Option<String>,
    pub span: Span,
}

/// What is called, for messages.
#[derive(Clone, Copy)]
pub(super) struct Called<'c> {
    pub name: &'c str,
    /// The names that are known at the call.
    pub env: &'c Env,
    /// Where the layer is declared, if it is one.
    pub layer: Option<Span>,
    /// The place of the call.
    pub span: Span,
}

/// An argument beside the parameter that it goes to.
pub(super) struct Handed<'m> {
    pub to: Called<'m>,
    pub parameter: &'m str,
    pattern: &'m [Pattern],
    pub declared: Span,
    pub value: &'m Tensor,
    pub span: Span,
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
        to: Called<'_>,
        params: &[(String, Vec<Pattern>, Span)],
        args: &[(Tensor, Span)],
        explicit: &IndexMap<String, AxisId>,
    ) -> Option<Bound> {
        let by = explicit.iter().map(|_| Binder { parameter: None, span: to.span }).collect();
        let mut bound = Bound { open: explicit.clone(), by, ..Bound::default() };
        for ((parameter, pattern, declared), (value, span)) in params.iter().zip(args) {
            let handed = Handed { to, parameter, pattern, declared: *declared, value, span: *span };
            let slots = self.bind_one(&handed, &mut bound)?;
            bound.args.push(slots);
        }
        self.warn_of_transposed(to.env, to.name, &bound);
        Some(bound)
    }

    fn bind_one(&mut self, handed: &Handed<'_>, bound: &mut Bound) -> Option<Vec<(AxisId, Slot)>> {
        let arg = handed.value;
        let mut slots: IndexMap<AxisId, Slot> = IndexMap::new();
        // Axes known by identity are found wherever they stand.
        for p in handed.pattern {
            let (axis, slot, shown) = match p {
                Pattern::Known(own, caller) => (*caller, Slot::Known(*own), self.axis_name(*own)),
                Pattern::Open(n) => match bound.open.get_index_of(n) {
                    Some(i) => (bound.open[i], Slot::Open(i), n.clone()),
                    None => continue,
                },
            };
            if !arg.has(axis) || slots.contains_key(&axis) {
                self.lacks(handed, &shown, axis, bound);
                return None;
            }
            slots.insert(axis, slot);
        }
        let unbound: Vec<&String> = handed
            .pattern
            .iter()
            .filter_map(|p| match p {
                Pattern::Open(n) if !bound.open.contains_key(n) => Some(n),
                _ => None,
            })
            .collect();
        let rest: Vec<AxisId> = arg.ids().into_iter().filter(|a| !slots.contains_key(a)).collect();
        if rest.len() < unbound.len() {
            self.too_few(handed, &unbound, bound);
            return None;
        }
        let lifted = rest.len() - unbound.len();
        if unbound.len() > 1 && lifted > 0 {
            self.ambiguous(handed, &unbound, &rest, bound);
            return None;
        }
        bound.transposed.extend(self.transposed(handed, &unbound, &rest[lifted..]));
        for (axis, open) in rest[lifted..].iter().zip(unbound) {
            let (i, _) = bound.open.insert_full(open.clone(), *axis);
            bound.by.push(Binder { parameter: Some(handed.parameter.to_string()), span: handed.span });
            slots.insert(*axis, Slot::Open(i));
        }
        for axis in &rest[..lifted] {
            let entry = arg.axes.iter().find(|(a, _)| a == axis).map(|(_, e)| e.clone());
            let known = bound.lifted.iter().position(|(a, _)| a == axis);
            let i = known.unwrap_or_else(|| {
                let given = Entry { span: handed.span, how: "given here".into() };
                bound.lifted.push((*axis, entry.unwrap_or(given)));
                bound.lifted.len() - 1
            });
            slots.insert(*axis, Slot::Lifted(i));
        }
        Some(arg.ids().into_iter().map(|a| (a, slots[&a].clone())).collect())
    }

    /// How a call bound its open axes so far, one equation for each and where it came from.
    pub(super) fn bindings(&self, bound: &Bound) -> Vec<(String, String)> {
        let each = bound.open.iter().zip(&bound.by).map(|((name, axis), by)| {
            let (there, size) = (self.axis_name(*axis), self.size_of(*axis));
            let mut equation = if there == *name { name.clone() } else { format!("{name} = {there}") };
            if !self.is_made_up(*axis) {
                equation += &format!(" = {size}");
            } else if there == *name {
                equation += &format!(" = {there}");
            }
            let place = self.sources.place(by.span);
            let from = match &by.parameter {
                Some(parameter) => format!("from `{parameter}` ({place})"),
                None => format!("named in the call ({place})"),
            };
            (equation, from)
        });
        each.collect()
    }

    /// The parameter of a message: where it is declared, or, inside the library, where the layer is.
    fn with_parameter(&self, d: Diagnostic, handed: &Handed<'_>) -> Diagnostic {
        match handed.to.layer {
            Some(layer) if self.is_library(handed.declared) => {
                d.also(layer, format!("`{}` is declared here", handed.to.name))
            }
            _ => d.also(handed.declared, format!("`{}` is declared here", handed.parameter)),
        }
    }

    /// Adds to a message how the open axes of the call were bound.
    pub(super) fn with_bindings(&self, mut d: Diagnostic, bound: &Bound) -> Diagnostic {
        for (equation, from) in self.bindings(bound) {
            d = d.fact(equation, from);
        }
        d
    }

    fn lacks(&mut self, handed: &Handed<'_>, shown: &str, axis: AxisId, bound: &Bound) {
        let (arg, span) = (handed.value, handed.span);
        let (has, there) = (self.show_axes(&arg.ids()), self.axis_name(axis));
        let alias = if there == shown { String::new() } else { format!(" (`{there}` here)") };
        let title = format!(
            "`{}` of `{}` needs axis `{shown}`{alias}, but the argument is {has}",
            handed.parameter, handed.to.name
        );
        let d =
            Diagnostic::error("A0305", title, span).label(format!("has no axis {}", self.show_axis(axis)));
        let mut d = self.with_parameter(d, handed);
        let info = self.axis_info(axis).clone();
        if info.declared != Span::default() && info.declared.file == span.file {
            d = d.also(info.declared, format!("`{there}` is declared here"));
        }
        if let Some(o) = info.origin.as_ref().filter(|_| !self.is_made_up(axis)) {
            d = d.fact(format!("{there} = {}", self.size_of(axis)), o.from.clone());
        }
        let known = |a: &AxisId| {
            handed.pattern.iter().any(|p| match p {
                Pattern::Known(_, caller) => caller == a,
                Pattern::Open(n) => bound.open.get(n) == Some(a),
            })
        };
        let surplus: Vec<AxisId> = arg.ids().into_iter().filter(|a| !known(a)).collect();
        d = self.with_bindings(d, bound);
        if let Some(t) = self.transposed_to_blame(shown, arg, bound) {
            d = self.blamed(d, handed, t);
            self.report(d);
            return;
        }
        let ways = d.help.len();
        d = self.way_to_axis(d, arg, axis, &surplus);
        if d.help.len() == ways {
            d = d.help(self.without_axis(handed, axis, shown));
        }
        self.report(d);
    }

    /// What to do where a value has nothing that could be the axis.
    fn without_axis(&self, handed: &Handed<'_>, axis: AxisId, shown: &str) -> String {
        let known = |p: &Pattern| matches!(p, Pattern::Known(_, caller) if *caller == axis);
        let declared = handed.to.layer.is_some() && handed.pattern.iter().any(known);
        let axis = self.axis_name(axis);
        let names: Vec<String> =
            handed.value.ids().iter().map(|a| format!("`{}`", self.axis_name(*a))).collect();
        if declared && !names.is_empty() {
            let (name, names) = (handed.to.name, names.join(", "));
            return format!(
                "give it a value with `{axis}`, or declare `{name}` over axes that this one has: {names}"
            );
        }
        format!("give it a value with `{axis}`, or one with another axis for `{shown}` before")
    }

    fn too_few(&mut self, handed: &Handed<'_>, unbound: &[&String], bound: &Bound) {
        let has = self.show_axes(&handed.value.ids());
        let wanted: Vec<String> = unbound.iter().map(|n| format!("`{n}`")).collect();
        let title = format!(
            "`{}` of `{}` needs an axis for {}, but the argument is {has}",
            handed.parameter,
            handed.to.name,
            wanted.join(", ")
        );
        let d = Diagnostic::error("A0305", title, handed.span).label("too few axes");
        let mut d = self.with_parameter(d, handed);
        for gone in handed.value.gone.iter().filter(|g| !self.is_library(g.span)).take(2) {
            d = self.with_departure(d, gone);
        }
        let more = if unbound.len() == 1 { "an axis more" } else { "an axis more for each of these" };
        let d = self.with_bindings(d, bound).help(format!("give it a value with {more}"));
        self.report(d);
    }

    fn ambiguous(&mut self, handed: &Handed<'_>, unbound: &[&String], rest: &[AxisId], bound: &Bound) {
        let callee = handed.to.name;
        let opens: Vec<&str> = unbound.iter().map(|s| s.as_str()).collect();
        let shown = self.show_axes(rest);
        let title = format!("it is not clear which of {shown} are {} of `{callee}`", opens.join(", "));
        let example = format!("{}: {}", opens[0], rest.first().map_or("…".into(), |a| self.axis_name(*a)));
        let d = Diagnostic::error("A0306", title, handed.span)
            .label("some of these axes would be lifted")
            .help(format!("say which: `{callee}(…, {example})`"));
        let d = self.with_parameter(d, handed);
        let d = self.with_bindings(d, bound);
        self.report(d);
    }
}
