//! Values as products of powers, so that it does not matter how a quotient is spelled.

use arch_compiler::graph::{Function, ValueId};
use arch_compiler::ops::{Map, Op, View};
use std::collections::BTreeMap;

/// `coefficient * product(value ^ power)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Monomial {
    pub coefficient: f64,
    /// Values that are no products, by themselves; no power is zero.
    pub powers: BTreeMap<ValueId, i32>,
}

impl Monomial {
    /// A value, taken apart as far as multiplication goes.
    pub(super) fn of(function: &Function, value: ValueId) -> Self {
        let value = same_elements(function, value);
        let node = function.producer(value);
        let input = |i: usize| Monomial::of(function, node.inputs[i]);
        match node.op {
            Op::Constant(number) => Monomial { coefficient: number, powers: BTreeMap::new() },
            Op::Map(Map::Mul) => input(0).times(&input(1), 1),
            Op::Map(Map::Div) => input(0).times(&input(1), -1),
            Op::Map(Map::Neg) => Monomial { coefficient: -input(0).coefficient, ..input(0) },
            _ => Monomial { coefficient: 1.0, powers: BTreeMap::from([(value, 1)]) },
        }
    }

    /// This times a power of another.
    pub(super) fn times(mut self, other: &Monomial, power: i32) -> Self {
        self.coefficient *= other.coefficient.powi(power);
        for (value, by) in &other.powers {
            let all = self.powers.entry(*value).or_insert(0);
            *all += by * power;
            if *all == 0 {
                self.powers.remove(value);
            }
        }
        self
    }

    /// The power of a value in it.
    pub(super) fn power(&self, value: ValueId) -> i32 {
        self.powers.get(&value).copied().unwrap_or(0)
    }
}

/// The value whose elements these are, in whatever order they are stored and along whatever axes repeated.
pub(super) fn same_elements(function: &Function, value: ValueId) -> ValueId {
    let node = function.producer(value);
    let same = matches!(node.op, Op::Map(Map::Broadcast | Map::StopGradient) | Op::View(View::Transpose(_)));
    if same { same_elements(function, node.inputs[0]) } else { value }
}

/// Whether two values are the same views of one value.
pub(super) fn same_view(function: &Function, a: ValueId, b: ValueId) -> bool {
    let (a, b) = (same_elements(function, a), same_elements(function, b));
    let (x, y) = (function.producer(a), function.producer(b));
    let views = matches!((&x.op, &y.op), (Op::View(_), Op::View(_)));
    a == b
        || views
            && x.op == y.op
            && x.inputs.len() == y.inputs.len()
            && x.inputs.iter().zip(&y.inputs).all(|(a, b)| same_view(function, *a, *b))
}
