//! Saying things: where a message points, when it was said before, and in which order messages stand.

use super::Session;
use super::matching::Bound;
use super::value::Val;
use crate::graph::{AxisId, ValueId};
use arch_grammar::{Diagnostic, Label, Span};
use std::rc::Rc;

/// Evaluations that one item may take. The largest model of the zoo takes a few thousand.
pub(super) const FUEL: u32 = 500_000;

/// The longest axis.
pub(super) const LONGEST: usize = u32::MAX as usize;

/// The most elements of a value of one sample, also of a product that is summed at once: no machine computes more,
/// and sums over a whole model can still be counted in 64 bits.
const MOST_ELEMENTS: usize = 1 << 53;

/// A place that led into a function or block: a call or the declaration of a layer.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub span: Span,
    pub name: Rc<str>,
    /// Whether it is the call of a `fn`, whose body means something else at each call.
    pub function: bool,
    /// How the call bound its open axes: equations and where they came from.
    pub bindings: Rc<[(String, String)]>,
}

impl Session<'_> {
    /// Adds a message, unless one with the same code at the same place is there: a block that is walked
    /// twice says things once.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        let diagnostic = self.at_the_user(diagnostic);
        let same = |d: &Diagnostic| d.code == diagnostic.code && d.primary.span == diagnostic.primary.span;
        if !self.diagnostics.iter().any(same) {
            self.diagnostics.push(diagnostic);
        } else if diagnostic.is_error() {
            // A walk that meets the same mistake again and again finds nothing else.
            self.fuel = self.fuel.saturating_sub(FUEL / 500);
        }
    }

    /// How many errors were reported so far, repeated ones included, and how many values they made unknown:
    /// if it stays the same, everything was looked at and found to be right.
    pub(super) fn error_count(&self) -> usize {
        self.errors
    }

    /// Notes that something could not be looked at, because of an error that was reported.
    pub(super) fn unknown_because_of_an_error(&mut self) {
        self.errors += 1;
    }

    /// Whether an error was met in the item at hand. What seems wrong then may be so because of it.
    pub(super) fn is_astray(&self) -> bool {
        self.errors > self.errors_before
    }

    /// A message about the inside of the library stands where the user's file led into it; a message about
    /// the body of a function says which call it was.
    fn at_the_user(&self, mut d: Diagnostic) -> Diagnostic {
        if self.is_library(d.primary.span) {
            let user = self.sites.iter().rev().find(|s| !self.is_library(s.span));
            if let Some(site) = user {
                d = with_bindings_of(site, d);
                let what = if site.function { "this call" } else { "this use" };
                let here = Label { span: site.span, text: format!("in {what} of `{}`", site.name) };
                let inside = std::mem::replace(&mut d.primary, here);
                d.secondary.insert(0, inside);
            }
            return d;
        }
        // Where a limit is reached is an accident.
        let limit = d.code == "A0411";
        if let Some(site) = self.sites.last().filter(|s| s.function && !limit)
            && !self.is_library(site.span)
            && !covers(site.span, d.primary.span)
        {
            d = with_bindings_of(site, d.also(site.span, format!("in this call of `{}`", site.name)));
        }
        d
    }

    /// Has messages from inside the call at hand say how it bound its open axes.
    pub(super) fn remember_bindings(&mut self, bound: &Bound) {
        let bindings = self.bindings(bound).into();
        if let Some(site) = self.sites.last_mut() {
            site.bindings = bindings;
        }
    }

    /// Runs a part of the walk that a place of the program leads into.
    pub(super) fn within<R>(&mut self, site: Site, walk: impl FnOnce(&mut Self) -> R) -> R {
        self.sites.push(site);
        let result = walk(self);
        self.sites.pop();
        result
    }

    /// Takes one step of the fuel that makes every check end. Says so when it runs out.
    pub(super) fn burn(&mut self, span: Span) -> bool {
        if self.fuel == 0 {
            return false;
        }
        self.fuel -= 1;
        if self.fuel == 0 {
            self.too_much(span);
        }
        self.fuel > 0
    }

    fn too_much(&mut self, span: Span) {
        let text = "checking this takes more than 500,000 steps";
        // Where the steps run out is an accident; the call that leads there is the cause.
        let cause = self.sites.iter().find(|s| s.function).map_or(span, |s| s.span);
        let d = Diagnostic::error("A0411", text, cause).label("given up");
        self.report(d.help("functions that call themselves several times grow fast; so do loops in loops"));
    }

    /// Stops the walk of this item: all that follows is [`Val::Error`] and says nothing.
    pub(super) fn give_up(&mut self) -> Val {
        self.fuel = 0;
        Val::Error
    }

    /// Whether an axis can be that long; says so if not.
    pub(super) fn can_be_long(&mut self, size: usize, span: Span) -> bool {
        if size <= LONGEST {
            return true;
        }
        let shown = if size == usize::MAX { "so".to_string() } else { size.to_string() };
        let d = Diagnostic::error("A0207", format!("an axis cannot be {shown} long"), span);
        self.report(d.help("sizes are at least 1 and below 4,294,967,296"));
        false
    }

    /// Says so if a value of one sample is beyond counting.
    pub(super) fn is_countable(&mut self, level: usize, values: &[ValueId], origin: Span) {
        let function = &self.context().levels[level].function;
        let shapes: Vec<Vec<AxisId>> = values.iter().map(|v| function.value(*v).shape.clone()).collect();
        let Some(axes) = shapes.into_iter().find(|axes| self.elements(axes) > MOST_ELEMENTS) else { return };
        let count = match self.elements(&axes) {
            usize::MAX => "more elements than 64 bits can count".to_string(),
            elements => format!("{elements} elements"),
        };
        let mut d = Diagnostic::error("A0207", format!("a tensor cannot have {count}"), origin);
        for axis in axes.into_iter().filter(|a| *a != AxisId::BATCH) {
            let declared = self.sources.place(self.axis_info(axis).declared);
            d = d.fact(format!("{} = {}", self.axis_name(axis), self.size_of(axis)), declared);
        }
        self.report(
            d.help(format!("at most {MOST_ELEMENTS} are possible for one sample: make axes shorter")),
        );
    }

    /// How many elements a tensor over these axes has; numbers beyond counting are all the largest.
    pub(super) fn elements(&self, axes: &[AxisId]) -> usize {
        axes.iter().fold(1, |n: usize, a| n.saturating_mul(self.size_of(*a)))
    }

    /// Whether the size of an axis may come from what was made up for checking, so that a message must not speak of it.
    pub(super) fn is_made_up(&self, axis: AxisId) -> bool {
        self.made_up.as_ref().is_some_and(|m| m.is_used()) && !self.axis_info(axis).certain
    }

    /// All messages in the order of the files, the user's first, and of the places in them.
    pub(super) fn ordered(&mut self) -> Vec<Diagnostic> {
        let mut all = std::mem::take(&mut self.diagnostics);
        all.sort_by_key(|d| {
            let span = d.primary.span;
            (self.is_library(span), span.file, span.start, span.end, d.code)
        });
        all
    }
}

/// A message about axes from inside a call says how the call bound its open axes.
fn with_bindings_of(site: &Site, mut d: Diagnostic) -> Diagnostic {
    let about_axes = matches!(
        d.code,
        "A0301" | "A0302" | "A0303" | "A0304" | "A0305" | "A0306" | "A0307" | "A0308" | "A0317"
    );
    for (equation, from) in site.bindings.iter().filter(|_| about_axes) {
        d = d.fact(equation, from);
    }
    d
}

/// Whether one place contains another.
pub(super) fn covers(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

/// `1 value`, `3 values`.
pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
