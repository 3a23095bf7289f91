//! An integer or truth value as a float.

use super::{Pullback, Pulled, Rule};

pub(super) struct ToFloat;

impl Rule for ToFloat {
    fn symbol(&self) -> &'static str {
        "to_float"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0]
    }

    fn flops(&self) -> u64 {
        0
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        Ok(Some(p.cotangent()))
    }
}
