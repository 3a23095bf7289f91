//! The natural logarithm.

use super::{Map, Pullback, Pulled, Rule};

pub(super) struct Log;

impl Rule for Log {
    fn symbol(&self) -> &'static str {
        "log"
    }

    fn eval(&self, x: &[f64]) -> f64 {
        x[0].ln()
    }

    fn flops(&self) -> u64 {
        12
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let (g, x) = (p.cotangent(), p.input(0)?);
        p.map(Map::Div, &[g, x]).map(Some)
    }
}
