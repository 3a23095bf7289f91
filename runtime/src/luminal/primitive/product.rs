//! What sums: reductions, contractions, and lookups, which are contractions with one-hot rows.

use super::Products;
use super::lower::{Check, Lowering, Operand};
use super::tape::{Buffer, Tape, plain};
use arch_compiler::graph::AxisId;
use arch_compiler::ops::Reduce;
use luminal::prelude::MatMul2D;

/// What parts of a product cost in nanoseconds, measured: a multiplication and an addition of single
/// elements; copying an element of an operand; putting an element of a result in its place, for each level
/// of joining; a node.
const COST: [usize; 4] = [475, 280, 530, 5_000];

impl Lowering<'_> {
    /// A reduction: over neighbouring axes at once, from the last to the first.
    pub(super) fn reduce(&mut self, reduce: Reduce, axes: &[AxisId], x: &Operand) -> Buffer {
        let tape = &mut self.tape;
        let mut result = if reduce == Reduce::Min { tape.scale(&x.buffer, -1.0) } else { x.buffer.clone() };
        let mut end = x.shape.len();
        while end > 0 {
            let reduced = |at: usize| axes.contains(&x.shape[at]);
            let start = (0..end).rev().take_while(|at| reduced(*at)).last();
            let Some(start) = start else {
                end -= 1;
                continue;
            };
            let mut dims = result.dims.clone();
            let merged = dims[start..end].iter().product();
            dims.splice(start..end, [merged]);
            let input = result.reshaped(dims);
            result = match reduce {
                Reduce::Sum => tape.sum(&input, start),
                Reduce::Max | Reduce::Min => tape.largest(&input, start),
                Reduce::Product => tape.multiplied(&input, start),
            };
            end = start;
        }
        if reduce == Reduce::Min { self.tape.scale(&result, -1.0) } else { result }
    }

    /// `sum(x * y, over: axes)`.
    pub(super) fn contract(&mut self, x: &Operand, y: &Operand, over: &[AxisId], out: &[AxisId]) -> Buffer {
        let both = |a: &&AxisId| x.shape.contains(a) && y.shape.contains(a) && !over.contains(a);
        let shared: Vec<AxisId> = out.iter().filter(both).copied().collect();
        let only = |own: &[AxisId], other: &[AxisId]| -> Vec<AxisId> {
            own.iter().filter(|a| !other.contains(a)).copied().collect()
        };
        let (rows, columns) = (only(x.shape, y.shape), only(y.shape, x.shape));
        let [b, m, n, k] = [&shared, &rows, &columns, &over.to_vec()].map(|axes| self.elements(axes));
        let order = |parts: [&[AxisId]; 3]| parts.concat();
        let left = self.ordered(&x.buffer, x.shape, &order([&shared, &rows, over]));
        let matrices = self.products == Products::MatMul2D && worth_matrices([b, m, n, k]);
        let product = if matrices {
            let right = self.ordered(&y.buffer, y.shape, &order([&shared, over, &columns]));
            self.tape.matrices(&left.reshaped(vec![b, m, k]), &right.reshaped(vec![b, k, n]))
        } else {
            let right = self.ordered(&y.buffer, y.shape, &order([&shared, &columns, over]));
            let terms = self.tape.mul(&left.reshaped(vec![b, m, 1, k]), &right.reshaped(vec![b, 1, n, k]));
            self.tape.sum(&terms, 3)
        };
        let shape = order([&shared, &rows, &columns]);
        let product = product.reshaped(self.dims(&shape));
        self.ordered(&product, &shape, out)
    }

    /// `table[index]`: one-hot rows times the table. An infinity anywhere in the table makes its column NaN,
    /// since it meets zeros.
    pub(super) fn gather(
        &mut self,
        axis: AxisId,
        table: &Operand,
        index: &Operand,
        out: &[AxisId],
    ) -> Buffer {
        let (rows, shape) = self.one_hot(axis, index);
        let rows = Operand { buffer: rows, shape: &shape, ..index.clone() };
        self.contract(&rows, table, &[axis], out)
    }

    /// The transpose of a lookup: updates are summed over the index's axes that the result lacks.
    pub(super) fn scatter_add(
        &mut self,
        axis: AxisId,
        index: &Operand,
        updates: &Operand,
        out: &[AxisId],
    ) -> Buffer {
        let (rows, shape) = self.one_hot(axis, index);
        let rows = Operand { buffer: rows, shape: &shape, ..index.clone() };
        let over: Vec<AxisId> = index.shape.iter().filter(|a| !out.contains(a)).copied().collect();
        if !over.is_empty() {
            return self.contract(&rows, updates, &over, out);
        }
        let (rows, updates) = (self.aligned(&rows, out), self.aligned(updates, out));
        self.tape.mul(&rows, &updates)
    }

    /// For each index a row along the axis with a 1 at the index. Gives its shape too.
    fn one_hot(&mut self, axis: AxisId, index: &Operand) -> (Buffer, Vec<AxisId>) {
        let size = self.size(axis);
        let text = format!("{}:{size}", self.module.axis(axis).name);
        self.checks.push(Check { index: index.buffer.clone(), size, axis: text });
        let mut shape = index.shape.to_vec();
        shape.push(axis);
        let places = self.iota(axis);
        let mut dims = vec![1; shape.len()];
        dims[index.shape.len()] = size;
        let (places, index) = (places.reshaped(dims), self.aligned(index, &shape));
        (self.tape.equal(&index, &places), shape)
    }
}

/// Whether single matrix products are cheaper than multiplying and summing everything at once: many small
/// ones are not.
fn worth_matrices([b, m, n, k]: [usize; 4]) -> bool {
    let [term, copy, place, node] = COST;
    let levels = b.next_power_of_two().ilog2() as usize;
    b == 1 || m * n * k * term > (m * k + k * n) * copy + m * n * levels * place + 6 * node
}

impl Tape {
    /// `[b, m, k]` times `[b, k, n]`, one `MatMul2D` for each `b`: luminal has no product of two batches.
    fn matrices(&mut self, x: &Buffer, y: &Buffer) -> Buffer {
        let (b, m, k, n) = (x.dims[0], x.dims[1], x.dims[2], y.dims[2]);
        let one = |at: usize| {
            let (left, right) = (self.slice(x, 0, at, at + 1), self.slice(y, 0, at, at + 1));
            self.add(MatMul2D, &[(&left, plain(&[m, k])), (&right, plain(&[k, n]))], vec![1, m, n])
        };
        let products = (0..b).map(one).collect();
        self.join(products, 0)
    }

    /// The product over an axis, in rounds that halve it.
    fn multiplied(&mut self, x: &Buffer, axis: usize) -> Buffer {
        let (mut result, mut rest) = (x.clone(), None);
        while result.dims[axis] > 1 {
            let (size, half) = (result.dims[axis], result.dims[axis] / 2);
            if size % 2 == 1 {
                let last = self.slice(&result, axis, size - 1, size);
                rest = Some(match rest {
                    Some(rest) => self.mul(&rest, &last),
                    None => last,
                });
            }
            let (left, right) =
                (self.slice(&result, axis, 0, half), self.slice(&result, axis, half, 2 * half));
            result = self.mul(&left, &right);
        }
        let product = match rest {
            Some(rest) => self.mul(&result, &rest),
            None => result,
        };
        let mut dims = product.dims.clone();
        dims.remove(axis);
        product.reshaped(dims)
    }
}
