//! The logistic family: sigmoid, the hyperbolic tangent and softplus, whatever quotient or sum they are written as.
//! One of each is left, which neither overflows nor cancels.

use super::super::lang::{Graph, Node, Op, number};
use super::super::terms::Term;
use super::exponentials::{arguments, difference, exponents};
use super::{Rule, is_multiple, map, multiples, near, nodes, terms_of, times, with, without};
use crate::ops::Map;
use egg::Id;

/// A number times a term.
fn multiple(factor: f64, of: Term) -> Term {
    Term::Node(Op::Product, vec![Term::number(factor), of])
}

/// The multiples of a map among the operands of a sum: the place, the number, and the map's argument.
fn terms_with<'a>(graph: &'a Graph, sum: &'a Node, map: Map) -> impl Iterator<Item = (usize, f64, Id)> + 'a {
    let places = sum.operands.iter().enumerate().filter(move |_| sum.op == Op::Sum);
    let all = places.flat_map(move |(at, id)| multiples(graph, *id).into_iter().map(move |m| (at, m)));
    all.flat_map(move |(at, (k, of))| arguments(graph, of, map).map(move |x| (at, k, x)))
}

/// The number among the operands of a sum, and its place.
fn constant(graph: &Graph, sum: &Node) -> Option<(usize, f64)> {
    let numbers = sum.operands.iter().enumerate();
    numbers.filter(|_| sum.op == Op::Sum).find_map(|(at, id)| number(graph, *id).map(|k| (at, k)))
}

pub(super) const SIGMOID: Rule = Rule {
    name: "sigmoid",
    algebra: "(1 + exp(x)) ^ (-k) = sigmoid(-x) ^ k",
    guard: "this direction only: exp overflows",
    find: |graph, node, found| {
        let Op::Power(halves @ ..=-1) = node.op else { return };
        for sum in nodes(graph, node.operands[0], |op| *op == Op::Sum) {
            let [a, b] = sum.operands.as_slice() else { continue };
            for (one, other) in [(a, b), (b, a)] {
                if number(graph, *one) == Some(1.0) {
                    for x in exponents(graph, *other).into_iter().filter(|x| x.0.is_some()) {
                        let sigmoid = map(Map::Sigmoid, difference((None, 0.0), x));
                        found.push(Term::Node(Op::Power(-halves), vec![sigmoid]));
                    }
                }
            }
        }
    },
};

pub(super) const QUOTIENT: Rule = Rule {
    name: "sigmoid of a difference",
    algebra: "exp(x) / (exp(x) + exp(y)) = sigmoid(x - y)",
    guard: "this direction only: exp overflows",
    find: |graph, node, found| {
        if node.op != Op::Product {
            return;
        }
        for (divisor, operand) in node.operands.iter().enumerate() {
            for inverse in nodes(graph, *operand, |op| *op == Op::Power(-2)) {
                for sum in nodes(graph, inverse.operands[0], |op| *op == Op::Sum) {
                    let [a, b] = sum.operands.as_slice() else { continue };
                    for (part, other) in [(a, b), (b, a)] {
                        let at = node.operands.iter().position(|id| graph.find(*id) == graph.find(*part));
                        let (Some(at), Some(x)) = (at, exponents(graph, *part).first().copied()) else {
                            continue;
                        };
                        for y in exponents(graph, *other).into_iter().filter(|y| x.0.or(y.0).is_some()) {
                            let sigmoid = map(Map::Sigmoid, difference(x, y));
                            found.push(with(Op::Product, without(node, &[divisor, at]), sigmoid));
                        }
                    }
                }
            }
        }
    },
};

pub(super) const TURNED: Rule = Rule {
    name: "sigmoid turned",
    algebra: "exp(x) * sigmoid(-x) = sigmoid(x)",
    guard: "this direction only: exp overflows",
    find: |graph, node, found| {
        if node.op != Op::Product {
            return;
        }
        for (at, operand) in node.operands.iter().enumerate() {
            for x in arguments(graph, *operand, Map::Exp) {
                for (place, other) in node.operands.iter().enumerate() {
                    if arguments(graph, *other, Map::Sigmoid).any(|y| is_multiple(graph, y, -1.0, x)) {
                        let sigmoid = map(Map::Sigmoid, Term::Class(x));
                        found.push(with(Op::Product, without(node, &[at, place]), sigmoid));
                    }
                }
            }
        }
    },
};

pub(super) const COMPLEMENT: Rule = Rule {
    name: "complement of a sigmoid",
    algebra: "1 - sigmoid(x) = sigmoid(-x)",
    guard: "this direction only: the left side cancels where x is large",
    find: |graph, node, found| {
        let Some((one, c)) = constant(graph, node) else { return };
        for (at, k, x) in terms_with(graph, node, Map::Sigmoid).filter(|t| near(t.1, -c)) {
            let sigmoid = multiple(-k, map(Map::Sigmoid, times(-1.0, x)));
            found.push(with(Op::Sum, without(node, &[one, at]), sigmoid));
        }
    },
};

pub(super) const OF_TANH: Rule = Rule {
    name: "sigmoid of tanh",
    algebra: "1 + tanh(x) = 2 * sigmoid(2 * x); 1 - tanh(x) = 2 * sigmoid(-2 * x)",
    guard: "this direction only: the left side cancels where x is far below zero",
    find: |graph, node, found| {
        let Some((one, c)) = constant(graph, node) else { return };
        for (at, k, x) in terms_with(graph, node, Map::Tanh).filter(|t| near(t.1.abs(), c.abs())) {
            let sigmoid = multiple(2.0 * c, map(Map::Sigmoid, times(2.0 * (k / c).signum(), x)));
            found.push(with(Op::Sum, without(node, &[one, at]), sigmoid));
        }
    },
};

pub(super) const TANH: Rule = Rule {
    name: "tanh of a sigmoid",
    algebra: "2 * sigmoid(2 * x) - 1 = tanh(x)",
    guard: "this direction only: the left side cancels where x is near zero",
    find: |graph, node, found| {
        let Some((one, c)) = constant(graph, node) else { return };
        for (at, k, x) in terms_with(graph, node, Map::Sigmoid).filter(|t| near(t.1, -2.0 * c)) {
            let tanh = multiple(k / 2.0, map(Map::Tanh, times(0.5, x)));
            found.push(with(Op::Sum, without(node, &[one, at]), tanh));
        }
    },
};

pub(super) const LOGARITHM: Rule = Rule {
    name: "logarithm of a sigmoid",
    algebra: "log(sigmoid(x)) = -softplus(-x)",
    guard: "this direction only: the left side is infinite where x is far below zero",
    find: |graph, node, found| {
        if node.op == Op::Map(Map::Log) {
            for x in arguments(graph, node.operands[0], Map::Sigmoid) {
                found.push(multiple(-1.0, map(Map::Softplus, times(-1.0, x))));
            }
        }
    },
};

pub(super) const SOFTPLUS: Rule = Rule {
    name: "softplus turned",
    algebra: "softplus(x) - x = softplus(-x)",
    guard: "this direction only: the left side cancels where x is large",
    find: |graph, node, found| {
        for (at, k, x) in terms_with(graph, node, Map::Softplus) {
            if let Some(places) = terms_of(graph, node, &[at], x, -k) {
                let softplus = multiple(k, map(Map::Softplus, times(-1.0, x)));
                let places: Vec<usize> = places.into_iter().chain([at]).collect();
                found.push(with(Op::Sum, without(node, &places), softplus));
            }
        }
    },
};

pub(super) const SAFE_SOFTPLUS: Rule = Rule {
    name: "softplus in two parts",
    algebra: "max(x, 0) + softplus(-abs(x)) = softplus(x)",
    guard: "",
    find: |graph, node, found| {
        for (at, k, y) in terms_with(graph, node, Map::Softplus) {
            let absolutes: Vec<Id> = multiples(graph, y)
                .into_iter()
                .filter(|m| m.0 == -1.0)
                .flat_map(|m| arguments(graph, m.1, Map::Abs))
                .collect();
            for (place, x) in ramps(graph, node, k) {
                let is_ours = |a: &Id| is_multiple(graph, *a, 1.0, x) || is_multiple(graph, *a, -1.0, x);
                if absolutes.iter().any(is_ours) {
                    let softplus = multiple(k, map(Map::Softplus, Term::Class(x)));
                    found.push(with(Op::Sum, without(node, &[at, place]), softplus));
                }
            }
        }
    },
};

/// The terms of a sum that are a number times `max(x, 0)`: their places, and x.
fn ramps(graph: &Graph, sum: &Node, factor: f64) -> Vec<(usize, Id)> {
    let mut found = Vec::new();
    for (at, operand) in sum.operands.iter().enumerate() {
        for (_, of) in multiples(graph, *operand).into_iter().filter(|m| near(m.0, factor)) {
            for ramp in nodes(graph, of, |op| *op == Op::Map(Map::Max)) {
                let [a, b] = ramp.operands.as_slice() else { continue };
                for (zero, x) in [(a, b), (b, a)] {
                    if number(graph, *zero) == Some(0.0) {
                        found.push((at, graph.find(*x)));
                    }
                }
            }
        }
    }
    found
}
