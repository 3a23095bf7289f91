//! The right operand of a product as its kernel reads it: panels of so many columns as are computed together, in
//! each of them row after row.

use super::Product;
use super::tiles::Cut;
use crate::ir::{Elem, Expr, Index, LoopKind, Stmt};
use crate::lower::lowering::Lowering;
use crate::lower::tile::{Span, enter, leave};
use crate::plan::{Operand, SlotId};
use arch_compiler::graph::ValueId;

/// A copy that nobody has read for so many steps is made again: kept from the forward pass to the backward one, copies
/// would take the memory of all weights once more.
const REACH: usize = 16;

/// The copies that there are: of what, where, and the step that read them last.
pub(in crate::lower) type Packs = Vec<(Key, SlotId, usize)>;

/// Copies with equal keys are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lower) struct Key {
    value: ValueId,
    operand: Operand,
    rows: usize,
    columns: usize,
    width: i64,
}

impl Lowering<'_> {
    /// The buffer with the panels of a product's right operand; made with a step of its own, if there is none yet.
    pub(super) fn packed_panels(&mut self, n: usize, product: &Product, cut: &Cut) -> SlotId {
        let g = &product.gemm;
        let key =
            Key { value: product.operands[1], operand: g.right, rows: g.k, columns: g.n, width: cut.width };
        let now = self.plan.steps.len();
        let near = |p: &&mut (Key, SlotId, usize)| p.0 == key && now - p.2 <= REACH;
        if let Some((_, slot, last)) = self.packs.iter_mut().find(near) {
            *last = now;
            return *slot;
        }
        let slot = self.scratch(Elem::F32, cut.panels as usize * g.k * cut.width as usize);
        self.plan.slots[slot.0 as usize].shape = format!("[{}, {}, {}]", cut.panels, g.k, cut.width);
        let (k, width, right) = (g.k as i64, cut.width, g.right);
        self.named_kernel("pack", &[format!("{}x{}", g.k, g.n)], &[n], &[], |p| {
            let from = p.arg(right.slot, Elem::F32);
            let to = p.arg(slot, Elem::F32);
            let open = p.body.depth();
            let panel = enter(p, LoopKind::Parallel, &Span::of(cut.panels, "panel"));
            let first = first_column(cut, g.n, &panel, &|v| p.body.extent(v));
            // Lanes run along what lies side by side in memory.
            let along = if right.column == 1 {
                let row = enter(p, LoopKind::Sequential, &Span::of(k, "row"));
                (row, enter(p, LoopKind::Vector, &Span::of(width, "column")))
            } else {
                let row = enter(p, LoopKind::Vector, &Span::of(k, "row"));
                (row, enter(p, LoopKind::Sequential, &Span::of(width, "column")))
            };
            let (row, column) = along;
            let source = Index::constant(right.offset as i64)
                .plus(&row, right.row as i64)
                .plus(&first.plus(&column, 1), right.column as i64);
            let value = p.body.bind(Expr::Load(from, source));
            let place = panel.times(k * width).plus(&row, width).plus(&column, 1);
            p.body.push(Stmt::Store(to, place, value));
            leave(p, open);
        });
        self.packs.push((key, slot, now));
        slot
    }
}

/// The first column of a panel: the last panel begins earlier, where it would not be whole.
pub(super) fn first_column(
    cut: &Cut,
    columns: usize,
    panel: &Index,
    extent: &dyn Fn(crate::ir::IndexVar) -> Option<i64>,
) -> Index {
    panel.times(cut.width).clamped(0, columns as i64 - cut.width, extent)
}
