//! Random graphs: up to a dozen operations of every kind on ranks 0 to 6, with sizes 1, odd and even.

use super::*;
use arch_compiler::ops::{Map, Reduce, Scan, View, Windows};
use std::sync::Arc;

const GRAPHS: u64 = 240;
const SIZES: [usize; 5] = [1, 2, 3, 5, 7];
/// Larger values are not made, so that the interpreter stays quick.
const MOST_ELEMENTS: usize = 3000;

/// A graph that grows by operations that fit the values it has.
struct Growing<'m> {
    b: Builder<'m>,
    numbers: Numbers,
    values: Vec<ValueId>,
}

impl Growing<'_> {
    fn any(&mut self) -> ValueId {
        // Later values are more likely, so that graphs become deep.
        let (first, second) = (self.numbers.below(self.values.len()), self.numbers.below(self.values.len()));
        self.values[first.max(second)]
    }

    fn fresh(&mut self, size: usize) -> AxisId {
        self.b.module.add_axis("N", size)
    }

    fn size(&self, axis: AxisId) -> usize {
        self.b.module.size(axis, 2)
    }

    /// An axis of a value other than the batch.
    fn axis(&mut self, of: ValueId) -> Option<AxisId> {
        let axes: Vec<AxisId> = self.b.shape(of).iter().copied().filter(|a| *a != BATCH).collect();
        (!axes.is_empty()).then(|| axes[self.numbers.below(axes.len())])
    }

    /// Adds an operation, unless it does not fit or its result would be too large.
    fn add(&mut self, op: Op, inputs: &[ValueId]) {
        let described: Vec<_> = inputs.iter().map(|v| self.b.function.value(*v)).collect();
        let Ok(shapes) = op.shapes(self.b.module, &described) else { return };
        let fits = |shape: &Vec<AxisId>| {
            shape.len() <= 6 && self.b.module.dims(shape, 2).iter().product::<usize>() <= MOST_ELEMENTS
        };
        if shapes.iter().all(|(shape, _)| fits(shape)) {
            let made = self.b.add(op, inputs).unwrap();
            self.values.extend(made);
        }
    }

    fn map(&mut self) {
        let (x, y, z) = (self.any(), self.any(), self.any());
        let two = [Map::Add, Map::Sub, Map::Mul, Map::Max, Map::Min, Map::Broadcast];
        let one = [Map::Sin, Map::Cos, Map::Tanh, Map::Sigmoid, Map::Softplus, Map::Erf, Map::Abs, Map::Neg];
        match self.numbers.below(4) {
            0 | 1 => {
                let map = two[self.numbers.below(two.len())];
                self.add(Op::Map(map), &[x, y]);
            }
            2 => {
                let map = one[self.numbers.below(one.len())];
                self.add(Op::Map(map), &[x]);
            }
            // Conditions compare inputs, which are the same numbers in both forms.
            _ => {
                let compare = [Map::Lt, Map::Le][self.numbers.below(2)];
                let condition = self.b.add1(Op::Map(compare), &[self.values[0], self.values[1]]).unwrap();
                self.add(Op::Map(Map::Where), &[condition, y, z]);
            }
        }
    }

    fn summing(&mut self) {
        let (x, y) = (self.any(), self.any());
        let Some(axis) = self.axis(x) else { return };
        let mut axes = vec![axis];
        if let Some(other) = self.axis(x).filter(|a| *a != axis) {
            axes.push(other);
        }
        match self.numbers.below(5) {
            0 => self.add(Op::Reduce(Reduce::Sum, axes), &[x]),
            1 => self.add(Op::Reduce(Reduce::Max, axes), &[x]),
            2 => self.add(Op::Reduce(Reduce::Min, axes), &[x]),
            3 => self.add(Op::Reduce(Reduce::Product, axes), &[x]),
            _ => {
                let shared = axes.into_iter().filter(|a| self.b.shape(y).contains(a)).collect();
                self.add(Op::Contract(shared), &[x, y]);
            }
        }
    }

    fn view(&mut self) {
        let x = self.any();
        let Some(axis) = self.axis(x) else { return };
        let (size, shape) = (self.size(axis), self.b.shape(x).to_vec());
        let view = match self.numbers.below(9) {
            0 => View::Rename { from: axis, to: self.fresh(size) },
            1 => {
                let mut order = shape;
                let start = usize::from(order[0] == BATCH);
                for at in (start + 1..order.len()).rev() {
                    order.swap(at, start + self.numbers.below(at - start + 1));
                }
                View::Transpose(order)
            }
            2 => {
                let other = self.axis(x).filter(|a| *a != axis);
                let from: Vec<AxisId> = [Some(axis), other].into_iter().flatten().collect();
                let size = from.iter().map(|a| self.size(*a)).product();
                View::Flatten { from, to: self.fresh(size) }
            }
            3 => {
                let start = self.numbers.below(size);
                let step = 1 + self.numbers.below(3);
                let count = 1 + self.numbers.below((size - start).div_ceil(step));
                View::Slice { axis, to: self.fresh(count), start, step }
            }
            4 => View::Index { axis, at: self.numbers.below(size) },
            5 => View::Flip(axis),
            6 => {
                let (before, after) = (self.numbers.below(3), self.numbers.below(3));
                let to = self.fresh(before + size + after);
                View::Pad { axis, to, before, value: [0.0, 1.5][self.numbers.below(2)] }
            }
            7 => {
                let (count, width) = (1 + self.numbers.below(size), 1 + self.numbers.below(3));
                let (to, offset) = (self.fresh(count), self.fresh(width));
                let (stride, dilation) = (1 + self.numbers.below(2), 1 + self.numbers.below(2));
                View::Window(Windows { axis, to, offset, stride, dilation, left: self.numbers.below(3) })
            }
            _ => {
                let mut order: Vec<u32> = (0..size as u32).collect();
                order.rotate_left(self.numbers.below(size));
                View::Permute { axis, to: self.fresh(size), order: order.into() }
            }
        };
        self.add(Op::View(view), &[x]);
    }

    /// Two windows that lie beside each other in a value are summed where they overlap.
    fn fold(&mut self) {
        let x = self.any();
        let (Some(to), Some(offset)) = (self.axis(x), self.axis(x)) else { return };
        let size = 1 + self.numbers.below(8);
        let axis = self.fresh(size);
        let (stride, dilation) = (1 + self.numbers.below(2), 1 + self.numbers.below(2));
        let view = View::Fold(Windows { axis, to, offset, stride, dilation, left: self.numbers.below(2) });
        self.add(Op::View(view), &[x]);
    }

    fn concat(&mut self) {
        let (x, y) = (self.any(), self.any());
        let (part, other) = (self.axis(x), self.axis(y));
        let length = part.map_or(1, |a| self.size(a)) + other.map_or(1, |a| self.size(a));
        let into = self.fresh(length);
        self.add(Op::View(View::Concat { parts: vec![part, other], into }), &[x, y]);
    }

    fn lookup(&mut self) {
        let x = self.any();
        let Some(axis) = self.axis(x) else { return };
        let (size, count) = (self.size(axis), self.fresh(3));
        // The index is `i % size`, which is always in range.
        let places = self.b.add1(Op::Iota(count), &[]).unwrap();
        let bound =
            arch_compiler::ops::source::Literal { shape: vec![], data: vec![size as f64], integer: true };
        let bound = self.b.add1(Op::Tensor(Arc::new(bound)), &[]).unwrap();
        let index = self.b.add1(Op::Map(Map::Rem), &[places, bound]).unwrap();
        self.add(Op::Gather { axis }, &[x, index]);
        let found = *self.values.last().unwrap();
        let shape = self.b.shape(x).to_vec();
        self.add(Op::ScatterAdd { axis, shape }, &[index, found]);
    }

    /// `h = sin(h) + x` along an axis, yielding `h`, with the last as a final.
    fn scan(&mut self) {
        let x = self.any();
        let Some(axis) = self.axis(x) else { return };
        let mut shape = self.b.shape(x).to_vec();
        shape.retain(|a| *a != axis);
        let mut body = Builder::new(self.b.module, "body");
        let (h, s) = (float(&mut body, "h", &shape), float(&mut body, "s", &shape));
        let turned = body.add1(Op::Map(Map::Sin), &[h]).unwrap();
        let next = body.add1(Op::Map(Map::Add), &[turned, s]).unwrap();
        for name in ["h", "y", "end"] {
            body.output(name, next);
        }
        let body = Arc::new(body.function);
        let start = self.b.add1(Op::Reduce(Reduce::Sum, vec![axis]), &[x]).unwrap();
        let reverse = self.numbers.below(2) == 0;
        let scan = Scan { axis, reverse, carries: 1, sequences: 1, yields: 1, finals: 1, body };
        self.add(Op::Scan(scan), &[start, x]);
    }
}

fn random_graph(seed: u64) -> (Module, FuncId) {
    let mut module = Module::default();
    let mut numbers = Numbers(seed * 77 + 5);
    let axes: Vec<AxisId> =
        (0..6).map(|at| module.add_axis(format!("A{at}"), SIZES[numbers.below(SIZES.len())])).collect();
    let b = Builder::new(&mut module, "random");
    let mut growing = Growing { b, numbers, values: Vec::new() };
    for at in 0..4 {
        let rank = growing.numbers.below(7);
        let mut shape: Vec<AxisId> = [BATCH].into_iter().chain(axes.iter().copied()).collect();
        while shape.len() > rank
            || growing.b.module.dims(&shape, 2).iter().product::<usize>() > MOST_ELEMENTS / 3
        {
            shape.remove(growing.numbers.below(shape.len()));
        }
        let value = float(&mut growing.b, &format!("x{at}"), &shape);
        growing.values.push(value);
    }
    for _ in 0..2 + growing.numbers.below(11) {
        match growing.numbers.below(12) {
            0..=3 => growing.map(),
            4 | 5 => growing.summing(),
            6 | 7 => growing.view(),
            8 => growing.fold(),
            9 => growing.concat(),
            10 => growing.lookup(),
            _ => growing.scan(),
        }
    }
    let mut b = growing.b;
    for (at, value) in growing.values.into_iter().enumerate().skip(4) {
        b.output(format!("y{at}"), value);
    }
    let id = b.finish();
    (module, id)
}

#[test]
fn random_graphs_agree_with_the_interpreter() {
    let (mut values, mut refused) = (0, 0);
    for seed in 0..GRAPHS {
        let (module, id) = random_graph(seed);
        values += module.function(id).outputs.len();
        let products = if seed % 2 == 0 { Products::MatMul2D } else { Products::MulSum };
        match differs(&module, id, 2, products, seed, &[], 1.0) {
            Ok(found) => assert!(found < 1e-4, "graph {seed} differs by {found:e}"),
            Err(RunError::Unsupported(_)) => refused += 1,
            Err(error) => panic!("graph {seed}: {error}"),
        }
    }
    assert!(values > 1000, "only {values} values were compared");
    assert!(refused <= GRAPHS / 100, "{refused} graphs were refused");
}
