//! The sum. A mean is a sum times a constant.

use super::{Pullback, Pulled, Rule};
use crate::graph::AxisId;

pub(super) struct Sum;

impl Rule for Sum {
    fn start(&self) -> f64 {
        0.0
    }

    fn step(&self, so_far: f64, x: f64) -> f64 {
        so_far + x
    }

    fn gradient(&self, _axes: &[AxisId], p: &mut Pullback) -> Pulled {
        Ok(Some(p.cotangent()))
    }
}
