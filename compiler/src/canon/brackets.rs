//! In the step of a scan, `(b * dt) * u` is `(dt * u) * b` where `dt * u` has fewer elements.
//!
//! Before a scan such a product would be one more value in memory; in its step it is a number beside the state.
//! Gradients are made after this: what they sum over the axes of `b` is then one sum and not one for each factor.

use super::products::elements;
use super::rewrite::{reads, rewrite_with};
use crate::graph::{AxisId, Builder, Function, Module, ValueId};
use crate::ops::{Map, Op, ShapeError};

/// Multiplies first those two of three factors that give the smallest product.
pub(super) fn narrow(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let reads = reads(source);
    let is_product = |id: ValueId| {
        let product = matches!(source.producer(id).op, Op::Map(Map::Mul));
        product && source.value(id).storage.is_float()
    };
    rewrite_with(module, source, &mut |b, node, inputs, values| {
        if !node.outputs.iter().all(|v| is_product(*v)) {
            return Ok(None);
        }
        let Some(at) = node.inputs.iter().position(|v| is_product(*v) && reads[v.0 as usize] == 1) else {
            return Ok(None);
        };
        let (pair, single) = (&source.producer(node.inputs[at]).inputs, inputs[1 - at]);
        let [first, second] = [values[&pair[0]], values[&pair[1]]];
        let now = elements(b, &joined(b, first, second));
        let better = [(first, second), (second, first)]
            .into_iter()
            .map(|(with, then)| (elements(b, &joined(b, with, single)), with, then));
        let Some((_, with, then)) = better.filter(|x| x.0 < now).min_by_key(|x| x.0) else { return Ok(None) };
        b.origin = b.origin.by(source.producer(node.inputs[at]).origin.rules);
        let product = b.add1(Op::Map(Map::Mul), &[with, single])?;
        // In the order of axes that it had, so that what reads it is in one loop with it.
        let as_before = joined(b, then, product) == source.value(node.outputs[0]).shape;
        let operands = if as_before { [then, product] } else { [product, then] };
        Ok(Some(vec![b.add1(Op::Map(Map::Mul), &operands)?]))
    })
}

/// The axes of the product of two factors, as they are stored.
fn joined(b: &Builder, first: ValueId, second: ValueId) -> Vec<AxisId> {
    let more = b.shape(second).iter().filter(|a| !b.shape(first).contains(a));
    b.shape(first).iter().chain(more).copied().collect()
}
