//! Random functions: maps, reductions, products and views on each other, with updates of state.

use super::common::{ARGUMENT, Fill, Numbers, Terms, compare};
use super::tolerance::RANDOM;
use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, View};

const BATCH: AxisId = AxisId::BATCH;

struct Maker<'m> {
    b: Builder<'m>,
    numbers: Numbers,
    axes: Vec<AxisId>,
    values: Vec<ValueId>,
}

impl Maker<'_> {
    fn pick(&mut self) -> ValueId {
        let last = self.values.len();
        // Recent values more often, so that chains arise.
        let back = self.numbers.below(last.clamp(1, 6));
        if self.numbers.below(4) == 0 {
            self.values[self.numbers.below(last)]
        } else {
            self.values[last - 1 - back]
        }
    }

    /// Keeps numbers small, whatever is done with them.
    fn tamed(&mut self, value: ValueId) -> Option<ValueId> {
        self.b.add1(Op::Map(Map::Tanh), &[value]).ok()
    }

    fn step(&mut self) -> Option<ValueId> {
        let (x, y) = (self.pick(), self.pick());
        let shape = self.b.shape(x).to_vec();
        let axis = shape.get(self.numbers.below(shape.len().max(1))).copied();
        match self.numbers.below(12) {
            0..4 => {
                let maps = [Map::Add, Map::Sub, Map::Mul, Map::Max, Map::Min];
                let map = maps[self.numbers.below(maps.len())];
                if self.b.shape(x).len() + self.b.shape(y).len() > 7 {
                    return None;
                }
                self.b.add1(Op::Map(map), &[x, y]).ok()
            }
            4 | 5 => {
                let maps = [Map::Neg, Map::Exp, Map::Sigmoid, Map::Abs, Map::Sin, Map::Softplus];
                let map = maps[self.numbers.below(maps.len())];
                let tame = self.tamed(x)?;
                self.b.add1(Op::Map(map), &[tame]).ok()
            }
            6 | 7 => {
                let over: Vec<AxisId> = axis.into_iter().collect();
                let reduce = [Reduce::Sum, Reduce::Max][self.numbers.below(2)];
                let sum = self.b.add1(Op::Reduce(reduce, over), &[x]).ok()?;
                self.tamed(sum)
            }
            8 => {
                let shared: Vec<AxisId> =
                    shape.iter().copied().filter(|a| self.b.shape(y).contains(a)).collect();
                let over = shared.get(self.numbers.below(shared.len().max(1))).copied()?;
                if shape.len() + self.b.shape(y).len() > 7 {
                    return None;
                }
                let product = self.b.add1(Op::Contract(vec![over]), &[x, y]).ok()?;
                self.tamed(product)
            }
            _ => self.view(x, axis.filter(|a| *a != BATCH)?),
        }
    }

    fn view(&mut self, x: ValueId, axis: AxisId) -> Option<ValueId> {
        let size = self.b.module.size(axis, 1);
        let others: Vec<AxisId> =
            self.axes.iter().copied().filter(|a| !self.b.shape(x).contains(a)).collect();
        let same = others.iter().copied().find(|a| self.b.module.size(*a, 1) == size);
        let view = match (self.numbers.below(5), same) {
            (0, Some(to)) => View::Rename { from: axis, to },
            (1, _) => View::Flip(axis),
            (2, _) => View::Index { axis, at: size - 1 },
            (3, _) => {
                let mut order = self.b.shape(x).to_vec();
                let from = usize::from(order[0] == BATCH);
                order[from..].reverse();
                View::Transpose(order)
            }
            (_, Some(to)) => {
                let order: Vec<u32> = (0..size as u32).rev().collect();
                View::Permute { axis, to, order: order.into() }
            }
            _ => return None,
        };
        self.b.add1(Op::View(view), &[x]).ok()
    }
}

#[test]
fn random_functions_agree_with_the_interpreter() {
    for seed in 0..120u64 {
        let mut module = Module::default();
        let mut numbers = Numbers(seed * 7919 + 13);
        let sizes = [(5, 5, 3), (16, 16, 4), (17, 17, 2), (3, 3, 19), (8, 8, 8)][numbers.below(5)];
        let axes =
            vec![module.add_axis("A", sizes.0), module.add_axis("B", sizes.1), module.add_axis("C", sizes.2)];
        let b = Builder::new(&mut module, "random");
        let mut m = Maker { b, numbers, axes: axes.clone(), values: Vec::new() };
        let shapes =
            [vec![BATCH, axes[0], axes[2]], vec![axes[0], axes[1]], vec![BATCH, axes[1]], vec![axes[2]]];
        let mut states = Vec::new();
        for (i, shape) in shapes.into_iter().enumerate() {
            let kind = if i == 1 { InputKind::State } else { ARGUMENT };
            let value = m.b.input(format!("x{i}"), kind, shape, DType::F32);
            m.values.push(value);
            if i == 1 {
                states.push(value);
            }
        }
        for _ in 0..22 {
            if let Some(value) = m.step() {
                m.values.push(value);
            }
        }
        let new =
            m.values.iter().rev().copied().find(|v| m.b.shape(*v) == m.b.shape(states[0]) && *v != states[0]);
        if let Some(new) = new {
            m.b.function.updates.push((states[0], new));
        }
        let last = m.values.len();
        for (i, at) in [last - 1, last - 2, last / 2 + 2].into_iter().enumerate() {
            let value = m.values[at];
            m.b.output(format!("output{i}"), value);
        }
        let function = m.b.finish();
        let what = format!("seed {seed}");
        let terms = Terms::in_turn(&what, &RANDOM, Fill::Signed, 4);
        // Sums of digits and batch sizes must not keep step.
        compare(&what, &module, function, 1 + (seed / 3 % 3) as usize, &terms);
    }
}
