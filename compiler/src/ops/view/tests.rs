//! Views: where elements come from, on small numbers, and gradients by differences.

use crate::grad::check::check;
use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module};
use crate::interp::{Tensor, run_in_order};
use crate::ops::{Map, Op, View, Windows};

/// A function that applies a view to inputs over these axes and squares the result, so that its gradient
/// depends on where elements are.
fn viewed(mut module: Module, view: View, shapes: &[&[AxisId]]) -> (Module, FuncId) {
    let mut b = Builder::new(&mut module, "view");
    let names = ["x", "y", "z"];
    let inputs: Vec<_> = shapes
        .iter()
        .zip(names)
        .map(|(shape, name)| b.input(name, InputKind::Argument, shape.to_vec(), DType::F32))
        .collect();
    let plain = b.add1(Op::View(view), &inputs).unwrap();
    let square = b.add1(Op::Map(Map::Mul), &[plain, plain]).unwrap();
    b.output("plain", plain);
    b.output("square", square);
    let id = b.finish();
    (module, id)
}

/// Checks the elements of a view of `0, 1, 2, …` (of several inputs: 100 more each), and its gradient.
fn expect(module: &Module, view: View, shapes: &[&[AxisId]], dims: &[usize], data: &[f64]) {
    let (module, id) = viewed(module.clone(), view, shapes);
    let count_up = |(at, shape): (usize, &&[AxisId])| {
        let dims = module.dims(shape, 2);
        let elements: usize = dims.iter().product();
        Tensor { dims, data: (0..elements).map(|i| (i + 100 * at) as f64).collect() }
    };
    let inputs = shapes.iter().enumerate().map(count_up).collect();
    let results = run_in_order(&module, id, inputs, 2).unwrap();
    assert_eq!(results.outputs[0].1, Tensor { dims: dims.to_vec(), data: data.to_vec() });
    check(&module, id, &[]);
}

#[test]
fn views_of_one_axis() {
    let mut m = Module::default();
    let (a, t) = (m.add_axis("A", 2), m.add_axis("T", 3));
    let (u, w, one) = (m.add_axis("U", 3), m.add_axis("W", 2), m.add_axis("I", 1));
    let five = m.add_axis("P", 5);
    let at: &[&[AxisId]] = &[&[a, t]];
    let at_values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    expect(&m, View::Rename { from: t, to: u }, at, &[2, 3], &at_values);
    expect(&m, View::Transpose(vec![t, a]), at, &[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    expect(&m, View::Slice { axis: t, to: w, start: 1, step: 1 }, at, &[2, 2], &[1.0, 2.0, 4.0, 5.0]);
    expect(&m, View::Slice { axis: t, to: w, start: 0, step: 2 }, at, &[2, 2], &[0.0, 2.0, 3.0, 5.0]);
    expect(&m, View::Slice { axis: t, to: one, start: 2, step: 7 }, at, &[2, 1], &[2.0, 5.0]);
    expect(&m, View::Slice { axis: t, to: t, start: 0, step: 1 }, at, &[2, 3], &at_values);
    expect(&m, View::Index { axis: t, at: 1 }, at, &[2], &[1.0, 4.0]);
    expect(&m, View::Index { axis: a, at: 1 }, at, &[3], &[3.0, 4.0, 5.0]);
    expect(&m, View::Flip(t), at, &[2, 3], &[2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
    expect(&m, View::Flip(a), at, &[2, 3], &[3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
    let pad = View::Pad { axis: t, to: five, before: 1, value: 9.0 };
    expect(&m, pad, at, &[2, 5], &[9.0, 0.0, 1.0, 2.0, 9.0, 9.0, 3.0, 4.0, 5.0, 9.0]);
    let order = View::Permute { axis: t, to: u, order: vec![2, 0, 1].into() };
    expect(&m, order, at, &[2, 3], &[2.0, 0.0, 1.0, 5.0, 3.0, 4.0]);
}

#[test]
fn several_axes_and_one() {
    let mut m = Module::default();
    let (a, t, c) = (m.add_axis("A", 2), m.add_axis("T", 3), m.add_axis("C", 2));
    let (six, four) = (m.add_axis("S", 6), m.add_axis("F", 4));
    // The last of `from` runs fastest, whatever the storage order, and `to` stands where the first stood.
    let flat = View::Flatten { from: vec![t, a], to: six };
    let values = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0];
    expect(&m, flat, &[&[a, t]], &[6], &values);
    let apart = View::Flatten { from: vec![c, a], to: four };
    let values = [0.0, 6.0, 1.0, 7.0, 2.0, 8.0, 3.0, 9.0, 4.0, 10.0, 5.0, 11.0];
    expect(&m, apart, &[&[a, t, c]], &[3, 4], &values);
    let split = View::Unflatten { from: six, to: vec![t, a] };
    expect(&m, split, &[&[six, c]], &[3, 2, 2], &(0..12).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn concatenation() {
    let mut m = Module::default();
    let (a, r, n) = (m.add_axis("A", 2), m.add_axis("R", 1), m.add_axis("N", 2));
    let (three, two) = (m.add_axis("S", 3), m.add_axis("Z", 2));
    let row = View::Concat { parts: vec![Some(r), Some(n)], into: three };
    expect(&m, row, &[&[a, r], &[n]], &[2, 3], &[0.0, 100.0, 101.0, 1.0, 100.0, 101.0]);
    // An operand may have more axes and another order; a part without an axis takes one position.
    let mixed = View::Concat { parts: vec![None, Some(n)], into: three };
    expect(&m, mixed, &[&[a], &[n, a]], &[3, 2], &[0.0, 1.0, 100.0, 101.0, 102.0, 103.0]);
    let stacked = View::Concat { parts: vec![None, None], into: two };
    expect(
        &m,
        stacked,
        &[&[AxisId::BATCH, a], &[]],
        &[2, 2, 2],
        &[0.0, 1.0, 100.0, 100.0, 2.0, 3.0, 100.0, 100.0],
    );
    let alone = View::Concat { parts: vec![Some(three)], into: three };
    expect(&m, alone, &[&[three]], &[3], &[0.0, 1.0, 2.0]);
}

#[test]
fn windows_and_their_sums() {
    let mut m = Module::default();
    let (t, w, k, c) = (m.add_axis("T", 5), m.add_axis("W", 3), m.add_axis("K", 2), m.add_axis("C", 2));
    let causal = View::Window(Windows { axis: t, to: t, offset: k, stride: 1, dilation: 1, left: 1 });
    let values = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0];
    expect(&m, causal, &[&[t]], &[5, 2], &values);
    let strided = View::Window(Windows { axis: t, to: w, offset: k, stride: 2, dilation: 3, left: 1 });
    expect(&m, strided, &[&[t]], &[3, 2], &[0.0, 2.0, 1.0, 4.0, 3.0, 0.0]);
    let inner = View::Window(Windows { axis: k, to: w, offset: c, stride: 1, dilation: 1, left: 1 });
    let values = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
    expect(&m, inner, &[&[k]], &[3, 2], &values);
    let fold = View::Fold(Windows { axis: t, to: w, offset: k, stride: 1, dilation: 2, left: 0 });
    expect(&m, fold.clone(), &[&[w, k]], &[5], &[0.0, 2.0, 5.0, 3.0, 5.0]);
    // Windows of rows: whole rows are added.
    let values = [0.0, 1.0, 4.0, 5.0, 10.0, 12.0, 6.0, 7.0, 10.0, 11.0];
    expect(&m, fold, &[&[w, k, c]], &[5, 2], &values);
    let edge = View::Fold(Windows { axis: k, to: w, offset: c, stride: 1, dilation: 1, left: 1 });
    // The two axes need not stand side by side, and what lies beyond the edges is dropped.
    expect(&m, edge, &[&[c, w]], &[2], &[4.0, 6.0]);
}

#[test]
fn what_does_not_fit_is_refused_with_names_and_sizes() {
    let mut m = Module::default();
    let (t, u, w) = (m.add_axis("T", 3), m.add_axis("U", 4), m.add_axis("W", 2));
    let refused = [
        (View::Rename { from: t, to: u }, "rename: T:3 cannot become U:4"),
        (View::Rename { from: u, to: t }, "rename: the axis U:4 is not in [batch, T:3, W:2]"),
        (View::Rename { from: t, to: w }, "rename: the axis W:2 stands twice in [batch, W:2, W:2]"),
        (View::Flip(AxisId::BATCH), "flip cannot work along the batch"),
        (View::Index { axis: t, at: 3 }, "index: T:3 has no position 3"),
        (
            View::Slice { axis: t, to: u, start: 0, step: 1 },
            "slice: 4 positions from 0 by 1 do not fit T:3 as U:4",
        ),
        (
            View::Flatten { from: vec![t, w], to: u },
            "flatten: [T:3, W:2] has 6 positions, not as many as U:4",
        ),
        (View::Pad { axis: t, to: u, before: 2, value: 0.0 }, "pad: 2 positions and T:3 do not fit into U:4"),
        (
            View::Permute { axis: t, to: t, order: vec![0, 0, 1].into() },
            "permute: 0 is out of range or stands twice",
        ),
    ];
    for (view, message) in refused {
        let mut module = m.clone();
        let mut b = Builder::new(&mut module, "refused");
        let x = b.input("x", InputKind::Argument, vec![AxisId::BATCH, t, w], DType::F32);
        assert_eq!(b.add(Op::View(view), &[x]).unwrap_err().0, message);
    }
}
