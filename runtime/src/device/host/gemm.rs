//! Matrix products by the `gemm` crate, on one thread each: how a product is cut into pieces follows from
//! its shape, so that its result does not depend on the number of threads.

use super::threads::Pool;
use arch_kernels::plan::Gemm;

/// Rows of a piece, unless the product is small.
const ROWS: usize = 256;
/// Columns of a piece where rows alone would give too few.
const COLUMNS: usize = 256;
/// A piece takes at least about this many multiplications.
const WORK: usize = 1 << 18;

/// How a product is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    rows: usize,
    columns: usize,
    /// Repeats of one piece, where products are small.
    repeats: usize,
}

/// A product with its operands' addresses.
#[derive(Clone, Debug)]
pub(super) struct Product {
    gemm: Gemm,
    left: *const f32,
    right: *const f32,
    out: *mut f32,
    cut: Cut,
    /// Repeats that only add to the result come after the first, which overwrites it.
    times: usize,
}

// SAFETY: the addresses are into memory that the session holds and runs under `&mut`.
unsafe impl Send for Product {}
// SAFETY: pieces write disjoint parts of the result.
unsafe impl Sync for Product {}

impl Product {
    pub(super) fn new(gemm: &Gemm, left: *const f32, right: *const f32, out: *mut f32) -> Self {
        let times: usize = gemm.repeats.iter().map(|r| r.count).product();
        let work = gemm.m * gemm.n * gemm.k;
        let mut cut = Cut { rows: gemm.m, columns: gemm.n, repeats: 1 };
        if work < WORK {
            cut.repeats = (WORK / work.max(1)).clamp(1, times.max(1));
        } else {
            // About sixteen pieces at most from one product: more would only pack the operands again.
            cut.rows = (gemm.m.div_ceil(16).next_multiple_of(48))
                .clamp(48, ROWS.max(gemm.m.div_ceil(16)))
                .min(gemm.m);
            if gemm.m.div_ceil(cut.rows) * times < 8 {
                cut.columns = COLUMNS.min(gemm.n);
            }
        }
        Product { gemm: gemm.clone(), left, right, out, cut, times }
    }

    fn tiles(&self) -> (usize, usize) {
        (self.gemm.m.div_ceil(self.cut.rows), self.gemm.n.div_ceil(self.cut.columns))
    }

    pub(super) fn run(&self, pool: &Pool) -> Result<(), String> {
        let (rows, columns) = self.tiles();
        let batches = self.times.div_ceil(self.cut.repeats);
        pool.run(batches * rows * columns, &|piece| {
            let (batch, tile) = (piece / (rows * columns), piece % (rows * columns));
            let first = batch * self.cut.repeats;
            for repeat in first..(first + self.cut.repeats).min(self.times) {
                self.piece(repeat, tile / columns * self.cut.rows, tile % columns * self.cut.columns);
            }
        })
    }

    fn piece(&self, repeat: usize, row: usize, column: usize) {
        let g = &self.gemm;
        let mut offsets = [
            g.left.offset as isize + row as isize * g.left.row,
            g.right.offset as isize + column as isize * g.right.column,
            g.out.offset as isize + row as isize * g.out.row + column as isize * g.out.column,
        ];
        let mut rest = repeat;
        for r in g.repeats.iter().rev() {
            let at = (rest % r.count) as isize;
            rest /= r.count;
            for (offset, stride) in offsets.iter_mut().zip(r.strides) {
                *offset += at * stride;
            }
        }
        // SAFETY: the plan's strides stay within the slots, which lie within the session's memory; pieces
        // write disjoint rows, columns and repeats of the result, which overlaps no operand.
        unsafe {
            ::gemm::gemm(
                self.cut.rows.min(g.m - row),
                self.cut.columns.min(g.n - column),
                g.k,
                self.out.offset(offsets[2]),
                g.out.column,
                g.out.row,
                false,
                self.left.offset(offsets[0]),
                g.left.column,
                g.left.row,
                self.right.offset(offsets[1]),
                g.right.column,
                g.right.row,
                0.0f32,
                1.0f32,
                false,
                false,
                false,
                ::gemm::Parallelism::None,
            );
        }
    }
}
