//! The cosine.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Cos;

impl Rule for Cos {
    fn symbol(&self) -> &'static str {
        "cos"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].cos()
    }

    fn flops(&self) -> u64 {
        15
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, x) = (p.cotangent(), p.input(0)?);
        let sine = p.map(Map::Sin, &[x])?;
        let product = p.map(Map::Mul, &[g, sine])?;
        p.map(Map::Neg, &[product]).map(Some)
    }
}
