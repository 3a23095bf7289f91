//! `exp(a)`.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Exp;

impl Rule for Exp {
    fn symbol(&self) -> &'static str {
        "exp"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].exp()
    }

    fn flops(&self) -> u64 {
        12
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, y) = (p.cotangent(), p.output()?);
        p.map(Map::Mul, &[g, y]).map(Some)
    }
}
