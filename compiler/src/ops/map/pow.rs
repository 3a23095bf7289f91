//! `a ^ b`.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Pow;

impl Rule for Pow {
    fn symbol(&self) -> &'static str {
        "pow"
    }

    fn arity(&self) -> Option<usize> {
        Some(2)
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].powf(x[1])
    }

    fn flops(&self) -> u64 {
        20
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let (g, zero, one) = (p.cotangent(), p.constant(0.0)?, p.constant(1.0)?);
        let (base, exponent) = (p.input(0)?, p.input(1)?);
        if input == 0 {
            // b * a^(b - 1), but 0 where b is 0: there a^(b - 1) may be infinite at a = 0.
            let less = p.map(Map::Sub, &[exponent, one])?;
            let power = p.map(Map::Pow, &[base, less])?;
            let slope = p.map(Map::Mul, &[exponent, power])?;
            let flat = p.map(Map::Eq, &[exponent, zero])?;
            let slope = p.map(Map::Where, &[flat, zero, slope])?;
            return p.map(Map::Mul, &[g, slope]).map(Some);
        }
        // a^b * log(a) where a is positive; elsewhere the power is constant or not real.
        let positive = p.map(Map::Lt, &[zero, base])?;
        let safe = p.map(Map::Where, &[positive, base, one])?;
        let (log, y) = (p.map(Map::Log, &[safe])?, p.output()?);
        let slope = p.map(Map::Mul, &[y, log])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}
