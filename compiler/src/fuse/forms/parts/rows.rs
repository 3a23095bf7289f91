//! Parts of what is computed of several values in a row: computed of each value alone.

use super::{Part, all_parts, part, readers, rewrite_with, take};
use crate::canon::{Renewed, reads};
use crate::fuse::forms::weights::Weights;
use crate::graph::{AxisId, Builder, Function, Module, Node, Rules, ValueId};
use crate::ops::{Map, Op, ShapeError, View};

/// Parts of what is computed of values in a row, of which only such parts are read, as the same of the values.
pub(super) fn in_a_row(
    module: &mut Module,
    source: &Function,
    by: Rules,
) -> Result<Option<Function>, ShapeError> {
    let row = Row { source, weights: Weights::new(source), read: reads(source) };
    let readers = readers(source);
    rewrite_with(module, source, by, &mut |b, node, _, values| {
        let Some(own) = part(b.module, node) else { return Ok(None) };
        let of = node.inputs[0];
        let all = all_parts(b.module, source, readers[of.0 as usize].as_ref());
        let is_in_row = |part: &Part| row.way(b.module, of, part) == Way::Row;
        if !all.is_some_and(|all| all.iter().all(is_in_row)) {
            return Ok(None);
        }
        row.taken(b, values, of, &own).map(|value| Some(vec![value]))
    })
}

/// How a part of a value can be had, the least useful way first: what is made of several values is had as the least of them
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// As any part.
    Part,
    /// As a part of weights, read elsewhere.
    Weight,
    /// As one of the values in a row that it is made of.
    Row,
}

/// What is computed of values in a row.
struct Row<'a> {
    source: &'a Function,
    weights: Weights<'a>,
    read: Vec<usize>,
}

impl Row<'_> {
    fn has(&self, value: ValueId, axis: AxisId) -> bool {
        self.source.value(value).shape.contains(&axis)
    }

    fn way(&self, module: &Module, value: ValueId, part: &Part) -> Way {
        let node = self.source.producer(value);
        let is_weight = self.weights.of_weights[value.0 as usize];
        let otherwise = if is_weight { Way::Weight } else { Way::Part };
        let within = |v: ValueId, part: &Part| self.way_within(module, v, part);
        match &node.op {
            Op::View(View::Transpose(_)) => within(node.inputs[0], part),
            Op::View(View::Rename { from, to }) if *to == part.axis => {
                within(node.inputs[0], &Part { axis: *from, ..*part })
            }
            Op::View(View::Concat { parts, into }) if *into == part.axis => {
                let found = one_of(module, parts, part).filter(|at| {
                    let (axis, shape) = (parts[*at], &self.source.value(node.inputs[*at]).shape);
                    // What lacks axes of others is broadcast along them.
                    let is_whole =
                        shape.len() + usize::from(axis.is_none()) == self.source.value(value).shape.len();
                    is_whole && part.to.is_none_or(|to| Some(to) == axis || !shape.contains(&to))
                });
                found.map_or(otherwise, |_| Way::Row)
            }
            Op::Map(map) if *map != Map::Broadcast || node.inputs.len() == 1 => {
                self.of_all(node, part, &within)
            }
            Op::Contract(over)
                if !over.contains(&part.axis) && part.to.is_none_or(|to| !over.contains(&to)) =>
            {
                let meets = |v: &ValueId| part.to.is_some_and(|to| self.has(*v, to));
                if node.inputs.iter().any(meets) { otherwise } else { self.of_all(node, part, &within) }
            }
            _ => otherwise,
        }
    }

    /// How a part of an operand can be had: what others read, too, would be computed twice.
    fn way_within(&self, module: &Module, value: ValueId, part: &Part) -> Way {
        match self.read[value.0 as usize] == 1 {
            true => self.way(module, value, part),
            false if self.weights.of_weights[value.0 as usize] => Way::Weight,
            false => Way::Part,
        }
    }

    /// How a part of a map or product can be had of parts of its operands: one must be in a row, and others weights.
    fn of_all(&self, node: &Node, part: &Part, within: &dyn Fn(ValueId, &Part) -> Way) -> Way {
        let ways = node.inputs.iter().filter(|v| self.has(**v, part.axis)).map(|v| within(*v, part));
        let ways: Vec<Way> = ways.collect();
        match ways.iter().min() {
            Some(Way::Part) | None => Way::Part,
            _ => ways.into_iter().max().unwrap_or(Way::Part),
        }
    }

    /// A part whose way is through a row.
    fn taken(
        &self,
        b: &mut Builder<'_>,
        values: &Renewed<'_>,
        value: ValueId,
        part: &Part,
    ) -> Result<ValueId, ShapeError> {
        let node = self.source.producer(value);
        let within = |b: &mut Builder<'_>, v: ValueId, part: &Part| match self.way_within(b.module, v, part) {
            Way::Row => self.taken(b, values, v, part),
            _ => take(b, values[&v], *part),
        };
        match &node.op {
            Op::View(View::Transpose(_)) => within(b, node.inputs[0], part),
            Op::View(View::Rename { from, .. }) => within(b, node.inputs[0], &Part { axis: *from, ..*part }),
            Op::View(View::Concat { parts, .. }) => {
                let at = one_of(b.module, parts, part);
                let at = at.ok_or_else(|| ShapeError("a part is of no value in a row".into()))?;
                let one = values[&node.inputs[at]];
                match (parts[at], part.to) {
                    (Some(from), Some(to)) if from != to => {
                        b.add1(Op::View(View::Rename { from, to }), &[one])
                    }
                    _ => Ok(one),
                }
            }
            op => {
                let mut operands = Vec::with_capacity(node.inputs.len());
                for input in &node.inputs {
                    operands.push(match self.has(*input, part.axis) {
                        true => within(b, *input, part)?,
                        false => values[input],
                    });
                }
                b.add1(op.clone(), &operands)
            }
        }
    }
}

/// Which value of a row a part is.
fn one_of(module: &Module, parts: &[Option<AxisId>], part: &Part) -> Option<usize> {
    let mut start = 0;
    parts.iter().position(|axis| {
        let size = axis.map_or(1, |axis| module.size(axis, 0));
        start += size;
        (start - size, size, axis.is_some()) == (part.start, part.size, part.to.is_some())
    })
}
