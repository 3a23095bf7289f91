//! Reductions, contractions, views, lookups and scans.

use super::*;
use arch_compiler::ops::source::Literal;
use arch_compiler::ops::{Map, Reduce, Scan, View, Windows};
use std::sync::Arc;

#[test]
fn reductions_over_any_axes() {
    let mut module = Module::default();
    let (a, b, c) = (module.add_axis("A", 3), module.add_axis("B", 1), module.add_axis("C", 7));
    let axes: [&[AxisId]; 8] = [&[a], &[c], &[b], &[a, c], &[c, a], &[BATCH], &[BATCH, c], &[BATCH, a, b, c]];
    for over in axes {
        for reduce in [Reduce::Sum, Reduce::Max, Reduce::Min, Reduce::Product] {
            operation(&mut module, Op::Reduce(reduce, over.to_vec()), &[&[BATCH, a, b, c]], 1e-6);
        }
    }
}

#[test]
fn contractions_with_shared_outer_and_summed_axes() {
    let mut module = Module::default();
    let [h, t, s, d, f] =
        [("H", 2), ("T", 5), ("S", 3), ("D", 17), ("F", 4)].map(|(n, k)| module.add_axis(n, k));
    let cases: [(&[AxisId], &[AxisId], &[AxisId]); 8] = [
        (&[BATCH, t, d], &[d, f], &[d]),
        (&[BATCH, t, d], &[f, d], &[d]),
        (&[BATCH, h, t, d], &[BATCH, s, h, d], &[d]),
        (&[BATCH, h, t, s], &[BATCH, h, s, d], &[s]),
        (&[t, BATCH, d], &[BATCH, t, f], &[BATCH, t]),
        (&[d], &[d], &[d]),
        (&[BATCH, t, d, f], &[d, f], &[d, f]),
        (&[BATCH, t, d, f], &[BATCH, t, d, f], &[f]),
    ];
    for (x, y, over) in cases {
        let x = arch_first(x);
        operation(&mut module, Op::Contract(over.to_vec()), &[&x, y], 2e-6);
    }
}

/// With the batch in front.
fn arch_first(shape: &[AxisId]) -> Vec<AxisId> {
    let mut shape = shape.to_vec();
    shape.sort_by_key(|a| *a != BATCH);
    shape
}

#[test]
fn views_that_keep_positions() {
    let mut module = Module::default();
    let [a, b, c] = [("A", 3), ("B", 5), ("C", 2)].map(|(n, k)| module.add_axis(n, k));
    let [a2, ac, ca, abc] = [("A", 3), ("AC", 6), ("CA", 6), ("ABC", 30)].map(|(n, k)| module.add_axis(n, k));
    let x: &[AxisId] = &[BATCH, a, b, c];
    for view in [
        View::Rename { from: a, to: a2 },
        View::Transpose(vec![BATCH, c, a, b]),
        View::Transpose(vec![BATCH, b, c, a]),
        View::Transpose(vec![BATCH, a, b, c]),
        View::Flatten { from: vec![a, c], to: ac },
        View::Flatten { from: vec![c, a], to: ca },
        View::Flatten { from: vec![a, b, c], to: abc },
        View::Flatten { from: vec![b, c, a], to: abc },
    ] {
        operation(&mut module, Op::View(view), &[x], 0.0);
    }
    operation(&mut module, Op::View(View::Unflatten { from: abc, to: vec![c, b, a] }), &[&[BATCH, abc]], 0.0);
    let long: Vec<AxisId> = (0..6).map(|i| module.add_axis(format!("L{i}"), 1 + i % 3)).collect();
    let turned: Vec<AxisId> = long.iter().rev().copied().collect();
    operation(&mut module, Op::View(View::Transpose(turned)), &[&long], 0.0);
}

#[test]
fn views_that_pick_positions() {
    let mut module = Module::default();
    let [a, b, c] = [("A", 2), ("B", 7), ("C", 3)].map(|(n, k)| module.add_axis(n, k));
    let [three, one, two] = [("S", 3), ("I", 1), ("W", 2)].map(|(n, k)| module.add_axis(n, k));
    let [same, longer] = [("B2", 7), ("P", 12)].map(|(n, k)| module.add_axis(n, k));
    let slice = |to, start, step| View::Slice { axis: b, to, start, step };
    let views = [
        slice(three, 0, 1),
        slice(three, 4, 1),
        slice(three, 0, 3),
        slice(three, 1, 2),
        slice(three, 2, 2),
        slice(one, 6, 5),
        slice(two, 0, 6),
        slice(same, 0, 1),
        View::Index { axis: b, at: 0 },
        View::Index { axis: b, at: 6 },
        View::Flip(b),
        View::Permute { axis: b, to: same, order: [6, 0, 1, 5, 2, 3, 4].into() },
        View::Pad { axis: b, to: longer, before: 2, value: 0.0 },
        View::Pad { axis: b, to: longer, before: 5, value: -1.25 },
        View::Pad { axis: b, to: longer, before: 0, value: f64::NEG_INFINITY },
        View::Pad { axis: b, to: same, before: 0, value: 3.0 },
    ];
    for view in views {
        operation(&mut module, Op::View(view.clone()), &[&[BATCH, a, b, c]], 0.0);
        operation(&mut module, Op::View(view), &[&[b]], 0.0);
    }
}

#[test]
fn windows_and_their_sums() {
    let mut module = Module::default();
    let (a, b, c) = (module.add_axis("A", 2), module.add_axis("B", 11), module.add_axis("C", 3));
    for (count, width, stride, dilation, left) in [
        (11, 3, 1, 1, 1),
        (5, 3, 2, 1, 0),
        (6, 2, 2, 1, 1),
        (11, 3, 1, 2, 2),
        (3, 4, 4, 1, 0),
        (2, 1, 1, 1, 5),
        (1, 2, 3, 3, 0),
        (12, 4, 1, 1, 3),
    ] {
        let (to, offset) = (module.add_axis("W", count), module.add_axis("K", width));
        let window = View::Window(Windows { axis: b, to, offset, stride, dilation, left });
        operation(&mut module, Op::View(window), &[&[BATCH, a, b, c]], 0.0);
        let fold = View::Fold(Windows { axis: b, to, offset, stride, dilation, left });
        operation(&mut module, Op::View(fold.clone()), &[&[BATCH, a, to, offset, c]], 1e-6);
        operation(&mut module, Op::View(fold), &[&[BATCH, offset, a, to, c]], 1e-6);
    }
}

#[test]
fn concatenations_with_parts_and_without() {
    let mut module = Module::default();
    let [a, b, c, d] = [("A", 2), ("B", 3), ("C", 5), ("D", 4)].map(|(n, k)| module.add_axis(n, k));
    let [bc, three] = [("BC", 8), ("N", 3)].map(|(n, k)| module.add_axis(n, k));
    let longer = module.add_axis("BCI", 9);
    let concat = |parts: &[Option<AxisId>], into| Op::View(View::Concat { parts: parts.to_vec(), into });
    operation(&mut module, concat(&[Some(b), Some(c)], bc), &[&[BATCH, a, b, d], &[BATCH, a, c, d]], 0.0);
    operation(&mut module, concat(&[Some(b), Some(c)], bc), &[&[BATCH, b, d], &[c, a]], 0.0);
    operation(&mut module, concat(&[Some(b), Some(c), None], longer), &[&[d, b], &[c], &[BATCH, d]], 0.0);
    operation(&mut module, concat(&[None, None, None], three), &[&[BATCH, d], &[d], &[]], 0.0);
}

/// Lookups and their transposes, where index and table share axes and where they do not.
#[test]
fn lookups_and_their_transposes() {
    let mut module = Module::default();
    let [n, t, d, k] = [("N", 3), ("T", 4), ("D", 5), ("K", 2)].map(|(n, k)| module.add_axis(n, k));
    let cases: [(&[AxisId], &[AxisId]); 6] = [
        (&[n, d], &[BATCH]),
        (&[n, d], &[BATCH, t]),
        (&[BATCH, d, n], &[BATCH, t, k]),
        (&[BATCH, t, n, d], &[BATCH, t]),
        (&[n], &[]),
        (&[t, n], &[BATCH, t]),
    ];
    for (table, index) in cases {
        let mut b = Builder::new(&mut module, "lookup");
        let (x, i) = (float(&mut b, "table", table), integer(&mut b, "index", index));
        let found = b.add1(Op::Gather { axis: n }, &[x, i]).unwrap();
        let back = b.add1(Op::ScatterAdd { axis: n, shape: table.to_vec() }, &[i, found]).unwrap();
        b.output("found", found);
        b.output("back", back);
        let id = b.finish();
        agrees(&format!("lookup {table:?} {index:?}"), &module, id, 1e-6, &[]);
    }
}

#[test]
fn sources() {
    let mut module = Module::default();
    let (t, d) = (module.add_axis("T", 3), module.add_axis("D", 2));
    let mut b = Builder::new(&mut module, "sources");
    let x = float(&mut b, "x", &[BATCH, d]);
    let data = (0..6).map(|i| 0.5 * f64::from(i)).collect();
    let literal = Literal { shape: vec![t, d], data, integer: false };
    let literal = b.add1(Op::Tensor(Arc::new(literal)), &[]).unwrap();
    let iota = b.add1(Op::Iota(t), &[]).unwrap();
    let number = Literal { shape: vec![], data: vec![4.0], integer: true };
    let number = b.add1(Op::Tensor(Arc::new(number)), &[]).unwrap();
    let sum = b.add1(Op::Map(Map::Add), &[literal, iota]).unwrap();
    let sum = b.add1(Op::Map(Map::Mul), &[sum, number]).unwrap();
    let product = b.add1(Op::Map(Map::Mul), &[sum, x]).unwrap();
    let wide = b.add1(Op::Map(Map::Broadcast), &[number, x]).unwrap();
    for (name, value) in [
        ("literal", literal),
        ("iota", iota),
        ("number", number),
        ("product", product),
        ("wide", wide),
        ("same", x),
    ] {
        b.output(name, value);
    }
    let id = b.finish();
    agrees("sources", &module, id, 1e-7, &[]);
}

/// Two carries, two sequences, a constant; two yields and two finals.
fn recurrence(module: &mut Module, length: usize, reverse: bool) -> FuncId {
    let (t, d, n) = (module.add_axis("T", length), module.add_axis("D", 3), module.add_axis("N", 2));
    let mut body = Builder::new(module, "body");
    let (h, s) = (float(&mut body, "h", &[BATCH, d, n]), float(&mut body, "s", &[n]));
    let (x, a) = (float(&mut body, "x", &[BATCH, d]), float(&mut body, "a", &[n]));
    let w = float(&mut body, "w", &[n, d]);
    let decayed = body.add1(Op::Map(Map::Mul), &[h, a]).unwrap();
    let h2 = body.add1(Op::Map(Map::Add), &[decayed, x]).unwrap();
    let s2 = body.add1(Op::Map(Map::Sin), &[s]).unwrap();
    let s2 = body.add1(Op::Map(Map::Add), &[s2, a]).unwrap();
    let y = body.add1(Op::Contract(vec![n]), &[h2, w]).unwrap();
    let last = body.add1(Op::Reduce(Reduce::Max, vec![d]), &[h2]).unwrap();
    for (name, value) in [("h", h2), ("s", s2), ("y", y), ("z", s2), ("end", last), ("h", h2)] {
        body.output(name, value);
    }
    let body = Arc::new(body.function);
    let mut b = Builder::new(module, "scan");
    let inputs = [
        float(&mut b, "h0", &[BATCH, d, n]),
        float(&mut b, "s0", &[n]),
        float(&mut b, "x", &[BATCH, t, d]),
        float(&mut b, "a", &[n, t]),
        float(&mut b, "w", &[n, d]),
    ];
    let scan = Scan { axis: t, reverse, carries: 2, sequences: 2, yields: 2, finals: 2, body };
    let results = b.add(Op::Scan(scan), &inputs).unwrap();
    for (name, value) in ["ys", "zs", "end", "last"].into_iter().zip(results) {
        b.output(name, value);
    }
    b.finish()
}

#[test]
fn scans_in_both_directions() {
    for (length, reverse) in [(1, false), (1, true), (6, false), (7, true)] {
        let mut module = Module::default();
        let id = recurrence(&mut module, length, reverse);
        agrees(&format!("scan of {length}, reverse {reverse}"), &module, id, 2e-6, &[]);
    }
}
