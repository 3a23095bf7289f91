//! Whether a recurrence is affine in its carries: then it can run in parallel over time.

use super::Session;
use crate::graph::{Function, ValueId};
use crate::ops::{Map, Op, Reduce};
use arch_grammar::{Diagnostic, Span};

/// How a value depends on the carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Degree {
    /// Not at all.
    Constant,
    /// As a sum of the carries' elements with constant factors, plus a constant.
    Affine,
    /// In another way.
    Other,
}

impl Session<'_> {
    /// Notes whether the new carries are jointly affine in the old ones.
    pub(super) fn note_affine(&mut self, body: &Function, carries: usize, axis: &str, header: Span) {
        let note = match first_other(body, carries) {
            None => Diagnostic::note("A0591", "this recurrence is affine in its carries", header)
                .label(format!("can run in parallel over `{axis}`")),
            Some(origin) => Diagnostic::note("A0592", "this recurrence is not affine in its carries", header)
                .label(format!("runs along `{axis}` step by step"))
                .also(origin, "here the state enters in another way than by sums and constant factors"),
        };
        let same = |d: &Diagnostic| d.code == note.code && d.primary.span == note.primary.span;
        if !self.notes.iter().any(same) {
            self.notes.push(note);
        }
    }
}

/// Where the first operation stands on which a new carry depends and that is not affine in the old ones.
/// The carries are the first inputs and the first outputs of a body.
fn first_other(body: &Function, carries: usize) -> Option<Span> {
    let mut degrees = vec![Degree::Constant; body.values.len()];
    let mut culprits: Vec<Option<Span>> = vec![None; body.values.len()];
    for input in &body.inputs[..carries] {
        degrees[input.value.0 as usize] = Degree::Affine;
    }
    for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
        let of = |v: &ValueId| degrees[v.0 as usize];
        let given: Vec<Degree> = node.inputs.iter().map(of).collect();
        let degree = degree(&node.op, &given);
        let known = node.inputs.iter().find_map(|v| culprits[v.0 as usize]);
        let culprit = known.or((degree == Degree::Other).then_some(node.origin.span));
        for out in &node.outputs {
            degrees[out.0 as usize] = degree;
            culprits[out.0 as usize] = culprit;
        }
    }
    let new = body.outputs[..carries].iter().map(|(_, v)| v.0 as usize);
    new.filter(|v| degrees[*v] == Degree::Other).find_map(|v| culprits[v])
}

fn degree(op: &Op, given: &[Degree]) -> Degree {
    let most = given.iter().copied().max().unwrap_or(Degree::Constant);
    let only_if = |fine: bool| if fine { most } else { Degree::Other };
    let constant = |i: usize| given.get(i).is_none_or(|d| *d == Degree::Constant);
    if most == Degree::Constant {
        return Degree::Constant;
    }
    match op {
        Op::Map(Map::Add | Map::Sub | Map::Neg) | Op::View(_) | Op::Reduce(Reduce::Sum, _) => most,
        Op::Map(Map::Broadcast) => given[0],
        Op::Map(Map::StopGradient) => most,
        Op::Map(Map::Mul) | Op::Contract(_) => only_if(constant(0) || constant(1)),
        Op::Map(Map::Div) | Op::Gather { .. } => only_if(constant(1)),
        Op::Map(Map::Where) | Op::ScatterAdd { .. } => only_if(constant(0)),
        _ => Degree::Other,
    }
}
