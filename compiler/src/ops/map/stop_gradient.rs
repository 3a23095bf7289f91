//! The identity whose gradient is zero.

use super::{DType, Rule};

pub(super) struct StopGradient;

impl Rule for StopGradient {
    fn symbol(&self) -> &'static str {
        "stop_gradient"
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        inputs[0]
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0]
    }

    fn flops(&self) -> u64 {
        0
    }
}
