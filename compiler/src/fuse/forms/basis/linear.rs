//! Steps as sums of products: what a new state is of the old ones, and what is added.

use crate::graph::{Function, Node, ValueId};
use crate::ops::{Map, Op, Scan, View};

/// How many factors, one of the other, are looked through.
const DEEPEST: usize = 64;
/// How many terms a sum may have.
const MOST: usize = 64;

/// A factor of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaf {
    /// A value outside of the step, as it is or at the step's position.
    Outer(ValueId),
    /// A value of the step that does not depend on a state.
    Inner(ValueId),
}

/// A number times a product.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Monomial {
    pub number: f64,
    /// Sorted.
    pub leaves: Vec<Leaf>,
}

impl Monomial {
    pub const ONE: Monomial = Monomial { number: 1.0, leaves: Vec::new() };

    pub fn times(&self, number: f64) -> Monomial {
        Monomial { number: self.number * number, leaves: self.leaves.clone() }
    }

    fn product(&self, other: &Monomial) -> Monomial {
        let mut leaves = [self.leaves.as_slice(), &other.leaves].concat();
        leaves.sort_unstable();
        Monomial { number: self.number * other.number, leaves }
    }

    /// What is the same at all positions, with the number, and what is not.
    pub fn parts(&self, step: &Step<'_>) -> (Monomial, Monomial) {
        let (own, rest) = self.leaves.iter().copied().partition(|leaf| step.is_fixed(*leaf));
        (Monomial { number: self.number, leaves: own }, Monomial { number: 1.0, leaves: rest })
    }
}

/// The factors that all terms have and that are the same at all positions, and the terms without them; `None` if there is no
/// term.
pub(super) fn taken_out(step: &Step<'_>, terms: &[Monomial]) -> Option<(Monomial, Vec<Monomial>)> {
    let fixed = |term: &Monomial| term.parts(step).0.leaves;
    let mut common = fixed(terms.first()?);
    for term in &terms[1..] {
        let mut own = fixed(term);
        common.retain(|leaf| own.iter().position(|l| l == leaf).map(|at| own.remove(at)).is_some());
    }
    let without = |term: &Monomial| {
        let mut rest = term.clone();
        for leaf in &common {
            let at = rest.leaves.iter().position(|l| l == leaf);
            at.into_iter().for_each(|at| _ = rest.leaves.remove(at));
        }
        rest
    };
    let rest = terms.iter().map(without).collect();
    Some((Monomial { number: 1.0, leaves: common }, rest))
}

/// A sum of states times terms, and of other terms.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// By state.
    pub of: Vec<Vec<Monomial>>,
    pub added: Vec<Monomial>,
}

impl Linear {
    fn zero(states: usize) -> Linear {
        Linear { of: vec![Vec::new(); states], added: Vec::new() }
    }

    fn times(mut self, factor: &Monomial) -> Linear {
        self.of.iter_mut().chain([&mut self.added]).flatten().for_each(|term| *term = term.product(factor));
        self
    }

    fn plus(mut self, other: Linear) -> Option<Linear> {
        let pairs =
            self.of.iter_mut().chain([&mut self.added]).zip(other.of.into_iter().chain([other.added]));
        for (sum, terms) in pairs {
            for term in terms {
                match sum.iter_mut().find(|known| known.leaves == term.leaves) {
                    Some(known) => known.number += term.number,
                    None => sum.push(term),
                }
            }
            sum.retain(|term| term.number != 0.0);
            if sum.len() > MOST {
                return None;
            }
        }
        Some(self)
    }
}

/// The step of a scan with what is given to it.
pub(super) struct Step<'a> {
    pub scan: &'a Scan,
    around: &'a Function,
    given: &'a [ValueId],
    /// By value: whether it depends on a state.
    pub depends: Vec<bool>,
}

impl<'a> Step<'a> {
    pub fn new(around: &'a Function, node: &'a Node, scan: &'a Scan) -> Self {
        let body = &*scan.body;
        let mut depends = vec![false; body.values.len()];
        body.inputs[..scan.carries].iter().for_each(|i| depends[i.value.0 as usize] = true);
        for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
            let any = node.inputs.iter().any(|v| depends[v.0 as usize]);
            node.outputs.iter().filter(|_| any).for_each(|v| depends[v.0 as usize] = true);
        }
        Step { scan, around, given: &node.inputs, depends }
    }

    /// Whether a factor is the same at all positions.
    pub fn is_fixed(&self, leaf: Leaf) -> bool {
        match leaf {
            Leaf::Outer(value) => !self.around.value(value).shape.contains(&self.scan.axis),
            Leaf::Inner(_) => false,
        }
    }

    /// Which state a value is before the step.
    pub fn state(&self, value: ValueId) -> Option<usize> {
        self.scan.body.inputs[..self.scan.carries].iter().position(|i| i.value == value)
    }

    /// A value as a sum of states times terms; `None` if it is none.
    pub fn linear(&self, value: ValueId) -> Option<Linear> {
        let node = self.scan.body.producer(value);
        let of = |at: usize| self.linear(node.inputs[at]);
        let minus = Monomial::ONE.times(-1.0);
        let mut result = Linear::zero(self.scan.carries);
        match &node.op {
            Op::Map(Map::Add) => of(0)?.plus(of(1)?),
            Op::Map(Map::Sub) => of(0)?.plus(of(1)?.times(&minus)),
            Op::Map(Map::Neg) => Some(of(0)?.times(&minus)),
            Op::View(View::Transpose(_)) => of(0),
            Op::Map(Map::Mul) if self.depends[value.0 as usize] => {
                let depends = |at: usize| self.depends[node.inputs[at].0 as usize];
                let (state, factor) = if depends(0) { (0, 1) } else { (1, 0) };
                if depends(factor) {
                    return None;
                }
                Some(of(state)?.times(&self.term(node.inputs[factor])))
            }
            _ if !self.depends[value.0 as usize] => {
                let term = self.term(value);
                result.added.extend((term.number != 0.0).then_some(term));
                Some(result)
            }
            _ => {
                result.of[self.state(value)?].push(Monomial::ONE);
                Some(result)
            }
        }
    }

    /// A value that does not depend on a state as a product.
    fn term(&self, value: ValueId) -> Monomial {
        self.inner(value, DEEPEST)
    }

    fn inner(&self, value: ValueId, depth: usize) -> Monomial {
        let body = &*self.scan.body;
        if body.producer(value).op == Op::Input
            && let Some(at) = body.inputs.iter().position(|i| i.value == value)
        {
            return self.outer(self.given[at], depth);
        }
        let leaf = Leaf::Inner(value);
        self.product(body, value, leaf, depth, &|v, depth| self.inner(v, depth))
    }

    fn outer(&self, value: ValueId, depth: usize) -> Monomial {
        self.product(self.around, value, Leaf::Outer(value), depth, &|v, depth| self.outer(v, depth))
    }

    /// A value as a product of what `of` makes of its factors; the leaf if it is none.
    fn product(
        &self,
        function: &Function,
        value: ValueId,
        leaf: Leaf,
        depth: usize,
        of: &dyn Fn(ValueId, usize) -> Monomial,
    ) -> Monomial {
        let node = function.producer(value);
        let at = |at: usize| of(node.inputs[at], depth - 1);
        match &node.op {
            _ if depth == 0 => Monomial { number: 1.0, leaves: vec![leaf] },
            Op::Constant(number) if number.is_finite() => Monomial::ONE.times(*number),
            Op::Map(Map::Mul) => at(0).product(&at(1)),
            Op::Map(Map::Neg) => at(0).times(-1.0),
            // What is the same along an axis says nothing of the value.
            Op::Map(Map::Broadcast) | Op::View(View::Transpose(_)) => at(0),
            _ => Monomial { number: 1.0, leaves: vec![leaf] },
        }
    }
}
