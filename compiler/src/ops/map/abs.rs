//! The absolute value; at 0 its gradient is 0.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Abs;

impl Rule for Abs {
    fn symbol(&self) -> &'static str {
        "abs"
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].abs()
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, zero, x) = (p.cotangent(), p.constant(0.0)?, p.input(0)?);
        let (minus, negative) = (p.map(Map::Neg, &[g])?, p.map(Map::Lt, &[x, zero])?);
        let positive = p.map(Map::Lt, &[zero, x])?;
        let rest = p.map(Map::Where, &[positive, g, zero])?;
        p.map(Map::Where, &[negative, minus, rest]).map(Some)
    }
}
