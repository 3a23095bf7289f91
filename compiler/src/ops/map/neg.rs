//! `-a`.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Neg;

impl Rule for Neg {
    fn symbol(&self) -> &'static str {
        "neg"
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::promote(inputs.iter().copied())
    }

    fn eval(&self, x: &[f64]) -> f64 {
        -x[0]
    }

    fn gradient(&self, p: &mut Pullback, _input: usize) -> Pulled {
        let g = p.cotangent();
        p.map(Map::Neg, &[g]).map(Some)
    }
}
