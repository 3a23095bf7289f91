//! How many queries and keys a kernel works on at a time. Everything follows from shapes and from the
//! instruction set, so results do not depend on the number of threads.

use super::region::Axes;
use super::{Attention, Reason};
use crate::lower::tile::register_tile;
use crate::print::Target;
use arch_compiler::graph::{AxisId, Module};

/// At most so many keys at a time: scores for a block of queries and the values of the keys stay in the
/// nearest cache.
const KEYS: usize = 64;
/// Bytes that the local arrays of a kernel may take: beyond the cache of a core, tiles gain nothing.
const CACHE: usize = 1 << 19;
/// The same on a GPU, where what lanes share lies in 48 KiB of a block, some of it small change.
const SHARED: usize = 46 << 10;

/// The tiles of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiles {
    target: Target,
    pub lanes: i64,
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
        let wide = target != Target::Cuda && (vectors.is_multiple_of(2) || vectors > 8);
        let tiles = Tiles {
            target,
            lanes: lanes as i64,
            queries: queries as i64,
            keys: keys as i64,
            block: lanes as i64 * if wide { 2 } else { 1 },
            tile: 0,
        };
        tiles.with_keys(KEYS)
    }

    /// Tiles of at most so many keys, about equal ones.
    fn with_keys(self, most: usize) -> Self {
        let keys = self.keys as usize;
        let vectors = (self.block / self.lanes) as usize;
        let (rows, _) = register_tile(vectors, keys.min(most), self.target.registers() / 2);
        let tiles = keys.div_ceil(most).max(1);
        let tile = if tiles == 1 { keys } else { keys.div_ceil(tiles).next_multiple_of(rows) };
        Tiles { tile: tile as i64, ..self }
    }

    /// The same with fewer keys at a time, if they are more: what fits goes on fitting.
    pub(super) fn at_most(self, keys: usize) -> Self {
        let smaller = self.with_keys(keys);
        if smaller.tile < self.tile { smaller } else { self }
    }

    /// Whether rows that are no whole vectors are copied to where they are: lanes that read beyond their end
    /// one by one are slow, except on a GPU.
    pub(super) fn copies(&self) -> bool {
        self.target != Target::Cuda
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
        let (rows, vectors) = register_tile(
            (self.padded(width) / self.lanes) as usize,
            rows as usize,
            self.target.registers() / 2,
        );
        (rows as i64, vectors as i64)
    }
}

impl Attention {
    /// Bytes of the local arrays of the larger kernel; on a GPU only of those that lanes share.
    fn local_bytes(&self, module: &Module) -> usize {
        let tiles = &self.tiles;
        let length = |a: AxisId| tiles.padded(module.size(a, 1) as i64);
        let whole = |a: AxisId| length(a) == module.size(a, 1) as i64;
        let products = self.gradient.as_ref().map_or(&self.products, |g| &g.products);
        let transposed = if tiles.copies() { products.iter().map(|p| length(p.depth)).sum() } else { 0 };
        let mut numbers = tiles.block * (transposed + products.len() as i64 * tiles.tile);
        for sink in self.gradient.iter().flat_map(|g| &g.sinks).chain([&self.result]) {
            let copied = if tiles.copies() && !whole(sink.width) { length(sink.width) } else { 0 };
            let summed = if whole(sink.width) { 0 } else { length(sink.width) };
            numbers += match sink.over_keys {
                true => tiles.block * length(sink.width) + tiles.tile * copied,
                false => tiles.block * copied + tiles.tile * summed,
            };
        }
        4 * (numbers + 4 * tiles.block) as usize
    }

    /// Makes tiles as small as they must be.
    pub(super) fn fit(&mut self, module: &Module) -> Result<(), Reason> {
        let room = if self.tiles.target == Target::Cuda { SHARED } else { CACHE };
        for most in [KEYS, KEYS / 2, KEYS / 4, KEYS / 8] {
            self.tiles = self.tiles.with_keys(most);
            if self.local_bytes(module) <= room {
                return Ok(());
            }
        }
        Err(Reason::Width(self.local_bytes(module)))
    }
}
