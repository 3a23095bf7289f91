//! A matrix product of tiles with its results in registers: each row of the left factor is read number by
//! number and each row of the right one vector by vector. Attention and matrix products are made of it.

use crate::ir::{Binary, Elem, Expr, Extent, Index, LoopKind, Operand, Over, Stmt};
use crate::lower::pull::Puller;
use arch_compiler::graph::AxisId;

/// What a product reads at (row, term) and at (term, column).
pub(super) type Read<'f> = &'f dyn Fn(&mut Puller<'_, '_>, &Index, &Index) -> Operand;
/// What it does with a result at (row, column).
pub(super) type Write<'f> = &'f dyn Fn(&mut Puller<'_, '_>, &Index, &Index, Operand);

/// How often a loop runs at most, and how often where that differs; what it runs over, for readers.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub count: i64,
    pub stop: Option<Index>,
    pub over: Over,
}

impl Span {
    /// Always so often.
    pub(super) fn of(count: i64, part: &'static str) -> Self {
        Span::over(count, Over::Part(part))
    }

    /// Always so often, over this.
    pub(super) fn over(count: i64, over: Over) -> Self {
        Span { count, stop: None, over }
    }

    /// All of an axis.
    pub(super) fn axis(p: &Puller<'_, '_>, axis: AxisId) -> Self {
        Span::over(p.module.size(axis, 1) as i64, p.over(&[axis]))
    }

    /// In steps of several.
    fn steps(&self, by: i64) -> Self {
        let stop = self.stop.as_ref().map(|l| l.offset(by - 1).div(by, &|_| None));
        let count = (self.count as u64).div_ceil(by as u64) as i64;
        Span { count, stop, over: Over::Part("rows") }
    }
}

/// `result[row, column] = start + sum(left[row, term] * right[term, column], over: term)`.
pub(super) struct TileProduct<'f> {
    /// Rows are asked for up to the next multiple of those that are computed together: whoever reads and
    /// writes them takes the last one for those beyond the end.
    pub rows: Span,
    /// Columns: whole vectors.
    pub columns: i64,
    pub terms: Span,
    pub lanes: i64,
    /// Rows and vectors that are computed together.
    pub together: (i64, i64),
    /// Where the rows that are computed together begin, given the first one that is due: earlier, where fewer
    /// are left than are computed together and whoever writes them may write some twice.
    pub begin: &'f dyn Fn(&Puller<'_, '_>, Index) -> Index,
    pub left: Read<'f>,
    pub right: Read<'f>,
    pub start: Read<'f>,
    pub finish: Write<'f>,
}

impl TileProduct<'_> {
    /// Emits the loops.
    pub(super) fn emit(&self, p: &mut Puller<'_, '_>) {
        let (rows, vectors) = self.together;
        let depth = p.body.depth();
        let row = enter(p, LoopKind::Sequential, &self.rows.steps(rows)).times(rows);
        let row = (self.begin)(p, row);
        let width = self.lanes * vectors;
        let column = enter(p, LoopKind::Sequential, &Span::of(self.columns / width, "columns")).times(width);
        let lane = enter(p, LoopKind::Vector, &Span::of(self.lanes, "column"));
        let column = column.plus(&lane, 1);
        let sums = p.body.local(Elem::F32, rows * vectors);
        let each = |p: &mut Puller<'_, '_>, at: &dyn Fn(&mut Puller<'_, '_>, &Index, &Index, Index)| {
            let depth = p.body.depth();
            let r = enter(p, LoopKind::Unrolled, &Span::of(rows, "row"));
            let v = enter(p, LoopKind::Unrolled, &Span::of(vectors, "vector"));
            let slot = r.times(vectors).plus(&v, 1);
            at(p, &row.plus(&r, 1), &column.plus(&v, self.lanes), slot);
            leave(p, depth);
        };
        each(p, &|p, row, column, slot| {
            let start = (self.start)(p, row, column);
            p.body.push(Stmt::StoreLocal(sums, slot, start));
        });
        self.terms(p, &row, &column, sums);
        each(p, &|p, row, column, slot| {
            let sum = p.body.bind_here(Expr::Local(sums, slot));
            (self.finish)(p, row, column, sum);
        });
        leave(p, depth);
    }

    fn terms(&self, p: &mut Puller<'_, '_>, row: &Index, column: &Index, sums: crate::ir::Local) {
        let (rows, vectors) = self.together;
        let depth = p.body.depth();
        let term = enter(p, LoopKind::Sequential, &self.terms);
        // Several vectors of the right factor wait in registers for the rows of the left one.
        let wait = (vectors > 1).then(|| p.body.local(Elem::F32, vectors));
        let inner = p.body.depth();
        let v = enter(p, LoopKind::Unrolled, &Span::of(vectors, "vector"));
        let value = (self.right)(p, &term, &column.plus(&v, self.lanes));
        if let Some(wait) = wait {
            p.body.push(Stmt::StoreLocal(wait, v, value));
        }
        leave(p, inner);
        let r = enter(p, LoopKind::Unrolled, &Span::of(rows, "row"));
        let left = (self.left)(p, &row.plus(&r, 1), &term);
        let v = enter(p, LoopKind::Unrolled, &Span::of(vectors, "vector"));
        let slot = r.times(vectors).plus(&v, 1);
        let right = wait.map_or(value, |wait| p.body.bind_here(Expr::Local(wait, v)));
        let before = p.body.bind_here(Expr::Local(sums, slot.clone()));
        let term = p.body.binary(Binary::Mul, left, right);
        let sum = p.body.binary(Binary::Add, before, term);
        p.body.push(Stmt::StoreLocal(sums, slot, sum));
        leave(p, depth);
    }
}

/// Opens a loop; none where it would run once.
pub(super) fn enter(p: &mut Puller<'_, '_>, kind: LoopKind, span: &Span) -> Index {
    if span.count == 1 && kind != LoopKind::Vector {
        return Index::default();
    }
    let var = p.body.open_until(kind, Extent::fixed(span.count), span.stop.clone());
    p.body.name(var, span.over.clone());
    Index::var(var)
}

/// Closes loops until so many are open.
pub(super) fn leave(p: &mut Puller<'_, '_>, depth: usize) {
    while p.body.depth() > depth {
        p.close();
    }
}

/// Rows and vectors of a product that are computed together, with so many results in registers at most, and as few
/// loads for each multiplication as possible. There must be room for the factors beside the results.
pub(super) fn register_tile(vectors: usize, rows: usize, most: usize) -> (usize, usize) {
    let shape = |v: usize| ((most / v).clamp(1, 8).min(rows.max(1)), v);
    let fits = (1..=vectors).filter(|v| vectors.is_multiple_of(*v) && 2 * v <= most);
    // Loads for a thousand multiplications, with those of rows that fill up the last tile.
    let loads = |(r, v): (usize, usize)| {
        let filled = rows.max(1).div_ceil(r) * r;
        1000 * (r + v) * filled / (r * v * rows.max(1))
    };
    fits.map(shape).min_by_key(|t| loads(*t)).unwrap_or((1, 1))
}

#[cfg(test)]
mod tests {
    use super::register_tile;

    #[test]
    fn registers_hold_the_results_of_a_tile() {
        assert_eq!(register_tile(4, 32, 16), (4, 4));
        assert_eq!(register_tile(2, 64, 16), (8, 2));
        // A width of 72 is five vectors of sixteen.
        assert_eq!(register_tile(5, 32, 16), (3, 5));
        assert_eq!(register_tile(8, 16, 8), (4, 2));
        assert_eq!(register_tile(1, 1, 8), (1, 1));
    }
}
