//! The backward kernel: blocks of queries one after the other, and for each of them all tiles of keys. The
//! probabilities and their gradients are computed again for each tile, from the scores, the largest score and
//! the sum of exponents of each query; gradients of what belongs to keys grow with the blocks.

use super::block::{Block, Memory, Rows, load};
use super::region::Sink;
use super::{Attention, Gradient, RowSum};
use crate::ir::{Binary, Elem, Expr, Index, Join, Local, LoopKind, Operand, Stmt};
use crate::lower::pull::{Place, Puller};
use crate::lower::tile::{Span, TileProduct, enter, leave};
use arch_compiler::graph::ValueId;

/// What is at hand for a block of queries.
struct Prepared {
    /// For each product, its queries as lanes.
    queries: Vec<Local>,
    /// For each sum over the keys, the gradient of the result times the result.
    dots: Vec<Local>,
    /// For each sink: the rows that are weighted, if these belong to queries; else where it is summed up, and
    /// how long rows are there.
    sinks: Vec<Result<Rows, (Local, i64)>>,
}

impl Attention {
    /// Emits the backward kernel.
    pub(super) fn backward(&self, p: &mut Puller<'_, '_>, memory: &Memory) {
        let Some(gradient) = &self.gradient else { return };
        let open = p.body.depth();
        let outer = self.axes.outer.iter().map(|a| (*a, p.open(LoopKind::Parallel, *a))).collect();
        let mut block = Block { attention: self, memory, outer, first: Index::default() };
        if self.tiles.blocks() > 1 {
            for sink in gradient.sinks.iter().filter(|s| !s.over_keys) {
                let place = |key: &Index| block.at_key(key.clone(), &[]);
                let rows = Span::axis(p, self.axes.keys);
                block.write(p, (sink.result, sink.width), &rows, &place, &|_, _, _| Operand::float(0.0));
            }
        }
        let outside = p.body.depth();
        block.first =
            enter(p, LoopKind::Sequential, &Span::of(self.tiles.blocks(), "block")).times(self.tiles.block);
        let prepared = self.prepare(p, &block, gradient);
        let weights = gradient.weights();
        let arrays: Vec<Local> =
            (0..gradient.products.len().max(weights.len())).map(|_| block.scores(p)).collect();
        let inner = p.body.depth();
        let tile = block.each_tile(p);
        for (i, product) in gradient.products.iter().enumerate() {
            block.multiply(p, product, prepared.queries[i], arrays[i], &tile);
        }
        self.recompute(p, &block, gradient, (&tile, &arrays, &prepared.dots));
        for (sink, ready) in gradient.sinks.iter().zip(&prepared.sinks) {
            let at = weights.iter().position(|w| *w == sink.weights).expect("weights are those of sinks");
            match ready {
                Ok(rows) => self.of_keys(p, &block, sink, (&tile, arrays[at], rows)),
                Err(sums) => self.of_queries(p, &block, sink, (&tile, arrays[at], *sums)),
            }
        }
        leave(p, inner);
        for (sink, ready) in gradient.sinks.iter().zip(&prepared.sinks) {
            let Err((sums, length)) = ready else { continue };
            let place = |query: &Index| block.at_query(block.first.plus(query, 1), &[]);
            block.write(p, (sink.result, sink.width), &block.queries(p), &place, &|p, query, column| {
                load(p, *sums, &query.times(*length).plus(column, 1))
            });
        }
        leave(p, outside);
        leave(p, open);
    }

    fn prepare(&self, p: &mut Puller<'_, '_>, block: &Block<'_>, gradient: &Gradient) -> Prepared {
        let queries = gradient.products.iter().map(|x| block.transposed(p, x)).collect();
        let dots = gradient.sums.iter().map(|sum| dot(p, block, sum)).collect();
        let mut sinks = Vec::new();
        for sink in &gradient.sinks {
            let length = self.tiles.padded(p.module.size(sink.width, 1) as i64);
            sinks.push(if sink.over_keys {
                let sums = p.body.local(Elem::F32, self.tiles.block * length);
                block.fill(p, sums, self.tiles.block, (0, length), length);
                Err((sums, length))
            } else {
                let place = |query: &Index| block.at_query(block.first.plus(query, 1), &[]);
                Ok(block.rows(p, sink.values, sink.width, &block.queries(p), &place))
            });
        }
        Prepared { queries, dots, sinks }
    }

    /// What the sinks weight their values with, in the place of the scores of a tile.
    fn recompute(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        gradient: &Gradient,
        (tile, arrays, dots): (&Index, &[Local], &[Local]),
    ) {
        let open = p.body.depth();
        let lane = block.lanes(p);
        let query = block.query(p, &lane);
        for (sum, dot) in gradient.sums.iter().zip(dots) {
            let mut value = load(p, *dot, &lane);
            for (factor, power) in &sum.factors {
                let factor = p.pull(0, *factor, &block.at_query(query.clone(), &[]));
                let op = if *power > 0 { Binary::Mul } else { Binary::Div };
                for _ in 0..power.abs() {
                    value = p.body.binary(op, value, factor);
                }
            }
            if sum.coefficient != 1.0 {
                value = p.body.binary(Binary::Mul, value, Operand::float(sum.coefficient as f32));
            }
            p.frames[0].places.insert(sum.value, Place::Known(value));
        }
        let key = enter(p, LoopKind::Sequential, &block.keys(p, tile));
        block.know(p, &gradient.products, arrays, &key, &lane);
        let place = block.at_query(query, &[(self.axes.keys, tile.plus(&key, 1))]);
        let weights: Vec<Operand> = gradient.weights().into_iter().map(|w| p.pull(0, w, &place)).collect();
        for (array, weight) in arrays.iter().zip(weights) {
            p.body.push(Stmt::StoreLocal(*array, block.score_at(&key, &lane), weight));
        }
        leave(p, open);
        for value in gradient.products.iter().map(|x| x.value).chain(gradient.sums.iter().map(|s| s.value)) {
            p.frames[0].places.remove(&value);
        }
    }

    /// Adds a block to the gradient of something of the keys, in memory.
    fn of_keys(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        sink: &Sink,
        (tile, weights, rows): (&Index, Local, &Rows),
    ) {
        let length = self.tiles.padded(p.module.size(sink.width, 1) as i64);
        let result = &block.memory.results[&sink.result];
        let again = self.tiles.blocks() > 1;
        let exact = |key: &Index| block.at_key(tile.plus(key, 1), &[]);
        // Rows that are no whole vectors are summed up in an array.
        let array = (!block.memory.whole_rows.contains(&sink.result))
            .then(|| p.body.local(Elem::F32, self.tiles.tile * length));
        if let Some(array) = array.filter(|_| again) {
            block.pad(p, (array, length), self.tiles.tile, sink.width);
            block.copy(p, (array, length), &block.keys(p, tile), sink.width, &|p, key, column| {
                let place = crate::lower::element::with(&exact(key), &[(sink.width, column.clone())]);
                reload(p, result, &place)
            });
        }
        let memory = |p: &Puller<'_, '_>, key: &Index, column: &Index| {
            block.at_key(block.key(p, tile, key), &[(sink.width, column.clone())])
        };
        let local = |p: &Puller<'_, '_>, key: &Index, column: &Index| {
            block.key(p, tile, key).plus(tile, -1).times(length).plus(column, 1)
        };
        TileProduct {
            rows: block.keys(p, tile),
            columns: length,
            terms: block.queries(p),
            lanes: self.tiles.lanes,
            together: self.tiles.together(length, self.tiles.tile),
            begin: &|_, row| row,
            left: &|p, key, query| {
                let key = block.key(p, tile, key).plus(tile, -1);
                load(p, weights, &block.score_at(&key, query))
            },
            right: &|p, query, column| {
                let place = block.at_query(block.first.plus(query, 1), &[]);
                rows.read(p, (sink.values, sink.width), (query, column), place)
            },
            start: &|p, key, column| match array {
                _ if !again => Operand::float(0.0),
                Some(array) => {
                    let at = local(p, key, column);
                    load(p, array, &at)
                }
                None => {
                    let place = memory(p, key, column);
                    reload(p, result, &place)
                }
            },
            finish: &|p, key, column, sum| match array {
                Some(array) => {
                    let at = local(p, key, column);
                    p.body.push(Stmt::StoreLocal(array, at, sum));
                }
                None => {
                    let place = memory(p, key, column);
                    p.store(result, &place, sum);
                }
            },
        }
        .emit(p);
        if let Some(array) = array {
            block.write(p, (sink.result, sink.width), &block.keys(p, tile), &exact, &|p, key, column| {
                load(p, array, &key.times(length).plus(column, 1))
            });
        }
    }

    /// Adds a tile of keys to the gradient of something of the queries of a block.
    fn of_queries(
        &self,
        p: &mut Puller<'_, '_>,
        block: &Block<'_>,
        sink: &Sink,
        (tile, weights, (sums, length)): (&Index, Local, (Local, i64)),
    ) {
        let keys = block.keys(p, tile);
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
            start: &|p, query, column| load(p, sums, &inside(p, query).times(length).plus(column, 1)),
            finish: &|p, query, column, sum| {
                let at = inside(p, query).times(length).plus(column, 1);
                p.body.push(Stmt::StoreLocal(sums, at, sum));
            },
        }
        .emit(p);
    }
}

impl Gradient {
    /// What sinks weight their values with, each once.
    fn weights(&self) -> Vec<ValueId> {
        let mut weights: Vec<ValueId> = self.sinks.iter().map(|s| s.weights).collect();
        weights.sort_unstable();
        weights.dedup();
        weights
    }
}

/// The gradient of the result times the result, summed along their width, for each query of a block.
fn dot(p: &mut Puller<'_, '_>, block: &Block<'_>, sum: &RowSum) -> Local {
    let dots = block.per_query(p);
    let open = p.body.depth();
    let row = enter(p, LoopKind::Sequential, &Span::of(block.attention.tiles.block, "row"));
    let acc = p.body.acc(Join::Sum);
    let inner = p.body.depth();
    let column = enter(p, LoopKind::Vector, &Span::axis(p, sum.width));
    let place = block.at_query(block.query(p, &row), &[(sum.width, column)]);
    let (gradient, result) = (p.pull(0, sum.gradient, &place), p.pull(0, sum.result, &place));
    let product = p.body.binary(Binary::Mul, gradient, result);
    p.body.push(Stmt::Accumulate(acc, product));
    leave(p, inner);
    let total = p.body.bind_here(Expr::Acc(acc));
    p.body.push(Stmt::StoreLocal(dots, row, total));
    leave(p, open);
    dots
}

/// What a result holds so far.
fn reload(p: &mut Puller<'_, '_>, result: &Place, place: &crate::lower::element::Env) -> Operand {
    let Place::Slot(slot, elem, strides) = result else { unreachable!("results are in memory") };
    let arg = p.arg(*slot, *elem);
    p.body.bind_here(Expr::Load(arg, Puller::address(place, strides)))
}
