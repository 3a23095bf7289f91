//! The error function.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Erf;

impl Rule for Erf {
    fn symbol(&self) -> &'static str {
        "erf"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        erf(x[0])
    }

    fn flops(&self) -> u64 {
        20
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        // The slope is 2 / sqrt(pi) * exp(-x^2).
        let (g, x) = (p.cotangent(), p.input(0)?);
        let scale = p.constant(std::f64::consts::FRAC_2_SQRT_PI)?;
        let square = p.map(Map::Mul, &[x, x])?;
        let minus = p.map(Map::Neg, &[square])?;
        let bell = p.map(Map::Exp, &[minus])?;
        let slope = p.map(Map::Mul, &[bell, scale])?;
        p.map(Map::Mul, &[g, slope]).map(Some)
    }
}

/// The error function by the series `2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!`, whose terms
/// all have one sign, so that nothing cancels (Abramowitz and Stegun, 7.1.6).
fn erf(x: f64) -> f64 {
    // From here on the complement is below half a unit in the last place.
    if x.abs() >= 6.0 || x.is_nan() {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-18 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_published_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, y) in [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((super::erf(x) - y).abs() < 1e-10);
            assert!((super::erf(-x) + y).abs() < 1e-10);
        }
        assert!((super::erf(5.999) - 1.0).abs() < 1e-15);
        assert!(super::erf(0.0) == 0.0);
    }
}
