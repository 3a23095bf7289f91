//! How many queries and keys a kernel works on at a time. Everything follows from shapes and from the
//! instruction set, so results do not depend on the number of threads.

use super::region::Axes;
use super::{Attention, Reason};
use crate::print::Target;
use arch_compiler::graph::{AxisId, Module};

/// At most so many keys at a time: scores for a block of queries and the values of the keys stay in the
/// nearest cache.
const KEYS: usize = 64;
/// The local arrays of a kernel may not be larger: beyond the cache of a core, tiles gain nothing.
const LARGEST: usize = 1 << 19;

/// The tiles of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiles {
    pub lanes: i64,
    registers: usize,
    /// How many queries there are.
    pub queries: i64,
    /// How many keys there are.
    pub keys: i64,
    /// Queries that are worked on at a time: one or two vectors, whose lanes they are.
    pub block: i64,
    /// Keys at a time.
    pub tile: i64,
}

impl Tiles {
    pub(super) fn choose(module: &Module, axes: &Axes, target: Target) -> Self {
        let lanes = target.lanes();
        let (queries, keys) = (module.size(axes.queries, 1), module.size(axes.keys, 1));
        let vectors = queries.div_ceil(lanes);
        // Two vectors share what is loaded of the keys, unless much of the last pair would be empty.
        let wide = if vectors.is_multiple_of(2) || vectors > 8 { 2 } else { 1 };
        let registers = target.registers();
        let (rows, _) = register_tile(wide, keys.min(KEYS), registers);
        let tiles = keys.div_ceil(KEYS).max(1);
        let tile = if tiles == 1 { keys } else { keys.div_ceil(tiles).next_multiple_of(rows) };
        Tiles {
            lanes: lanes as i64,
            registers,
            queries: queries as i64,
            keys: keys as i64,
            block: (wide * lanes) as i64,
            tile: tile as i64,
        }
    }

    /// How many blocks of queries there are.
    pub(super) fn blocks(&self) -> i64 {
        (self.queries as u64).div_ceil(self.block as u64) as i64
    }

    /// How many tiles of keys there are.
    pub(super) fn key_tiles(&self) -> i64 {
        (self.keys as u64).div_ceil(self.tile as u64) as i64
    }

    /// A width in whole vectors.
    pub(super) fn padded(&self, width: i64) -> i64 {
        (width as u64).next_multiple_of(self.lanes as u64) as i64
    }

    /// Rows and vectors of results that are kept in registers.
    pub(super) fn together(&self, width: i64, rows: i64) -> (i64, i64) {
        let (rows, vectors) =
            register_tile((self.padded(width) / self.lanes) as usize, rows as usize, self.registers);
        (rows as i64, vectors as i64)
    }
}

/// Rows and vectors of a product that are computed together: half of the registers at most, so that there is
/// room for the factors, and as few loads for each multiplication as possible.
fn register_tile(vectors: usize, rows: usize, registers: usize) -> (usize, usize) {
    let most = registers / 2;
    let shape = |v: usize| ((most / v).clamp(1, 8).min(rows.max(1)), v);
    let fits = (1..=vectors).filter(|v| vectors.is_multiple_of(*v) && 2 * v <= most);
    // Loads for a thousand multiplications, with those of rows that fill up the last tile.
    let loads = |(r, v): (usize, usize)| {
        let filled = rows.max(1).div_ceil(r) * r;
        1000 * (r + v) * filled / (r * v * rows.max(1))
    };
    fits.map(shape).min_by_key(|t| loads(*t)).unwrap_or((1, 1))
}

impl Attention {
    /// Bytes of the local arrays of the larger kernel.
    fn local_bytes(&self, module: &Module) -> usize {
        let size = |a: AxisId| self.tiles.padded(module.size(a, 1) as i64) as usize;
        let (block, tile) = (self.tiles.block as usize, self.tiles.tile as usize);
        let gradient = self.gradient.iter();
        let products = gradient.clone().map(|g| &g.products).next().unwrap_or(&self.products);
        let transposed: usize = products.iter().map(|p| size(p.depth) * block + tile * block).sum();
        let sinks = gradient.flat_map(|g| &g.sinks).chain([&self.result]);
        let rows: usize = sinks.map(|s| size(s.width) * (2 * block + 2 * tile)).sum();
        4 * (transposed + rows + 8 * block)
    }

    /// Whether it is better as kernels than as products and a row kernel.
    pub(super) fn worth(&self, module: &Module) -> Result<(), Reason> {
        let bytes = self.local_bytes(module);
        if bytes > LARGEST { Err(Reason::Width(bytes)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::register_tile;

    #[test]
    fn registers_hold_the_results_of_a_tile() {
        assert_eq!(register_tile(4, 32, 32), (4, 4));
        assert_eq!(register_tile(2, 64, 32), (8, 2));
        // A width of 72 is five vectors of sixteen.
        assert_eq!(register_tile(5, 32, 32), (3, 5));
        assert_eq!(register_tile(8, 16, 16), (4, 2));
        assert_eq!(register_tile(1, 1, 16), (1, 1));
    }
}
