//! The hyperbolic tangent.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Tanh;

impl Rule for Tanh {
    fn symbol(&self) -> &'static str {
        "tanh"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].tanh()
    }

    fn flops(&self) -> u64 {
        15
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, y, one) = (p.cotangent(), p.output()?, p.constant(1.0)?);
        let square = p.map(Map::Mul, &[y, y])?;
        let slope = p.map(Map::Sub, &[one, square])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
