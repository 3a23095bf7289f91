//! Matrix products with what is computed of a sum before it is stored.

use super::{BATCH, Cut, add, float, of_text, plan};
use arch_compiler::graph::Module;
use arch_compiler::ops::{Map, Op};
use arch_kernels::Target;
use arch_kernels::plan::Plan;

/// A product with bias, activation and residual, whose rows and columns are no whole tiles and panels.
pub fn product_bias_silu(target: Target) -> Plan {
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

/// A norm behind a product, whose kernel has whole rows. A block of a GPU has none, so that there the norm is a kernel
/// of its own, which is that of any norm.
pub fn product_norm(target: Target) -> Plan {
    let text = "edition 2026
model Product {
  dims T = 45, I = 24, O = 72
  param w: [O, I] = normal(0.3)
  forward(x: [T, I], beside: [T, O]) -> [T, O] {
    let y = beside + sum(w * x, over: I)
    y / sqrt(mean(y * y, over: O) + 1e-5)
  }
}
";
    of_text(target, text, Cut { family: "gemm", gradients: false, batch: 3 })
}
