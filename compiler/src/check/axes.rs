//! What messages know of axes: names, sizes, where they were declared, what a sum is made of.

use super::Session;
use super::value::Origin;
use crate::graph::{AxisId, Size};
use arch_grammar::Span;
use std::rc::Rc;

/// A part of a sum axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisPart {
    /// The axis; `None` for the part `1`, which takes an operand without an axis of its own.
    pub axis: Option<AxisId>,
    /// How long it is.
    pub size: usize,
}

/// What is known of an axis besides its name and size.
#[derive(Clone, Debug)]
pub struct AxisInfo {
    /// Where it was declared.
    pub declared: Span,
    /// What it is made of, if it is a sum.
    pub parts: Option<Rc<Vec<AxisPart>>>,
    /// Whether it is a count: a bare number, to be taken apart by `split`.
    pub count: bool,
    /// Where its size came from.
    pub origin: Option<Rc<Origin>>,
    /// Whether its size is sure not to come from sizes that were made up for checking.
    pub certain: bool,
}

impl AxisInfo {
    pub(super) fn batch() -> Self {
        AxisInfo { declared: Span::default(), parts: None, count: false, origin: None, certain: true }
    }
}

/// How long an axis is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub size: usize,
    /// Whether nothing that was made up for checking has a part in it.
    pub certain: bool,
}

impl Length {
    /// Another size that follows from this one.
    pub fn changed_to(self, size: usize) -> Self {
        Length { size, ..self }
    }
}

impl Session<'_> {
    /// Declares an axis.
    pub(super) fn new_axis(&mut self, name: &str, size: usize, declared: Span) -> AxisId {
        let id = self.module.add_axis(name, size);
        self.axes.push(AxisInfo { declared, parts: None, count: false, origin: None, certain: false });
        id
    }

    /// Declares an axis with the history of its size.
    pub(super) fn new_axis_from(
        &mut self,
        name: &str,
        size: usize,
        declared: Span,
        origin: Option<Rc<Origin>>,
    ) -> AxisId {
        let id = self.new_axis(name, size, declared);
        self.axes[id.0 as usize].origin = origin;
        id
    }

    /// Another identity for the same thing, known under `name`.
    pub(super) fn copy_axis(&mut self, axis: AxisId, name: &str) -> AxisId {
        let info = self.axes[axis.0 as usize].clone();
        let id = self.module.add_axis(name, self.size_of(axis));
        self.axes.push(info);
        id
    }

    /// The length of an axis, for one that is to be as long.
    pub(super) fn length_of(&self, axis: AxisId) -> Length {
        Length { size: self.size_of(axis), certain: self.axis_info(axis).certain }
    }

    /// The length of several axes as one.
    pub(super) fn length_of_all(&self, axes: &[AxisId]) -> Length {
        Length { size: self.elements(axes), certain: axes.iter().all(|a| self.axis_info(*a).certain) }
    }

    /// Declares a sum of parts.
    pub(super) fn sum_axis(&mut self, name: &str, parts: Vec<AxisPart>, declared: Span) -> AxisId {
        let size = parts.iter().map(|p| p.size).sum();
        let certain = parts.iter().filter_map(|p| p.axis).all(|a| self.axis_info(a).certain);
        let id = self.new_axis(name, size, declared);
        self.axes[id.0 as usize].certain = certain;
        self.axes[id.0 as usize].parts = Some(Rc::new(parts));
        id
    }

    /// Declares a count: a nameless axis to be taken apart.
    pub(super) fn count_axis(&mut self, size: usize, declared: Span) -> AxisId {
        let id = self.new_axis(&size.to_string(), size, declared);
        let info = &mut self.axes[id.0 as usize];
        (info.count, info.certain) = (true, true);
        id
    }

    /// The size of an axis; never asked of the batch.
    pub(super) fn size_of(&self, axis: AxisId) -> usize {
        match self.module.axis(axis).size {
            Size::Fixed(n) => n,
            Size::Batch => 1,
        }
    }

    pub(super) fn axis_name(&self, axis: AxisId) -> String {
        self.module.axis(axis).name.clone()
    }

    pub(super) fn axis_info(&self, axis: AxisId) -> &AxisInfo {
        &self.axes[axis.0 as usize]
    }

    /// `[T, D]`.
    pub(super) fn show_axes(&self, axes: &[AxisId]) -> String {
        let names: Vec<String> = axes.iter().map(|a| self.axis_name(*a)).collect();
        format!("[{}]", names.join(", "))
    }

    /// `axis T (16)`; without a size that was made up.
    pub(super) fn show_axis(&self, axis: AxisId) -> String {
        if self.is_made_up(axis) {
            return format!("`{}`", self.axis_name(axis));
        }
        format!("`{}` ({})", self.axis_name(axis), self.size_of(axis))
    }
}
