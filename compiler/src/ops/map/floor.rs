//! The largest whole number that is not larger.

use super::{DType, Rule, rules};

pub(super) struct Floor;

impl Rule for Floor {
    fn symbol(&self) -> &'static str {
        "floor"
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].floor()
    }
}
