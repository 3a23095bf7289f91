//! Views. Whatever moves elements along one axis is slices that are joined; axes are brought together by one
//! transposition.

use super::lower::{Lowering, Operand};
use super::tape::{Buffer, Tape};
use arch_compiler::graph::AxisId;
use arch_compiler::ops::{View, Windows};

impl Lowering<'_> {
    /// One view.
    pub(super) fn view(&mut self, view: &View, inputs: &[Operand], out: &[AxisId]) -> Buffer {
        let (x, dims) = (&inputs[0], self.dims(out));
        let place = |axis: &AxisId| x.shape.iter().position(|a| a == axis).unwrap_or(0);
        match view {
            View::Rename { .. } | View::Unflatten { .. } => x.buffer.reshaped(dims),
            View::Transpose(order) => self.ordered(&x.buffer, x.shape, order),
            View::Flatten { from, to: _ } => self.flatten(x, from).reshaped(dims),
            View::Slice { axis, to, start, step } => {
                let count = self.size(*to);
                self.tape.strided(&x.buffer, place(axis), *start, *step, count)
            }
            View::Index { axis, at } => self.tape.slice(&x.buffer, place(axis), *at, at + 1).reshaped(dims),
            View::Concat { parts, into } => self.concat(parts, *into, inputs, out),
            View::Flip(axis) => {
                let order: Vec<usize> = (0..self.size(*axis)).rev().collect();
                self.tape.take(&x.buffer, place(axis), &order)
            }
            View::Permute { axis, order, .. } => {
                let order: Vec<usize> = order.iter().map(|at| *at as usize).collect();
                self.tape.take(&x.buffer, place(axis), &order)
            }
            View::Pad { axis, to, before, value } => {
                let size = self.size(*to);
                self.tape.filled(&x.buffer, place(axis), *before, size, *value as f32)
            }
            View::Window(w) => {
                let sizes = (self.size(w.to), self.size(w.offset));
                self.tape.window(&x.buffer, place(&w.axis), sizes, *w).reshaped(dims)
            }
            View::Fold(w) => {
                let sizes = (self.size(w.to), self.size(w.offset));
                let x = self.flatten(x, &[w.to, w.offset]);
                let at = out.iter().position(|a| *a == w.axis).unwrap_or(0);
                self.tape.fold(&x, at, sizes, *w, dims[at])
            }
        }
    }

    /// Brings axes together where the first of them stands. The sizes stay those of the single axes.
    fn flatten(&mut self, x: &Operand, from: &[AxisId]) -> Buffer {
        let mut order: Vec<AxisId> = x.shape.iter().copied().filter(|a| !from[1..].contains(a)).collect();
        let at = order.iter().position(|a| *a == from[0]).unwrap_or(0);
        order.splice(at..=at, from.iter().copied());
        self.ordered(&x.buffer, x.shape, &order)
    }

    fn concat(
        &mut self,
        parts: &[Option<AxisId>],
        into: AxisId,
        inputs: &[Operand],
        out: &[AxisId],
    ) -> Buffer {
        let at = out.iter().position(|a| *a == into).unwrap_or(0);
        let pieces = parts.iter().zip(inputs).map(|(part, input)| {
            // Where the result has the new axis, the piece has its own; a piece without one takes one place.
            let shape: Vec<AxisId> = out.iter().map(|a| part.filter(|_| *a == into).unwrap_or(*a)).collect();
            let mut dims = self.dims(&shape);
            let piece = match part {
                Some(_) => self.aligned(input, &shape),
                None => {
                    dims[at] = 1;
                    self.aligned(input, out)
                }
            };
            self.tape.expand(&piece, &dims)
        });
        let pieces = pieces.collect();
        self.tape.join(pieces, at)
    }
}

impl Tape {
    /// Positions `start, start + step, …` of an axis, `count` of them.
    pub fn strided(&mut self, x: &Buffer, axis: usize, start: usize, step: usize, count: usize) -> Buffer {
        let last = start + (count - 1) * step;
        if step == 1 || count == 1 {
            return self.slice(x, axis, start, last + 1);
        }
        // As many rows of `step` positions as are taken, of which the first column is kept.
        let end = x.dims[axis].min(start + count * step);
        let part = self.slice(x, axis, start, end);
        let part = self.pad(&part, axis, 0, start + count * step - end);
        let mut rows = part.resized(axis, count);
        rows.insert(axis + 1, step);
        let part = part.reshaped(rows);
        self.slice(&part, axis + 1, 0, 1).reshaped(x.resized(axis, count))
    }

    /// The positions of an axis in a given order. Runs of neighbours are taken as one.
    pub fn take(&mut self, x: &Buffer, axis: usize, order: &[usize]) -> Buffer {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for at in order {
            match runs.last_mut() {
                Some((_, end)) if *end == *at => *end += 1,
                _ => runs.push((*at, at + 1)),
            }
        }
        let pieces = runs.into_iter().map(|(from, to)| self.slice(x, axis, from, to)).collect();
        self.join(pieces, axis)
    }

    /// An axis with a fill around it: zeros, to which a mask of fills is added. That is exact, also where a
    /// fill or an element is infinite.
    fn filled(&mut self, x: &Buffer, axis: usize, before: usize, size: usize, value: f32) -> Buffer {
        let own = x.dims[axis];
        let padded = self.pad(x, axis, before, size - before - own);
        if value == 0.0 || own == size {
            return padded;
        }
        let inside = before..before + own;
        let mask = (0..size).map(|at| if inside.contains(&at) { 0.0 } else { value }).collect();
        let mut dims = vec![1; x.dims.len()];
        dims[axis] = size;
        let mask = self.literal(mask, dims);
        self.add2(&padded, &mask)
    }

    /// Windows along an axis: for each place in a window one strided slice, joined along a new axis.
    fn window(&mut self, x: &Buffer, axis: usize, (count, width): (usize, usize), w: Windows) -> Buffer {
        let size = x.dims[axis];
        let reach = (count - 1) * w.stride + (width - 1) * w.dilation + 1;
        let padded = self.pad(x, axis, w.left, reach.saturating_sub(w.left + size));
        let mut dims = x.resized(axis, count);
        dims.insert(axis + 1, 1);
        let place =
            |k: usize| self.strided(&padded, axis, k * w.dilation, w.stride, count).reshaped(dims.clone());
        let places = (0..width).map(place).collect();
        self.join(places, axis + 1)
    }

    /// The sum of overlapping windows. The axes of windows and places are neighbours; the first stands at
    /// `axis`. Each place is put `stride` apart, moved to where it belongs, and all are added.
    fn fold(
        &mut self,
        x: &Buffer,
        axis: usize,
        (count, width): (usize, usize),
        w: Windows,
        size: usize,
    ) -> Buffer {
        let length = (count * w.stride + (width - 1) * w.dilation).max(w.left + size);
        let mut sum: Option<Buffer> = None;
        for k in 0..width {
            let place = self.slice(x, axis + 1, k, k + 1);
            let apart = self.pad(&place, axis + 1, 0, w.stride - 1);
            let mut dims = apart.resized(axis, count * w.stride);
            dims.remove(axis + 1);
            let before = k * w.dilation;
            let moved = self.pad(&apart.reshaped(dims), axis, before, length - before - count * w.stride);
            sum = Some(match sum {
                Some(sum) => self.add2(&sum, &moved),
                None => moved,
            });
        }
        let sum = sum.unwrap_or_else(|| x.clone());
        self.slice(&sum, axis, w.left, w.left + size)
    }
}
