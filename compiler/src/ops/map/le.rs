//! `a <= b`.

use super::{DType, Rule, truth};

pub(super) struct Le;

impl Rule for Le {
    fn symbol(&self) -> &'static str {
        "le"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, _inputs: &[DType]) -> DType {
        DType::Bool
    }

    fn eval(&self, x: &[f64]) -> f64 {
        truth(x[0] <= x[1])
    }
}
