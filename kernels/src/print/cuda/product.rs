//! The parts of a kernel that computes a matrix product, and how it is cut into tiles.

use super::source::NARROW;
use crate::ir::{Expr, Index, Kernel, Loop, Scalar, Stmt};
use crate::print::pieces;

/// The part of the sums that is in shared memory at a time.
pub(super) const DEPTH: i64 = 16;
/// Threads along each side of a tile.
pub(super) const SIDE: i64 = 16;
/// Rows or columns that a thread computes of a long side.
const EACH: i64 = 4;
/// Threads of a block.
pub(super) const THREADS: i64 = SIDE * SIDE;

/// The parts of a kernel that computes a matrix product.
pub(super) struct Product<'k> {
    /// The loops around columns and rows, outermost first.
    pub repeats: Vec<&'k Loop>,
    pub column: &'k Loop,
    pub row: &'k Loop,
    pub term: &'k Loop,
    /// The argument that the left and the right factor are read from, and where.
    pub factors: [(u32, &'k Index); 2],
    pub sum: Scalar,
    /// What follows that is the same for all elements, what is the same for those of a column, and the rest.
    pub follows: [Vec<&'k Stmt>; 3],
}

impl<'k> Product<'k> {
    /// Takes a kernel apart, if it has a loop over terms.
    pub(super) fn of(kernel: &'k Kernel) -> Option<Self> {
        let first = kernel.body.iter().find_map(|s| match s {
            Stmt::Loop(l) if l.multiplies() => Some(l),
            _ => None,
        })?;
        let mut repeats = pieces::nest(first);
        let (row, column) = (repeats.pop()?, repeats.pop()?);
        let around = [&kernel.body].into_iter().chain(repeats.iter().map(|l| &l.body)).flatten();
        let [Stmt::Acc(..), Stmt::Loop(term), Stmt::Let(sum, Expr::Acc(_)), rest @ ..] = row.body.as_slice()
        else {
            return None;
        };
        let [
            Stmt::Let(_, Expr::Load(left, left_at)),
            Stmt::Let(_, Expr::Load(right, right_at)),
            Stmt::Let(..),
            Stmt::Accumulate(..),
        ] = term.body.as_slice()
        else {
            return None;
        };
        let own = |s: &&Stmt| !matches!(s, Stmt::Loop(l) if l.multiplies());
        Some(Product {
            column,
            row,
            term,
            factors: [(*left, left_at), (*right, right_at)],
            sum: *sum,
            follows: [
                around.filter(own).collect(),
                column.body.iter().filter(own).collect(),
                rest.iter().collect(),
            ],
            repeats,
        })
    }

    /// The blocks that all tiles take.
    pub(super) fn tiles(&self, cut: Cut) -> u64 {
        let [down, across] = self.sides(cut);
        let tiles = self.repeats.iter().map(|l| count(l)).fold(down as u64, |all, n| all * n as u64);
        tiles * across as u64
    }

    /// Tiles along rows and along columns.
    pub(super) fn sides(&self, cut: Cut) -> [i64; 2] {
        [(self.row, cut.height()), (self.column, cut.width())]
            .map(|(side, tile)| (count(side) as u64).div_ceil(tile as u64) as i64)
    }

    /// Whether there are more rows, columns or terms than 32 bits count with room to spare.
    pub(super) fn is_long(&self) -> bool {
        [self.row, self.column, self.term].map(count).into_iter().any(|n| n > NARROW as i64)
    }
}

/// How often a loop runs.
pub(super) fn count(l: &Loop) -> i64 {
    l.extent.count
}

/// How a product is cut: elements of a thread along rows and along columns.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub rows: i64,
    pub columns: i64,
}

impl Cut {
    /// Short sides get tiles that are not much longer than they are.
    pub(super) fn of(product: &Product<'_>) -> Self {
        let each = |n: i64| if n <= 2 * SIDE { ((n + SIDE - 1) / SIDE).max(1) } else { EACH };
        Cut { rows: each(count(product.row)), columns: each(count(product.column)) }
    }

    pub(super) fn height(self) -> i64 {
        self.rows * SIDE
    }

    pub(super) fn width(self) -> i64 {
        self.columns * SIDE
    }

    /// Bytes of shared memory.
    pub(super) fn shared(self) -> i64 {
        DEPTH * (self.height() + 1 + self.width() + 1) * 4
    }
}
