//! Results of a scan that are summed along its vectors: each vector stores its own sum, and a kernel after the
//! scan adds these up in order.

use super::Step;
use crate::ir::{Atom, Elem, Expr, Extent, Index, Join, LoopKind, Stmt};
use crate::lower::element::{Env, position};
use crate::lower::lowering::Lowering;
use crate::lower::pull::{Puller, Reduction, Strides, row_major};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, ValueId};

impl Lowering<'_> {
    /// A buffer for a result's sums over each vector: after the batch comes the number of the vector.
    pub(super) fn partial_sums(&mut self, out: ValueId, vectors: usize) -> (SlotId, Strides) {
        let shape = &self.function.value(out).shape;
        let len: usize = self.module.dims(shape, self.options.batch).iter().product();
        let mut strides = row_major(self.module, shape);
        if let Some(first) = strides.first_mut().filter(|s| s.0 == AxisId::BATCH) {
            first.1 *= vectors as i64;
        }
        (self.scratch(Elem::F32, len * vectors), strides)
    }

    /// Adds up the sums of the vectors, in order.
    pub(super) fn finish_sums(
        &mut self,
        n: usize,
        out: ValueId,
        slot: SlotId,
        strides: &Strides,
        vectors: usize,
    ) {
        let Some(place) = self.places.get(&out).cloned() else { return };
        let shape = self.function.value(out).shape.clone();
        let inner: usize =
            shape.iter().filter(|a| **a != AxisId::BATCH).map(|a| self.module.size(*a, 1)).product();
        self.pointwise("map", &[n], &[out], &shape, |p, env| {
            let arg = p.arg(slot, Elem::F32);
            let acc = p.body.acc(Join::Sum);
            let at = Index::var(p.body.open(LoopKind::Sequential, Extent::fixed(vectors as i64)));
            let address = Puller::address(env, strides).plus(&at, inner as i64);
            let value = p.body.bind_here(Expr::Load(arg, address));
            p.body.push(Stmt::Accumulate(acc, value));
            p.close();
            let sum = p.body.bind_here(Expr::Acc(acc));
            p.store(&place, env, sum);
        });
    }
}

impl Step<'_> {
    /// The sum of each vector of every result that is summed along them.
    pub(super) fn lane_sums(&self, p: &mut Puller<'_, '_>, env: &Env) {
        let Some(lane) = self.free.last() else { return };
        for (n, slot, strides) in &self.sums {
            let node = &self.body.nodes[*n];
            let mut reduction = Reduction::of(self.body, node);
            reduction.over.retain(|a| a != lane);
            let axes = self.local_axes(node.outputs[0]);
            let out = self.body.value(node.outputs[0]);
            let inner: i64 = strides
                .iter()
                .filter(|s| s.0 != AxisId::BATCH)
                .map(|s| p.module.size(s.0, 1) as i64)
                .product();
            debug_assert!(!out.shape.contains(lane));
            self.each(p, &axes, env, |p, env| {
                let value = if reduction.over.is_empty() {
                    p.reduced(self.frame, &reduction, env)
                } else {
                    p.reduce(self.frame, &reduction, env, &[])
                };
                let vector = Index::atom(Atom::Div(Box::new(position(env, *lane)), self.lanes as i64));
                let at = Puller::address(env, strides).plus(&vector, inner);
                let arg = p.arg(*slot, Elem::F32);
                p.body.push(Stmt::StoreSum(arg, at, value));
            });
        }
    }
}
