//! Maps, norms and sums along rows.

use super::{BATCH, add, float, plan};
use arch_compiler::graph::Module;
use arch_compiler::ops::{Map, Op, Reduce};
use arch_kernels::Target;
use arch_kernels::plan::Plan;

pub fn silu_gate(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let (x, z) = (float(b, "x", &[BATCH, t, d]), float(b, "z", &[BATCH, t, d]));
        let gate = add(b, Op::Map(Map::Sigmoid), &[z]);
        let silu = add(b, Op::Map(Map::Mul), &[z, gate]);
        add(b, Op::Map(Map::Mul), &[x, silu])
    })
}

pub fn layer_norm(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 40));
        let x = float(b, "x", &[BATCH, t, d]);
        let (n, eps) = (add(b, Op::Constant(1.0 / 40.0), &[]), add(b, Op::Constant(1e-6), &[]));
        let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[x]);
        let mean = add(b, Op::Map(Map::Mul), &[sum, n]);
        let centered = add(b, Op::Map(Map::Sub), &[x, mean]);
        let square = add(b, Op::Map(Map::Mul), &[centered, centered]);
        let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[square]);
        let variance = add(b, Op::Map(Map::Mul), &[sum, n]);
        let variance = add(b, Op::Map(Map::Add), &[variance, eps]);
        let scale = add(b, Op::Map(Map::Rsqrt), &[variance]);
        add(b, Op::Map(Map::Mul), &[centered, scale])
    })
}

pub fn softmax(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, s) = (b.module.add_axis("T", 5), b.module.add_axis("S", 17));
        let x = float(b, "x", &[BATCH, t, s]);
        let max = add(b, Op::Reduce(Reduce::Max, vec![s]), &[x]);
        let shifted = add(b, Op::Map(Map::Sub), &[x, max]);
        let e = add(b, Op::Map(Map::Exp), &[shifted]);
        let total = add(b, Op::Reduce(Reduce::Sum, vec![s]), &[e]);
        add(b, Op::Map(Map::Div), &[e, total])
    })
}

pub fn bias_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let x = float(b, "x", &[BATCH, t, d]);
        add(b, Op::Reduce(Reduce::Sum, vec![BATCH, t]), &[x])
    })
}

pub fn gate_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 20), b.module.add_axis("D", 64));
        let (y, gradient) = (float(b, "y", &[BATCH, t, d]), float(b, "gradient", &[BATCH, t, d]));
        add(b, Op::Contract(vec![t]), &[gradient, y])
    })
}
