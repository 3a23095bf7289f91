//! The smallest element.

use super::{Pullback, Pulled, Rule, shared};
use crate::graph::AxisId;

pub(super) struct Min;

impl Rule for Min {
    fn start(&self) -> f64 {
        f64::INFINITY
    }

    fn step(&self, so_far: f64, x: f64) -> f64 {
        so_far.min(x)
    }

    fn gradient(&self, axes: &[AxisId], p: &mut Pullback) -> Pulled {
        shared(axes, p)
    }
}
