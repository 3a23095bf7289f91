//! A block of queries: what both kernels do for it. Its queries are the lanes of vectors wherever scores are at
//! work, so that what is done for a query needs no exchange between lanes; where values are weighted, lanes
//! run along their width.
//!
//! The last block may be short, and the last tile of keys too. Lanes and rows beyond the end stand for the
//! last query or key again; sums over them end early.

use super::{Attention, Product};
use crate::ir::{Elem, Expr, Index, Local, LoopKind, Operand, Stmt};
use crate::lower::element::{Env, with};
use crate::lower::pull::{Place, Puller};
use crate::lower::tile::{Span, TileProduct, enter, leave};
use arch_compiler::graph::{AxisId, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// Where values are in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What the kernel writes.
    pub results: BTreeMap<ValueId, Place>,
    /// The values whose rows can be read and written as whole vectors.
    pub whole_rows: BTreeSet<ValueId>,
}

/// Where a kernel is: the outer axes and the first query of the block.
pub(super) struct Block<'k> {
    pub attention: &'k Attention,
    pub memory: &'k Memory,
    pub outer: Env,
    pub first: Index,
}

/// Rows with lanes along their width: as they lie in memory, or a copy whose rows are filled up to whole
/// vectors, so long each.
pub(super) enum Rows {
    InPlace,
    Copied(Local, i64),
}

impl Block<'_> {
    /// A query of the block that may be beyond its end.
    pub(super) fn query(&self, p: &Puller<'_, '_>, at: &Index) -> Index {
        let tiles = &self.attention.tiles;
        clamped(p, &self.first.plus(&clamped(p, at, tiles.block), 1), tiles.queries)
    }

    /// A key of the tile that starts at `tile`, which may be beyond its end.
    pub(super) fn key(&self, p: &Puller<'_, '_>, tile: &Index, at: &Index) -> Index {
        let tiles = &self.attention.tiles;
        clamped(p, &tile.plus(&clamped(p, at, tiles.tile), 1), tiles.keys)
    }

    /// The queries of the block.
    pub(super) fn queries(&self, p: &Puller<'_, '_>) -> Span {
        let (tiles, axes) = (&self.attention.tiles, &self.attention.axes);
        span(p, (tiles.block, tiles.queries), &self.first, axes.queries)
    }

    /// The keys of a tile.
    pub(super) fn keys(&self, p: &Puller<'_, '_>, tile: &Index) -> Span {
        let (tiles, axes) = (&self.attention.tiles, &self.attention.axes);
        span(p, (tiles.tile, tiles.keys), tile, axes.keys)
    }

    /// Opens the loop over the tiles of keys; gives the first key.
    pub(super) fn each_tile(&self, p: &mut Puller<'_, '_>) -> Index {
        let tiles = &self.attention.tiles;
        enter(p, LoopKind::Sequential, &Span::of(tiles.key_tiles(), "tile")).times(tiles.tile)
    }

    /// The place of a query, along another axis too.
    pub(super) fn at_query(&self, query: Index, more: &[(AxisId, Index)]) -> Env {
        with(&with(&self.outer, &[(self.attention.axes.queries, query)]), more)
    }

    /// The place of a key, along another axis too.
    pub(super) fn at_key(&self, key: Index, more: &[(AxisId, Index)]) -> Env {
        with(&with(&self.outer, &[(self.attention.axes.keys, key)]), more)
    }

    /// Opens the loop over the lanes of the block.
    pub(super) fn lanes(&self, p: &mut Puller<'_, '_>) -> Index {
        let queries = p.over(&[self.attention.axes.queries]);
        enter(p, LoopKind::Vector, &Span::over(self.attention.tiles.block, queries))
    }

    /// An array with a number for each query of the block.
    pub(super) fn per_query(&self, p: &mut Puller<'_, '_>) -> Local {
        p.body.local(Elem::F32, self.attention.tiles.block)
    }

    /// An array for scores of a tile: `[keys, queries]`.
    pub(super) fn scores(&self, p: &mut Puller<'_, '_>) -> Local {
        p.body.local(Elem::F32, self.attention.tiles.tile * self.attention.tiles.block)
    }

    /// Where the score of a key and a query is.
    pub(super) fn score_at(&self, key: &Index, query: &Index) -> Index {
        key.times(self.attention.tiles.block).plus(query, 1)
    }

    /// Copies the queries of a product so that they are the lanes of vectors: `[depth, queries]`.
    pub(super) fn transposed(&self, p: &mut Puller<'_, '_>, product: &Product) -> Local {
        let block = self.attention.tiles.block;
        let depth = p.module.size(product.depth, 1) as i64;
        let copy = p.body.local(Elem::F32, depth * block);
        let open = p.body.depth();
        let row = enter(p, LoopKind::Sequential, &Span::axis(p, product.depth));
        let lane = self.lanes(p);
        let place = self.at_query(self.query(p, &lane), &[(product.depth, row.clone())]);
        let value = p.pull(0, product.queries, &place);
        p.body.push(Stmt::StoreLocal(copy, row.times(block).plus(&lane, 1), value));
        leave(p, open);
        copy
    }

    /// Fills the scores of a tile with a product.
    pub(super) fn multiply(
        &self,
        p: &mut Puller<'_, '_>,
        product: &Product,
        queries: Local,
        scores: Local,
        tile: &Index,
    ) {
        let tiles = &self.attention.tiles;
        TileProduct {
            rows: self.keys(p, tile),
            columns: tiles.block,
            terms: Span::axis(p, product.depth),
            lanes: tiles.lanes,
            together: tiles.together(tiles.block, tiles.tile),
            begin: &|_, row| row,
            left: &|p, key, term| {
                let place = self.at_key(self.key(p, tile, key), &[(product.depth, term.clone())]);
                p.pull(0, product.keys, &place)
            },
            right: &|p, term, query| load(p, queries, &term.times(tiles.block).plus(query, 1)),
            start: &|_, _, _| Operand::float(0.0),
            finish: &|p, key, query, sum| {
                let key = self.key(p, tile, key).plus(tile, -1);
                p.body.push(Stmt::StoreLocal(scores, self.score_at(&key, query), sum));
            },
        }
        .emit(p);
    }

    /// From here on, scores are known at a place of a tile, and with them whatever is made of them.
    pub(super) fn know(
        &self,
        p: &mut Puller<'_, '_>,
        products: &[Product],
        scores: &[Local],
        key: &Index,
        query: &Index,
    ) {
        for (product, scores) in products.iter().zip(scores) {
            let score = load(p, *scores, &self.score_at(key, query));
            p.frames[0].places.insert(product.value, Place::Known(score));
        }
    }

    /// Rows of a value: where they lie, if they are whole vectors there, or else copied for each block or tile.
    pub(super) fn rows(
        &self,
        p: &mut Puller<'_, '_>,
        value: ValueId,
        width: AxisId,
        rows: &Span,
        place: &dyn Fn(&Index) -> Env,
    ) -> Rows {
        if self.memory.whole_rows.contains(&value) || !self.attention.tiles.copies() {
            return Rows::InPlace;
        }
        let length = self.attention.tiles.padded(p.module.size(width, 1) as i64);
        let copy = p.body.local(Elem::F32, rows.count * length);
        self.pad(p, (copy, length), rows.count, width);
        self.copy(p, (copy, length), rows, width, &|p, row, column| {
            p.pull(0, value, &with(&place(row), &[(width, column.clone())]))
        });
        Rows::Copied(copy, length)
    }

    /// Zeros behind the ends of rows.
    pub(super) fn pad(
        &self,
        p: &mut Puller<'_, '_>,
        (array, length): (Local, i64),
        rows: i64,
        width: AxisId,
    ) {
        let size = p.module.size(width, 1) as i64;
        if length > size {
            self.fill(p, array, rows, (size, length), length);
        }
    }

    /// Zeros in some columns of an array.
    pub(super) fn fill(
        &self,
        p: &mut Puller<'_, '_>,
        array: Local,
        rows: i64,
        (from, to): (i64, i64),
        length: i64,
    ) {
        let open = p.body.depth();
        let row = enter(p, LoopKind::Sequential, &Span::of(rows, "row"));
        let column = enter(p, LoopKind::Vector, &Span::of(to - from, "column")).offset(from);
        p.body.push(Stmt::StoreLocal(array, row.times(length).plus(&column, 1), Operand::float(0.0)));
        leave(p, open);
    }

    /// Copies rows to an array: an element is what `read` gives.
    pub(super) fn copy(
        &self,
        p: &mut Puller<'_, '_>,
        (copy, length): (Local, i64),
        rows: &Span,
        width: AxisId,
        read: &dyn Fn(&mut Puller<'_, '_>, &Index, &Index) -> Operand,
    ) {
        let open = p.body.depth();
        let row = enter(p, LoopKind::Sequential, rows);
        let column = enter(p, LoopKind::Vector, &Span::axis(p, width));
        let value = read(p, &row, &column);
        p.body.push(Stmt::StoreLocal(copy, row.times(length).plus(&column, 1), value));
        leave(p, open);
    }

    /// Writes rows of a result to memory: an element is what `read` gives.
    pub(super) fn write(
        &self,
        p: &mut Puller<'_, '_>,
        (result, width): (ValueId, AxisId),
        rows: &Span,
        place: &dyn Fn(&Index) -> Env,
        read: &dyn Fn(&mut Puller<'_, '_>, &Index, &Index) -> Operand,
    ) {
        let open = p.body.depth();
        let row = enter(p, LoopKind::Sequential, rows);
        let column = enter(p, LoopKind::Vector, &Span::axis(p, width));
        let value = read(p, &row, &column);
        let place = with(&place(&row), &[(width, column)]);
        p.store(&self.memory.results[&result], &place, value);
        leave(p, open);
    }
}

fn clamped(p: &Puller<'_, '_>, index: &Index, count: i64) -> Index {
    index.clamped(0, count - 1, &|v| p.body.extent(v))
}

/// So many places from `first` on, of `all` there are.
fn span(p: &Puller<'_, '_>, (count, all): (i64, i64), first: &Index, axis: AxisId) -> Span {
    let over = p.over(&[axis]);
    if first.terms.is_empty() || all % count == 0 {
        return Span { count: count.min(all), stop: None, over };
    }
    let left = Index::constant(all).plus(first, -1);
    Span { count, stop: Some(left.clamped(1, count, &|v| p.body.extent(v))), over }
}

/// The number at a place of an array.
pub(super) fn load(p: &mut Puller<'_, '_>, array: Local, at: &Index) -> Operand {
    p.body.bind_here(Expr::Local(array, at.clone()))
}

impl Rows {
    /// An element of rows: in place, of the value at a place; else of the copy.
    pub(super) fn read(
        &self,
        p: &mut Puller<'_, '_>,
        (value, width): (ValueId, AxisId),
        (row, column): (&Index, &Index),
        place: Env,
    ) -> Operand {
        match self {
            Rows::InPlace => {
                let column = clamped(p, column, p.module.size(width, 1) as i64);
                p.pull(0, value, &with(&place, &[(width, column)]))
            }
            Rows::Copied(copy, length) => load(p, *copy, &row.times(*length).plus(column, 1)),
        }
    }
}
