//! What is split and used in parts has a gradient that is a sum of its parts, each with zeros around it. Such a
//! sum is a concatenation: nothing but the parts needs to be read or written.

use super::rewrite::{Sums, end_of_row, rewrite_with};
use crate::graph::{AxisId, Builder, Function, Module, Node, ValueId};
use crate::ops::{Op, ShapeError, View};

/// A part of a concatenation.
struct Part {
    /// Where it begins.
    begin: usize,
    size: usize,
    /// The axis that becomes a part; none where the part is one position without an axis of its own.
    axis: Option<AxisId>,
    value: ValueId,
}

/// Makes concatenations of sums of padded values that lie side by side and leave nothing out.
pub(super) fn join(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let sums = Sums::of(source);
    rewrite_with(module, source, &mut |b, node, _, values| {
        let Some(terms) = sums.terms(node) else { return Ok(None) };
        let terms: Vec<ValueId> = terms.iter().map(|v| values[v]).collect();
        let Some((into, parts)) = side_by_side(b, &terms) else { return Ok(None) };
        let op = Op::View(View::Concat { parts: parts.iter().map(|p| p.axis).collect(), into });
        let values: Vec<ValueId> = parts.iter().map(|p| p.value).collect();
        b.add(op, &values).map(Some)
    })
}

/// The parts in their order, if all terms are values with zeros around them along one axis, which they fill.
fn side_by_side(b: &Builder, terms: &[ValueId]) -> Option<(AxisId, Vec<Part>)> {
    let Node { op: Op::View(View::Pad { to: into, .. }), .. } = b.function.producer(*terms.first()?) else {
        return None;
    };
    let mut parts: Vec<Part> = terms.iter().map(|t| part(b, *t, *into)).collect::<Option<_>>()?;
    parts.sort_by_key(|p| p.begin);
    let end = end_of_row(parts.iter().map(|p| (p.begin, p.size)))?;
    // Parts that lack axes of others would be broadcast, and copied more often than they are added.
    let axes = |p: &Part| b.shape(p.value).iter().filter(|a| Some(**a) != p.axis).count();
    let same = parts.windows(2).all(|w| axes(&w[0]) == axes(&w[1]));
    (end == b.module.size(*into, 0) && same && parts.len() > 1).then_some((*into, parts))
}

fn part(b: &Builder, term: ValueId, into: AxisId) -> Option<Part> {
    let Node { op: Op::View(View::Pad { axis, to, before, value }), inputs, .. } = b.function.producer(term)
    else {
        return None;
    };
    if *to != into || *value != 0.0 {
        return None;
    }
    let size = b.module.size(*axis, 0);
    // One position that was given an axis of its own only to be padded.
    if let Node { op: Op::View(View::Concat { parts, .. }), inputs, .. } = b.function.producer(inputs[0])
        && parts.as_slice() == [None]
    {
        return Some(Part { begin: *before, size, axis: None, value: inputs[0] });
    }
    Some(Part { begin: *before, size, axis: Some(*axis), value: inputs[0] })
}
