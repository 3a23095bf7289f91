//! What is added to a state is weighed where the state is read: `h <- a * h + b * x` with `h` read out is `h <- a * h + x` with
//! `b * h` read out, if `b` is the same at all positions. So it is one form whether the weights of S4D (Gu et al., "On the
//! Parameterization and Initialization of Diagonal State Space Models", 2022) stand at the input, where the state is read, or
//! at both.
//!
//! Two carries that are turned and scaled as a complex number is, `re <- a * re - b * im` and `im <- a * im + b * re`, are one
//! number: its weights are complex, and its conjugate is another way to carry it.

mod linear;
mod write;

use super::scales::is_zero;
use super::{Form, rewrite_with};
use crate::graph::{DType, Function, Module, Node, Rules};
use crate::ops::{Op, Scan, ShapeError};
use linear::{Linear, Monomial, Step, taken_out};

pub(super) const FORM: Form = Form {
    name: "weights of a state",
    algebra: "h <- a * h + b * x, and h is read  =  h <- a * h + x, and b * h is read",
    guard: "b is the same at all positions, and h begins at zero",
    find: basis,
};

/// The same function with such states without weights; `None` if it has none.
fn basis(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    rewrite_with(module, source, by, &mut |b, node, inputs, values| {
        let Op::Scan(scan) = &node.op else { return Ok(None) };
        match Change::of(source, node, scan) {
            Some(change) => write::scan(b, (source, node, scan), &change, inputs, values).map(Some),
            None => Ok(None),
        }
    })
}

/// What the carries are in terms of new ones.
struct Change {
    /// The new states after a step: by carry, and what is added.
    next: Vec<Linear>,
    /// The old states: for each, by new carry, the sum of these.
    old: Vec<Vec<Vec<Monomial>>>,
}

impl Change {
    fn of(source: &Function, node: &Node, scan: &Scan) -> Option<Change> {
        let begins = &node.inputs[..scan.carries];
        let is_float = begins.iter().all(|v| source.value(*v).storage == DType::F32);
        if !is_float || !begins.iter().all(|v| is_zero(source, *v)) {
            return None;
        }
        let step = Step::new(source, node, scan);
        let next = (0..scan.carries).map(|carry| step.linear(scan.body.outputs[carry].1));
        let next: Vec<Linear> = next.collect::<Option<_>>()?;
        match next.as_slice() {
            [one] => Change::of_one(&step, one),
            [re, im] => Change::of_pair(&step, re, im),
            _ => None,
        }
    }

    /// Of one carry: the weights that everything has that is added.
    fn of_one(step: &Step<'_>, next: &Linear) -> Option<Change> {
        let (common, added) = taken_out(step, &next.added)?;
        // A state that forgets all at every step is no recurrence, and would be given without axes that only its weights have.
        if common.leaves.is_empty() || next.of[0].is_empty() {
            return None;
        }
        let next = Linear { added, ..next.clone() };
        Some(Change { next: vec![next], old: vec![vec![vec![common]]] })
    }

    /// Of a complex number: the real and the imaginary part of the weights of one thing that is added.
    fn of_pair(step: &Step<'_>, re: &Linear, im: &Linear) -> Option<Change> {
        let ([a, other_a], [b, minus_b]) = ([&re.of[0], &im.of[1]], [&im.of[0], &re.of[1]]);
        let ([a], [b], [minus_b]) = (a.as_slice(), b.as_slice(), minus_b.as_slice()) else { return None };
        if other_a.as_slice() != [a.clone()] || *minus_b != b.times(-1.0) {
            return None;
        }
        let (mut varying, mut weights) = (None, [Vec::new(), Vec::new()]);
        for (part, weights) in [re, im].into_iter().zip(&mut weights) {
            for added in &part.added {
                let (own, rest) = added.parts(step);
                if *varying.get_or_insert_with(|| rest.clone()) != rest {
                    return None;
                }
                weights.push(own);
            }
        }
        let ([p, q], turn) = (weights, b.number.signum());
        let is_plain = matches!(p.as_slice(), [one] if *one == Monomial::ONE) && q.is_empty() && turn > 0.0;
        if is_plain {
            return None;
        }
        let b = b.times(turn);
        let times = |all: &[Monomial], number: f64| all.iter().map(|m| m.times(number)).collect();
        // Of a new number w + iv the old one is (p + iq)(w + iv), or (p + iq)(w - iv) where it turns the other way.
        let old = vec![vec![p.clone(), times(&q, -turn)], vec![q.clone(), times(&p, turn)]];
        let next = vec![
            Linear { of: vec![vec![a.clone()], vec![b.times(-1.0)]], added: vec![varying?] },
            Linear { of: vec![vec![b], vec![a.clone()]], added: Vec::new() },
        ];
        Some(Change { next, old })
    }
}
