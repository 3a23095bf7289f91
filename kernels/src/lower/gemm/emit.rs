//! The kernel of a product: for a block of rows, panel by panel of columns, tiles whose sums stay in registers; then
//! what follows the product, for the same rows and columns.

use super::pack::first_column;
use super::tiles::Cut;
use super::{Product, Sums};
use crate::ir::{Elem, Expr, Index, Local, LoopKind, Operand, Over, Stmt};
use crate::lower::analysis::Analysis;
use crate::lower::element::Env;
use crate::lower::group::Group;
use crate::lower::pull::{Place, Puller, Strides};
use crate::lower::rows::{Rows, Style};
use crate::lower::tile::{Span, TileProduct, enter, leave};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, ValueId};
use std::collections::BTreeMap;

/// The group that is computed with a product.
pub(super) struct Epilogue<'k> {
    pub group: &'k Group,
    pub targets: &'k BTreeMap<ValueId, Vec<Place>>,
    pub analysis: &'k Analysis,
}

/// A kernel that is to be emitted.
pub(super) struct Kernel<'k> {
    /// The result of the product.
    pub value: ValueId,
    pub product: &'k Product,
    /// The number of samples, which rows are made of.
    pub batch: usize,
    pub cut: &'k Cut,
    /// The panels of the right operand.
    pub packed: SlotId,
    pub sums: Sums,
    /// The axes that are summed over.
    pub terms: Over,
    pub epilogue: Option<Epilogue<'k>>,
}

impl Kernel<'_> {
    /// Emits the loops, and says how many floating-point operations what follows the product takes: each row and each
    /// column counts once, though the last tiles compute some twice.
    pub(super) fn emit(&self, p: &mut Puller<'_, '_>) -> u64 {
        let (cut, g) = (self.cut, &self.product.gemm);
        let (m, n) = (g.m as i64, g.n as i64);
        let along = self.epilogue.as_ref().is_some_and(|e| !e.group.inner.is_empty());
        let outside = p.body.depth();
        let first = enter(p, LoopKind::Parallel, &Span::of(cut.blocks, "block")).times(cut.block);
        let inside = p.body.depth();
        let mut rows = Span::of(cut.block.min(m), "row");
        if m % cut.block != 0 && cut.blocks > 1 {
            let left = Index::constant(m).plus(&first, -1);
            rows.stop = Some(left.clamped(0, cut.block, &|v| p.body.extent(v)));
        }
        let whole = (self.sums == Sums::Rows).then(|| p.body.local(Elem::F32, cut.block * n));
        let kind = if cut.shares_panels && !along { LoopKind::Parallel } else { LoopKind::Sequential };
        let panel = enter(p, kind, &Span::of(cut.panels, "panel"));
        let column = first_column(cut, g.n, &panel, &|v| p.body.extent(v));
        let panel_sums = (self.sums == Sums::Panel).then(|| p.body.local(Elem::F32, cut.block * cut.width));
        let local = whole.map(|l| (l, n, column.clone()));
        let local = local.or(panel_sums.map(|l| (l, cut.width, Index::default())));
        self.tiles(p, &rows, (&first, &panel, &column), local.as_ref());
        if let Some((local, width, start)) = &local {
            // An element of column `column` stands at `start`.
            let origin = start.plus(&column, -1).plus(&first, -width);
            let place = Place::Step(*local, self.strides(p, *width), origin);
            p.frames[0].places.insert(self.value, place);
        }
        // Rows that are whole lie in memory as they are gone along; rows of a panel are pieces of them.
        let behind = along || !cut.shares_panels && self.sums != Sums::Panel;
        if behind {
            leave(p, inside);
        }
        let before = p.body.flops(self.batch);
        if let Some(epilogue) = &self.epilogue {
            let row = enter(p, LoopKind::Sequential, &rows);
            let mut env = position(p, &self.product.rows, self.batch, &first.plus(&row, 1));
            if !along {
                let columns = &self.product.columns;
                let count = if behind { n } else { cut.width };
                let lane = enter(p, LoopKind::Vector, &Span::over(count, p.over(columns)));
                let at = if behind { lane } else { column.plus(&lane, 1) };
                env.extend(position(p, columns, self.batch, &at));
            }
            epilogue.rows().emit_at(p, &env);
        }
        leave(p, outside);
        let computed = p.body.flops(self.batch) - before;
        // Behind the panels each row is gone along once and whole; within one, the last panel's columns are there twice.
        let rows_computed = cut.blocks * cut.block.min(m);
        let (once, columns_computed) = if behind { (1, 1) } else { (n, cut.panels * cut.width) };
        let exact = computed as u128 * (m * once) as u128 / (rows_computed * columns_computed) as u128;
        exact as u64
    }

    /// The products of all tiles of a block and a panel.
    fn tiles(
        &self,
        p: &mut Puller<'_, '_>,
        rows: &Span,
        (first, panel, column): (&Index, &Index, &Index),
        local: Option<&(Local, i64, Index)>,
    ) {
        let (cut, g) = (self.cut, &self.product.gemm);
        let (m, k) = (g.m as i64, g.k as i64);
        let left = p.arg(g.left.slot, Elem::F32);
        let packed = p.arg(self.packed, Elem::F32);
        let out = local.is_none().then(|| p.arg(g.out.slot, Elem::F32));
        let tile_rows = cut.together.0;
        TileProduct {
            rows: rows.clone(),
            columns: cut.width,
            terms: Span::over(k, self.terms.clone()),
            lanes: cut.lanes,
            together: cut.together,
            begin: &|p, row| {
                if m % tile_rows == 0 {
                    return row;
                }
                let row = first.plus(&row, 1).clamped(0, m - tile_rows, &|v| p.body.extent(v));
                row.plus(first, -1)
            },
            left: &|p, row, term| {
                let row = first.plus(row, 1);
                let at = Index::constant(g.left.offset as i64).plus(&row, g.left.row as i64);
                p.body.bind(Expr::Load(left, at.plus(term, g.left.column as i64)))
            },
            right: &|p, term, at| {
                let place = panel.times(k * cut.width).plus(term, cut.width).plus(at, 1);
                p.body.bind(Expr::Load(packed, place))
            },
            start: &|_, _, _| Operand::float(0.0),
            finish: &|p, row, at, sum| match (local, out) {
                (Some((local, width, start)), _) => {
                    let place = row.times(*width).plus(start, 1).plus(at, 1);
                    p.body.push(Stmt::StoreLocal(*local, place, sum));
                }
                (None, Some(out)) => {
                    let row = first.plus(row, 1);
                    let place = Index::constant(g.out.offset as i64).plus(&row, g.out.row as i64);
                    p.body.push(Stmt::Store(out, place.plus(column, 1).plus(at, 1), sum));
                }
                (None, None) => unreachable!("sums go somewhere"),
            },
        }
        .emit(p);
    }

    /// From one element to the next along each axis, in rows of a width.
    fn strides(&self, p: &Puller<'_, '_>, width: i64) -> Strides {
        let mut strides = Strides::new();
        for (axes, mut step) in [(&self.product.columns, 1), (&self.product.rows, width)] {
            for axis in axes.iter().rev() {
                strides.push((*axis, step));
                step *= p.module.size(*axis, self.batch) as i64;
            }
        }
        strides
    }
}

/// Where a row or column stands on the axes that rows or columns are made of.
pub(super) fn position(p: &Puller<'_, '_>, axes: &[AxisId], batch: usize, at: &Index) -> Env {
    let extent = |v| p.body.extent(v);
    let mut rest = at.clone();
    let mut env = Env::new();
    for (i, axis) in axes.iter().enumerate().rev() {
        // The outermost axis takes what is left.
        let size = p.module.size(*axis, batch) as i64;
        if i == 0 {
            env.push((*axis, rest.clone()));
        } else {
            env.push((*axis, rest.modulo(size, &extent)));
            rest = rest.div(size, &extent);
        }
    }
    env
}

/// What is joined to one product is emitted like any group, but at a place that is given.
impl<'k> Epilogue<'k> {
    pub(super) fn rows(&self) -> Rows<'k> {
        Rows {
            sweeps: false,
            frame: 0,
            group: self.group,
            analysis: self.analysis,
            style: Style::Kernel,
            targets: self.targets,
        }
    }
}
