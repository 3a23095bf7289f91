//! Recurrences, their gradients, and those that are cut in chunks.

use super::{BATCH, Cut, add, float, of_text, plan};
use arch_compiler::graph::{Builder, Module};
use arch_compiler::ops::{Map, Op, Scan, View};
use arch_kernels::Target;
use arch_kernels::plan::Plan;
use std::sync::Arc;

pub fn selective_scan(target: Target) -> Plan {
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
pub fn recurrent_network(target: Target) -> Plan {
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

/// The gradient of a selective scan: the steps of a chunk are taken again, and then back.
pub fn selective_scan_gradient(target: Target) -> Plan {
    let text = "edition 2026
model Recurrence {
  dims T = 11, E = 24, N = 4
  forward(u: [T, E], dt: [T, E], b: [T, N], c: [T, N], a: [E, N]) -> [T, E] {
    scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * u[t] * b[t]
      yield sum(c[t] * h, over: N)
    }
  }
}
";
    of_text(target, text, Cut { family: "scan", gradients: true, batch: 3 })
}

/// A decay for each step of few channels and a long sequence: chunks are lanes.
pub fn chunked_scan(target: Target) -> Plan {
    let text = "edition 2026
model Recurrence {
  dims T = 1024, E = 3
  forward(x: [T, E], g: [T, E]) -> [T, E] {
    scan t over T (h: [E] = 0) {
      h <- g[t] * h + x[t]
      yield h
    }
  }
}
";
    of_text(target, text, Cut { family: "scan", gradients: false, batch: 1 })
}
