//! Elements at places that are data, or that an order gives.

use super::{BATCH, add, float, plan};
use arch_compiler::graph::{DType, InputKind, Module};
use arch_compiler::ops::{Map, Op, View};
use arch_kernels::Target;
use arch_kernels::plan::Plan;
use std::sync::Arc;

pub fn embedding_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (n, d) = (b.module.add_axis("N", 7), b.module.add_axis("D", 24));
        let label = b.input("label", InputKind::Argument, vec![BATCH], DType::Int);
        let g = float(b, "g", &[BATCH, d]);
        add(b, Op::ScatterAdd { axis: n, shape: vec![n, d] }, &[label, g])
    })
}

/// The row of a table that each sample names, with a bias behind it.
pub fn embedding(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (n, d) = (b.module.add_axis("N", 7), b.module.add_axis("D", 24));
        let table = float(b, "table", &[n, d]);
        let label = b.input("label", InputKind::Argument, vec![BATCH], DType::Int);
        let bias = float(b, "bias", &[d]);
        let row = add(b, Op::Gather { axis: n }, &[table, label]);
        add(b, Op::Map(Map::Add), &[row, bias])
    })
}

/// Tokens in another order, which is one of indices and needs no copy: they are scaled on the way.
pub fn permutation(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, s, d) = (b.module.add_axis("T", 5), b.module.add_axis("S", 5), b.module.add_axis("D", 24));
        let (x, gate) = (float(b, "x", &[BATCH, t, d]), float(b, "gate", &[BATCH, d]));
        let order = View::Permute { axis: t, to: s, order: Arc::from([3u32, 0, 4, 1, 2]) };
        let visited = add(b, Op::View(order), &[x]);
        add(b, Op::Map(Map::Mul), &[visited, gate])
    })
}
