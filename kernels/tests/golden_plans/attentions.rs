//! Attention forward and back.

use super::{BATCH, Cut, add, float, of_text, plan};
use arch_compiler::graph::Module;
use arch_compiler::ops::{Map, Op, Reduce};
use arch_kernels::Target;
use arch_kernels::plan::Plan;

/// The last block of queries is short.
pub fn attention(target: Target) -> Plan {
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

/// The scores are computed again; the only block of queries is short.
pub fn attention_gradient(target: Target) -> Plan {
    let text = "edition 2026
model Attention {
  dims T = 20, S = 40, H = 2, K = 16
  forward(q: [H, T, K], k: [H, S, K], v: [H, S, K]) -> [H, T, K] {
    let w = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(w * v, over: S)
  }
}
";
    of_text(target, text, Cut { family: "attention_gradient", gradients: true, batch: 3 })
}
