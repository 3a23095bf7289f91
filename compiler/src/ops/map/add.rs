//! `a + b`.

use super::{DType, Pullback, Pulled, Rule, rules};

pub(super) struct Add;

impl Rule for Add {
    fn symbol(&self) -> &'static str {
        "add"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0] + x[1]
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        Ok(Some(p.cotangent()))
    }
}
