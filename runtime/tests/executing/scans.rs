//! Recurrences: forwards and backwards, several carries, yields and finals, sums inside.

use super::common::{ARGUMENT, Fill, Terms, compare};
use arch_compiler::graph::{AxisId, Builder, DType, Function, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, Scan, View};
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder<'_>, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, ARGUMENT, shape.to_vec(), DType::F32)
}

fn add(b: &mut Builder<'_>, op: Op, inputs: &[ValueId]) -> ValueId {
    b.add1(op, inputs).unwrap()
}

/// Builds a body beside a function.
fn body(module: &mut Module, build: impl FnOnce(&mut Builder<'_>)) -> Arc<Function> {
    let mut b = Builder::new(module, "step");
    build(&mut b);
    Arc::new(b.function)
}

fn run(what: &str, mut module: Module, build: impl FnOnce(&mut Builder<'_>) -> Vec<ValueId>) {
    let mut b = Builder::new(&mut module, "test");
    for (i, value) in build(&mut b).into_iter().enumerate() {
        b.output(format!("output{i}"), value);
    }
    let function = b.finish();
    for batch in [1, 3] {
        compare(what, &module, function, batch, &Terms::everywhere(5e-6, Fill::Signed, 4));
    }
}

#[test]
fn selective_scan_in_both_directions() {
    for reverse in [false, true] {
        for (size, states, steps) in [(1, 1, 1), (7, 3, 5), (16, 4, 2), (17, 16, 9), (33, 40, 3)] {
            let mut module = Module::default();
            let (t, e) = (module.add_axis("T", steps), module.add_axis("E", size));
            let n = module.add_axis("N", states);
            let step = body(&mut module, |b| {
                let h = float(b, "h", &[BATCH, e, n]);
                let (u, dt) = (float(b, "u", &[BATCH, e]), float(b, "dt", &[BATCH, e]));
                let (bb, c) = (float(b, "b", &[BATCH, n]), float(b, "c", &[BATCH, n]));
                let (a, skip) = (float(b, "a", &[e, n]), float(b, "skip", &[e]));
                let decay = add(b, Op::Map(Map::Mul), &[dt, a]);
                let decay = add(b, Op::Map(Map::Exp), &[decay]);
                let kept = add(b, Op::Map(Map::Mul), &[decay, h]);
                let more = add(b, Op::Map(Map::Mul), &[dt, u]);
                let more = add(b, Op::Map(Map::Mul), &[more, bb]);
                let new = add(b, Op::Map(Map::Add), &[kept, more]);
                let y = add(b, Op::Contract(vec![n]), &[c, new]);
                let skipped = add(b, Op::Map(Map::Mul), &[skip, u]);
                let y = add(b, Op::Map(Map::Add), &[y, skipped]);
                b.output("h", new);
                b.output("y", y);
                b.output("last", new);
            });
            run(&format!("selective scan {size} {states} {steps} {reverse}"), module, |b| {
                let h = float(b, "h", &[BATCH, e, n]);
                let (u, dt) = (float(b, "u", &[BATCH, t, e]), float(b, "dt", &[BATCH, t, e]));
                let (bb, c) = (float(b, "b", &[BATCH, t, n]), float(b, "c", &[BATCH, t, n]));
                let (a, skip) = (float(b, "a", &[e, n]), float(b, "skip", &[e]));
                let dt = add(b, Op::Map(Map::Softplus), &[dt]);
                let scan = Scan {
                    axis: t,
                    reverse,
                    carries: 1,
                    sequences: 4,
                    yields: 1,
                    finals: 1,
                    body: step.clone(),
                };
                b.add(Op::Scan(scan), &[h, u, dt, bb, c, a, skip]).unwrap()
            });
        }
    }
}

#[test]
fn carries_that_trade_places() {
    let mut module = Module::default();
    let (t, d) = (module.add_axis("T", 5), module.add_axis("D", 6));
    let step = body(&mut module, |b| {
        let (p, q, r) = (float(b, "p", &[BATCH, d]), float(b, "q", &[BATCH, d]), float(b, "r", &[BATCH]));
        let x = float(b, "x", &[BATCH, d]);
        let flipped = add(b, Op::View(View::Flip(d)), &[p]);
        let sum = add(b, Op::Map(Map::Add), &[flipped, x]);
        let half = add(b, Op::Constant(0.5), &[]);
        let sum = add(b, Op::Map(Map::Mul), &[sum, half]);
        let total = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[sum]);
        let r2 = add(b, Op::Map(Map::Tanh), &[total]);
        let mixed = add(b, Op::Map(Map::Mul), &[q, r]);
        b.output("p", q);
        b.output("q", sum);
        b.output("r", r2);
        b.output("old", mixed);
        b.output("total", total);
        b.output("p_last", q);
        b.output("mixed_last", mixed);
    });
    run("trading", module, |b| {
        let (p, q, r) = (float(b, "p", &[BATCH, d]), float(b, "q", &[d]), float(b, "r", &[BATCH]));
        let q = add(b, Op::Map(Map::Broadcast), &[q, r]);
        let x = float(b, "x", &[BATCH, t, d]);
        let scan =
            Scan { axis: t, reverse: false, carries: 3, sequences: 1, yields: 2, finals: 2, body: step };
        b.add(Op::Scan(scan), &[p, q, r, x]).unwrap()
    });
}

#[test]
fn a_step_with_a_norm_and_a_product() {
    for size in [1, 6, 17] {
        let mut module = Module::default();
        let (t, d, f) = (module.add_axis("T", 4), module.add_axis("D", size), module.add_axis("F", size));
        let step = body(&mut module, |b| {
            let h = float(b, "h", &[BATCH, d]);
            let (x, w) = (float(b, "x", &[BATCH, d]), float(b, "w", &[d, f]));
            let sum = add(b, Op::Map(Map::Add), &[h, x]);
            let product = add(b, Op::Contract(vec![d]), &[sum, w]);
            let product = add(b, Op::View(View::Rename { from: f, to: d }), &[product]);
            let max = add(b, Op::Reduce(Reduce::Max, vec![d]), &[product]);
            let e = add(b, Op::Map(Map::Sub), &[product, max]);
            let e = add(b, Op::Map(Map::Exp), &[e]);
            let total = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[e]);
            let new = add(b, Op::Map(Map::Div), &[e, total]);
            b.output("h", new);
            b.output("max", max);
            b.output("all", new);
        });
        run(&format!("norm {size}"), module, |b| {
            let h = float(b, "h", &[BATCH, d]);
            let (x, w) = (float(b, "x", &[BATCH, t, d]), float(b, "w", &[d, f]));
            let scan =
                Scan { axis: t, reverse: true, carries: 1, sequences: 1, yields: 2, finals: 0, body: step };
            b.add(Op::Scan(scan), &[h, x, w]).unwrap()
        });
    }
}
