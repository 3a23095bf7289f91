//! A scan with other states, and what it read as sums of these.

use super::Change;
use super::linear::{Leaf, Monomial, Step};
use crate::canon::Renewed;
use crate::graph::{AxisId, Builder, Function, InputKind, Node, ValueId};
use crate::ops::{Map, Op, Reduce, Scan, ShapeError, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The scan with the states of `change`; its results are those of the old one.
pub(super) fn scan(
    b: &mut Builder<'_>,
    (around, node, scan): (&Function, &Node, &Scan),
    change: &Change,
    inputs: &[ValueId],
    values: &Renewed<'_>,
) -> Result<Vec<ValueId>, ShapeError> {
    let step = Step::new(around, node, scan);
    let mut given = Given { step: &step, values, fixed: Vec::new(), sequences: Vec::new() };
    let next = given.all(b, change.next.iter().flat_map(|l| l.of.iter().chain([&l.added])))?;
    let old = given.all(b, change.old.iter().flatten())?;
    let first = scan.carries + scan.sequences;
    let Given { fixed, sequences, .. } = given;
    let mut all = inputs[..first].to_vec();
    all.extend(sequences.iter().map(|v| values[v]));
    all.extend(&inputs[first..]);
    all.extend(&fixed);
    let (origin, by) = (b.origin, b.by);
    // What is given to a step has the shape of what is given to the scan without its axis.
    let types: Vec<_> = all.iter().map(|v| b.function.value(*v).clone()).collect();
    let mut inner = Builder::new(&mut *b.module, scan.body.name.clone());
    (inner.origin, inner.by) = (origin, by);
    let mut made = Vec::with_capacity(all.len());
    for (at, value) in types.iter().enumerate() {
        let is_sequence = (scan.carries..first + sequences.len()).contains(&at);
        let axes = value.shape.iter().copied().filter(|a| !is_sequence || *a != scan.axis);
        let name = if at < scan.carries {
            scan.body.inputs[at].name.clone()
        } else {
            format!("given.{}", at - scan.carries)
        };
        made.push(inner.input(name, InputKind::Argument, axes.collect(), value.storage));
    }
    let known = made[..first].iter().chain(&made[first + sequences.len()..]).copied();
    let mut new = BTreeMap::new();
    scan.body.inputs.iter().zip(known).for_each(|(old, made)| _ = new.insert(old.value, made));
    let fixed_at = first + sequences.len() + (inputs.len() - first);
    let reads = Reads {
        b: inner,
        step: &step,
        new,
        forms: BTreeMap::new(),
        states: [made[..scan.carries].to_vec(), Vec::new()],
        fixed: made[fixed_at..].to_vec(),
        sequences: sequences.iter().copied().zip(made[first..].iter().copied()).collect(),
        change: old,
    };
    let body = reads.body(next)?;
    let sequences = scan.sequences + sequences.len();
    b.add(Op::Scan(Scan { body: Arc::new(body), sequences, ..scan.clone() }), &all)
}

/// A term with what is fixed of it given to the step as one value: which, and the rest.
struct Term {
    number: f64,
    fixed: Option<usize>,
    rest: Vec<Leaf>,
}

/// What is given to the new scan beside what was given to the old one.
struct Given<'a> {
    step: &'a Step<'a>,
    values: &'a Renewed<'a>,
    /// Products of what is the same at all positions.
    fixed: Vec<ValueId>,
    /// Old values that are read position by position.
    sequences: Vec<ValueId>,
}

impl Given<'_> {
    fn all<'m>(
        &mut self,
        b: &mut Builder<'_>,
        sums: impl Iterator<Item = &'m Vec<Monomial>>,
    ) -> Result<Vec<Vec<Term>>, ShapeError> {
        let mut all = Vec::new();
        for sum in sums {
            let mut terms = Vec::with_capacity(sum.len());
            for term in sum {
                terms.push(self.term(b, term)?);
            }
            all.push(terms);
        }
        Ok(all)
    }

    fn term(&mut self, b: &mut Builder<'_>, term: &Monomial) -> Result<Term, ShapeError> {
        let (own, rest) = term.parts(self.step);
        let mut product = None;
        for leaf in own.leaves {
            let Leaf::Outer(value) = leaf else {
                return Err(ShapeError("what is the same at all positions stands in a step".into()));
            };
            let value = self.values[&value];
            product = Some(match product {
                Some(known) => b.add1(Op::Map(Map::Mul), &[known, value])?,
                None => value,
            });
        }
        let fixed = product.map(|value| {
            self.fixed.push(value);
            self.fixed.len() - 1
        });
        for leaf in &rest.leaves {
            if let Leaf::Outer(value) = leaf
                && !self.sequences.contains(value)
            {
                self.sequences.push(*value);
            }
        }
        Ok(Term { number: own.number, fixed, rest: rest.leaves })
    }
}

/// A factor of a state.
#[derive(Clone, Copy)]
enum Factor {
    Zero,
    One,
    Value(ValueId),
}

/// A sum of the states before or after the step times factors, added up along some axes.
#[derive(Clone)]
struct Sum {
    is_after: bool,
    factors: Vec<Factor>,
    over: Vec<AxisId>,
}

struct Reads<'a, 'm> {
    b: Builder<'m>,
    step: &'a Step<'a>,
    /// The new values of old ones, as far as they were needed.
    new: BTreeMap<ValueId, ValueId>,
    /// Old values that are sums of states.
    forms: BTreeMap<ValueId, Sum>,
    /// The new states before the step and after it.
    states: [Vec<ValueId>; 2],
    fixed: Vec<ValueId>,
    sequences: BTreeMap<ValueId, ValueId>,
    /// The old states in terms of new ones: for each all of them.
    change: Vec<Vec<Term>>,
}

impl Reads<'_, '_> {
    fn body(mut self, next: Vec<Vec<Term>>) -> Result<Function, ShapeError> {
        let old = &*self.step.scan.body;
        let carries = self.step.scan.carries;
        for node in old.nodes.iter().filter(|n| n.op != Op::Input) {
            if !node.outputs.iter().any(|v| self.step.depends[v.0 as usize]) {
                self.copy(old, node)?;
            }
        }
        let before: Vec<Sum> = self.old_states(false)?;
        for carry in 0..carries {
            let sums = &next[carry * (carries + 1)..][..=carries];
            let state = self.next(sums, carry)?;
            self.states[1].push(state);
        }
        let after: Vec<Sum> = self.old_states(true)?;
        for carry in 0..carries {
            self.forms.insert(old.inputs[carry].value, before[carry].clone());
            self.new.remove(&old.inputs[carry].value);
            self.forms.insert(old.outputs[carry].1, after[carry].clone());
        }
        for node in old.nodes.iter().filter(|n| n.op != Op::Input) {
            let depends = node.outputs.iter().any(|v| self.step.depends[v.0 as usize]);
            let is_known = node.outputs.iter().all(|v| self.forms.contains_key(v));
            if !depends || is_known {
                continue;
            }
            self.b.origin = node.origin;
            match self.linear(node)? {
                Some(sum) => _ = self.forms.insert(node.outputs[0], sum),
                None => self.copy(old, node)?,
            }
        }
        let mut outputs = Vec::with_capacity(old.outputs.len());
        for (at, (name, value)) in old.outputs.iter().enumerate() {
            let new = if at < carries { self.states[1][at] } else { self.value(*value)? };
            outputs.push((name.clone(), new));
        }
        Ok(Function { outputs, ..self.b.function })
    }

    /// The old states as sums of new ones.
    fn old_states(&mut self, is_after: bool) -> Result<Vec<Sum>, ShapeError> {
        let carries = self.step.scan.carries;
        let terms = std::mem::take(&mut self.change);
        let mut all = Vec::with_capacity(carries);
        for carry in 0..carries {
            let mut factors = Vec::with_capacity(carries);
            for sum in &terms[carry * carries..][..carries] {
                factors.push(match sum.as_slice() {
                    [] => Factor::Zero,
                    [Term { number: 1.0, fixed: None, rest }] if rest.is_empty() => Factor::One,
                    sum => Factor::Value(self.sum(sum)?),
                });
            }
            all.push(Sum { is_after, factors, over: Vec::new() });
        }
        self.change = terms;
        Ok(all)
    }

    /// A new state after the step, in the shape of the one before it.
    fn next(&mut self, sums: &[Vec<Term>], carry: usize) -> Result<ValueId, ShapeError> {
        let mut terms = Vec::new();
        for (at, sum) in sums.iter().enumerate() {
            let state = self.states[0].get(at).copied();
            if sum.is_empty() {
                continue;
            }
            let factor = self.sum(sum)?;
            terms.push(match state {
                Some(state) => self.b.add1(Op::Map(Map::Mul), &[factor, state])?,
                None => factor,
            });
        }
        let next = self.added(terms)?;
        let shape = self.b.shape(self.states[0][carry]).to_vec();
        self.in_order(next, &shape)
    }

    fn added(&mut self, terms: Vec<ValueId>) -> Result<ValueId, ShapeError> {
        let mut terms = terms.into_iter();
        let first = terms.next().ok_or_else(|| ShapeError("a state is a sum of nothing".into()))?;
        terms.try_fold(first, |sum, term| self.b.add1(Op::Map(Map::Add), &[sum, term]))
    }

    fn sum(&mut self, sum: &[Term]) -> Result<ValueId, ShapeError> {
        let mut terms = Vec::with_capacity(sum.len());
        for term in sum {
            let mut factors: Vec<ValueId> = term.fixed.iter().map(|at| self.fixed[*at]).collect();
            for leaf in &term.rest {
                factors.push(match leaf {
                    Leaf::Outer(value) => self.sequences[value],
                    Leaf::Inner(value) => self.new[value],
                });
            }
            if term.number != 1.0 || factors.is_empty() {
                factors.insert(0, self.b.add1(Op::Constant(term.number), &[])?);
            }
            let mut factors = factors.into_iter();
            let first = factors.next().ok_or_else(|| ShapeError("a term has no factor".into()))?;
            terms
                .push(factors.try_fold(first, |all, factor| self.b.add1(Op::Map(Map::Mul), &[all, factor]))?);
        }
        self.added(terms)
    }

    /// A node as a sum of states, if it is one.
    fn linear(&mut self, node: &Node) -> Result<Option<Sum>, ShapeError> {
        let form = |at: usize| node.inputs.get(at).and_then(|v| self.forms.get(v)).cloned();
        let is_whole = |sum: &Sum| sum.over.is_empty();
        Ok(match (&node.op, form(0), form(1)) {
            (Op::View(View::Transpose(_)), Some(sum), _) => Some(sum),
            (Op::Map(Map::Neg), Some(sum), _) => Some(self.negated(sum)?),
            (Op::Map(op @ (Map::Add | Map::Sub)), Some(a), Some(c))
                if (a.is_after, &a.over) == (c.is_after, &c.over) =>
            {
                let c = if *op == Map::Sub { self.negated(c)? } else { c };
                let mut factors = Vec::with_capacity(a.factors.len());
                for (x, y) in a.factors.into_iter().zip(c.factors) {
                    factors.push(self.plus(x, y)?);
                }
                Some(Sum { factors, is_after: a.is_after, over: a.over })
            }
            (Op::Map(Map::Mul), Some(sum), None) if is_whole(&sum) => Some(self.times(sum, node.inputs[1])?),
            (Op::Map(Map::Mul), None, Some(sum)) if is_whole(&sum) => Some(self.times(sum, node.inputs[0])?),
            (Op::Reduce(Reduce::Sum, over), Some(sum), _) if is_whole(&sum) => {
                Some(Sum { over: over.clone(), ..sum })
            }
            (Op::Contract(over), Some(sum), None) if is_whole(&sum) => {
                Some(Sum { over: over.clone(), ..self.times(sum, node.inputs[1])? })
            }
            (Op::Contract(over), None, Some(sum)) if is_whole(&sum) => {
                Some(Sum { over: over.clone(), ..self.times(sum, node.inputs[0])? })
            }
            _ => None,
        })
    }

    fn negated(&mut self, mut sum: Sum) -> Result<Sum, ShapeError> {
        for factor in &mut sum.factors {
            *factor = match *factor {
                Factor::Zero => Factor::Zero,
                Factor::One => Factor::Value(self.b.add1(Op::Constant(-1.0), &[])?),
                Factor::Value(value) => Factor::Value(self.b.add1(Op::Map(Map::Neg), &[value])?),
            };
        }
        Ok(sum)
    }

    fn times(&mut self, mut sum: Sum, by: ValueId) -> Result<Sum, ShapeError> {
        let by = self.value(by)?;
        for factor in &mut sum.factors {
            *factor = match *factor {
                Factor::Zero => Factor::Zero,
                Factor::One => Factor::Value(by),
                Factor::Value(value) => Factor::Value(self.b.add1(Op::Map(Map::Mul), &[by, value])?),
            };
        }
        Ok(sum)
    }

    fn plus(&mut self, a: Factor, b: Factor) -> Result<Factor, ShapeError> {
        let mut both = [ValueId(u32::MAX); 2];
        for (value, (own, other)) in both.iter_mut().zip([(a, b), (b, a)]) {
            *value = match own {
                Factor::Zero => return Ok(other),
                Factor::One => self.b.add1(Op::Constant(1.0), &[])?,
                Factor::Value(value) => value,
            };
        }
        self.b.add1(Op::Map(Map::Add), &both).map(Factor::Value)
    }

    /// The new value of an old one.
    fn value(&mut self, old: ValueId) -> Result<ValueId, ShapeError> {
        if let Some(known) = self.new.get(&old) {
            return Ok(*known);
        }
        let sum = self.forms.get(&old).cloned();
        let sum = sum.ok_or_else(|| ShapeError("a value of a step is read before it is there".into()))?;
        let mut terms = Vec::with_capacity(sum.factors.len());
        for (factor, state) in sum.factors.into_iter().zip(self.states[usize::from(sum.is_after)].clone()) {
            match factor {
                Factor::Zero => {}
                Factor::One => terms.push(state),
                Factor::Value(value) => terms.push(self.b.add1(Op::Map(Map::Mul), &[value, state])?),
            }
        }
        let mut value = self.added(terms)?;
        if !sum.over.is_empty() {
            value = self.b.add1(Op::Reduce(Reduce::Sum, sum.over), &[value])?;
        }
        let shape = self.step.scan.body.value(old).shape.clone();
        let value = self.in_order(value, &shape)?;
        self.new.insert(old, value);
        Ok(value)
    }

    fn copy(&mut self, old: &Function, node: &Node) -> Result<(), ShapeError> {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            inputs.push(self.value(*input)?);
        }
        let made = self.b.copy(old, node, inputs);
        node.outputs.iter().zip(made).for_each(|(old, new)| _ = self.new.insert(*old, new));
        Ok(())
    }

    fn in_order(&mut self, value: ValueId, shape: &[AxisId]) -> Result<ValueId, ShapeError> {
        match self.b.shape(value) == shape {
            true => Ok(value),
            false => self.b.add1(Op::View(View::Transpose(shape.to_vec())), &[value]),
        }
    }
}
