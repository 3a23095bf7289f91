//! The kernel of a product on a GPU: loops over repeats, columns and rows, in them one over the terms, whose tiles the
//! printer shares out, then what follows the product, for the one sum that a thread has at hand.
//!
//! Columns stand around rows: what depends on a column alone, such as a bias, is loaded once for all rows that a
//! thread has of it.

use super::Product;
use super::emit::position;
use crate::ir::{Binary, Elem, Expr, Extent, Index, Join, LoopKind, Operand, Over, Stmt};
use crate::lower::element::Env;
use crate::lower::lowering::Lowering;
use crate::lower::pull::{Place, Puller};
use crate::plan;
use arch_compiler::graph::AxisId;

impl Lowering<'_> {
    /// A product and the group that follows it, whatever its shape.
    pub(super) fn tiled(&mut self, n: usize, product: &Product, group: Option<usize>) {
        let (stored, batch) = (self.stores_product(n, group), self.options.batch);
        self.gemm_kernel(n, product, group, |p, around| {
            let outside = p.body.depth();
            let (env, sum) = Tiled { product, batch }.sum(p, around.terms);
            if let (true, Some(place)) = (stored, around.place) {
                p.store(place, &env, sum);
            }
            p.frames[0].places.insert(around.value, Place::Known(sum));
            if let Some(epilogue) = around.epilogue {
                epilogue.rows().emit_at(p, &env);
            }
            while p.body.depth() > outside {
                p.close();
            }
        });
    }
}

struct Tiled<'k> {
    product: &'k Product,
    /// The number of samples, which rows are made of.
    batch: usize,
}

impl Tiled<'_> {
    /// Opens the loops around an element; its place, and the sum there.
    fn sum(&self, p: &mut Puller<'_, '_>, terms: Over) -> (Env, Operand) {
        let (product, g) = (self.product, &self.product.gemm);
        let mut env = Env::new();
        // Where the terms of this element begin in both operands.
        let mut starts = [g.left, g.right].map(|o| Index::constant(o.offset as i64));
        for (repeat, axes) in g.repeats.iter().zip(&product.repeated) {
            let at = self.along(p, repeat.count, axes, &mut env);
            for (start, stride) in starts.iter_mut().zip(repeat.strides) {
                *start = start.plus(&at, stride as i64);
            }
        }
        let column = self.along(p, g.n, &product.columns, &mut env);
        let row = self.along(p, g.m, &product.rows, &mut env);
        let [left, right] = starts;
        let left = (g.left, left.plus(&row, g.left.row as i64), g.left.column);
        let right = (g.right, right.plus(&column, g.right.column as i64), g.right.row);
        let sum = p.body.acc(Join::Sum);
        let term = Index::var(p.body.open_over(LoopKind::Terms, Extent::fixed(g.k as i64), terms));
        // Bound in the loop even where it makes no difference: a printer takes it for what it is.
        let mut load = |(operand, start, step): (plan::Operand, Index, isize)| {
            let arg = p.arg(operand.slot, Elem::F32);
            p.body.bind_here(Expr::Load(arg, start.plus(&term, step as i64)))
        };
        let (left, right) = (load(left), load(right));
        let product = p.body.bind_here(Expr::Binary(Binary::Mul, left, right));
        p.body.push(Stmt::Accumulate(sum, product));
        p.close();
        (env, p.body.bind_here(Expr::Acc(sum)))
    }

    /// Opens the loop over all places on some axes, and adds the place to `env`.
    fn along(&self, p: &mut Puller<'_, '_>, count: usize, axes: &[AxisId], env: &mut Env) -> Index {
        let over = p.over(axes);
        let at = p.body.open_over(LoopKind::Parallel, Extent::fixed(count as i64), over);
        env.extend(position(p, axes, self.batch, &Index::var(at)));
        Index::var(at)
    }
}
