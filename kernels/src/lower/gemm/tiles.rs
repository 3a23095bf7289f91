//! How a product is cut. Everything follows from its shape and from the instruction set, so results do not depend on
//! the number of threads.

use crate::lower::tile::register_tile;
use crate::print::Target;

/// Vectors of a panel at most.
const VECTORS: usize = 4;
/// Rows that are computed together: so few that their results stay in the nearest caches, so many that a panel of
/// the right operand is worth fetching.
const BLOCK: usize = 64;
/// The same where there are not many rows to share out.
const SHORT_BLOCK: usize = 32;
/// Fewer blocks of rows than this, and panels are shared out among threads, too.
const ENOUGH: i64 = 8;
/// Bytes that whole rows of a block may take: half of the second cache, of which a panel wants the rest.
const ROOM: usize = 1 << 19;

/// The cuts of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub lanes: i64,
    /// Rows and vectors whose sums are in registers.
    pub together: (i64, i64),
    /// Rows of a block.
    pub block: i64,
    pub blocks: i64,
    /// Columns of a panel.
    pub width: i64,
    pub panels: i64,
    /// Whether panels are shared out among threads like blocks.
    pub shares_panels: bool,
}

impl Cut {
    /// For a product of `m` rows, `n` columns and sums of `k` terms. `whole`: where a piece must have whole rows.
    pub(super) fn choose(target: Target, (m, n, k): (usize, usize, usize), whole: bool) -> Self {
        let lanes = target.lanes();
        // Half of 32 registers for sums, or three quarters of 16: more gained nothing where it was measured.
        let sums = (target.registers() / 2).max(12);
        let tile = |vectors: usize| register_tile(vectors, m, sums.min(target.registers() * 3 / 4));
        let cost = |vectors: &usize| {
            let (rows, v) = tile(*vectors);
            let filled = n.div_ceil(v * lanes) * v;
            filled * (1000 + 1000 * (rows + v) / (rows * v))
        };
        let wide = (1..=VECTORS).rev().filter(|v| v * lanes <= n).min_by_key(cost).unwrap_or(1);
        let (rows, vectors) = tile(wide);
        let width = vectors * lanes;
        let block =
            block(m, rows, if m.min(n * k) < 16 * BLOCK || whole && n > 1024 { SHORT_BLOCK } else { BLOCK });
        let blocks = m.div_ceil(block) as i64;
        Cut {
            lanes: lanes as i64,
            together: (rows as i64, vectors as i64),
            block: block as i64,
            blocks,
            width: width as i64,
            panels: n.div_ceil(width) as i64,
            shares_panels: blocks < ENOUGH && !whole,
        }
    }
}

impl Cut {
    /// Whether a piece has whole rows, and room for the sums of all of them.
    pub(super) fn holds_rows(&self, n: usize) -> bool {
        !self.shares_panels && 4 * self.block as usize * n <= ROOM
    }
}

/// Rows of a block: about equal blocks of whole tiles, and at least a tile in the last one.
fn block(m: usize, tile: usize, wanted: usize) -> usize {
    let mut block = m.div_ceil(m.div_ceil(wanted)).next_multiple_of(tile);
    while block < m && (m - 1) % block + 1 < tile {
        block += tile;
    }
    block
}

/// Whether whole rows of a block fit beside a panel, and if not, the bytes that they take.
pub(super) fn whole_rows(n: usize) -> Result<(), usize> {
    let bytes = 4 * n * SHORT_BLOCK;
    if bytes <= ROOM { Ok(()) } else { Err(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_with_a_whole_tile() {
        for tile in [1, 3, 4, 6, 8] {
            for m in tile..700 {
                let block = block(m, tile, BLOCK);
                let last = (m - 1) % block + 1;
                assert!(
                    last >= tile && block.is_multiple_of(tile) && block <= BLOCK + 2 * tile,
                    "{m} by {tile}: {block}"
                );
            }
        }
    }

    #[test]
    fn cuts_of_known_shapes() {
        let cut = Cut::choose(Target::Avx512, (2048, 1152, 384), false);
        assert_eq!((cut.together, cut.width, cut.panels, cut.block, cut.blocks), ((4, 4), 64, 18, 64, 32));
        let cut = Cut::choose(Target::Avx2, (2048, 128, 512), false);
        assert_eq!((cut.together, cut.width, cut.panels), ((3, 4), 32, 4));
        // Five vectors: a panel of three and one that begins earlier.
        let cut = Cut::choose(Target::Avx512, (256, 80, 64), false);
        assert_eq!((cut.together, cut.width, cut.panels, cut.block), ((5, 3), 48, 2, 35));
    }
}
