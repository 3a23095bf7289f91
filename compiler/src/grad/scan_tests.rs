//! Gradients of scans.

use super::check::check;
use crate::graph::{AxisId, Builder, DType, Function, InputKind, Module, ValueId};
use crate::ops::{Map, Op, Reduce, Scan, View};
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

/// The axes of these tests, and a scan along the first.
struct Setting {
    module: Module,
    t: AxisId,
    e: AxisId,
    n: AxisId,
}

fn setting(length: usize) -> Setting {
    let mut module = Module::default();
    let (t, e) = (module.add_axis("T", length), module.add_axis("E", 3));
    let n = module.add_axis("N", 2);
    Setting { module, t, e, n }
}

fn float(b: &mut Builder, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn map(b: &mut Builder, map: Map, inputs: &[ValueId]) -> ValueId {
    b.add1(Op::Map(map), inputs).unwrap()
}

/// Checks a scan whose inputs have these names and shapes.
fn check_scan(mut module: Module, scan: &Scan, inputs: &[(&str, Vec<AxisId>)]) {
    let mut b = Builder::new(&mut module, "recurrence");
    let values: Vec<ValueId> = inputs.iter().map(|(name, shape)| float(&mut b, name, shape)).collect();
    let results = b.add(Op::Scan(scan.clone()), &values).unwrap();
    for (at, result) in results.into_iter().enumerate() {
        b.output(format!("result{at}"), result);
    }
    let id = b.finish();
    check(&module, id, &[]);
}

/// One step of `h <- exp(dt * a) * h + dt * b * u`, `yield sum(c * h, over: N)`, `final h`.
fn selective(s: &mut Setting, a_has_batch: bool, step_has_batch: bool) -> Function {
    let with = |yes: bool, mut shape: Vec<AxisId>| {
        if yes {
            shape.insert(0, BATCH);
        }
        shape
    };
    let (e, n) = (s.e, s.n);
    let mut b = Builder::new(&mut s.module, "selective");
    let h = float(&mut b, "h", &[BATCH, e, n]);
    let dt = float(&mut b, "dt", &with(step_has_batch, vec![e]));
    let u = float(&mut b, "u", &[BATCH, e]);
    let input = float(&mut b, "b", &[BATCH, n]);
    let c = float(&mut b, "c", &[BATCH, n]);
    let a = float(&mut b, "a", &with(a_has_batch, vec![e, n]));
    let decay = map(&mut b, Map::Mul, &[dt, a]);
    let decay = map(&mut b, Map::Exp, &[decay]);
    let kept = map(&mut b, Map::Mul, &[decay, h]);
    let drive = map(&mut b, Map::Mul, &[dt, u]);
    let drive = map(&mut b, Map::Mul, &[drive, input]);
    let new = map(&mut b, Map::Add, &[kept, drive]);
    let order = b.shape(h).to_vec();
    let new = b.add1(Op::View(View::Transpose(order)), &[new]).unwrap();
    let y = b.add1(Op::Contract(vec![n]), &[new, c]).unwrap();
    b.output("h", new);
    b.output("y", y);
    b.output("last", new);
    b.function
}

#[test]
fn selective_scan() {
    for (length, reverse, a_has_batch, step_has_batch) in [
        (5, false, false, true),
        (5, true, false, true),
        (1, false, false, true),
        (3, false, true, false),
        (3, true, false, false),
    ] {
        let mut s = setting(length);
        let body = Arc::new(selective(&mut s, a_has_batch, step_has_batch));
        let scan = Scan { axis: s.t, reverse, carries: 1, sequences: 4, yields: 1, finals: 1, body };
        let with = |yes: bool, shape: &[AxisId]| [if yes { &[BATCH][..] } else { &[] }, shape].concat();
        let inputs = [
            ("h", vec![BATCH, s.e, s.n]),
            ("dt", with(step_has_batch, &[s.t, s.e])),
            // Sequences may have their axis anywhere.
            ("u", vec![BATCH, s.e, s.t]),
            ("b", vec![BATCH, s.t, s.n]),
            ("c", vec![BATCH, s.t, s.n]),
            ("a", with(a_has_batch, &[s.e, s.n])),
        ];
        check_scan(s.module, &scan, &inputs);
    }
}

/// Two carries that read each other, one without a batch, two yields, and finals of both kinds: a carry and
/// something else. The first yield reads an old carry.
fn coupled(s: &mut Setting) -> Function {
    let (e, n) = (s.e, s.n);
    let mut b = Builder::new(&mut s.module, "coupled");
    let p = float(&mut b, "p", &[e]);
    let q = float(&mut b, "q", &[BATCH, e]);
    let x = float(&mut b, "x", &[BATCH, e]);
    let w = float(&mut b, "w", &[e]);
    let k = float(&mut b, "k", &[e]);
    let table = float(&mut b, "table", &[e, n]);
    let new_p = map(&mut b, Map::Mul, &[p, w]);
    let new_p = map(&mut b, Map::Sin, &[new_p]);
    let new_p = map(&mut b, Map::Add, &[new_p, k]);
    let product = map(&mut b, Map::Mul, &[p, q]);
    let product = map(&mut b, Map::Tanh, &[product]);
    let new_q = map(&mut b, Map::Add, &[product, x]);
    let most = b.add1(Op::Reduce(Reduce::Max, vec![e]), &[new_q]).unwrap();
    let seen = b.add1(Op::Contract(vec![e]), &[new_q, table]).unwrap();
    let old = map(&mut b, Map::Mul, &[p, k]);
    let last = map(&mut b, Map::Mul, &[new_p, most]);
    for (name, value) in
        [("p", new_p), ("q", new_q), ("old", old), ("seen", seen), ("last", last), ("end", new_p)]
    {
        b.output(name, value);
    }
    b.function
}

#[test]
fn coupled_carries_with_and_without_batch() {
    for (length, reverse) in [(1, false), (2, true), (5, false), (5, true)] {
        let mut s = setting(length);
        let body = Arc::new(coupled(&mut s));
        let scan = Scan { axis: s.t, reverse, carries: 2, sequences: 2, yields: 2, finals: 2, body };
        let inputs = [
            ("p", vec![s.e]),
            ("q", vec![BATCH, s.e]),
            ("x", vec![BATCH, s.t, s.e]),
            ("w", vec![s.t, s.e]),
            ("k", vec![s.e]),
            ("table", vec![s.e, s.n]),
        ];
        check_scan(s.module, &scan, &inputs);
    }
}

#[test]
fn a_step_with_views_and_lookups() {
    let mut s = setting(4);
    let (e, n, half) = (s.e, s.n, s.module.add_axis("F", 6));
    let mut b = Builder::new(&mut s.module, "views");
    let h = float(&mut b, "h", &[BATCH, e, n]);
    let x = float(&mut b, "x", &[n, e]);
    let at = b.input("at", InputKind::Argument, vec![BATCH], DType::Int);
    let table = float(&mut b, "table", &[half, n]);
    let flat = b.add1(Op::View(View::Flatten { from: vec![e, n], to: half }), &[h]).unwrap();
    let flipped = b.add1(Op::View(View::Flip(half)), &[flat]).unwrap();
    let mixed = b.add1(Op::Contract(vec![half]), &[flipped, table]).unwrap();
    let row = b.add1(Op::Gather { axis: half }, &[table, at]).unwrap();
    let sum = map(&mut b, Map::Add, &[mixed, row]);
    let new = map(&mut b, Map::Mul, &[sum, x]);
    let new = b.add1(Op::View(View::Transpose(vec![BATCH, e, n])), &[new]).unwrap();
    b.output("h", new);
    b.output("y", mixed);
    let body = Arc::new(b.function);
    let scan = Scan { axis: s.t, reverse: false, carries: 1, sequences: 2, yields: 1, finals: 0, body };
    let mut b = Builder::new(&mut s.module, "recurrence");
    let h = float(&mut b, "h", &[BATCH, e, n]);
    let x = float(&mut b, "x", &[n, s.t, e]);
    let at = b.input("at", InputKind::Argument, vec![BATCH, s.t], DType::Int);
    let table = float(&mut b, "table", &[half, n]);
    let y = b.add1(Op::Scan(scan), &[h, x, at, table]).unwrap();
    b.output("y", y);
    let id = b.finish();
    check(&s.module, id, &[]);
}

#[test]
fn only_what_is_wanted_is_carried_back() {
    let mut s = setting(4);
    let body = Arc::new(selective(&mut s, false, true));
    let scan = Scan { axis: s.t, reverse: false, carries: 1, sequences: 4, yields: 1, finals: 1, body };
    let mut b = Builder::new(&mut s.module, "recurrence");
    let shapes = [
        vec![BATCH, s.e, s.n],
        vec![BATCH, s.t, s.e],
        vec![BATCH, s.t, s.e],
        vec![BATCH, s.t, s.n],
        vec![BATCH, s.t, s.n],
        vec![s.e, s.n],
    ];
    let names = ["h", "dt", "u", "b", "c", "a"];
    let values: Vec<ValueId> = names.iter().zip(&shapes).map(|(n, shape)| float(&mut b, n, shape)).collect();
    let y = b.add(Op::Scan(scan), &values).unwrap()[0];
    b.output("y", y);
    let id = b.finish();
    let both = super::value_and_grad(&mut s.module, id, &["u"]).unwrap();
    let scans: Vec<&Scan> = s
        .module
        .function(both)
        .nodes
        .iter()
        .filter_map(|n| match &n.op {
            Op::Scan(scan) => Some(scan),
            _ => None,
        })
        .collect();
    // The scan is linear in `u`: no state is kept, and one cotangent is carried back.
    assert_eq!((scans[0].yields, scans[1].carries, scans[1].yields), (1, 1, 1));
    assert!(scans[1].reverse);
    let none = super::value_and_grad(&mut s.module, id, &[]).unwrap();
    let count = s.module.function(none).nodes.iter().filter(|n| matches!(n.op, Op::Scan(_))).count();
    assert_eq!(count, 1);
}
