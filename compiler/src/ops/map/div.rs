//! `a / b`; integers give a float.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Div;

impl Rule for Div {
    fn symbol(&self) -> &'static str {
        "div"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0] / x[1]
    }

    fn flops(&self) -> u64 {
        4
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let (g, divisor) = (p.cotangent(), p.input(1)?);
        let quotient = p.map(Map::Div, &[g, divisor])?;
        if input == 0 {
            return Ok(Some(quotient));
        }
        // d(a / b)/db = -(a / b) / b: the forward result is reused.
        let y = p.output()?;
        let product = p.map(Map::Mul, &[quotient, y])?;
        p.map(Map::Neg, &[product]).map(Some)
    }
}
