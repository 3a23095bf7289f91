//! `a * b`.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Mul;

impl Rule for Mul {
    fn symbol(&self) -> &'static str {
        "mul"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0] * x[1]
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let (g, other) = (p.cotangent(), p.input(1 - input)?);
        p.map(Map::Mul, &[g, other]).map(Some)
    }
}
