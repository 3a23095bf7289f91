//! What is computed alike of each position of an axis, and put in a row, is computed once along that axis: heads of attention
//! that a text writes one by one are those of a loop over heads.

use super::{Form, rewrite_with};
use crate::canon::Renewed;
use crate::graph::{AxisId, Builder, Function, Module, Rules, ValueId};
use crate::ops::{Op, ShapeError, View};
use std::collections::{BTreeMap, BTreeSet};

/// How many operations in a row are looked through.
const DEEPEST: usize = 256;

pub(super) const FORM: Form = Form {
    name: "one loop of many",
    algebra: "concat(f(x[A: 0]), f(x[A: 1]), ...) = f(x)",
    guard: "all of A, in order",
    find: rolled,
};

/// The same function with such rows computed along an axis; `None` if it has none.
fn rolled(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let mut rows = Rows { source, sizes: sizes(module), known: BTreeMap::new() };
    rewrite_with(module, source, by, &mut |b, node, _, values| {
        let Op::View(View::Concat { parts, into }) = &node.op else { return Ok(None) };
        let is_even = node.inputs.len() > 1 && parts.iter().all(|part| part == &parts[0]);
        if !is_even || rows.row(&node.inputs, DEEPEST) != Some(Row::Along) {
            return Ok(None);
        }
        let along = rows.axis(&node.inputs).unwrap_or_else(|| b.module.add_axis("", node.inputs.len()));
        let mut writer = Writer { rows: &rows, along, values, made: BTreeMap::new() };
        let value = writer.write(b, &node.inputs)?;
        let view = match parts[0] {
            Some(part) => View::Flatten { from: vec![along, part], to: *into },
            None => View::Rename { from: along, to: *into },
        };
        Ok(Some(vec![b.add1(Op::View(view), &[value])?]))
    })
}

fn sizes(module: &Module) -> Vec<usize> {
    (0..module.axes.len()).map(|axis| module.size(AxisId(axis as u32), 0)).collect()
}

/// What values that stand in a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// All the same.
    Same,
    /// Positions of one axis, or what is computed alike of such.
    Along,
}

/// What is known of values in a row.
struct Rows<'a> {
    source: &'a Function,
    sizes: Vec<usize>,
    known: BTreeMap<Vec<ValueId>, Option<Row>>,
}

impl Rows<'_> {
    /// What values in a row are, if they are computed alike.
    fn row(&mut self, values: &[ValueId], depth: usize) -> Option<Row> {
        if values.iter().all(|v| *v == values[0]) {
            return Some(Row::Same);
        }
        if let Some(known) = self.known.get(values) {
            return *known;
        }
        let found = if depth == 0 { None } else { self.computed(values, depth) };
        self.known.insert(values.to_vec(), found);
        found
    }

    fn computed(&mut self, values: &[ValueId], depth: usize) -> Option<Row> {
        if self.position(values).is_some() {
            return Some(Row::Along);
        }
        let first = self.source.producer(values[0]);
        let is_alike = |v: &ValueId| {
            let other = self.source.producer(*v);
            other.op == first.op && other.inputs.len() == first.inputs.len()
        };
        let may = matches!(first.op, Op::Map(_) | Op::Reduce(..) | Op::Contract(_) | Op::View(_));
        if !may || !values.iter().all(is_alike) {
            return None;
        }
        let mut found = Row::Same;
        for operand in self.operands(values) {
            if self.row(&operand, depth - 1)? == Row::Along {
                found = Row::Along;
            }
        }
        Some(found)
    }

    /// The operands of values in a row that one operation gives: a row for each.
    fn operands(&self, values: &[ValueId]) -> Vec<Vec<ValueId>> {
        let count = self.source.producer(values[0]).inputs.len();
        let operand = |at: usize| values.iter().map(|v| self.source.producer(*v).inputs[at]).collect();
        (0..count).map(operand).collect()
    }

    /// What values in a row are all positions of: that, its axis, and what their own axis is if they are spans of it.
    fn position(&self, values: &[ValueId]) -> Option<(ValueId, AxisId, Option<AxisId>)> {
        let of = self.source.producer(values[0]).inputs.first().copied()?;
        let mut found = None;
        for (place, value) in values.iter().enumerate() {
            let node = self.source.producer(*value);
            let (axis, part, size, start) = match node.op {
                Op::View(View::Index { axis, at }) => (axis, None, 1, at),
                Op::View(View::Slice { axis, to, start, step: 1 }) => {
                    (axis, Some(to), self.sizes[to.0 as usize], start)
                }
                _ => return None,
            };
            let is_whole = size * values.len() == self.sizes[axis.0 as usize];
            if node.inputs[0] != of || start != place * size || !is_whole {
                return None;
            }
            let this = (of, axis, part);
            if *found.get_or_insert(this) != this {
                return None;
            }
        }
        found
    }

    /// The axis that all positions are of, if nothing else that they meet has it.
    fn axis(&self, values: &[ValueId]) -> Option<AxisId> {
        let (mut along, mut others) = (BTreeSet::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        let mut open = vec![values.to_vec()];
        while let Some(row) = open.pop() {
            if !seen.insert(row.clone()) {
                continue;
            }
            others.extend(self.source.value(row[0]).shape.iter().copied());
            if row.iter().all(|v| *v == row[0]) {
                continue;
            }
            match self.position(&row) {
                Some((_, axis, None)) => _ = along.insert(axis),
                // A span has no axis for its place: another one is needed.
                Some((_, axis, Some(_))) => others.extend([axis]),
                None => {
                    if let Op::Contract(over) | Op::Reduce(_, over) = &self.source.producer(row[0]).op {
                        others.extend(over.iter().copied());
                    }
                    open.extend(self.operands(&row));
                }
            }
        }
        let axis = along.pop_first()?;
        (along.is_empty() && !others.contains(&axis)).then_some(axis)
    }
}

/// Writes what is computed alike along an axis.
struct Writer<'a, 'r> {
    rows: &'r Rows<'a>,
    along: AxisId,
    values: &'r Renewed<'r>,
    made: BTreeMap<Vec<ValueId>, ValueId>,
}

impl Writer<'_, '_> {
    fn write(&mut self, b: &mut Builder<'_>, row: &[ValueId]) -> Result<ValueId, ShapeError> {
        if row.iter().all(|v| *v == row[0]) {
            return Ok(self.values[&row[0]]);
        }
        if let Some(made) = self.made.get(row) {
            return Ok(*made);
        }
        let node = self.rows.source.producer(row[0]);
        let value = match self.rows.position(row) {
            Some((of, axis, None)) if axis == self.along => self.values[&of],
            Some((of, axis, part)) => {
                let view = match part {
                    Some(part) => View::Unflatten { from: axis, to: vec![self.along, part] },
                    None => View::Rename { from: axis, to: self.along },
                };
                b.add1(Op::View(view), &[self.values[&of]])?
            }
            None => {
                let mut inputs = Vec::with_capacity(node.inputs.len());
                for operand in self.rows.operands(row) {
                    inputs.push(self.write(b, &operand)?);
                }
                match &node.op {
                    // An order of storage is no matter of what is computed.
                    Op::View(View::Transpose(_)) => inputs[0],
                    op => b.add1(op.clone(), &inputs)?,
                }
            }
        };
        self.made.insert(row.to_vec(), value);
        Ok(value)
    }
}
