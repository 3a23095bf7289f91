//! It is not true.

use super::{DType, Rule, truth};

pub(super) struct Not;

impl Rule for Not {
    fn symbol(&self) -> &'static str {
        "not"
    }

    fn dtype(&self, _inputs: &[DType]) -> DType {
        DType::Bool
    }

    fn eval(&self, x: &[f64]) -> f64 {
        truth(x[0] == 0.0)
    }
}
