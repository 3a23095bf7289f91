//! The rules of the canon e-graph: one table. A rule gives terms that equal a node; the smaller one wins.
//!
//! A rule goes one way, and its right side is the smaller by the measure of `extract`, or there is a rule for the way back
//! (`blends`, `sums`) and the measure decides: so the canonical spelling does not depend on what a text happened to
//! contain. Forbidden, because f32 is no field: taking `center` apart (its moments
//! cancel), distributing a sum into a matrix product, `exp(a + b)` into two.

pub(super) mod algebra;
pub(super) mod atoms;
mod blends;
pub(super) mod exponentials;
mod flips;
mod logistic;
mod maps;
mod regroup;
pub(super) mod sums;

use super::lang::{Graph, Node, Op, number};
use super::terms::Term;
use crate::ops::Map;
use egg::Id;

/// A rule.
pub(super) struct Rule {
    /// Its name in `--why`.
    pub name: &'static str,
    /// What it says, in one line.
    pub algebra: &'static str,
    /// When it holds; empty if always.
    pub guard: &'static str,
    /// The terms that equal this node of this class.
    pub find: fn(&Graph, &Node, &mut Vec<Term>),
}

/// How many rules, the first of all, bring nodes into the form that the others look at.
pub(super) const FORMS: usize = 3;

/// All rules, in the order in which they are tried.
pub(super) static RULES: &[Rule] = &[
    algebra::FLATTEN,
    algebra::MULTIPLE,
    algebra::ZERO,
    algebra::POWER,
    algebra::FACTOR,
    algebra::FACTOR_SUM,
    regroup::REGROUP,
    blends::BLEND,
    blends::UNBLEND,
    blends::POLYNOMIAL,
    blends::FACTOR_POWER,
    sums::PULL,
    sums::NESTED,
    sums::SPLIT,
    sums::JOIN,
    sums::GATHER,
    atoms::CENTER,
    atoms::CENTERED_MOMENT,
    atoms::CENTERED_TWICE,
    atoms::SAFE_VARIANCE,
    exponentials::POWER,
    exponentials::OF_POSITIVE,
    exponentials::PRODUCT,
    exponentials::OF_LOGARITHM,
    exponentials::OF_SUM,
    exponentials::LOGARITHM,
    exponentials::LOGARITHM_OF_MULTIPLE,
    exponentials::LOGARITHM_OF_POWER,
    exponentials::SUM,
    exponentials::OF_SOFTPLUS,
    exponentials::SOFTMAX,
    logistic::SIGMOID,
    logistic::QUOTIENT,
    logistic::TURNED,
    logistic::COMPLEMENT,
    logistic::OF_TANH,
    logistic::TANH,
    logistic::LOGARITHM,
    logistic::SOFTPLUS,
    logistic::SAFE_SOFTPLUS,
    maps::PARITY,
    maps::SQUARE,
    maps::MINIMUM,
    maps::WHERE,
    atoms::SOFTMAX,
    atoms::SOFTMAX_SHIFT,
    atoms::SOFTMAX_LATE,
    flips::TWICE,
    flips::OUT,
    flips::SUMMED,
    flips::MIXED,
];

/// The nodes of a class with one operation. A new carry is a leaf to those who read it.
/// What there is a better form of is left to that.
fn nodes<'a>(graph: &'a Graph, id: Id, is: impl Fn(&Op) -> bool + 'a) -> impl Iterator<Item = &'a Node> + 'a {
    all_nodes(graph, id, is).filter(move |n| !is_hidden(graph, n))
}

/// Whether a node is looked at by those rules alone that bring nodes into their form, the first [`FORMS`] of the table.
pub(super) fn is_hidden(graph: &Graph, node: &Node) -> bool {
    algebra::is_nested(graph, node) || algebra::is_uneven(graph, node) || algebra::has_zero(graph, node)
}

/// The same with those that there is a better form of.
fn all_nodes<'a>(
    graph: &'a Graph,
    id: Id,
    is: impl Fn(&Op) -> bool + 'a,
) -> impl Iterator<Item = &'a Node> + 'a {
    graph[id].nodes.iter().filter(move |n| is(&n.op) && !graph[id].data.sealed)
}

/// The operands but for those at some places.
fn without(node: &Node, places: &[usize]) -> Vec<Id> {
    let kept = node.operands.iter().enumerate().filter(|(at, _)| !places.contains(at));
    kept.map(|(_, id)| *id).collect()
}

/// A node with more operands than it had: the kept ones and a term.
fn with(op: Op, kept: Vec<Id>, term: Term) -> Term {
    if kept.is_empty() {
        return term;
    }
    Term::Node(op, kept.into_iter().map(Term::Class).chain([term]).collect())
}

/// A product of a number and one class.
fn scaled(graph: &Graph, node: &Node) -> Option<(f64, Id)> {
    match (&node.op, node.operands.as_slice()) {
        (Op::Product, [a, b]) => match (number(graph, *a), number(graph, *b)) {
            (Some(k), None) => Some((k, graph.find(*b))),
            (None, Some(k)) => Some((k, graph.find(*a))),
            _ => None,
        },
        _ => None,
    }
}

/// A class as numbers times classes: itself, and every product of a number and one class in it.
fn multiples(graph: &Graph, id: Id) -> Vec<(f64, Id)> {
    let products = all_nodes(graph, id, |op| *op == Op::Product).filter_map(|n| scaled(graph, n));
    [(1.0, graph.find(id))].into_iter().chain(products).collect()
}

/// A class as numbers times sums.
fn sums_of(graph: &Graph, id: Id) -> impl Iterator<Item = (f64, &Node)> {
    let all = multiples(graph, id).into_iter();
    all.flat_map(move |(k, of)| nodes(graph, of, |op| *op == Op::Sum).map(move |sum| (k, sum)))
}

/// Whether two numbers are equal but for rounding of f64 arithmetic on literals.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-10 * a.abs().max(b.abs())
}

fn map(map: Map, of: Term) -> Term {
    Term::Node(Op::Map(map), vec![of])
}

fn times(factor: f64, of: Id) -> Term {
    Term::Node(Op::Product, vec![Term::number(factor), Term::Class(of)])
}

/// Whether a class is a number times another, as far as the numbers in front of them say.
fn is_scaled(graph: &Graph, id: Id, factor: f64, of: Id) -> bool {
    if let (Some(a), Some(b)) = (number(graph, id), number(graph, of)) {
        return near(a, factor * b);
    }
    let others = multiples(graph, of);
    let is_same = |(k, x): &(f64, Id)| others.iter().any(|(l, y)| x == y && near(*k, factor * l));
    multiples(graph, id).iter().any(is_same)
}

/// Whether a class is a number times another, term by term if both are sums.
fn is_multiple(graph: &Graph, id: Id, factor: f64, of: Id) -> bool {
    let whole = |(k, sum): (f64, &Node)| {
        terms_of(graph, sum, &[], of, factor / k).is_some_and(|places| places.len() == sum.operands.len())
    };
    is_scaled(graph, id, factor, of) || sums_of(graph, id).any(whole)
}

/// The places of those terms of a sum that together are a number times a class; others than some.
fn terms_of(graph: &Graph, sum: &Node, but: &[usize], of: Id, factor: f64) -> Option<Vec<usize>> {
    let place = |taken: &[usize], id: Id, factor: f64| {
        let mut places = (0..sum.operands.len()).filter(|at| !taken.contains(at) && !but.contains(at));
        places.find(|at| is_scaled(graph, sum.operands[*at], factor, id))
    };
    if let Some(one) = place(&[], of, factor) {
        return Some(vec![one]);
    }
    for (times, inner) in multiples(graph, of) {
        for terms in nodes(graph, inner, |op| *op == Op::Sum) {
            let mut taken = Vec::with_capacity(terms.operands.len());
            for term in &terms.operands {
                match place(&taken, *term, factor * times) {
                    Some(at) => taken.push(at),
                    None => break,
                }
            }
            if taken.len() == terms.operands.len() {
                return Some(taken);
            }
        }
    }
    None
}
