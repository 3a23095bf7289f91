//! The identity; inputs after the first only lend their axes.

use super::{DType, Pullback, Pulled, Rule};

pub(super) struct Broadcast;

impl Rule for Broadcast {
    fn symbol(&self) -> &'static str {
        "broadcast"
    }

    fn arity(&self) -> Option<usize> {
        None
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

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        Ok((input == 0).then(|| p.cotangent()))
    }
}
