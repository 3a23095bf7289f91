//! `log(1 + exp(a))`.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Softplus;

impl Rule for Softplus {
    fn symbol(&self) -> &'static str {
        "softplus"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].max(0.0) + (-x[0].abs()).exp().ln_1p()
    }

    fn flops(&self) -> u64 {
        24
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        // The slope is 1 - exp(-y) too, but that cancels where y is small.
        let (g, x) = (p.cotangent(), p.input(0)?);
        let slope = p.map(Map::Sigmoid, &[x])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
