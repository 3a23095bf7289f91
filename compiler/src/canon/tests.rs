//! Each clean-up does what it says, and no result changes.

use super::run;
use crate::grad::check::Numbers;
use crate::grad::value_and_grad;
use crate::graph::{
    AxisId, Builder, DType, FuncId, InputKind, Module, ValueId, inline, print_function, verify,
};
use crate::interp;
use crate::ops::{Map, Op, Reduce, Scan, View, Windows};
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn map(b: &mut Builder, map: Map, inputs: &[ValueId]) -> ValueId {
    b.add1(Op::Map(map), inputs).unwrap()
}

fn number(b: &mut Builder, number: f64) -> ValueId {
    b.add1(Op::Constant(number), &[]).unwrap()
}

fn sum(b: &mut Builder, x: ValueId, over: &[AxisId]) -> ValueId {
    b.add1(Op::Reduce(Reduce::Sum, over.to_vec()), &[x]).unwrap()
}

/// Cleans a function up and gives its operations, after checking that the results are as before.
fn cleaned(module: &mut Module, id: FuncId) -> Vec<String> {
    verify(module).unwrap();
    let before = module.clone();
    run(module, id).unwrap();
    verify(module).unwrap();
    says_the_same(&before, module, id);
    let again = module.function(id).clone();
    run(module, id).unwrap();
    assert_eq!(again, *module.function(id), "a second run changes something");
    operations(module, id)
}

fn says_the_same(before: &Module, module: &Module, id: FuncId) {
    for batch in [1, 2] {
        let inputs = Numbers(7).inputs(before, id, batch, &[]);
        let old = interp::run(before, id, &inputs, batch).unwrap();
        let new = interp::run(module, id, &inputs, batch).unwrap();
        for ((name, x), (_, y)) in old.outputs.iter().zip(&new.outputs) {
            assert_eq!(x.dims, y.dims, "{name}");
            let far = x.data.iter().zip(&y.data).any(|(x, y)| (x - y).abs() > 1e-12 * x.abs().max(1.0));
            assert!(!far, "{name} changes\n{}", print_function(module, id));
        }
    }
}

/// The operations of a function, in order.
fn operations(module: &Module, id: FuncId) -> Vec<String> {
    let nodes = module.function(id).nodes.iter().filter(|n| n.op != Op::Input);
    nodes.map(|n| n.op.symbol(module)).collect()
}

#[test]
fn what_nobody_reads_goes_and_what_is_the_same_is_one() {
    let mut module = Module::default();
    let t = module.add_axis("T", 3);
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH, t]);
    float(&mut b, "unused", &[t]);
    let [one, two, _] = [0; 3].map(|_| map(&mut b, Map::Exp, &[x]));
    let y = map(&mut b, Map::Add, &[one, two]);
    b.output("y", y);
    let id = b.finish();
    assert_eq!(cleaned(&mut module, id), ["exp", "add"]);
    assert_eq!(module.function(id).inputs.len(), 2);
}

/// A difference is none of these, and what would be stored in another order is another value.
#[test]
fn a_sum_and_a_product_are_the_same_either_way_round() {
    let mut module = Module::default();
    let (t, d) = (module.add_axis("T", 3), module.add_axis("D", 2));
    let mut b = Builder::new(&mut module, "f");
    let [x, y] = ["x", "y"].map(|name| float(&mut b, name, &[t, d]));
    let turned = float(&mut b, "turned", &[d, t]);
    for (at, op) in [Map::Mul, Map::Add, Map::Sub].into_iter().enumerate() {
        let both = [[x, y], [y, x]].map(|inputs| map(&mut b, op, &inputs));
        let max = map(&mut b, Map::Max, &both);
        b.output(format!("result{at}"), max);
    }
    for (name, inputs) in [("a", [x, turned]), ("b", [turned, x])] {
        let product = map(&mut b, Map::Mul, &inputs);
        b.output(name, product);
    }
    let id = b.finish();
    let left = cleaned(&mut module, id);
    let count = |name: &str| left.iter().filter(|op| *op == name).count();
    assert_eq!([count("mul"), count("add"), count("sub")], [3, 1, 2], "{left:?}");
}

#[test]
fn zeros_of_both_signs_stay_apart() {
    let mut module = Module::default();
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH]);
    let (plus, minus) = (number(&mut b, 0.0), number(&mut b, -0.0));
    let low = map(&mut b, Map::Div, &[x, plus]);
    let high = map(&mut b, Map::Div, &[x, minus]);
    let y = map(&mut b, Map::Min, &[low, high]);
    b.output("y", y);
    let id = b.finish();
    run(&mut module, id).unwrap();
    assert_eq!(module.function(id).nodes.len(), 6);
}

#[test]
fn constants_fold_but_masks_and_broadcasts_stay() {
    let mut module = Module::default();
    let (t, s) = (module.add_axis("T", 3), module.add_axis("S", 3));
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH, t, s]);
    let (i, j) = (b.add1(Op::Iota(t), &[]).unwrap(), b.add1(Op::Iota(s), &[]).unwrap());
    let mask = map(&mut b, Map::Le, &[j, i]);
    let zero = number(&mut b, 0.0);
    let masked = map(&mut b, Map::Where, &[mask, x, zero]);
    let third = number(&mut b, 1.0 / 3.0);
    let angle = map(&mut b, Map::Mul, &[i, third]);
    let table = map(&mut b, Map::Sin, &[angle]);
    let y = map(&mut b, Map::Mul, &[masked, table]);
    // The same number everywhere is a number.
    let flat = map(&mut b, Map::Sub, &[i, i]);
    let ones = map(&mut b, Map::Exp, &[flat]);
    let ones = map(&mut b, Map::Sin, &[ones]);
    let y = map(&mut b, Map::Mul, &[y, ones]);
    b.output("y", y);
    let id = b.finish();
    let number = format!("{:?}", 1.0_f64.sin());
    let wanted = ["iota", "iota", "le", "0.0", "where", "tensor", "mul", number.as_str(), "mul"];
    assert_eq!(cleaned(&mut module, id), wanted);
}

/// An initial value without one of its parameter's axes is no larger than it was written.
#[test]
fn a_broadcast_in_another_order_stays() {
    let mut module = Module::default();
    let (d, n) = (module.add_axis("D", 3), module.add_axis("N", 2));
    let mut b = Builder::new(&mut module, "f");
    let (i, j) = (b.add1(Op::Iota(n), &[]).unwrap(), b.add1(Op::Iota(d), &[]).unwrap());
    let angle = map(&mut b, Map::Sin, &[i]);
    let wide = map(&mut b, Map::Broadcast, &[angle, j]);
    let value = b.add1(Op::View(View::Transpose(vec![d, n])), &[wide]).unwrap();
    b.output("value", value);
    let id = b.finish();
    assert_eq!(cleaned(&mut module, id), ["iota", "tensor", "broadcast", "transpose"]);
}

#[test]
fn what_changes_nothing_goes() {
    let mut module = Module::default();
    let (t, s) = (module.add_axis("T", 3), module.add_axis("S", 3));
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH, t]);
    let (zero, one) = (number(&mut b, 0.0), number(&mut b, 1.0));
    let mut y = map(&mut b, Map::Mul, &[one, x]);
    y = map(&mut b, Map::Sub, &[y, zero]);
    y = map(&mut b, Map::Div, &[y, one]);
    let there = b.add1(Op::View(View::Rename { from: t, to: s }), &[y]).unwrap();
    y = b.add1(Op::View(View::Rename { from: s, to: t }), &[there]).unwrap();
    for _ in 0..2 {
        y = b.add1(Op::View(View::Flip(t)), &[y]).unwrap();
        y = map(&mut b, Map::Neg, &[y]);
        y = map(&mut b, Map::Neg, &[y]);
    }
    let in_order = View::Permute { axis: t, to: s, order: [0, 1, 2].into() };
    let there = b.add1(Op::View(in_order), &[y]).unwrap();
    y = b.add1(Op::View(View::Rename { from: s, to: t }), &[there]).unwrap();
    let wide = map(&mut b, Map::Broadcast, &[zero, x]);
    y = map(&mut b, Map::Max, &[y, wide]);
    b.output("y", y);
    let id = b.finish();
    assert_eq!(cleaned(&mut module, id), ["0.0", "max"]);
}

#[test]
fn a_neutral_number_that_brings_axes_or_a_type_stays() {
    let mut module = Module::default();
    let t = module.add_axis("T", 3);
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH]);
    let one = number(&mut b, 1.0);
    let i = b.add1(Op::Iota(t), &[]).unwrap();
    let ones = map(&mut b, Map::Broadcast, &[one, i]);
    let y = map(&mut b, Map::Mul, &[x, ones]);
    b.output("y", y);
    let n = b.input("n", InputKind::Argument, vec![BATCH], DType::Int);
    let z = map(&mut b, Map::Mul, &[n, one]);
    b.output("z", z);
    let id = b.finish();
    cleaned(&mut module, id);
    let f = module.function(id);
    assert_eq!(f.value(f.output("y").unwrap()).shape, [BATCH, t]);
    assert_eq!(f.value(f.output("z").unwrap()).storage, DType::F32);
}

#[test]
fn sums_of_products_are_contractions_however_they_are_bracketed() {
    let mut module = Module::default();
    let (t, k, o) = (module.add_axis("T", 3), module.add_axis("K", 5), module.add_axis("O", 2));
    let mut texts = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        for balanced in [false, true] {
            let mut b = Builder::new(&mut module, "f");
            let x = float(&mut b, "x", &[BATCH, t, k]);
            let w = float(&mut b, "w", &[o, k]);
            let scale = float(&mut b, "scale", &[k]);
            let third = number(&mut b, 1.0 / 3.0);
            let f = order.map(|at| [x, w, scale, third][at]);
            let left = map(&mut b, Map::Mul, &[f[0], f[1]]);
            let y = if balanced {
                let right = map(&mut b, Map::Mul, &[f[2], f[3]]);
                map(&mut b, Map::Mul, &[left, right])
            } else {
                let left = map(&mut b, Map::Mul, &[left, f[2]]);
                map(&mut b, Map::Mul, &[left, f[3]])
            };
            let y = sum(&mut b, y, &[k]);
            b.output("y", y);
            let id = b.finish();
            let mut operations = cleaned(&mut module, id);
            operations.retain(|o| o != "transpose");
            texts.push(operations);
        }
    }
    for operations in texts {
        assert_eq!(operations.iter().filter(|o| *o == "contract").count(), 1, "{operations:?}");
        // The scale meets the small weight before the large input, and the number stands outside.
        assert_eq!(operations.iter().filter(|o| *o == "mul").count(), 2, "{operations:?}");
        assert!(!operations.contains(&"sum".to_owned()), "{operations:?}");
    }
}

#[test]
fn an_axis_of_one_factor_is_summed_there_and_one_factor_stays_a_sum() {
    let mut module = Module::default();
    let (t, k) = (module.add_axis("T", 3), module.add_axis("K", 5));
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH, t, k]);
    let w = float(&mut b, "w", &[k]);
    let c = float(&mut b, "c", &[BATCH]);
    let product = map(&mut b, Map::Mul, &[x, w]);
    let y = sum(&mut b, product, &[t, k]);
    let product = map(&mut b, Map::Mul, &[x, c]);
    let z = sum(&mut b, product, &[t]);
    let product = map(&mut b, Map::Mul, &[w, c]);
    let outer = sum(&mut b, product, &[k]);
    b.output("y", y);
    b.output("z", z);
    b.output("outer", outer);
    let id = b.finish();
    assert_eq!(cleaned(&mut module, id), ["sum", "contract", "mul", "sum", "mul"]);
}

/// A step with dead results, double work and neutral numbers.
fn scan(module: &mut Module) -> FuncId {
    let (t, e) = (module.add_axis("T", 4), module.add_axis("E", 3));
    let mut b = Builder::new(module, "step");
    let h = float(&mut b, "h", &[BATCH, e]);
    let u = float(&mut b, "u", &[BATCH, e]);
    let lost = float(&mut b, "lost", &[e]);
    let a = float(&mut b, "a", &[e]);
    let one = number(&mut b, 1.0);
    let decay = map(&mut b, Map::Mul, &[a, one]);
    let decay = map(&mut b, Map::Exp, &[decay]);
    let again = map(&mut b, Map::Exp, &[a]);
    let kept = map(&mut b, Map::Mul, &[decay, h]);
    let drive = map(&mut b, Map::Mul, &[again, u]);
    let new = map(&mut b, Map::Add, &[kept, drive]);
    let unread = map(&mut b, Map::Mul, &[new, lost]);
    for (name, value) in [("h", new), ("unread", unread), ("y", new), ("last", unread), ("end", new)] {
        b.output(name, value);
    }
    let body = Arc::new(b.function);
    let mut b = Builder::new(module, "f");
    let h = float(&mut b, "h", &[BATCH, e]);
    let u = float(&mut b, "u", &[BATCH, t, e]);
    let lost = float(&mut b, "lost", &[t, e]);
    let a = float(&mut b, "a", &[e]);
    let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 2, yields: 2, finals: 2, body };
    let results = b.add(Op::Scan(scan), &[h, u, lost, a]).unwrap();
    b.output("y", results[1]);
    b.output("end", results[3]);
    b.finish()
}

#[test]
fn what_only_a_scan_reads_and_is_wide_is_computed_in_its_step() {
    let mut module = Module::default();
    let (t, e, n) = (module.add_axis("T", 4), module.add_axis("E", 3), module.add_axis("N", 5));
    let mut step = Builder::new(&mut module, "step");
    let h = float(&mut step, "h", &[BATCH, e, n]);
    let decay = float(&mut step, "decay", &[BATCH, n, e]);
    let (more, weight) = (float(&mut step, "more", &[BATCH, e]), float(&mut step, "weight", &[e]));
    let kept = map(&mut step, Map::Mul, &[h, decay]);
    let added = map(&mut step, Map::Mul, &[more, weight]);
    let new = map(&mut step, Map::Add, &[kept, added]);
    let y = sum(&mut step, new, &[n]);
    step.output("h", new);
    step.output("y", y);
    let body = Arc::new(step.function);
    let mut b = Builder::new(&mut module, "f");
    let (h, dt) = (float(&mut b, "h", &[BATCH, e, n]), float(&mut b, "dt", &[BATCH, t, e]));
    let (a, w) = (float(&mut b, "a", &[e, n]), float(&mut b, "w", &[e]));
    // As wide as what it is made of: stays outside, and so does dt, which others read.
    let dt = map(&mut b, Map::Softplus, &[dt]);
    let rate = map(&mut b, Map::Mul, &[dt, a]);
    let minus = number(&mut b, -1.0);
    let rate = map(&mut b, Map::Mul, &[rate, minus]);
    let decay = map(&mut b, Map::Exp, &[rate]);
    let decay = b.add1(Op::View(View::Transpose(vec![BATCH, t, n, e])), &[decay]).unwrap();
    let (axis, carries, sequences) = (t, 1, 2);
    let scan = Scan { axis, reverse: false, carries, sequences, yields: 1, finals: 0, body };
    let y = b.add1(Op::Scan(scan), &[h, decay, dt, w]).unwrap();
    b.output("y", y);
    let id = b.finish();
    let both = value_and_grad(&mut module, id, &["h", "dt", "a", "w"]).unwrap();
    assert_eq!(cleaned(&mut module, id), ["softplus", "scan"]);
    let f = module.function(id);
    let Some(Op::Scan(scan)) = f.nodes.iter().map(|n| &n.op).find(|op| matches!(op, Op::Scan(_))) else {
        panic!("a scan")
    };
    assert_eq!((scan.carries, scan.sequences, scan.body.inputs.len()), (1, 1, 4));
    let sunk = value_and_grad(&mut module, id, &["h", "dt", "a", "w"]).unwrap();
    let inputs = Numbers(3).inputs(&module, both, 2, &[]);
    let old = interp::run(&module, both, &inputs, 2).unwrap();
    let new = interp::run(&module, sunk, &inputs, 2).unwrap();
    for ((name, x), (_, y)) in old.outputs.iter().zip(&new.outputs) {
        let far = x.data.iter().zip(&y.data).any(|(x, y)| (x - y).abs() > 1e-12 * x.abs().max(1.0));
        assert!(!far, "{name} changes");
    }
}

#[test]
fn a_scan_loses_what_nobody_reads() {
    let mut module = Module::default();
    let id = scan(&mut module);
    assert_eq!(cleaned(&mut module, id), ["scan"]);
    let scans = module.function(id).nodes.iter().filter_map(|n| match &n.op {
        Op::Scan(scan) => Some(scan),
        _ => None,
    });
    for scan in scans {
        assert_eq!((scan.sequences, scan.yields, scan.finals), (1, 1, 1));
        let operations = scan.body.nodes.iter().filter(|n| n.op != Op::Input).count();
        assert_eq!((scan.body.inputs.len(), operations), (3, 4));
    }
}

#[test]
fn backward_passes_stay_right() {
    let mut module = Module::default();
    let id = scan(&mut module);
    let both = value_and_grad(&mut module, id, &["h", "u", "lost", "a"]).unwrap();
    cleaned(&mut module, both);
    let (t, k, o) = (module.add_axis("T", 3), module.add_axis("K", 5), module.add_axis("O", 2));
    let mut b = Builder::new(&mut module, "layer");
    let x = float(&mut b, "x", &[BATCH, t, k]);
    let w = float(&mut b, "w", &[o, k]);
    let scale = float(&mut b, "scale", &[k]);
    let scaled = map(&mut b, Map::Mul, &[x, scale]);
    let square = map(&mut b, Map::Mul, &[scaled, scaled]);
    let norm = sum(&mut b, square, &[k]);
    let root = map(&mut b, Map::Sqrt, &[norm]);
    let normed = map(&mut b, Map::Div, &[scaled, root]);
    let y = map(&mut b, Map::Mul, &[normed, w]);
    let y = sum(&mut b, y, &[k]);
    b.output("y", y);
    let layer = b.finish();
    let both = value_and_grad(&mut module, layer, &["x", "w", "scale"]).unwrap();
    let flat = inline(&mut module, both);
    cleaned(&mut module, flat);
}

#[test]
fn a_rename_goes_to_the_inputs_of_maps_that_nothing_else_reads() {
    let mut module = Module::default();
    let t = module.add_axis("T", 3);
    let u = module.add_axis("U", 3);
    let mut b = Builder::new(&mut module, "f");
    let x = float(&mut b, "x", &[BATCH, t]);
    let gate = float(&mut b, "gate", &[BATCH]);
    let y = map(&mut b, Map::Mul, &[x, gate]);
    let y = map(&mut b, Map::Exp, &[y]);
    let renamed = b.add1(Op::View(View::Rename { from: t, to: u }), &[y]).unwrap();
    let both = map(&mut b, Map::Mul, &[renamed, renamed]);
    b.output("output", both);
    let id = b.finish();
    let names = cleaned(&mut module, id);
    assert_eq!(names, ["rename", "mul", "exp", "mul"]);
    // Who reads the value under its old name too has it computed once.
    let mut b = Builder::new(&mut module, "g");
    let x = float(&mut b, "x", &[BATCH, t]);
    let y = map(&mut b, Map::Exp, &[x]);
    let renamed = b.add1(Op::View(View::Rename { from: t, to: u }), &[y]).unwrap();
    b.output("old", y);
    b.output("new", renamed);
    let id = b.finish();
    assert_eq!(cleaned(&mut module, id), ["exp", "rename"]);
}

/// What follows a product with weights is at the place of its results, also where these have the name of what is summed.
#[test]
fn a_rename_of_a_product_with_weights_goes_to_what_it_reads() {
    for batched in [false, true] {
        let mut module = Module::default();
        let [t, d, e] = [("T", 3), ("D", 4), ("E", 4)].map(|(name, size)| module.add_axis(name, size));
        let mut b = Builder::new(&mut module, "f");
        let x = float(&mut b, "x", &[BATCH, t, d]);
        let weight = if batched { vec![BATCH, e, d] } else { vec![e, d] };
        let weight = float(&mut b, "weight", &weight);
        let product = b.add1(Op::Contract(vec![d]), &[weight, x]).unwrap();
        let renamed = b.add1(Op::View(View::Rename { from: e, to: d }), &[product]).unwrap();
        let sum = map(&mut b, Map::Add, &[x, renamed]);
        b.output("output", sum);
        let id = b.finish();
        let before = module.clone();
        super::settle(&mut module, id).unwrap();
        verify(&module).unwrap();
        says_the_same(&before, &module, id);
        let wanted = match batched {
            true => ["contract", "rename", "add"].as_slice(),
            false => &["rename", "rename", "rename", "contract", "add"],
        };
        assert_eq!(operations(&module, id), wanted);
    }
}

/// A product that is summed over the axis that the other order has is ordered as it was.
#[test]
fn another_order_over_an_axis_that_is_summed_stays_behind() {
    let mut module = Module::default();
    let [t, z, f] = [("T", 3), ("Z", 3), ("F", 5)].map(|(name, n)| module.add_axis(name, n));
    let mut b = Builder::new(&mut module, "f");
    let (x, weight) = (float(&mut b, "x", &[BATCH, t, z]), float(&mut b, "weight", &[f, z]));
    let x = map(&mut b, Map::Exp, &[x]);
    let product = b.add1(Op::Contract(vec![z]), &[weight, x]).unwrap();
    let order = View::Permute { axis: t, to: z, order: [2, 0, 1].into() };
    let ordered = b.add1(Op::View(order), &[product]).unwrap();
    b.output("output", ordered);
    let id = b.finish();
    let before = module.clone();
    super::settle(&mut module, id).unwrap();
    says_the_same(&before, &module, id);
    assert_eq!(operations(&module, id), ["exp", "contract", "permute"]);
}

/// Tokens that are scaled and then read along a path are read along it and then scaled, and so is a projection of them; what
/// something else reads is computed once.
#[test]
fn another_order_is_taken_to_what_is_in_memory() {
    let mut module = Module::default();
    let [t, s, d, e] = [("T", 3), ("S", 3), ("D", 4), ("E", 5)].map(|(name, n)| module.add_axis(name, n));
    for (is_shared, wanted) in [
        (false, ["permute", "permute", "mul", "permute", "add", "contract"].as_slice()),
        (true, &["mul", "add", "contract", "permute"]),
    ] {
        let mut b = Builder::new(&mut module, "f");
        let (x, y) = (float(&mut b, "x", &[BATCH, t, d]), float(&mut b, "y", &[BATCH, t]));
        let (z, weight) = (float(&mut b, "z", &[BATCH, t, d]), float(&mut b, "weight", &[e, d]));
        let scaled = map(&mut b, Map::Mul, &[x, y]);
        let sum = map(&mut b, Map::Add, &[scaled, z]);
        let product = b.add1(Op::Contract(vec![d]), &[weight, sum]).unwrap();
        let order = View::Permute { axis: t, to: s, order: [2, 0, 1].into() };
        let ordered = b.add1(Op::View(order), &[product]).unwrap();
        b.output("output", ordered);
        if is_shared {
            b.output("sum", sum);
        }
        let id = b.finish();
        let before = module.clone();
        super::settle(&mut module, id).unwrap();
        verify(&module).unwrap();
        says_the_same(&before, &module, id);
        assert_eq!(operations(&module, id), wanted);
    }
}

#[test]
fn padded_parts_side_by_side_are_a_concatenation() {
    for (second, expected) in [(2, vec!["concat"]), (3, vec!["pad", "pad", "add"])] {
        let mut module = Module::default();
        let [t, r, all] = [("T", 3), ("R", 2), ("all", second + 3)].map(|(n, size)| module.add_axis(n, size));
        let mut b = Builder::new(&mut module, "f");
        let x = float(&mut b, "x", &[BATCH, t]);
        let y = float(&mut b, "y", &[BATCH, r]);
        let pad = |axis, before| Op::View(View::Pad { axis, to: all, before, value: 0.0 });
        let x = b.add1(pad(t, second), &[x]).unwrap();
        let y = b.add1(pad(r, 0), &[y]).unwrap();
        let sum = map(&mut b, Map::Add, &[x, y]);
        b.output("output", sum);
        let id = b.finish();
        assert_eq!(cleaned(&mut module, id), expected, "a gap of {}", second - 2);
    }
}

#[test]
fn the_gradient_of_a_depthwise_convolution_is_one() {
    for (left, dilation) in [(0, 1), (2, 1), (1, 2), (4, 2)] {
        let mut module = Module::default();
        let [t, u, k] = [("T", 7), ("U", 6), ("K", 3)].map(|(n, size)| module.add_axis(n, size));
        let mut b = Builder::new(&mut module, "f");
        let g = float(&mut b, "g", &[BATCH, u]);
        let w = float(&mut b, "w", &[k]);
        let product = map(&mut b, Map::Mul, &[g, w]);
        let windows = Windows { axis: t, to: u, offset: k, stride: 1, dilation, left };
        let folded = b.add1(Op::View(View::Fold(windows)), &[product]).unwrap();
        b.output("output", folded);
        let id = b.finish();
        assert_eq!(
            cleaned(&mut module, id),
            ["window", "flip", "contract"],
            "left {left}, dilation {dilation}"
        );
    }
}

#[test]
fn in_a_step_what_has_the_same_axes_is_multiplied_first() {
    let mut module = Module::default();
    let (t, e, n) = (module.add_axis("T", 4), module.add_axis("E", 3), module.add_axis("N", 5));
    let mut step = Builder::new(&mut module, "step");
    let h = float(&mut step, "h", &[BATCH, e, n]);
    let (dt, u) = (float(&mut step, "dt", &[BATCH, e]), float(&mut step, "u", &[BATCH, e]));
    let b = float(&mut step, "b", &[BATCH, n]);
    let drive = map(&mut step, Map::Mul, &[b, dt]);
    let drive = map(&mut step, Map::Mul, &[drive, u]);
    let new = map(&mut step, Map::Add, &[h, drive]);
    let y = sum(&mut step, new, &[n]);
    step.output("h", new);
    step.output("y", y);
    let body = Arc::new(step.function);
    let mut f = Builder::new(&mut module, "f");
    let h = float(&mut f, "h", &[BATCH, e, n]);
    let [dt, u] = ["dt", "u"].map(|name| float(&mut f, name, &[BATCH, t, e]));
    let b = float(&mut f, "b", &[BATCH, t, n]);
    let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 3, yields: 1, finals: 0, body };
    let y = f.add1(Op::Scan(scan), &[h, dt, u, b]).unwrap();
    f.output("y", y);
    let id = f.finish();
    assert_eq!(cleaned(&mut module, id), ["scan"]);
    let Op::Scan(scan) = &module.function(id).nodes.last().unwrap().op else { panic!("a scan") };
    let products = scan.body.nodes.iter().filter(|n| n.op == Op::Map(Map::Mul));
    let shapes: Vec<&[AxisId]> = products.map(|n| scan.body.value(n.outputs[0]).shape.as_slice()).collect();
    assert_eq!(shapes, [[BATCH, e].as_slice(), &[BATCH, n, e]]);
}
