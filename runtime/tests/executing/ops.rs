//! Every operation by itself, at sizes around the length of a vector.

use super::common::{ARGUMENT, Fill, SIZES, Terms, compare};
use super::tolerance::{
    CONTRACTIONS, COPIES, FUNCTIONS, GATHERS, MAPS, NORMS, POWERS, REDUCTIONS, Tolerance, VIEWS, WEIGHTS,
    WINDOWS,
};
use arch_compiler::graph::{AxisId, Builder, DType, Module, ValueId};
use arch_compiler::ops::source::Literal;
use arch_compiler::ops::{Map, Op, Reduce, View, Windows};
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

/// Builds a function of some inputs and compares it at batch 1 and 3.
fn check(
    what: &str,
    tolerance: &'static Tolerance,
    how: Fill,
    below: usize,
    build: impl Fn(&mut Builder<'_>) -> Vec<ValueId>,
) {
    compare_all(what, &Terms::in_turn(what, tolerance, how, below), build);
}

/// The same on every instruction set of the machine.
fn check_everywhere(
    what: &str,
    tolerance: &'static Tolerance,
    how: Fill,
    below: usize,
    build: impl Fn(&mut Builder<'_>) -> Vec<ValueId>,
) {
    compare_all(what, &Terms::everywhere(tolerance, how, below), build);
}

fn compare_all(what: &str, terms: &Terms, build: impl Fn(&mut Builder<'_>) -> Vec<ValueId>) {
    let mut module = Module::default();
    let mut b = Builder::new(&mut module, "test");
    for (i, value) in build(&mut b).into_iter().enumerate() {
        b.output(format!("output{i}"), value);
    }
    let function = b.finish();
    for batch in [1, 3] {
        compare(what, &module, function, batch, terms);
    }
}

fn float(b: &mut Builder<'_>, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, ARGUMENT, shape.to_vec(), DType::F32)
}

fn add(b: &mut Builder<'_>, op: Op, inputs: &[ValueId]) -> ValueId {
    b.add1(op, inputs).unwrap()
}

/// Largest relative error against f64, by operation.
fn tolerance(map: Map) -> &'static Tolerance {
    match map {
        Map::Pow | Map::Rem => &POWERS,
        Map::Exp | Map::Log | Map::Sin | Map::Cos | Map::Tanh | Map::Erf | Map::Sigmoid | Map::Softplus => {
            &FUNCTIONS
        }
        _ => &MAPS,
    }
}

const BINARY: [Map; 13] = [
    Map::Add,
    Map::Sub,
    Map::Mul,
    Map::Div,
    Map::Rem,
    Map::Pow,
    Map::Min,
    Map::Max,
    Map::Lt,
    Map::Le,
    Map::Eq,
    Map::And,
    Map::Or,
];
const UNARY: [Map; 15] = [
    Map::Neg,
    Map::Not,
    Map::Abs,
    Map::Floor,
    Map::Exp,
    Map::Log,
    Map::Sqrt,
    Map::Rsqrt,
    Map::Sin,
    Map::Cos,
    Map::Tanh,
    Map::Erf,
    Map::Sigmoid,
    Map::Softplus,
    Map::ToFloat,
];

#[test]
fn maps_on_every_size() {
    for size in SIZES {
        for map in BINARY {
            check(&format!("{map:?} {size}"), tolerance(map), Fill::Positive, 4, |b| {
                let d = b.module.add_axis("D", size);
                let (x, y) = (float(b, "x", &[BATCH, d]), float(b, "y", &[BATCH, d]));
                vec![add(b, Op::Map(map), &[x, y])]
            });
        }
    }
    for map in UNARY {
        let how =
            if matches!(map, Map::Log | Map::Sqrt | Map::Rsqrt) { Fill::Positive } else { Fill::Signed };
        check(&format!("{map:?}"), tolerance(map), how, 4, |b| {
            let d = b.module.add_axis("D", 37);
            let x = float(b, "x", &[BATCH, d]);
            vec![add(b, Op::Map(map), &[x])]
        });
    }
}

#[test]
fn every_map_on_every_instruction_set() {
    for size in [7, 33] {
        check_everywhere(&format!("all maps {size}"), &POWERS, Fill::Positive, 4, |b| {
            let d = b.module.add_axis("D", size);
            let (x, y) = (float(b, "x", &[BATCH, d]), float(b, "y", &[BATCH, d]));
            let unary = UNARY.map(|map| add(b, Op::Map(map), &[x]));
            let binary = BINARY.map(|map| add(b, Op::Map(map), &[x, y]));
            [&unary[..], &binary].concat()
        });
    }
}

#[test]
fn every_pattern_of_broadcasting() {
    for left in 0..8usize {
        for right in 0..8usize {
            check(&format!("broadcast {left} {right}"), &MAPS, Fill::Signed, 4, |b| {
                let axes = [BATCH, b.module.add_axis("T", 5), b.module.add_axis("D", 18)];
                let pick = |bits: usize| -> Vec<AxisId> {
                    (0..3).filter(|i| bits >> i & 1 == 1).map(|i| axes[i]).collect()
                };
                let (x, y) = (float(b, "x", &pick(left)), float(b, "y", &pick(right)));
                let product = add(b, Op::Map(Map::Mul), &[x, y]);
                let e = add(b, Op::Map(Map::Exp), &[product]);
                vec![product, add(b, Op::Map(Map::Add), &[e, y])]
            });
        }
    }
}

#[test]
fn integers_truth_values_and_selection() {
    check_everywhere("integers", &MAPS, Fill::Signed, 9, |b| {
        let d = b.module.add_axis("D", 21);
        let i = b.input("i", ARGUMENT, vec![BATCH, d], DType::Int);
        let j = b.input("j", ARGUMENT, vec![d], DType::Int);
        let x = float(b, "x", &[BATCH, d]);
        let iota = add(b, Op::Iota(d), &[]);
        let sum = add(b, Op::Map(Map::Add), &[i, j]);
        let neg = add(b, Op::Map(Map::Neg), &[sum]);
        let seven = Arc::new(Literal { shape: vec![], data: vec![7.0], integer: true });
        let seven = add(b, Op::Tensor(seven), &[]);
        let rem = add(b, Op::Map(Map::Rem), &[neg, seven]);
        let less = add(b, Op::Map(Map::Lt), &[i, iota]);
        let not = add(b, Op::Map(Map::Not), &[less]);
        let both = add(b, Op::Map(Map::Or), &[not, less]);
        let chosen = add(b, Op::Map(Map::Where), &[less, x, iota]);
        let whole = add(b, Op::Map(Map::Where), &[less, i, j]);
        let float = add(b, Op::Map(Map::ToFloat), &[less]);
        vec![sum, rem, less, both, chosen, whole, float]
    });
}

#[test]
fn reductions_over_every_axis() {
    for reduce in [Reduce::Sum, Reduce::Max, Reduce::Min, Reduce::Product] {
        for size in SIZES {
            for over in 1..8usize {
                check(&format!("{reduce:?} {size} {over}"), &REDUCTIONS, Fill::Signed, 4, |b| {
                    let axes = [BATCH, b.module.add_axis("T", 5), b.module.add_axis("D", size)];
                    let x = float(b, "x", &axes);
                    let over = (0..3).filter(|i| over >> i & 1 == 1).map(|i| axes[i]).collect();
                    let square = add(b, Op::Map(Map::Mul), &[x, x]);
                    vec![add(b, Op::Reduce(reduce, over), &[square])]
                });
            }
        }
    }
}

#[test]
fn norms_and_softmax_are_one_kernel() {
    for size in SIZES {
        check_everywhere(&format!("norm {size}"), &NORMS, Fill::Signed, 4, |b| {
            let (t, d) = (b.module.add_axis("T", 6), b.module.add_axis("D", size));
            let x = float(b, "x", &[BATCH, t, d]);
            let scale = float(b, "scale", &[BATCH, d]);
            let n = add(b, Op::Constant(1.0 / size as f64), &[]);
            let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[x]);
            let mean = add(b, Op::Map(Map::Mul), &[sum, n]);
            let centered = add(b, Op::Map(Map::Sub), &[x, mean]);
            let square = add(b, Op::Map(Map::Mul), &[centered, centered]);
            let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[square]);
            let variance = add(b, Op::Map(Map::Mul), &[sum, n]);
            let eps = add(b, Op::Constant(1e-2), &[]);
            let variance = add(b, Op::Map(Map::Add), &[variance, eps]);
            let k = add(b, Op::Map(Map::Rsqrt), &[variance]);
            let normal = add(b, Op::Map(Map::Mul), &[centered, k]);
            let scaled = add(b, Op::Map(Map::Mul), &[normal, scale]);
            let max = add(b, Op::Reduce(Reduce::Max, vec![d]), &[scaled]);
            let shifted = add(b, Op::Map(Map::Sub), &[scaled, max]);
            let e = add(b, Op::Map(Map::Exp), &[shifted]);
            let total = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[e]);
            vec![add(b, Op::Map(Map::Div), &[e, total]), k, normal]
        });
    }
}

#[test]
fn contractions_with_every_kind_of_axis() {
    // Bits: batch, H, M in the left; batch, H, N in the right; K and L are summed.
    for left in 0..8usize {
        for right in 0..8usize {
            for size in [1, 7, 17] {
                check(&format!("contract {left} {right} {size}"), &CONTRACTIONS, Fill::Signed, 4, |b| {
                    let h = b.module.add_axis("H", 3);
                    let (m, n) = (b.module.add_axis("M", size), b.module.add_axis("N", 9));
                    let (k, l) = (b.module.add_axis("K", size), b.module.add_axis("L", 2));
                    let pick = |bits: usize, own: AxisId| -> Vec<AxisId> {
                        let all = [(1, BATCH), (2, h), (4, own)];
                        all.iter().filter(|a| bits & a.0 != 0).map(|a| a.1).collect()
                    };
                    let (a, c) = (pick(left, m), pick(right, n));
                    let x = float(b, "x", &[&a[..], &[k, l]].concat());
                    let batch = usize::from(c.first() == Some(&BATCH));
                    let y = float(b, "y", &[&c[..batch], &[l], &c[batch..], &[k]].concat());
                    vec![add(b, Op::Contract(vec![k, l]), &[x, y])]
                });
            }
        }
    }
}

#[test]
fn gradients_of_weights_sum_over_the_batch() {
    check_everywhere("weight gradient", &WEIGHTS, Fill::Signed, 4, |b| {
        let (t, i, o) = (b.module.add_axis("T", 5), b.module.add_axis("I", 17), b.module.add_axis("O", 9));
        let (x, g) = (float(b, "x", &[BATCH, t, i]), float(b, "g", &[BATCH, t, o]));
        let weight = add(b, Op::Contract(vec![BATCH, t]), &[g, x]);
        let bias = add(b, Op::Reduce(Reduce::Sum, vec![BATCH, t]), &[g]);
        let y = float(b, "y", &[BATCH, t, o]);
        let scale = add(b, Op::Contract(vec![BATCH, t]), &[g, y]);
        vec![weight, bias, scale]
    });
}

/// Sums down columns where several vectors go together, and where columns are too few for that or no whole vectors: what is
/// known before a sum, and what follows it.
#[test]
fn sums_down_columns() {
    for size in [24, 63, 64, 65, 192] {
        for reduce in [Reduce::Sum, Reduce::Max, Reduce::Min] {
            check_everywhere(&format!("columns {reduce:?} {size}"), &WEIGHTS, Fill::Signed, 4, |b| {
                let (t, d) = (b.module.add_axis("T", 19), b.module.add_axis("D", size));
                let (x, y) = (float(b, "x", &[BATCH, t, d]), float(b, "y", &[BATCH, t, d]));
                let (shift, token) = (float(b, "shift", &[BATCH, d]), float(b, "token", &[BATCH, t]));
                let scale = add(b, Op::Map(Map::Tanh), &[shift]);
                let moved = add(b, Op::Map(Map::Mul), &[x, scale]);
                let weighted = add(b, Op::Map(Map::Mul), &[moved, token]);
                let of_samples = add(b, Op::Reduce(reduce, vec![t]), &[weighted]);
                let after = add(b, Op::Map(Map::Mul), &[of_samples, scale]);
                let biased = add(b, Op::Map(Map::Add), &[y, shift]);
                let product = add(b, Op::Contract(vec![t]), &[x, biased]);
                let all = add(b, Op::Reduce(reduce, vec![BATCH, t]), &[y]);
                vec![after, product, all]
            });
        }
    }
}

#[test]
fn views_alone_and_below_products() {
    for size in [1, 7, 16] {
        check_everywhere(&format!("views {size}"), &VIEWS, Fill::Signed, 4, |b| {
            let (t, d, s) =
                (b.module.add_axis("T", 6), b.module.add_axis("D", size), b.module.add_axis("S", 6));
            let td = b.module.add_axis("TD", 6 * size);
            let (t1, t2) = (b.module.add_axis("T1", 2), b.module.add_axis("T2", 3));
            let (cut, padded) = (b.module.add_axis("C", 3), b.module.add_axis("P", 9));
            let (w, k, z) = (b.module.add_axis("W", 4), b.module.add_axis("K", 3), b.module.add_axis("Z", 6));
            let joined = b.module.add_axis("J", 13);
            let x = float(b, "x", &[BATCH, t, d]);
            let view = |b: &mut Builder<'_>, v: View, x: ValueId| add(b, Op::View(v), &[x]);
            let mut out = vec![
                view(b, View::Rename { from: t, to: s }, x),
                view(b, View::Transpose(vec![BATCH, d, t]), x),
                view(b, View::Flatten { from: vec![t, d], to: td }, x),
                view(b, View::Flatten { from: vec![d, t], to: td }, x),
                view(b, View::Unflatten { from: t, to: vec![t1, t2] }, x),
                view(b, View::Slice { axis: t, to: cut, start: 1, step: 2 }, x),
                view(b, View::Index { axis: t, at: 4 }, x),
                view(b, View::Flip(t), x),
                view(b, View::Pad { axis: t, to: padded, before: 2, value: 0.5 }, x),
                view(
                    b,
                    View::Window(Windows { axis: t, to: w, offset: k, stride: 2, dilation: 1, left: 1 }),
                    x,
                ),
                view(b, View::Permute { axis: t, to: z, order: Arc::from([3u32, 0, 5, 1, 4, 2]) }, x),
            ];
            let windows = out[9];
            out.push(view(
                b,
                View::Fold(Windows { axis: t, to: w, offset: k, stride: 2, dilation: 1, left: 1 }),
                windows,
            ));
            let index = out[6];
            let parts = vec![Some(t), None, Some(s)];
            let concat = View::Concat { parts, into: joined };
            out.push(add(b, Op::View(concat), &[x, index, out[0]]));
            // Each again below a map, and where it has the axis, below a product.
            let f = b.module.add_axis("F", 5);
            let weight = float(b, "w", &[d, f]);
            for value in out.clone() {
                out.push(add(b, Op::Map(Map::Exp), &[value]));
                if b.shape(value).contains(&d) {
                    out.push(add(b, Op::Contract(vec![d]), &[value, weight]));
                }
            }
            out
        });
    }
}

#[test]
fn convolution_by_windows() {
    check_everywhere("convolution", &WINDOWS, Fill::Signed, 4, |b| {
        let (h, w, c) = (b.module.add_axis("H", 7), b.module.add_axis("W", 9), b.module.add_axis("C", 3));
        let (oh, ow, o) = (b.module.add_axis("OH", 7), b.module.add_axis("OW", 5), b.module.add_axis("O", 6));
        let (p, q) = (b.module.add_axis("P", 3), b.module.add_axis("Q", 3));
        let x = float(b, "x", &[BATCH, c, h, w]);
        let weight = float(b, "weight", &[o, c, p, q]);
        let rows = View::Window(Windows { axis: h, to: oh, offset: p, stride: 1, dilation: 1, left: 1 });
        let rows = add(b, Op::View(rows), &[x]);
        let all = View::Window(Windows { axis: w, to: ow, offset: q, stride: 2, dilation: 1, left: 1 });
        let all = add(b, Op::View(all), &[rows]);
        let y = add(b, Op::Contract(vec![c, p, q]), &[all, weight]);
        let g = add(b, Op::Contract(vec![BATCH, oh, ow]), &[y, all]);
        vec![y, g]
    });
}

/// Channels around those from which the gradients of a window's weights are summed in one run, which depends on the
/// vectors of a machine.
#[test]
fn convolution_of_each_channel() {
    for (channels, length) in [(1, 9), (7, 9), (128, 1), (131, 9), (263, 5), (520, 9)] {
        check_everywhere(&format!("{channels} channels of {length}"), &WINDOWS, Fill::Signed, 3, |b| {
            let (t, s) = (b.module.add_axis("T", length), b.module.add_axis("S", length));
            let (e, k) = (b.module.add_axis("E", channels), b.module.add_axis("K", 4));
            let x = float(b, "x", &[BATCH, t, e]);
            let weight = float(b, "weight", &[e, k]);
            let before = Windows { axis: t, to: s, offset: k, stride: 1, dilation: 1, left: 3 };
            let seen = add(b, Op::View(View::Window(before)), &[x]);
            let y = add(b, Op::Contract(vec![k]), &[seen, weight]);
            let active = add(b, Op::Map(Map::Sigmoid), &[y]);
            let g = add(b, Op::Contract(vec![BATCH, s]), &[active, seen]);
            vec![y, active, g]
        });
    }
}

#[test]
fn lookups_and_their_adjoint() {
    for size in SIZES {
        check_everywhere(&format!("gather {size}"), &GATHERS, Fill::Signed, 11, |b| {
            let (n, d, t) =
                (b.module.add_axis("N", 11), b.module.add_axis("D", size), b.module.add_axis("T", 4));
            let table = float(b, "table", &[n, d]);
            let own = float(b, "own", &[BATCH, n]);
            let label = b.input("label", ARGUMENT, vec![BATCH], DType::Int);
            let tokens = b.input("tokens", ARGUMENT, vec![BATCH, t], DType::Int);
            let one = add(b, Op::Gather { axis: n }, &[table, label]);
            let many = add(b, Op::Gather { axis: n }, &[table, tokens]);
            let shared = add(b, Op::Gather { axis: n }, &[own, tokens]);
            let scatter = Op::ScatterAdd { axis: n, shape: vec![n, d] };
            let back = add(b, scatter.clone(), &[label, one]);
            let all = add(b, scatter, &[tokens, many]);
            let each = add(b, Op::ScatterAdd { axis: n, shape: vec![BATCH, n] }, &[tokens, shared]);
            let e = add(b, Op::Map(Map::Exp), &[many]);
            vec![one, many, shared, back, all, each, e]
        });
    }
}

#[test]
fn results_that_are_inputs_constants_and_iotas() {
    check("plain", &COPIES, Fill::Signed, 4, |b| {
        let d = b.module.add_axis("D", 5);
        let x = float(b, "x", &[BATCH, d]);
        let table = Arc::new(Literal { shape: vec![d], data: vec![1., 2., 3., 4., 5.5], integer: false });
        let table = add(b, Op::Tensor(table), &[]);
        let (number, iota) = (add(b, Op::Constant(2.5), &[]), add(b, Op::Iota(d), &[]));
        let wide = add(b, Op::Map(Map::Broadcast), &[number, x]);
        let product = add(b, Op::Map(Map::Mul), &[x, table]);
        vec![x, table, number, iota, wide, product]
    });
}
