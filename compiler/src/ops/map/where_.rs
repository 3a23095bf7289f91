//! The second where the first is true, else the third. No gradient flows through the branch not taken.

use super::{DType, Map, Pullback, Pulled, Rule, rules};

pub(super) struct Where;

impl Rule for Where {
    fn symbol(&self) -> &'static str {
        "where"
    }

    fn arity(&self) -> Option<usize> {
        Some(3)
    }

    fn dtype(&self, inputs: &[DType]) -> DType {
        rules::select(&inputs[1..])
    }

    fn eval(&self, x: &[f64]) -> f64 {
        if x[0] != 0.0 { x[1] } else { x[2] }
    }

    fn gradient(&self, p: &mut Pullback, input: usize) -> Pulled {
        let (g, condition, zero) = (p.cotangent(), p.input(0)?, p.constant(0.0)?);
        match input {
            1 => p.map(Map::Where, &[condition, g, zero]).map(Some),
            2 => p.map(Map::Where, &[condition, zero, g]).map(Some),
            _ => Ok(None),
        }
    }
}
