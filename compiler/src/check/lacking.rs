//! A value that lacks an axis: where it went, and how to come to it.

use super::Session;
use super::value::{Departure, Entry, Tensor, Way};
use crate::graph::AxisId;
use crate::ops::{Op, View};
use arch_grammar::{Diagnostic, Span};

/// The axes that an operation takes away: those of its inputs that are not `left`.
pub(super) fn went(op: &Op, inputs: &[&Tensor], left: &[(AxisId, Entry)], span: Span) -> Vec<Departure> {
    let gone = inputs.iter().flat_map(|t| t.ids()).filter(|a| !left.iter().any(|(b, _)| a == b));
    gone.map(|axis| Departure { axis, span, way: way(op) }).collect()
}

fn way(op: &Op) -> Way {
    match op {
        Op::Reduce(..) | Op::Contract(_) => Way::Reduced,
        Op::Gather { .. } | Op::View(View::Index { .. }) => Way::Indexed,
        Op::View(View::Rename { to, .. }) => Way::Renamed(*to),
        Op::View(View::Permute { to, .. }) => Way::Permuted(*to),
        Op::View(View::Flatten { from, to }) => Way::Flattened(from.as_slice().into(), *to),
        Op::View(View::Unflatten { to, .. }) => Way::Unflattened(to.as_slice().into()),
        Op::View(View::Concat { into, .. }) => Way::Joined(*into),
        Op::View(View::Slice { to, .. } | View::Pad { to, .. }) => Way::Resized(*to),
        _ => Way::Ended,
    }
}

impl Session<'_> {
    /// Says of a missing axis where it went, which other axes could be meant, and how to get from these to it, if
    /// there is a way. `surplus` are the axes of the value that nothing else asks for.
    pub(super) fn way_to_axis(
        &self,
        d: Diagnostic,
        value: &Tensor,
        axis: AxisId,
        surplus: &[AxisId],
    ) -> Diagnostic {
        if let Some(parts) = self.sum_with(value, axis) {
            return d.help(parts);
        }
        if let Some(gone) = value.departure(axis).filter(|gone| !self.is_library(gone.span)) {
            let d = match gone.way {
                Way::Renamed(to) | Way::Permuted(to) => self.not_enough(d, axis, to),
                _ => d,
            };
            return self.way_back(self.with_departure(d, gone), value, gone);
        }
        if let Some(run) = self.run_as_long(surplus, axis) {
            let (name, names) = (self.axis_name(axis), self.names(run));
            return d
                .remark(format!("({names}) together are as long as `{name}`"))
                .help(format!("if that is meant: `flatten(…, ({names}) -> {name})`"));
        }
        self.with_twin(d, value, axis, surplus)
    }

    /// Shows where an axis went.
    pub(super) fn with_departure(&self, d: Diagnostic, gone: &Departure) -> Diagnostic {
        let name = |axis: &AxisId| format!("`{}`", self.axis_name(*axis));
        let how = match &gone.way {
            Way::Reduced => "is reduced away here".to_string(),
            Way::Renamed(to) | Way::Permuted(to) => format!("becomes {} here", name(to)),
            Way::Flattened(_, to) | Way::Joined(to) => format!("goes into {} here", name(to)),
            Way::Unflattened(to) => {
                let parts: Vec<String> = to.iter().map(name).collect();
                format!("is taken apart into {} here", parts.join(" and "))
            }
            Way::Resized(to) => format!("becomes {} here, of another size", name(to)),
            Way::Indexed => "is looked up along here".to_string(),
            Way::Taken(what) => format!("is taken by `{what}` here"),
            Way::Ended => "ends here".to_string(),
        };
        d.also(gone.span, format!("{} {how}", name(&gone.axis)))
    }

    /// How to get an axis back, if the value still has what it went into.
    fn way_back(&self, d: Diagnostic, value: &Tensor, gone: &Departure) -> Diagnostic {
        let name = self.axis_name(gone.axis);
        let text = match &gone.way {
            Way::Renamed(to) if value.has(*to) => {
                format!("`rename(…, {} -> {name})` gives it back", self.axis_name(*to))
            }
            Way::Permuted(to) if value.has(*to) => {
                let to = self.axis_name(*to);
                format!("`permute(…, {to} -> {name}, inverse(order))` puts it in the old order again")
            }
            Way::Flattened(from, to) if value.has(*to) => {
                format!("`unflatten(…, {} -> ({}))` gives it back", self.axis_name(*to), self.names(from))
            }
            Way::Unflattened(to) if to.iter().all(|a| value.has(*a)) => {
                format!("`flatten(…, ({}) -> {name})` gives it back", self.names(to))
            }
            Way::Reduced => format!(
                "if the sum runs over other positions than those of the result, tell them apart first: \
                 `rename(…, {name} -> S)`"
            ),
            _ => return d,
        };
        d.help(text)
    }

    /// Another axis that may have been meant.
    fn with_twin(&self, mut d: Diagnostic, value: &Tensor, axis: AxisId, surplus: &[AxisId]) -> Diagnostic {
        let size = self.size_of(axis);
        let alike = |a: &&AxisId| self.size_of(**a) == size;
        let made_up = |a: AxisId| self.is_made_up(a) || self.is_made_up(axis);
        // Nothing follows from sizes that were made up; but a single axis that is left over is the other one's.
        let twin = match surplus {
            [only] if made_up(*only) => Some(*only),
            _ => surplus.iter().find(alike).copied().filter(|a| !made_up(*a)),
        };
        let Some(twin) = twin else { return d };
        let other = self.axis_name(twin);
        if let Some((_, entry)) = value.axes.iter().find(|(a, _)| *a == twin) {
            d = d.also(entry.span, format!("`{other}` came in here: {}", entry.how));
        }
        d = self.not_enough(d, axis, twin);
        if alike(&&twin) {
            d = d.help(format!("if it is meant: {}", self.how_to_rename(twin, axis)));
        }
        d
    }

    /// How one axis becomes another. What has a number for a name cannot be said in a `rename`.
    pub(super) fn how_to_rename(&self, from: AxisId, to: AxisId) -> String {
        let (from, to) = (self.axis_name(from), self.axis_name(to));
        let is_number = |name: &str| name.starts_with(|c: char| c.is_ascii_digit());
        match [&from, &to].into_iter().find(|name| is_number(name)) {
            Some(size) => {
                format!("give the axis a name, `dims Z = {size}`, and write `Z` where `{size}` makes it")
            }
            None => format!("`rename(…, {from} -> {to})`"),
        }
    }

    /// Says that two axes of one size are two, where their sizes are known.
    fn not_enough(&self, d: Diagnostic, axis: AxisId, other: AxisId) -> Diagnostic {
        let size = self.size_of(axis);
        if self.is_made_up(axis) || self.is_made_up(other) || self.size_of(other) != size {
            return d;
        }
        let (name, other) = (self.axis_name(axis), self.axis_name(other));
        d.remark(format!("`{other}` is also {size} long, but equal size does not make it `{name}`"))
    }

    /// For a part of a sum that the value has: how to take the sum apart.
    fn sum_with(&self, value: &Tensor, axis: AxisId) -> Option<String> {
        let has = |a: &AxisId| {
            let parts = self.axis_info(*a).parts.as_ref();
            parts.is_some_and(|p| p.iter().any(|p| p.axis == Some(axis)))
        };
        let sum = value.ids().into_iter().find(has)?;
        let parts = self.axis_info(sum).parts.clone()?;
        let names: Vec<String> =
            parts.iter().map(|p| p.axis.map_or("1".into(), |a| self.axis_name(a))).collect();
        let text = format!("`{}` is {}", self.axis_name(sum), names.join(" ++ "));
        Some(format!("{text}: `split` takes it apart, `let (a, b) = split(…)`"))
    }

    /// Neighbouring axes that together are as long as another, where sizes say anything.
    fn run_as_long<'a>(&self, axes: &'a [AxisId], whole: AxisId) -> Option<&'a [AxisId]> {
        let runs = (0..axes.len()).flat_map(|from| (from + 2..=axes.len()).map(move |to| &axes[from..to]));
        let known = |run: &&[AxisId]| !run.iter().chain([&whole]).any(|a| self.is_made_up(*a));
        runs.into_iter().filter(known).find(|run| self.elements(run) == self.size_of(whole))
    }

    fn names(&self, axes: &[AxisId]) -> String {
        axes.iter().map(|a| self.axis_name(*a)).collect::<Vec<_>>().join(", ")
    }
}
