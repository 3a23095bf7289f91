//! `sum(a * b * …, over: K)`, however it is bracketed, is a contraction.
//!
//! Factors without an axis of the sum are pulled out of it. An axis that only one factor has is summed there
//! first. Of more than two factors those are multiplied first that give the smallest product. What remains of one factor is a sum.

use super::rewrite::{Replacement, reads, rewrite_with};
use crate::graph::{AxisId, Builder, Function, Module, Node, Size, ValueId};
use crate::ops::{Map, Op, Reduce, ShapeError};

/// Makes contractions of sums of products.
pub(super) fn contract(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let reads = reads(source);
    let is_inner = |id: ValueId| {
        let is_product = matches!(source.producer(id).op, Op::Map(Map::Mul));
        is_product && reads[id.0 as usize] == 1 && source.value(id).storage.is_float()
    };
    let is_sum = |n: &Node| matches!(n.op, Op::Reduce(Reduce::Sum, _)) && is_inner(n.inputs[0]);
    if !source.nodes.iter().any(is_sum) {
        return Ok(None);
    }
    rewrite_with(module, source, &mut |b, node, _, values| {
        let Op::Reduce(Reduce::Sum, over) = &node.op else { return Ok(None) };
        if !is_sum(node) {
            return Ok(None);
        }
        let mut factors = Vec::new();
        let mut open = vec![node.inputs[0]];
        while let Some(id) = open.pop() {
            if is_inner(id) {
                b.origin = b.origin.by(source.producer(id).origin.rules);
                open.extend(source.producer(id).inputs.iter().rev());
            } else {
                factors.push(values[&id]);
            }
        }
        summed_product(b, over, factors)
    })
}

/// Builds the sum over some axes of a product of factors.
pub(crate) fn summed_product(b: &mut Builder, over: &[AxisId], factors: Vec<ValueId>) -> Replacement {
    let (mut inner, outer): (Vec<ValueId>, Vec<ValueId>) =
        factors.into_iter().partition(|v| b.shape(*v).iter().any(|a| over.contains(a)));
    let mut left = over.to_vec();
    sum_alone(b, &mut inner, &mut left)?;
    while inner.len() > 2 {
        let (first, second) = smallest_product(b, &inner);
        let right = inner.remove(second);
        let left_factor = inner.remove(first);
        let product = b.add1(Op::Map(Map::Mul), &[left_factor, right])?;
        inner.insert(0, product);
        sum_alone(b, &mut inner, &mut left)?;
    }
    // A weight stands before what it is multiplied with: matrix products take their operands in this order.
    inner.sort_by_key(|v| b.shape(*v).contains(&AxisId::BATCH));
    let mut result = match (inner.as_slice(), left.is_empty()) {
        ([a, c], false) => b.add1(Op::Contract(left), &[*a, *c])?,
        ([a, c], true) => b.add1(Op::Map(Map::Mul), &[*a, *c])?,
        ([a], _) => *a,
        _ => return Ok(None),
    };
    for factor in outer {
        result = b.add1(Op::Map(Map::Mul), &[result, factor])?;
    }
    Ok(Some(vec![result]))
}

/// The two factors whose product has the fewest elements, then those that have the fewest themselves; of equals
/// the first. Two factors of one operand of a matrix product come together so, never one of each.
fn smallest_product(b: &Builder, factors: &[ValueId]) -> (usize, usize) {
    let mut best = ((usize::MAX, usize::MAX), (0, 1));
    for second in 1..factors.len() {
        for first in 0..second {
            let mut axes = b.shape(factors[first]).to_vec();
            axes.extend(b.shape(factors[second]).iter().filter(|a| !b.shape(factors[first]).contains(a)));
            let both = elements(b, &axes);
            let own = [first, second].map(|at| elements(b, b.shape(factors[at])));
            let size = (both, own[0].saturating_add(own[1]));
            if size < best.0 {
                best = (size, (first, second));
            }
        }
    }
    best.1
}

/// Sums each axis that only one factor has over that factor, and takes it from the list.
fn sum_alone(b: &mut Builder, factors: &mut [ValueId], left: &mut Vec<AxisId>) -> Result<(), ShapeError> {
    for at in 0..factors.len() {
        let own = b.shape(factors[at]).to_vec();
        let others = factors.iter().enumerate().filter(|(other, _)| *other != at);
        let shared: Vec<AxisId> = others.flat_map(|(_, v)| b.shape(*v).to_vec()).collect();
        let alone: Vec<AxisId> =
            left.iter().copied().filter(|a| own.contains(a) && !shared.contains(a)).collect();
        if !alone.is_empty() {
            left.retain(|a| !alone.contains(a));
            factors[at] = b.add1(Op::Reduce(Reduce::Sum, alone), &[factors[at]])?;
        }
    }
    Ok(())
}

/// How many elements a value along some axes has; a batch counts as many.
pub(crate) fn elements(b: &Builder, axes: &[AxisId]) -> usize {
    let size = |axis: &AxisId| match b.module.axis(*axis).size {
        Size::Fixed(size) => size,
        Size::Batch => 1 << 20,
    };
    axes.iter().map(size).fold(1, usize::saturating_mul)
}
