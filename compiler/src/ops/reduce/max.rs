//! The largest element.

use super::{Pullback, Pulled, Rule, shared};
use crate::graph::AxisId;

pub(super) struct Max;

impl Rule for Max {
    fn start(&self) -> f64 {
        f64::NEG_INFINITY
    }

    fn step(&self, so_far: f64, x: f64) -> f64 {
        so_far.max(x)
    }

    fn gradient(&self, axes: &[AxisId], p: &mut Pullback) -> Pulled {
        shared(axes, p)
    }
}
