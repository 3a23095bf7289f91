//! The sine.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Sin;

impl Rule for Sin {
    fn symbol(&self) -> &'static str {
        "sin"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].sin()
    }

    fn flops(&self) -> u64 {
        15
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, x) = (p.cotangent(), p.input(0)?);
        let slope = p.map(Map::Cos, &[x])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
