//! The smaller of two. Where they are equal, the gradient is shared equally.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Min;

impl Rule for Min {
    fn symbol(&self) -> &'static str {
        "min"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::select(inputs)
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].min(x[1])
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let (g, zero, half) = (p.cotangent(), p.constant(0.0)?, p.constant(0.5)?);
        let (this, other) = (p.input(input)?, p.input(1 - input)?);
        let won = p.map(Map::Lt, &[this, other])?;
        let tied = p.map(Map::Eq, &[this, other])?;
        let shared = p.map(Map::Mul, &[g, half])?;
        let rest = p.map(Map::Where, &[tied, shared, zero])?;
        p.map(Map::Where, &[won, g, rest]).map(Some)
    }
}
