//! The inputs of the golden kernels, in C and in CUDA.

use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, Scan, View, Windows};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target, lower};
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder<'_>, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn add(b: &mut Builder<'_>, op: Op, inputs: &[ValueId]) -> ValueId {
    b.add1(op, inputs).unwrap()
}

fn plan(target: Target, mut module: Module, build: impl FnOnce(&mut Builder<'_>) -> ValueId) -> Plan {
    let mut b = Builder::new(&mut module, "golden");
    let value = build(&mut b);
    b.output("output", value);
    let function = b.finish();
    let options = Options { target, batch: 3, sources: None };
    lower(&module, module.function(function), &options).unwrap()
}

fn silu_gate(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let (x, z) = (float(b, "x", &[BATCH, t, d]), float(b, "z", &[BATCH, t, d]));
        let gate = add(b, Op::Map(Map::Sigmoid), &[z]);
        let silu = add(b, Op::Map(Map::Mul), &[z, gate]);
        add(b, Op::Map(Map::Mul), &[x, silu])
    })
}

fn layer_norm(target: Target) -> Plan {
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

fn softmax(target: Target) -> Plan {
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

fn bias_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let x = float(b, "x", &[BATCH, t, d]);
        add(b, Op::Reduce(Reduce::Sum, vec![BATCH, t]), &[x])
    })
}

fn embedding_gradient(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (n, d) = (b.module.add_axis("N", 7), b.module.add_axis("D", 24));
        let label = b.input("label", InputKind::Argument, vec![BATCH], DType::Int);
        let g = float(b, "g", &[BATCH, d]);
        add(b, Op::ScatterAdd { axis: n, shape: vec![n, d] }, &[label, g])
    })
}

fn window(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 9), b.module.add_axis("D", 24));
        let (w, k) = (b.module.add_axis("W", 9), b.module.add_axis("K", 4));
        let (x, weight) = (float(b, "x", &[BATCH, t, d]), float(b, "weight", &[d, k]));
        let view = View::Window(Windows { axis: t, to: w, offset: k, stride: 1, dilation: 1, left: 3 });
        let windows = add(b, Op::View(view), &[x]);
        add(b, Op::Contract(vec![k]), &[windows, weight])
    })
}

fn selective_scan(target: Target) -> Plan {
    let mut module = Module::default();
    let (t, e, n) = (module.add_axis("T", 9), module.add_axis("E", 24), module.add_axis("N", 4));
    let mut b = Builder::new(&mut module, "step");
    let h = float(&mut b, "h", &[BATCH, e, n]);
    let (u, dt) = (float(&mut b, "u", &[BATCH, e]), float(&mut b, "dt", &[BATCH, e]));
    let (bb, c) = (float(&mut b, "b", &[BATCH, n]), float(&mut b, "c", &[BATCH, n]));
    let a = float(&mut b, "a", &[e, n]);
    let decay = add(&mut b, Op::Map(Map::Mul), &[dt, a]);
    let decay = add(&mut b, Op::Map(Map::Exp), &[decay]);
    let kept = add(&mut b, Op::Map(Map::Mul), &[decay, h]);
    let more = add(&mut b, Op::Map(Map::Mul), &[dt, u]);
    let more = add(&mut b, Op::Map(Map::Mul), &[more, bb]);
    let new = add(&mut b, Op::Map(Map::Add), &[kept, more]);
    let y = add(&mut b, Op::Contract(vec![n]), &[c, new]);
    b.output("h", new);
    b.output("y", y);
    let body = Arc::new(b.function);
    plan(target, module, |b| {
        let h = float(b, "h", &[BATCH, e, n]);
        let (u, dt) = (float(b, "u", &[BATCH, t, e]), float(b, "dt", &[BATCH, t, e]));
        let (bb, c) = (float(b, "b", &[BATCH, t, n]), float(b, "c", &[BATCH, t, n]));
        let a = float(b, "a", &[e, n]);
        let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 4, yields: 1, finals: 0, body };
        add(b, Op::Scan(scan), &[h, u, dt, bb, c, a])
    })
}

/// A state that every step mixes: `h = tanh(W h + u)`, no axis of which is free.
fn recurrent_network(target: Target) -> Plan {
    let mut module = Module::default();
    let (t, e, f) = (module.add_axis("T", 5), module.add_axis("E", 40), module.add_axis("F", 40));
    let mut b = Builder::new(&mut module, "step");
    let (h, u) = (float(&mut b, "h", &[BATCH, e]), float(&mut b, "u", &[BATCH, f]));
    let weight = float(&mut b, "weight", &[f, e]);
    let mixed = add(&mut b, Op::Contract(vec![e]), &[weight, h]);
    let sum = add(&mut b, Op::Map(Map::Add), &[mixed, u]);
    let new = add(&mut b, Op::Map(Map::Tanh), &[sum]);
    let new = add(&mut b, Op::View(View::Rename { from: f, to: e }), &[new]);
    b.output("h", new);
    b.output("y", new);
    let body = Arc::new(b.function);
    plan(target, module, |b| {
        let (h, u) = (float(b, "h", &[BATCH, e]), float(b, "u", &[BATCH, t, f]));
        let weight = float(b, "weight", &[f, e]);
        let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 1, yields: 1, finals: 0, body };
        add(b, Op::Scan(scan), &[h, u, weight])
    })
}

/// The last block of queries is short.
fn attention(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, s) = (b.module.add_axis("T", 20), b.module.add_axis("S", 40));
        let (h, k) = (b.module.add_axis("H", 2), b.module.add_axis("K", 16));
        let q = float(b, "q", &[BATCH, t, h, k]);
        let (keys, v) = (float(b, "k", &[BATCH, s, h, k]), float(b, "v", &[BATCH, s, h, k]));
        let scores = add(b, Op::Contract(vec![k]), &[q, keys]);
        let scale = add(b, Op::Constant(0.25), &[]);
        let scores = add(b, Op::Map(Map::Mul), &[scores, scale]);
        let max = add(b, Op::Reduce(Reduce::Max, vec![s]), &[scores]);
        let shifted = add(b, Op::Map(Map::Sub), &[scores, max]);
        let e = add(b, Op::Map(Map::Exp), &[shifted]);
        let total = add(b, Op::Reduce(Reduce::Sum, vec![s]), &[e]);
        let weights = add(b, Op::Map(Map::Div), &[e, total]);
        add(b, Op::Contract(vec![s]), &[weights, v])
    })
}

/// A product with bias, activation and residual, whose rows and columns are no whole tiles and panels.
fn product_bias_silu(target: Target) -> Plan {
    plan(target, Module::default(), |b| {
        let (t, i, o) = (b.module.add_axis("T", 45), b.module.add_axis("I", 24), b.module.add_axis("O", 72));
        let (x, weight) = (float(b, "x", &[BATCH, t, i]), float(b, "weight", &[o, i]));
        let (bias, beside) = (float(b, "bias", &[o]), float(b, "beside", &[BATCH, t, o]));
        let y = add(b, Op::Contract(vec![i]), &[x, weight]);
        let y = add(b, Op::Map(Map::Add), &[y, bias]);
        let gate = add(b, Op::Map(Map::Sigmoid), &[y]);
        let y = add(b, Op::Map(Map::Mul), &[y, gate]);
        add(b, Op::Map(Map::Add), &[beside, y])
    })
}

/// Every golden kernel by its name, as a plan of one step; in C a product has one more, that copies the weight.
pub fn all(target: Target) -> Vec<(&'static str, Plan)> {
    vec![
        ("silu_gate", silu_gate(target)),
        ("layer_norm", layer_norm(target)),
        ("softmax", softmax(target)),
        ("attention", attention(target)),
        ("product_bias_silu", product_bias_silu(target)),
        ("bias_gradient", bias_gradient(target)),
        ("embedding_gradient", embedding_gradient(target)),
        ("window", window(target)),
        ("selective_scan", selective_scan(target)),
        ("recurrent_network", recurrent_network(target)),
    ]
}
