//! Compositions that are functions of their own: safe in f32, or told as one thing to the kernels.

use super::super::lang::{Axes, Graph, Node, Op, has_any};
use super::super::terms::Term;
use super::exponentials::arguments;
use super::{Rule, multiples, near, nodes, terms_of, with, without};
use crate::ops::{Map, Reduce};
use egg::Id;

pub(super) const CENTER: Rule = Rule {
    name: "center",
    algebra: "x - mean(x, over: A) = center(x, over: A)",
    guard: "the sum is divided by the size of A",
    find: center,
};

/// The sums that a class is a multiple of: the factor, the axes and what is summed.
fn multiples_of_sums(graph: &Graph, id: Id) -> Vec<(f64, Axes, Id)> {
    let mut found = Vec::new();
    for (factor, of) in multiples(graph, id) {
        for node in &graph[of].nodes {
            if let Op::Reduce(Reduce::Sum, over) = &node.op {
                found.push((factor, over.clone(), graph.find(node.operands[0])));
            }
        }
    }
    found
}

fn center(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum {
        return;
    }
    for (mean, operand) in node.operands.iter().enumerate() {
        for (factor, over, summed) in multiples_of_sums(graph, *operand) {
            let Some(size) = graph.analysis.size(&over) else { continue };
            let times = -factor * size as f64;
            // What is summed may be a sum, whose terms stand side by side with the mean.
            let Some(mut places) = terms_of(graph, node, &[mean], summed, times) else { continue };
            places.push(mean);
            let centred = Term::Node(Op::Center(over), vec![Term::Class(summed)]);
            let centred = match near(times, 1.0) {
                true => centred,
                false => Term::Node(Op::Product, vec![Term::number(times), centred]),
            };
            found.push(with(Op::Sum, without(node, &places), centred));
        }
    }
}

pub(super) const SAFE_VARIANCE: Rule = Rule {
    name: "safe variance",
    algebra: "mean(x^2) - mean(x)^2 = mean(center(x)^2)",
    guard: "this direction only: the left side cancels in f32",
    find: safe_variance,
};

fn safe_variance(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum {
        return;
    }
    for (square_of_mean, operand) in node.operands.iter().enumerate() {
        for (factor, of) in multiples(graph, *operand) {
            for square in nodes(graph, of, |op| *op == Op::Power(4)) {
                for (inner, over, x) in multiples_of_sums(graph, square.operands[0]) {
                    let Some(size) = graph.analysis.size(&over).map(|n| n as f64) else { continue };
                    // The operand is -(sum(x) / n)^2 times some number; so must the mean of squares be.
                    let times = -factor * inner * inner * size * size;
                    for (mean_of_squares, other) in node.operands.iter().enumerate() {
                        let is_mean = multiples_of_sums(graph, *other).iter().any(|(k, axes, squared)| {
                            *axes == over && near(k * size, times) && is_square(graph, *squared, x)
                        });
                        if mean_of_squares == square_of_mean || !is_mean {
                            continue;
                        }
                        let centred = Term::Node(Op::Center(over.clone()), vec![Term::Class(x)]);
                        let sum = Term::Node(
                            Op::Reduce(Reduce::Sum, over.clone()),
                            vec![Term::Node(Op::Power(4), vec![centred])],
                        );
                        let mean = Term::Node(Op::Product, vec![Term::number(times / size), sum]);
                        let rest = without(node, &[square_of_mean, mean_of_squares]);
                        found.push(with(Op::Sum, rest, mean));
                    }
                }
            }
        }
    }
}

/// Whether a sum is a variance that cancels.
pub(in crate::fuse) fn cancels(graph: &Graph, node: &Node) -> bool {
    let mut found = Vec::new();
    safe_variance(graph, node, &mut found);
    !found.is_empty()
}

fn is_square(graph: &Graph, id: Id, of: Id) -> bool {
    nodes(graph, id, |op| *op == Op::Power(4)).any(|n| graph.find(n.operands[0]) == of)
}

pub(super) const CENTERED_MOMENT: Rule = Rule {
    name: "centred moment",
    algebra: "sum(x * center(x, over: A), over: A) = sum(center(x, over: A)^2, over: A)",
    guard: "",
    find: |graph, node, found| {
        let Op::Reduce(Reduce::Sum, over) = &node.op else { return };
        for product in nodes(graph, node.operands[0], |op| *op == Op::Product) {
            let [a, b] = product.operands.as_slice() else { continue };
            for (x, centred) in [(a, b), (b, a)] {
                let is_centred = |n: &Node| graph.find(n.operands[0]) == graph.find(*x);
                if nodes(graph, *centred, |op| *op == Op::Center(over.clone())).any(is_centred) {
                    let square = Term::Node(Op::Power(4), vec![Term::Class(*centred)]);
                    found.push(Term::Node(node.op.clone(), vec![square]));
                }
            }
        }
    },
};

pub(super) const CENTERED_TWICE: Rule = Rule {
    name: "centred twice",
    algebra: "center(center(x, over: A), over: A) = center(x, over: A)",
    guard: "",
    find: |graph, node, found| {
        if !matches!(node.op, Op::Center(_)) {
            return;
        }
        if nodes(graph, node.operands[0], |op| *op == node.op).next().is_some() {
            found.push(Term::Class(node.operands[0]));
        }
    },
};

/// The sums of exponentials that a class divides by: axes, the exponential, and its argument.
fn divisors(graph: &Graph, id: Id) -> Vec<(Axes, Id, Id)> {
    let mut found = Vec::new();
    for inverse in nodes(graph, id, |op| *op == Op::Power(-2)) {
        for sum in nodes(graph, inverse.operands[0], |op| matches!(op, Op::Reduce(Reduce::Sum, _))) {
            let Op::Reduce(_, over) = &sum.op else { continue };
            let exponential = graph.find(sum.operands[0]);
            for x in arguments(graph, exponential, Map::Exp) {
                found.push((over.clone(), exponential, x));
            }
        }
    }
    found
}

fn softmax_of(over: Axes, x: Id) -> Term {
    Term::Node(Op::Softmax(over), vec![Term::Class(x)])
}

pub(super) const SOFTMAX: Rule = Rule {
    name: "softmax",
    algebra: "exp(x) / sum(exp(x), over: A) = softmax(x, over: A)",
    guard: "this direction only: exp overflows",
    find: |graph, node, found| {
        if node.op != Op::Product {
            return;
        }
        for (divisor, operand) in node.operands.iter().enumerate() {
            for (over, exponential, x) in divisors(graph, *operand) {
                if let Some(at) = node.operands.iter().position(|id| graph.find(*id) == exponential) {
                    found.push(with(Op::Product, without(node, &[divisor, at]), softmax_of(over, x)));
                }
            }
        }
    },
};

pub(super) const SOFTMAX_SHIFT: Rule = Rule {
    name: "shift of a softmax",
    algebra: "softmax(k * (x + m), over: A) = softmax(k * x, over: A)",
    guard: "m does not have A, and x has all other axes of m",
    find: |graph, node, found| {
        let Op::Softmax(over) = &node.op else { return };
        for (k, of) in multiples(graph, node.operands[0]) {
            for sum in nodes(graph, of, |op| *op == Op::Sum) {
                let (kept, shifts): (Vec<Id>, Vec<Id>) =
                    sum.operands.iter().copied().partition(|id| has_any(graph, *id, over));
                let axes = |ids: &[Id]| {
                    super::super::lang::axes(ids.iter().flat_map(|id| graph[*id].data.axes.to_vec()))
                };
                if !kept.is_empty() && !shifts.is_empty() && axes(&kept) == graph[node.operands[0]].data.axes
                {
                    let kept = Term::Node(Op::Product, vec![Term::number(k), Term::sum(kept)]);
                    found.push(Term::Node(node.op.clone(), vec![kept]));
                }
            }
        }
    },
};

pub(super) const SOFTMAX_LATE: Rule = Rule {
    name: "softmax after a product",
    algebra: "sum(exp(x) * v, over: A) / sum(exp(x), over: A) = sum(softmax(x, over: A) * v, over: A)",
    guard: "this direction only: exp overflows",
    find: softmax_late,
};

fn softmax_late(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Product {
        return;
    }
    for (divisor, operand) in node.operands.iter().enumerate() {
        for (over, exponential, x) in divisors(graph, *operand) {
            for (at, factor) in node.operands.iter().enumerate().filter(|(at, _)| *at != divisor) {
                let reduce = Op::Reduce(Reduce::Sum, over.clone());
                for sum in nodes(graph, *factor, |op| *op == reduce) {
                    for product in nodes(graph, sum.operands[0], |op| *op == Op::Product) {
                        let Some(e) = product.operands.iter().position(|id| graph.find(*id) == exponential)
                        else {
                            continue;
                        };
                        let inner = with(Op::Product, without(product, &[e]), softmax_of(over.clone(), x));
                        let sum = Term::Node(reduce.clone(), vec![inner]);
                        found.push(with(Op::Product, without(node, &[divisor, at]), sum));
                    }
                }
            }
        }
    }
}
