//! The square root; at 0 its gradient is taken as 0, so that norms of zero vectors train.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Sqrt;

impl Rule for Sqrt {
    fn symbol(&self) -> &'static str {
        "sqrt"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].sqrt()
    }

    fn flops(&self) -> u64 {
        4
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, y) = (p.cotangent(), p.output()?);
        let (zero, half, one) = (p.constant(0.0)?, p.constant(0.5)?, p.constant(1.0)?);
        let flat = p.map(Map::Eq, &[y, zero])?;
        let safe = p.map(Map::Where, &[flat, one, y])?;
        let scaled = p.map(Map::Mul, &[g, half])?;
        let slope = p.map(Map::Div, &[scaled, safe])?;
        p.map(Map::Where, &[flat, zero, slope]).map(Some)
    }
}
