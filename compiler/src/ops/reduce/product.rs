//! The product.

use super::{Map, Op, Pullback, Pulled, Reduce, Rule};
use crate::graph::AxisId;

pub(super) struct Product;

impl Rule for Product {
    fn start(&self) -> f64 {
        1.0
    }

    fn step(&self, so_far: f64, x: f64) -> f64 {
        so_far * x
    }

    /// The product of all other elements. Dividing the product by the element would fail at zeros: with one
    /// zero only that element has a slope, with two none has.
    fn gradient(&self, axes: &[AxisId], p: &mut Pullback) -> Pulled {
        let (g, x, zero, one) = (p.cotangent(), p.input(0)?, p.constant(0.0)?, p.constant(1.0)?);
        let is_zero = p.map(Map::Eq, &[x, zero])?;
        let safe = p.map(Map::Where, &[is_zero, one, x])?;
        let zeros = p.add(Op::Reduce(Reduce::Sum, axes.to_vec()), &[is_zero])?;
        let product = p.add(Op::Reduce(Reduce::Product, axes.to_vec()), &[safe])?;
        let others = p.map(Map::Div, &[product, safe])?;
        let without_own = p.map(Map::Sub, &[zeros, is_zero])?;
        let nonzero = p.map(Map::Eq, &[without_own, zero])?;
        let slope = p.map(Map::Where, &[nonzero, others, zero])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
