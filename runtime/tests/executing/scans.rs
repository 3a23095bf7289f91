//! Recurrences: forwards and backwards, several carries, yields and finals, sums inside.

use super::common::{ARGUMENT, Fill, Numbers, Terms, compare};
use super::tolerance::SCANS;
use arch_compiler::graph::{AxisId, Builder, DType, FuncId, Function, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, Scan, View};
use arch_compiler::{canon, grad};
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
        compare(what, &module, function, batch, &Terms::everywhere(&SCANS, Fill::Signed, 4));
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

#[test]
fn a_decay_that_is_one_number_beside_the_state_of_the_step_before() {
    let mut module = Module::default();
    let (t, p, n) = (module.add_axis("T", 5), module.add_axis("P", 8), module.add_axis("N", 3));
    let step = body(&mut module, |b| {
        let (h, before) = (float(b, "h", &[BATCH, p, n]), float(b, "before", &[BATCH, p, n]));
        let (a, x) = (float(b, "a", &[BATCH]), float(b, "x", &[BATCH, p, n]));
        let decay = add(b, Op::Map(Map::Exp), &[a]);
        let kept = add(b, Op::Map(Map::Mul), &[decay, h]);
        let new = add(b, Op::Map(Map::Add), &[kept, x]);
        let half = add(b, Op::Constant(0.5), &[]);
        let older = add(b, Op::Map(Map::Mul), &[before, half]);
        b.output("h", new);
        b.output("before", h);
        b.output("seen", h);
        b.output("older", older);
    });
    run("one number", module, |b| {
        let (h, before) = (float(b, "h", &[BATCH, p, n]), float(b, "before", &[BATCH, p, n]));
        let (a, x) = (float(b, "a", &[BATCH, t]), float(b, "x", &[BATCH, t, p, n]));
        let scan =
            Scan { axis: t, reverse: false, carries: 2, sequences: 2, yields: 2, finals: 0, body: step };
        b.add(Op::Scan(scan), &[h, before, a, x]).unwrap()
    });
}

/// The gradients of all inputs, at lengths around chunks, in both directions.
fn gradients(what: &str, lengths: &[usize], build: &dyn Fn(&mut Module, AxisId, bool) -> FuncId) {
    for (turn, steps) in lengths.iter().enumerate() {
        let reverse = turn % 2 == 1;
        let mut module = Module::default();
        let t = module.add_axis("T", *steps);
        let forward = build(&mut module, t, reverse);
        let names: Vec<String> = module.function(forward).inputs.iter().map(|i| i.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let both = grad::value_and_grad(&mut module, forward, &names).unwrap();
        canon::run(&mut module, both).unwrap();
        let what = format!("gradients of {what}, {steps} steps, reverse: {reverse}");
        let terms = match turn {
            0 if lengths.len() > 2 => Terms::everywhere(&SCANS, Fill::Signed, 4),
            _ => Terms::in_turn(&what, &SCANS, Fill::Signed, 4),
        };
        compare(&what, &module, both, 1 + turn % 3, &terms);
    }
}

/// Lengths that are 1, prime, a chunk, one less, one more, and not a multiple.
const AROUND_CHUNKS: [usize; 9] = [9, 1, 257, 7, 8, 17, 67, 23, 16];

#[test]
fn gradients_of_a_selective_scan() {
    for (size, states) in [(16, 4), (17, 3), (1, 2)] {
        gradients(&format!("a selective scan {size} {states}"), &AROUND_CHUNKS, &|module, t, reverse| {
            let (e, n) = (module.add_axis("E", size), module.add_axis("N", states));
            let step = body(module, |b| {
                let h = float(b, "h", &[BATCH, e, n]);
                let (u, dt) = (float(b, "u", &[BATCH, e]), float(b, "dt", &[BATCH, e]));
                let (bb, c) = (float(b, "b", &[BATCH, n]), float(b, "c", &[BATCH, n]));
                let a = float(b, "a", &[e, n]);
                let decay = add(b, Op::Map(Map::Mul), &[dt, a]);
                let decay = add(b, Op::Map(Map::Exp), &[decay]);
                let kept = add(b, Op::Map(Map::Mul), &[decay, h]);
                let more = add(b, Op::Map(Map::Mul), &[dt, u]);
                let more = add(b, Op::Map(Map::Mul), &[more, bb]);
                let new = add(b, Op::Map(Map::Add), &[kept, more]);
                let y = add(b, Op::Contract(vec![n]), &[c, new]);
                b.output("h", new);
                b.output("y", y);
                b.output("last", new);
            });
            let mut b = Builder::new(module, "test");
            let h = float(&mut b, "h", &[BATCH, e, n]);
            let (u, dt) = (float(&mut b, "u", &[BATCH, t, e]), float(&mut b, "dt", &[BATCH, t, e]));
            let (bb, c) = (float(&mut b, "b", &[BATCH, t, n]), float(&mut b, "c", &[BATCH, t, n]));
            let a = float(&mut b, "a", &[e, n]);
            let dt = add(&mut b, Op::Map(Map::Sigmoid), &[dt]);
            let one = add(&mut b, Op::Constant(-1.0), &[]);
            let a = add(&mut b, Op::Map(Map::Add), &[a, one]);
            let (axis, carries, sequences) = (t, 1, 4);
            let scan = Scan { axis, reverse, carries, sequences, yields: 1, finals: 1, body: step };
            let results = b.add(Op::Scan(scan), &[h, u, dt, bb, c, a]).unwrap();
            b.output("y", results[0]);
            b.output("last", results[1]);
            b.finish()
        });
    }
}

/// Three carries that need each other, one of them a number, and a step that is not affine.
#[test]
fn gradients_of_a_step_that_is_not_affine() {
    for size in [6, 17, 16] {
        gradients(&format!("gates {size}"), &AROUND_CHUNKS, &|module, t, reverse| {
            let (d, n) = (module.add_axis("D", size), module.add_axis("N", 3));
            let step = body(module, |b| {
                let (p, q) = (float(b, "p", &[BATCH, d, n]), float(b, "q", &[BATCH, d]));
                let r = float(b, "r", &[BATCH]);
                let x = float(b, "x", &[BATCH, d]);
                let w = float(b, "w", &[n]);
                let gate = add(b, Op::Map(Map::Mul), &[x, w]);
                let gate = add(b, Op::Map(Map::Sigmoid), &[gate]);
                let mixed = add(b, Op::Map(Map::Add), &[p, q]);
                let mixed = add(b, Op::Map(Map::Tanh), &[mixed]);
                let new_p = add(b, Op::Map(Map::Mul), &[gate, mixed]);
                let total = add(b, Op::Reduce(Reduce::Sum, vec![n]), &[new_p]);
                let scaled = add(b, Op::Map(Map::Mul), &[total, r]);
                let new_q = add(b, Op::Map(Map::Sub), &[scaled, x]);
                let half = add(b, Op::Constant(0.5), &[]);
                let new_r = add(b, Op::Map(Map::Mul), &[r, half]);
                b.output("p", new_p);
                b.output("q", new_q);
                b.output("r", new_r);
                b.output("before", q);
                b.output("total", total);
                b.output("q_last", new_q);
            });
            let mut b = Builder::new(module, "test");
            let (p, q) = (float(&mut b, "p", &[BATCH, d, n]), float(&mut b, "q", &[BATCH, d]));
            let r = float(&mut b, "r", &[BATCH]);
            let (x, w) = (float(&mut b, "x", &[BATCH, t, d]), float(&mut b, "w", &[n]));
            let (axis, carries, sequences) = (t, 3, 1);
            let scan = Scan { axis, reverse, carries, sequences, yields: 2, finals: 1, body: step };
            let results = b.add(Op::Scan(scan), &[p, q, r, x, w]).unwrap();
            for (i, result) in results.into_iter().enumerate() {
                b.output(format!("result{i}"), result);
            }
            b.finish()
        });
    }
}

/// A step whose vectors run along its state: it mixes the only wide axis.
#[test]
fn gradients_of_a_step_that_mixes_its_state() {
    gradients("a mixed state", &AROUND_CHUNKS, &|module, t, reverse| {
        let (d, f) = (module.add_axis("D", 5), module.add_axis("F", 5));
        let step = body(module, |b| {
            let h = float(b, "h", &[BATCH, d]);
            let (x, w) = (float(b, "x", &[BATCH, d]), float(b, "w", &[d, f]));
            let sum = add(b, Op::Map(Map::Add), &[h, x]);
            let product = add(b, Op::Contract(vec![d]), &[sum, w]);
            let product = add(b, Op::View(View::Rename { from: f, to: d }), &[product]);
            let new = add(b, Op::Map(Map::Tanh), &[product]);
            b.output("h", new);
            b.output("y", new);
        });
        let mut b = Builder::new(module, "test");
        let h = float(&mut b, "h", &[BATCH, d]);
        let (x, w) = (float(&mut b, "x", &[BATCH, t, d]), float(&mut b, "w", &[d, f]));
        let (axis, carries, sequences) = (t, 1, 1);
        let scan = Scan { axis, reverse, carries, sequences, yields: 1, finals: 0, body: step };
        let y = add(&mut b, Op::Scan(scan), &[h, x, w]);
        b.output("y", y);
        b.finish()
    });
}

/// A random step: up to three carries, maps, sums along the axes around and inside.
fn random_step(b: &mut Builder<'_>, numbers: &mut Numbers, shapes: &[Vec<AxisId>], given: &[Vec<AxisId>]) {
    let carries: Vec<ValueId> =
        shapes.iter().enumerate().map(|(i, shape)| float(b, &format!("h{i}"), shape)).collect();
    let mut values = carries.clone();
    for (i, shape) in given.iter().enumerate() {
        values.push(float(b, &format!("x{i}"), shape));
    }
    for _ in 0..9 {
        let (x, y) = (values[numbers.below(values.len())], values[numbers.below(values.len())]);
        let new = match numbers.below(6) {
            0 => add(b, Op::Map(Map::Add), &[x, y]),
            1 | 2 => add(b, Op::Map(Map::Mul), &[x, y]),
            3 => add(b, Op::Map(Map::Exp), &[x]),
            4 => add(b, Op::Map(Map::Sigmoid), &[x]),
            _ => match b.shape(x).iter().copied().find(|a| *a != BATCH) {
                Some(axis) => add(b, Op::Reduce(Reduce::Sum, vec![axis]), &[x]),
                None => continue,
            },
        };
        let tame = add(b, Op::Map(Map::Tanh), &[new]);
        values.push(tame);
    }
    let half = add(b, Op::Constant(0.5), &[]);
    for (i, shape) in shapes.iter().enumerate() {
        let fits = |v: &&ValueId| b.shape(**v).iter().all(|a| shape.contains(a));
        let last = values.iter().rev().find(fits).copied().unwrap_or(carries[i]);
        let kept = add(b, Op::Map(Map::Mul), &[carries[i], half]);
        let new = add(b, Op::Map(Map::Add), &[kept, last]);
        let new = add(b, Op::View(View::Transpose(shape.clone())), &[new]);
        b.output(format!("h{i}"), new);
    }
    let samples = values.iter().rev().filter(|v| b.shape(**v).contains(&BATCH)).take(2);
    let yields: Vec<ValueId> = samples.copied().collect();
    yields.iter().enumerate().for_each(|(i, v)| b.output(format!("y{i}"), *v));
    b.output("last", b.function.outputs[0].1);
}

#[test]
fn random_steps_with_gradients() {
    for seed in 0..12u64 {
        let mut numbers = Numbers(seed * 7919 + 5);
        let (size, states) = ([1, 5, 16, 17][numbers.below(4)], 1 + numbers.below(4));
        let lengths = [1 + numbers.below(20), 8 + numbers.below(3)];
        gradients(&format!("a random step, seed {seed}"), &lengths, &|module, t, reverse| {
            let mut numbers = Numbers(seed * 104_729 + 11);
            let (e, n) = (module.add_axis("E", size), module.add_axis("N", states));
            let all = [vec![BATCH, e, n], vec![BATCH, e], vec![BATCH, n], vec![BATCH]];
            let count = 1 + numbers.below(3);
            let shapes: Vec<Vec<AxisId>> = (0..count).map(|_| all[numbers.below(4)].clone()).collect();
            let given = [vec![BATCH, e], vec![BATCH, n], vec![e, n], vec![e]];
            let step = body(module, |b| random_step(b, &mut numbers, &shapes, &given));
            let yields = step.outputs.len() - count - 1;
            let mut b = Builder::new(module, "test");
            let mut inputs: Vec<ValueId> =
                shapes.iter().enumerate().map(|(i, shape)| float(&mut b, &format!("h{i}"), shape)).collect();
            for (i, shape) in given.iter().enumerate() {
                let mut shape = shape.clone();
                if i < 2 {
                    shape.insert(1, t);
                }
                inputs.push(float(&mut b, &format!("x{i}"), &shape));
            }
            let scan = Scan { axis: t, reverse, carries: count, sequences: 2, yields, finals: 1, body: step };
            let results = b.add(Op::Scan(scan), &inputs).unwrap();
            for (i, result) in results.into_iter().enumerate() {
                b.output(format!("result{i}"), result);
            }
            b.finish()
        });
    }
}
