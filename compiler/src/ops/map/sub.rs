//! `a - b`.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Sub;

impl Rule for Sub {
    fn symbol(&self) -> &'static str {
        "sub"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0] - x[1]
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let g = p.cotangent();
        if input == 0 { Ok(Some(g)) } else { p.map(Map::Neg, &[g]).map(Some) }
    }
}
