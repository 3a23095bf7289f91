//! `1 / (1 + exp(-a))`.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Sigmoid;

impl Rule for Sigmoid {
    fn symbol(&self) -> &'static str {
        "sigmoid"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        if x[0] >= 0.0 { 1.0 / (1.0 + (-x[0]).exp()) } else { x[0].exp() / (1.0 + x[0].exp()) }
    }

    fn flops(&self) -> u64 {
        16
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, y, one) = (p.cotangent(), p.output()?, p.constant(1.0)?);
        let complement = p.map(Map::Sub, &[one, y])?;
        let slope = p.map(Map::Mul, &[y, complement])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
