//! `a < b`.

use super::{DType, Rule, truth};

pub(super) struct Lt;

impl Rule for Lt {
    fn symbol(&self) -> &'static str {
        "lt"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, _inputs: &[DType]) -> DType {
        DType::Bool
    }

    fn eval(&self, x: &[f64]) -> f64 {
        truth(x[0] < x[1])
    }
}
