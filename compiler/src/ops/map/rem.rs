//! The remainder with the sign of the divisor, as Python's `%`.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Rem;

impl Rule for Rem {
    fn symbol(&self) -> &'static str {
        "rem"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0] - (x[0] / x[1]).floor() * x[1]
    }

    fn flops(&self) -> u64 {
        4
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let g = p.cotangent();
        if input == 0 {
            return Ok(Some(g));
        }
        // a % b = a - floor(a / b) * b, and the floor is constant almost everywhere.
        let (a, b) = (p.input(0)?, p.input(1)?);
        let quotient = p.map(Map::Div, &[a, b])?;
        let whole = p.map(Map::Floor, &[quotient])?;
        let product = p.map(Map::Mul, &[g, whole])?;
        p.map(Map::Neg, &[product]).map(Some)
    }
}
