//! Sums that are part of other sums: `x + y + z` is written as `(x + y) + z` where `x + y` is wanted elsewhere, and
//! `2 * a + 2 * b + c` as `2 * (a + b) + c`. The canonical terms have sums flat, so that no bracket of a text is left;
//! which of them share a part is seen in all chosen terms at once.

use super::extract::Best;
use super::lang::{Graph, Op, number};
use super::signs::Key;
use super::steps::Steps;
use egg::Id;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// A sum that is written by way of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Numbers times other sums.
    pub parts: Vec<(f64, Id)>,
    /// The operands that are left.
    pub rest: Vec<Id>,
}

/// What a term is beside the number before it.
type Base = Vec<Id>;

/// The terms of a sum: operand, number, and what it is beside that.
type Terms = Vec<(Id, f64, Base)>;

/// For the sums that results depend on: which of them are written by way of others. Steps of scans stay as they are.
pub(super) fn shares(graph: &Graph, best: &Best, steps: &Steps, results: &[Id]) -> FxHashMap<Id, Shared> {
    let (mut order, mut roots) = (Vec::new(), results.to_vec());
    best.alive(graph, &mut roots, &mut order);
    let sums: Vec<(Id, Key, Terms)> = order
        .iter()
        .map(|id| graph.find(*id))
        .filter(|id| steps.home(*id).is_none())
        .filter_map(|id| Some((id, best.key(graph, id)?, terms(graph, best, id)?)))
        .collect();
    let mut readers: FxHashMap<&Base, Vec<usize>> = FxHashMap::default();
    for (at, (_, _, terms)) in sums.iter().enumerate() {
        terms.iter().for_each(|t| readers.entry(&t.2).or_default().push(at));
    }
    let mut found = FxHashMap::default();
    for (id, key, whole) in &sums {
        let mut near: Vec<usize> = whole.iter().flat_map(|t| readers[&t.2].iter().copied()).collect();
        near.sort_unstable();
        near.dedup();
        near.retain(|at| {
            let (other, other_key, part) = &sums[*at];
            // Of two sums that are multiples of each other, one is written first.
            let is_smaller = part.len() < whole.len() || (part.len() == whole.len() && other_key < key);
            other != id && is_smaller
        });
        near.sort_by_key(|at| (Reverse(sums[*at].2.len()), sums[*at].1));
        let mut shared = Shared { parts: Vec::new(), rest: Vec::new() };
        let mut left: Terms = whole.clone();
        for at in near {
            if let Some(factor) = ratio(&left, &sums[at].2) {
                left.retain(|term| sums[at].2.iter().all(|other| other.2 != term.2));
                shared.parts.push((factor, sums[at].0));
            }
        }
        if !shared.parts.is_empty() {
            shared.rest = left.into_iter().map(|term| term.0).collect();
            found.insert(*id, shared);
        }
    }
    found
}

/// The terms of a sum; `None` for anything else.
fn terms(graph: &Graph, best: &Best, id: Id) -> Option<Terms> {
    let node = best.node(graph, id).filter(|n| n.op == Op::Sum)?;
    let term = |id: &Id| {
        let id = graph.find(*id);
        if let Some(value) = number(graph, id) {
            return (id, value, Vec::new());
        }
        let Some(product) = best.node(graph, id).filter(|n| n.op == Op::Product) else {
            return (id, 1.0, vec![id]);
        };
        let (numbers, mut base): (Vec<Id>, Vec<Id>) =
            product.operands.iter().map(|o| graph.find(*o)).partition(|o| number(graph, *o).is_some());
        base.sort_unstable();
        (id, numbers.iter().filter_map(|o| number(graph, *o)).product(), base)
    };
    Some(node.operands.iter().map(term).collect())
}

/// The number by which a sum is in another, term by term.
fn ratio(whole: &Terms, part: &Terms) -> Option<f64> {
    let factors = part.iter().map(|(_, k, base)| {
        let own = whole.iter().find(|term| term.2 == *base)?.1;
        Some(own / k)
    });
    let factors: Vec<f64> = factors.collect::<Option<_>>()?;
    let first = *factors.first()?;
    factors.iter().all(|f| (f - first).abs() <= 1e-10 * first.abs()).then_some(first)
}
