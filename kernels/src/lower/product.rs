//! Contractions as matrix products: which axes are rows, columns, sums and repeats, and with what strides.

use super::element;
use super::gemm::Product;
use super::lowering::Lowering;
use super::pull::{Place, Puller, Strides, row_major};
use crate::ir::{Atom, Elem, IndexVar};
use crate::plan::{Gemm, Operand, Repeat, SlotId};
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::Op;

/// A value in memory with even steps.
#[derive(Clone)]
struct Matrix {
    slot: SlotId,
    offset: i64,
    strides: Vec<(AxisId, i64)>,
}

impl Matrix {
    fn stride(&self, axis: AxisId) -> i64 {
        self.strides.iter().find(|s| s.0 == axis).map_or(0, |s| s.1)
    }

    fn operand(&self, row: i64, column: i64) -> Operand {
        Operand { slot: self.slot, offset: self.offset as usize, row: row as isize, column: column as isize }
    }
}

/// A repeat, and the axes that it is made of, outermost first.
type Repeated = (Repeat, Vec<AxisId>);

/// Axes that run as one: length and strides in two matrices.
#[derive(Clone, Debug)]
struct Run {
    size: usize,
    strides: [i64; 2],
    /// The axes, innermost first.
    axes: Vec<AxisId>,
}

impl Run {
    /// A single place.
    fn none() -> Self {
        Run { size: 1, strides: [0, 0], axes: Vec::new() }
    }

    fn outermost_first(&self) -> Vec<AxisId> {
        self.axes.iter().rev().copied().collect()
    }
}

impl Lowering<'_> {
    pub(super) fn product(&mut self, n: usize) {
        let node = &self.function.nodes[n];
        let Op::Contract(over) = &node.op else { return };
        let (left, right, out) = (node.inputs[0], node.inputs[1], node.outputs[0]);
        let axes = |v: ValueId| self.function.value(v).shape.clone();
        let (a_axes, b_axes) = (axes(left), axes(right));
        let (Some(mut a), Some(mut b)) = (self.matrix(left), self.matrix(right)) else { return };
        let Some(c) = self.matrix(out) else { return };
        let both: Vec<AxisId> =
            a_axes.iter().copied().filter(|x| b_axes.contains(x) && !over.contains(x)).collect();
        let rows: Vec<AxisId> = a_axes.iter().copied().filter(|x| !b_axes.contains(x)).collect();
        let columns: Vec<AxisId> = b_axes.iter().copied().filter(|x| !a_axes.contains(x)).collect();
        if self.runs(over, &a, &b).len() > 1 {
            let (order_a, order_b) = (by_stride(over, &a), by_stride(over, &b));
            let fits_a = self.runs(over, &a, &a).len() == 1;
            let fits_b = self.runs(over, &b, &b).len() == 1;
            let order = if fits_a || !fits_b { order_a } else { order_b };
            if !fits_a || fits_b && order != by_stride(over, &a) {
                a = self.packed(left, &[&both[..], &rows, &order].concat(), n);
            }
            if self.runs(over, &a, &b).len() > 1 {
                b = self.packed(right, &[&both[..], &columns, &order].concat(), n);
            }
        }
        let (row, mut repeated) = self.longest(&rows, &a, &c, |s| [s[0], 0, s[1]]);
        let (column, more) = self.longest(&columns, &b, &c, |s| [0, s[0], s[1]]);
        repeated.extend(more);
        let sum = self.runs(over, &a, &b);
        let sum = sum.into_iter().next().unwrap_or_else(Run::none);
        for axis in both {
            let strides = [a.stride(axis), b.stride(axis), c.stride(axis)].map(|s| s as isize);
            let count = self.module.size(axis, self.options.batch);
            repeated.push((Repeat { count, strides }, vec![axis]));
        }
        repeated.retain(|r| r.0.count != 1);
        repeated.sort_by_key(|r| std::cmp::Reverse(r.0.strides[2].abs()));
        merge_repeats(&mut repeated);
        let (repeats, repeated) = repeated.into_iter().unzip();
        let gemm = Gemm {
            m: row.size,
            n: column.size,
            k: sum.size,
            left: a.operand(row.strides[0], sum.strides[0]),
            right: b.operand(sum.strides[1], column.strides[0]),
            out: c.operand(row.strides[1], column.strides[1]),
            repeats,
        };
        let (rows, columns) = (row.outermost_first(), column.outermost_first());
        self.multiply(n, Product { gemm, rows, columns, repeated, operands: [left, right] });
    }

    /// From one element of a value to the next along an axis, if it lies in memory with even steps.
    pub(super) fn step_of(&mut self, value: ValueId, axis: AxisId) -> Option<i64> {
        self.matrix(value).map(|m| m.stride(axis))
    }

    /// How a value lies in memory, by way of views that keep even steps.
    fn matrix(&mut self, value: ValueId) -> Option<Matrix> {
        if let Some(Place::Slot(slot, _, strides)) = self.places.get(&value) {
            return Some(Matrix { slot: *slot, offset: 0, strides: strides.clone() });
        }
        let view = element::strided(self.module, self.function, value)?;
        if let Op::Tensor(literal) = &self.function.producer(view.base).op
            && !self.places.contains_key(&view.base)
        {
            let slot = self.constant(literal);
            let strides = row_major(self.module, &literal.shape);
            self.places.insert(view.base, Place::Slot(slot, Elem::F32, strides));
        }
        let Some(Place::Slot(slot, _, below)) = self.places.get(&view.base) else { return None };
        let (offset, strides) = through(self.function, value, &view, below);
        Some(Matrix { slot: *slot, offset, strides })
    }

    /// A copy of a value with its axes in this order.
    fn packed(&mut self, value: ValueId, axes: &[AxisId], n: usize) -> Matrix {
        // The batch may stand anywhere here, so these steps are for one batch size only.
        let dims = self.module.dims(axes, self.options.batch);
        let step = |i: usize| dims[i + 1..].iter().product::<usize>() as i64;
        let strides: Vec<(AxisId, i64)> = axes.iter().enumerate().map(|(i, a)| (*a, step(i))).collect();
        let len = dims.iter().product();
        let slot = self.scratch(Elem::F32, len);
        let place = Place::Slot(slot, Elem::F32, strides.clone());
        self.pointwise("pack", &[n], &[], axes, |p, env| {
            let operand = p.pull(0, value, env);
            p.store(&place, env, operand);
        });
        Matrix { slot, offset: 0, strides }
    }

    /// Axes joined wherever one continues the other in both matrices, outermost first.
    fn runs(&self, axes: &[AxisId], a: &Matrix, b: &Matrix) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for axis in by_stride(axes, a).into_iter().rev() {
            let next = Run {
                size: self.module.size(axis, self.options.batch),
                strides: [a.stride(axis), b.stride(axis)],
                axes: vec![axis],
            };
            match runs.last_mut() {
                _ if next.size == 1 => {}
                Some(run) if (0..2).all(|i| next.strides[i] == run.strides[i] * run.size as i64) => {
                    run.size *= next.size;
                    run.axes.push(axis);
                }
                _ => runs.push(next),
            }
        }
        runs.reverse();
        runs
    }

    /// The longest run of axes of an operand and the result; the others are repeated.
    fn longest(
        &self,
        axes: &[AxisId],
        operand: &Matrix,
        out: &Matrix,
        place: impl Fn([i64; 2]) -> [i64; 3],
    ) -> (Run, Vec<Repeated>) {
        let mut runs = self.runs(axes, operand, out);
        let Some(best) = (0..runs.len()).max_by_key(|i| runs[*i].size) else {
            return (Run::none(), Vec::new());
        };
        let best = runs.remove(best);
        let repeats = runs
            .into_iter()
            .map(|r| {
                let strides = place(r.strides).map(|s| s as isize);
                (Repeat { count: r.size, strides }, r.outermost_first())
            })
            .collect();
        (best, repeats)
    }
}

/// The first element of a view and the strides along its axes, given those of the value below.
fn through(function: &Function, value: ValueId, view: &element::Strided, below: &Strides) -> (i64, Strides) {
    let address = Puller::address(&view.places, below);
    let axes = function.value(value).shape.iter().enumerate();
    let stride = |i: usize| {
        let var = Atom::Var(IndexVar(i as u32));
        address.terms.iter().find(|t| t.0 == var).map_or(0, |t| t.1)
    };
    (address.constant, axes.map(|(i, axis)| (*axis, stride(i))).collect())
}

/// The strides of a value that lies in memory or is a view of what does, if its steps are even.
pub(super) fn even_strides(module: &Module, function: &Function, value: ValueId) -> Option<Strides> {
    let view = element::strided(module, function, value)?;
    Some(through(function, value, &view, &row_major(module, &function.value(view.base).shape)).1)
}

/// Axes by their strides in a matrix, longest first.
fn by_stride(axes: &[AxisId], of: &Matrix) -> Vec<AxisId> {
    let mut axes = axes.to_vec();
    axes.sort_by_key(|a| std::cmp::Reverse(of.stride(*a).abs()));
    axes
}

/// Repeats that continue one another in everything become one.
fn merge_repeats(repeats: &mut Vec<Repeated>) {
    let mut i = 1;
    while i < repeats.len() {
        let (outer, inner) = (repeats[i - 1].0, repeats[i].0);
        if (0..3).all(|s| outer.strides[s] == inner.strides[s] * inner.count as isize) {
            repeats[i - 1].0 = Repeat { count: outer.count * inner.count, strides: inner.strides };
            let (_, axes) = repeats.remove(i);
            repeats[i - 1].1.extend(axes);
        } else {
            i += 1;
        }
    }
}
