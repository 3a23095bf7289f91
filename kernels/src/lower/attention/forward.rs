//! The forward kernel: for each block of queries, tiles of keys one after the other. The largest score and the
//! sum of exponents grow with the tiles, and what was summed before is scaled down where the largest grows
//! (Milakov and Gimelshein 2018, arXiv 1805.02867).

use super::Attention;
use super::block::{Block, Memory, load};
use crate::ir::{Binary, Elem, Expr, Index, Join, Local, LoopKind, Math, Operand, Stmt};
use crate::lower::pull::{Place, Puller};
use crate::lower::tile::{Span, TileProduct, enter, leave};

/// What the tiles so far have come to, for each query of a block.
struct Running {
    /// Where anything reads it.
    max: Option<Local>,
    sum: Local,
    /// What the last tile scaled sums down by; in the end, one over the sum of exponents.
    scale: Local,
    /// The weighted values: `[queries, width]`, rows of whole vectors.
    values: Local,
    length: i64,
}

impl Attention {
    /// Emits the forward kernel.
    pub(super) fn forward(&self, p: &mut Puller<'_, '_>, memory: &Memory) {
        let open = p.body.depth();
        let outer = self.axes.outer.iter().map(|a| (*a, p.open(LoopKind::Parallel, *a))).collect();
        let first =
            enter(p, LoopKind::Parallel, &Span::of(self.tiles.blocks(), "block")).times(self.tiles.block);
        let block = Block { attention: self, memory, outer, first };
        let queries: Vec<Local> = self.products.iter().map(|x| block.transposed(p, x)).collect();
        let running = self.start(p, &block);
        let scores: Vec<Local> = self.products.iter().map(|_| block.scores(p)).collect();
        let inner = p.body.depth();
        let tile = block.each_tile(p);
        for (i, product) in self.products.iter().enumerate() {
            block.multiply(p, product, queries[i], scores[i], &tile);
        }
        self.softmax(p, &block, &tile, &scores, &running);
        self.weighted(p, &block, &tile, scores[0], &running);
        leave(p, inner);
        self.results(p, &block, &running);
        leave(p, open);
    }

    /// Whether there are several tiles of keys.
    fn online(&self) -> bool {
        self.tiles.key_tiles() > 1
    }

    fn start(&self, p: &mut Puller<'_, '_>, block: &Block<'_>) -> Running {
        let length = self.tiles.padded(p.module.size(self.result.width, 1) as i64);
        let max = self.max.filter(|m| self.online() || block.memory.results.contains_key(&m.0));
        let max = max.map(|_| block.per_query(p));
        let [sum, scale] = [(); 2].map(|()| block.per_query(p));
        let values = p.body.local(Elem::F32, self.tiles.block * length);
        if self.online() {
            let open = p.body.depth();
            let lane = block.lanes(p);
            if let Some(max) = max {
                p.body.push(Stmt::StoreLocal(max, lane.clone(), Operand::float(f32::NEG_INFINITY)));
            }
            p.body.push(Stmt::StoreLocal(sum, lane, Operand::float(0.0)));
            leave(p, open);
            block.fill(p, values, self.tiles.block, (0, length), length);
        }
        Running { max, sum, scale, values, length }
    }

    /// Makes weights of the scores of a tile, in their place.
    fn softmax(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        tile: &Index,
        scores: &[Local],
        running: &Running,
    ) {
        let open = p.body.depth();
        let lane = block.lanes(p);
        if self.max.is_some() {
            self.largest(p, block, tile, scores, (running, &lane));
        }
        let acc = p.body.acc(Join::Sum);
        let inner = p.body.depth();
        let key = enter(p, LoopKind::Sequential, &block.keys(p, tile));
        block.know(p, &self.products, scores, &key, &lane);
        let place = block.at_query(block.query(p, &lane), &[(self.axes.keys, tile.plus(&key, 1))]);
        let exp = p.pull(0, self.exp, &place);
        p.body.push(Stmt::Accumulate(acc, exp));
        let weight = if self.plain {
            exp
        } else {
            p.frames[0].places.insert(self.sum, Place::Known(Operand::float(1.0)));
            p.pull(0, self.result.weights, &place)
        };
        p.body.push(Stmt::StoreLocal(scores[0], block.score_at(&key, &lane), weight));
        leave(p, inner);
        let mut sum = p.body.bind_here(Expr::Acc(acc));
        if self.online() {
            let before = load(p, running.sum, &lane);
            let before = match self.max {
                Some(_) => {
                    let scale = load(p, running.scale, &lane);
                    p.body.binary(Binary::Mul, before, scale)
                }
                None => before,
            };
            sum = p.body.binary(Binary::Add, before, sum);
        }
        p.body.push(Stmt::StoreLocal(running.sum, lane, sum));
        leave(p, open);
        self.forget(p);
    }

    /// The largest score of each query up to this tile, which exponents are measured from now.
    fn largest(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        tile: &Index,
        scores: &[Local],
        (running, lane): (&Running, &Index),
    ) {
        let Some((max, of)) = self.max else { return };
        let acc = p.body.acc(Join::Max);
        let open = p.body.depth();
        let key = enter(p, LoopKind::Sequential, &block.keys(p, tile));
        block.know(p, &self.products, scores, &key, lane);
        let place = block.at_query(block.query(p, lane), &[(self.axes.keys, tile.plus(&key, 1))]);
        let score = p.pull(0, of, &place);
        p.body.push(Stmt::Accumulate(acc, score));
        leave(p, open);
        let mut largest = p.body.bind_here(Expr::Acc(acc));
        let mut from = largest;
        if let Some(max) = running.max.filter(|_| self.online()) {
            let before = load(p, max, lane);
            largest = p.body.binary(Binary::Max, before, largest);
            // Where all scores so far are minus infinity, all exponents are zero.
            let none = p.body.binary(Binary::Eq, largest, Operand::float(f32::NEG_INFINITY));
            from = p.body.bind(Expr::Select(none, Operand::float(0.0), largest));
            let less = p.body.binary(Binary::Sub, before, from);
            let scale = p.body.math(Math::Exp, vec![less]);
            p.body.push(Stmt::StoreLocal(running.scale, lane.clone(), scale));
        }
        if let Some(max) = running.max {
            p.body.push(Stmt::StoreLocal(max, lane.clone(), largest));
        }
        p.frames[0].places.insert(max, Place::Known(from));
    }

    /// Adds the values of a tile, weighted.
    fn weighted(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        tile: &Index,
        weights: Local,
        running: &Running,
    ) {
        let Running { values, length, .. } = *running;
        let (sink, keys) = (&self.result, block.keys(p, tile));
        let place = |key: &Index| block.at_key(tile.plus(key, 1), &[]);
        let rows = block.rows(p, sink.values, sink.width, &keys, &place);
        let inside = |p: &Puller<'_, '_>, query: &Index| block.query(p, query).plus(&block.first, -1);
        TileProduct {
            rows: block.queries(p),
            columns: length,
            terms: keys.clone(),
            lanes: self.tiles.lanes,
            together: self.tiles.together(length, self.tiles.block.min(self.tiles.queries)),
            begin: &|_, row| row,
            left: &|p, query, key| load(p, weights, &block.score_at(key, &inside(p, query))),
            right: &|p, key, column| {
                let place = block.at_key(tile.plus(key, 1), &[]);
                rows.read(p, (sink.values, sink.width), (key, column), place)
            },
            start: &|p, query, column| {
                if !self.online() {
                    return Operand::float(0.0);
                }
                let query = inside(p, query);
                let before = load(p, values, &query.times(length).plus(column, 1));
                match self.max {
                    Some(_) => {
                        let scale = load(p, running.scale, &query);
                        p.body.binary(Binary::Mul, before, scale)
                    }
                    None => before,
                }
            },
            finish: &|p, query, column, sum| {
                let at = inside(p, query).times(length).plus(column, 1);
                p.body.push(Stmt::StoreLocal(values, at, sum));
            },
        }
        .emit(p);
    }

    /// Writes what the tiles have come to.
    fn results(&self, p: &mut Puller<'_, '_>, block: &Block<'_>, running: &Running) {
        let open = p.body.depth();
        let lane = block.lanes(p);
        let place = block.at_query(block.query(p, &lane), &[]);
        let sum = load(p, running.sum, &lane);
        if self.divided {
            let inverse = p.body.binary(Binary::Div, Operand::float(1.0), sum);
            p.body.push(Stmt::StoreLocal(running.scale, lane.clone(), inverse));
        }
        if let Some(to) = block.memory.results.get(&self.sum) {
            p.store(to, &place, sum);
        }
        if let Some(to) = self.max.and_then(|m| block.memory.results.get(&m.0)) {
            let max = load(p, running.max.expect("what is written is kept"), &lane);
            p.store(to, &place, max);
        }
        leave(p, open);
        let rows = block.queries(p);
        let place = |query: &Index| block.at_query(block.first.plus(query, 1), &[]);
        block.write(p, (self.result.result, self.result.width), &rows, &place, &|p, query, column| {
            let value = load(p, running.values, &query.times(running.length).plus(column, 1));
            if !self.divided {
                return value;
            }
            let inverse = load(p, running.scale, query);
            p.body.binary(Binary::Mul, value, inverse)
        });
    }

    /// What was known at one place is known there only.
    fn forget(&self, p: &mut Puller<'_, '_>) {
        let known = self.products.iter().map(|x| x.value).chain([self.sum]).chain(self.max.map(|m| m.0));
        for value in known {
            p.frames[0].places.remove(&value);
        }
    }
}
