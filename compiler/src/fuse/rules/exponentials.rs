//! Exponentials and logarithms: each product of exponentials is one, and none overflows where the text did not.

use super::super::lang::{Graph, Node, Op, axes_of, number};
use super::super::terms::{Term, rounded};
use super::{Rule, map, multiples, near, nodes, sums_of, terms_of, times, with, without};
use crate::graph::AxisId;
use crate::ops::{Map, Reduce};
use egg::Id;

/// The arguments of a map in a class.
pub(super) fn arguments(graph: &Graph, id: Id, map: Map) -> impl Iterator<Item = Id> + '_ {
    nodes(graph, id, move |op| *op == Op::Map(map)).map(|n| graph.find(n.operands[0]))
}

/// The logarithms of a class: of `k * exp(x)` it is `x + log(k)`, of a number nothing but that.
pub(super) fn exponents(graph: &Graph, id: Id) -> Vec<(Option<Id>, f64)> {
    if let Some(k) = number(graph, id) {
        return if k > 0.0 { vec![(None, k.ln())] } else { Vec::new() };
    }
    let mut found = Vec::new();
    for (k, of) in multiples(graph, id).into_iter().filter(|m| m.0 > 0.0) {
        found.extend(arguments(graph, of, Map::Exp).map(|x| (Some(x), k.ln())));
    }
    found
}

/// `a - b` of two logarithms.
pub(super) fn difference(a: (Option<Id>, f64), b: (Option<Id>, f64)) -> Term {
    let mut terms: Vec<Term> = a.0.into_iter().map(Term::Class).collect();
    terms.extend(b.0.map(|x| times(-1.0, x)));
    terms.push(Term::number(a.1 - b.1));
    Term::Node(Op::Sum, terms)
}

/// A number as halves, if it is that many.
fn halves(k: f64) -> Option<i16> {
    let twice = rounded(k * 2.0);
    (twice.fract() == 0.0 && twice != 0.0 && twice.abs() <= 16.0).then_some(twice as i16)
}

pub(super) const POWER: Rule = Rule {
    name: "power of an exponential",
    algebra: "exp(x) ^ y = exp(x * y)",
    guard: "",
    find: |graph, node, found| match node.op {
        Op::Power(halves) => {
            for x in arguments(graph, node.operands[0], Map::Exp) {
                found.push(map(Map::Exp, times(f64::from(halves) / 2.0, x)));
            }
        }
        Op::Map(Map::Pow) => {
            for x in arguments(graph, node.operands[0], Map::Exp) {
                found.push(map(Map::Exp, Term::product([x, node.operands[1]])));
            }
        }
        _ => {}
    },
};

pub(super) const OF_POSITIVE: Rule = Rule {
    name: "power of a positive value",
    algebra: "x ^ y = exp(y * log(x))",
    guard: "x is a sum, product or power of exponentials and positive numbers",
    find: |graph, node, found| {
        if node.op == Op::Map(Map::Pow) && is_positive(graph, node.operands[0]) {
            let log = map(Map::Log, Term::Class(node.operands[0]));
            found.push(map(Map::Exp, Term::Node(Op::Product, vec![log, Term::Class(node.operands[1])])));
        }
    },
};

/// How deep a class is looked into for its sign.
const DEEP: usize = 4;

/// Whether a class is positive wherever it is finite.
pub(in crate::fuse) fn is_positive(graph: &Graph, id: Id) -> bool {
    is_positive_within(graph, id, DEEP)
}

fn is_positive_within(graph: &Graph, id: Id, depth: usize) -> bool {
    if let Some(k) = number(graph, id) {
        return k > 0.0;
    }
    let positive = |id: &Id| depth > 0 && is_positive_within(graph, *id, depth - 1);
    graph[id].nodes.iter().any(|n| match n.op {
        Op::Map(Map::Exp | Map::Sigmoid | Map::Softplus) => true,
        Op::Sum | Op::Product | Op::Power(_) => n.operands.iter().all(positive),
        _ => false,
    })
}

pub(super) const PRODUCT: Rule = Rule {
    name: "product of exponentials",
    algebra: "exp(x) * exp(y) = exp(x + y)",
    guard: "one of x and y has all axes of the other; this direction only: the left side may be infinity times zero",
    find: product,
};

fn product(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Product {
        return;
    }
    let exponential = |id: &Id| arguments(graph, *id, Map::Exp).next();
    let all: Vec<(usize, Id)> =
        node.operands.iter().enumerate().filter_map(|(at, id)| Some((at, exponential(id)?))).collect();
    for (place, (first, x)) in all.iter().enumerate() {
        for (second, y) in &all[place + 1..] {
            let has = |of: Id, all: &[AxisId]| all.iter().all(|a| axes_of(graph, of).contains(a));
            if has(*x, axes_of(graph, *y)) || has(*y, axes_of(graph, *x)) {
                let joined = map(Map::Exp, Term::sum([*x, *y]));
                found.push(with(Op::Product, without(node, &[*first, *second]), joined));
            }
        }
    }
}

pub(super) const OF_LOGARITHM: Rule = Rule {
    name: "exponential of a logarithm",
    algebra: "exp(k * log(x)) = x ^ k",
    guard: "2 * k is whole",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Exp) {
            return;
        }
        for (k, of) in multiples(graph, node.operands[0]) {
            let Some(halves) = halves(k) else { continue };
            for x in arguments(graph, of, Map::Log) {
                found.push(Term::Node(Op::Power(halves), vec![Term::Class(x)]));
            }
        }
    },
};

pub(super) const OF_SUM: Rule = Rule {
    name: "exponential of a sum with a logarithm",
    algebra: "exp(y + k * log(x)) = x ^ k * exp(y)",
    guard: "2 * k is whole; y is a number, or x is a sum, product or power of exponentials and positive numbers",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Exp) {
            return;
        }
        for (times, sum) in sums_of(graph, node.operands[0]) {
            for (at, operand) in sum.operands.iter().enumerate() {
                for (k, of) in multiples(graph, *operand) {
                    let Some(halves) = halves(k * times) else { continue };
                    let rest = without(sum, &[at]);
                    let is_number = rest.iter().all(|id| number(graph, *id).is_some());
                    for x in arguments(graph, of, Map::Log).filter(|x| is_number || is_positive(graph, *x)) {
                        let power = Term::Node(Op::Power(halves), vec![Term::Class(x)]);
                        let rest =
                            Term::Node(Op::Product, vec![Term::number(times), Term::sum(rest.clone())]);
                        let rest = map(Map::Exp, rest);
                        found.push(Term::Node(Op::Product, vec![power, rest]));
                    }
                }
            }
        }
    },
};

pub(super) const LOGARITHM: Rule = Rule {
    name: "logarithm of an exponential",
    algebra: "log(k * exp(x)) = x + log(k)",
    guard: "k is a positive number",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Log) {
            return;
        }
        for (x, shift) in exponents(graph, node.operands[0]) {
            let Some(x) = x else { continue };
            found.push(Term::Node(Op::Sum, vec![Term::Class(x), Term::number(shift)]));
        }
    },
};

pub(super) const LOGARITHM_OF_MULTIPLE: Rule = Rule {
    name: "logarithm of a multiple",
    algebra: "log(k * x) = log(x) + log(k)",
    guard: "k is a positive number",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Log) {
            return;
        }
        for (k, x) in multiples(graph, node.operands[0]).into_iter().filter(|m| m.0 > 0.0 && m.0 != 1.0) {
            let log = map(Map::Log, Term::Class(x));
            found.push(Term::Node(Op::Sum, vec![log, Term::number(k.ln())]));
        }
    },
};

pub(super) const LOGARITHM_OF_POWER: Rule = Rule {
    name: "logarithm of a power",
    algebra: "log(x ^ n) = n * log(x)",
    guard: "n is no even number",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Log) {
            return;
        }
        for power in nodes(graph, node.operands[0], |op| matches!(op, Op::Power(halves) if halves % 4 != 0)) {
            let Op::Power(halves) = power.op else { continue };
            let log = map(Map::Log, Term::Class(power.operands[0]));
            found.push(Term::Node(Op::Product, vec![Term::number(f64::from(halves) / 2.0), log]));
        }
    },
};

pub(super) const SUM: Rule = Rule {
    name: "softplus",
    algebra: "log(exp(x) + exp(y)) = x + softplus(y - x), of which log(1 + exp(y)) = softplus(y) is one",
    guard: "this direction only: exp overflows",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Log) {
            return;
        }
        for sum in nodes(graph, node.operands[0], |op| *op == Op::Sum) {
            let [first, second] = sum.operands.as_slice() else { continue };
            for (first, second) in [(first, second), (second, first)] {
                for x in exponents(graph, *first) {
                    for y in exponents(graph, *second).into_iter().filter(|y| y.0.is_some()) {
                        let mut terms = vec![map(Map::Softplus, difference(y, x)), Term::number(x.1)];
                        terms.extend(x.0.map(Term::Class));
                        found.push(Term::Node(Op::Sum, terms));
                    }
                }
            }
        }
    },
};

pub(super) const SOFTMAX: Rule = Rule {
    name: "softmax by its logarithm",
    algebra: "exp(x - log(sum(exp(x), over: A))) = softmax(x, over: A)",
    guard: "",
    find: softmax,
};

fn softmax(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Map(Map::Exp) {
        return;
    }
    for (k, sum) in sums_of(graph, node.operands[0]) {
        for (at, operand) in sum.operands.iter().enumerate() {
            let subtracted =
                multiples(graph, *operand).into_iter().filter(|(times, _)| near(k * times, -1.0));
            let sums: Vec<Id> = subtracted.flat_map(|(_, of)| arguments(graph, of, Map::Log)).collect();
            for of in sums {
                for inner in nodes(graph, of, |op| matches!(op, Op::Reduce(Reduce::Sum, _))) {
                    let Op::Reduce(_, over) = &inner.op else { continue };
                    for x in arguments(graph, inner.operands[0], Map::Exp) {
                        let rest = terms_of(graph, sum, &[at], x, 1.0 / k);
                        if rest.is_some_and(|rest| rest.len() + 1 == sum.operands.len()) {
                            found.push(Term::Node(Op::Softmax(over.clone()), vec![Term::Class(x)]));
                        }
                    }
                }
            }
        }
    }
}

pub(super) const OF_SOFTPLUS: Rule = Rule {
    name: "exponential of softplus",
    algebra: "exp(-k * softplus(x)) = sigmoid(-x) ^ k",
    guard: "2 * k is whole",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Exp) {
            return;
        }
        for (k, of) in multiples(graph, node.operands[0]) {
            let Some(halves) = halves(-k) else { continue };
            for x in arguments(graph, of, Map::Softplus) {
                let sigmoid = map(Map::Sigmoid, times(-1.0, x));
                found.push(Term::Node(Op::Power(halves), vec![sigmoid]));
            }
        }
    },
};
