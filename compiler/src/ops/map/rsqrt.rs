//! `1 / sqrt(a)`.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Rsqrt;

impl Rule for Rsqrt {
    fn symbol(&self) -> &'static str {
        "rsqrt"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        1.0 / x[0].sqrt()
    }

    fn flops(&self) -> u64 {
        6
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        // The slope is -y^3 / 2: the forward result is reused.
        let (g, y, half) = (p.cotangent(), p.output()?, p.constant(-0.5)?);
        let square = p.map(Map::Mul, &[y, y])?;
        let cube = p.map(Map::Mul, &[square, y])?;
        let slope = p.map(Map::Mul, &[cube, half])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
