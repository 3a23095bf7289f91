//! Both are true.

use super::{DType, Rule, truth};

pub(super) struct And;

impl Rule for And {
    fn symbol(&self) -> &'static str {
        "and"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, _inputs: &[DType]) -> DType {
        DType::Bool
    }

    fn eval(&self, x: &[f64]) -> f64 {
        truth(x[0] != 0.0 && x[1] != 0.0)
    }
}
