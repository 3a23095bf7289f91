//! Sums and products.

use super::super::lang::{Graph, Node, Op, has_any, number};
use super::super::terms::{Term, negated, splits};
use super::{Rule, multiples, nodes, terms_of, times, with, without};
use crate::graph::AxisId;
use egg::Id;
use std::collections::BTreeMap;

/// Longer sums and products are not joined: what a rule tries grows with the square of their length.
const LONGEST: usize = 16;

pub(super) const FLATTEN: Rule = Rule {
    name: "flatten",
    algebra: "a + k * (b + c) = a + k * b + k * c; a * (b * c) = a * b * c",
    guard: "k is a number; at most 16 operands",
    find: flatten,
};

fn flatten(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if !matches!(node.op, Op::Sum | Op::Product) {
        return;
    }
    for (at, operand) in node.operands.iter().enumerate() {
        let multiples = if node.op == Op::Sum { multiples(graph, *operand) } else { vec![(1.0, *operand)] };
        for (factor, of) in multiples {
            for inner in nodes(graph, of, |op| *op == node.op) {
                // A class that is a sum of itself and of something that is zero would go round and round.
                let is_loop = inner.operands.iter().any(|id| graph.find(*id) == graph.find(of));
                if is_loop || node.operands.len() + inner.operands.len() > LONGEST + 1 {
                    continue;
                }
                let scaled = |id: &Id| match factor == 1.0 {
                    true => Term::Class(*id),
                    false => Term::Node(Op::Product, vec![Term::number(factor), Term::Class(*id)]),
                };
                let kept = without(node, &[at]).into_iter().map(Term::Class);
                found.push(Term::Node(
                    node.op.clone(),
                    kept.chain(inner.operands.iter().map(scaled)).collect(),
                ));
            }
        }
    }
}

pub(super) const MINUS: Rule = Rule {
    name: "minus",
    algebra: "-x * (a - b) = x * (b - a)",
    guard: "half of the terms are subtracted",
    find: minus,
};

fn minus(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Product {
        return;
    }
    let negative = |id: &Id| number(graph, *id).filter(|k| *k < 0.0);
    let Some((at, factor)) =
        node.operands.iter().enumerate().find_map(|(at, id)| negative(id).map(|k| (at, k)))
    else {
        return;
    };
    for (place, operand) in node.operands.iter().enumerate() {
        for sum in nodes(graph, *operand, |op| *op == Op::Sum) {
            let is_subtracted =
                |id: &&Id| multiples(graph, **id).iter().any(|m| m.0 < 0.0) || negative(id).is_some();
            if 2 * sum.operands.iter().filter(is_subtracted).count() != sum.operands.len() {
                continue;
            }
            let turned = |id: &Id| Term::Node(Op::Product, vec![Term::number(-1.0), Term::Class(*id)]);
            let turned = Term::Node(Op::Sum, sum.operands.iter().map(turned).collect());
            let rest = without(node, &[at, place]).into_iter().map(Term::Class);
            let factors = rest.chain([Term::number(-factor), turned]).collect();
            found.push(Term::Node(Op::Product, factors));
        }
    }
}

pub(super) const TURN: Rule = Rule {
    name: "difference",
    algebra: "a - b = -(b - a)",
    guard: "half of the terms can be subtracted, and no other rule has another way to say the sum",
    find: |graph, node, found| {
        if node.op != Op::Sum || !graph.analysis.settled {
            return;
        }
        let is_subtracted = |id: &&Id| {
            let is_opposite = |id: &Id| is_negative(graph, *id, false);
            let by_factor = |n: &Node| {
                super::scaled_by(graph, n).is_some_and(|k| k < 0.0) && !n.operands.iter().any(is_opposite)
            };
            number(graph, **id).is_some_and(|k| k < 0.0) || graph[**id].nodes.iter().any(by_factor)
        };
        let is_said_once =
            |class: Id| graph[class].nodes.iter().all(|n| n.op == Op::Sum || negated(graph, n).is_some());
        let subtracted = node.operands.iter().filter(is_subtracted).count();
        if 2 * subtracted >= node.operands.len() && graph.lookup(node.clone()).is_some_and(is_said_once) {
            let terms = node.operands.iter().map(|id| times(-1.0, *id)).collect();
            let turned = Term::Plain(Op::Sum, terms);
            found.push(Term::Plain(Op::Product, vec![Term::number(-1.0), turned]));
        }
    },
};

pub(super) const POWER: Rule = Rule {
    name: "power of a product",
    algebra: "(a * b) ^ n = a ^ n * b ^ n",
    guard: "n is whole, or a is a positive number",
    find: power,
};

fn power(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    let Op::Power(halves) = node.op else { return };
    for product in splitting(graph, halves, node.operands[0]) {
        let factor = |id: &Id| Term::Node(Op::Power(halves), vec![Term::Class(*id)]);
        found.push(Term::Node(Op::Product, product.operands.iter().map(factor).collect()));
    }
}

/// Whether a power of a class is a product of powers. A sum the other way round is no smaller than the sum.
pub(in crate::fuse) fn is_split(graph: &Graph, halves: i16, id: Id) -> bool {
    splitting(graph, halves, id).any(|n| !is_turned(graph, n))
}

/// The products in a class whose power is the product of powers.
fn splitting(graph: &Graph, halves: i16, id: Id) -> impl Iterator<Item = &Node> + '_ {
    let is_loop = move |n: &&Node| n.operands.iter().any(|o| graph.find(*o) == graph.find(id));
    let products = nodes(graph, id, move |op| *op == Op::Product).filter(move |n| !is_loop(n));
    // A number before a sum that can take it goes into that, and not out of the power.
    let stays = move |n: &Node| {
        let of = super::scaled(graph, n).filter(|(k, _)| share(&Op::Power(halves), *k).is_some());
        of.is_some_and(|(_, of)| graph[of].nodes.iter().any(|sum| is_uneven(graph, sum)))
    };
    products.filter(move |n| splits(graph, halves, &n.operands) && !stays(n))
}

pub(super) const ABSORB: Rule = Rule {
    name: "absorb a number",
    algebra: "k * x * (a + l * b) = x * (k * a + k * l * b)",
    guard: "k is a number; the terms are multiples by different numbers",
    find: absorb,
};

fn absorb(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Product {
        return;
    }
    let factor = node.operands.iter().enumerate().find_map(|(at, id)| number(graph, *id).map(|k| (at, k)));
    let Some((at, factor)) = factor else { return };
    for (place, operand) in node.operands.iter().enumerate() {
        for sum in nodes(graph, *operand, |op| *op == Op::Sum).filter(|sum| is_uneven(graph, sum)) {
            let scaled = |id: &Id| Term::Node(Op::Product, vec![Term::number(factor), Term::Class(*id)]);
            let scaled = Term::Node(Op::Sum, sum.operands.iter().map(scaled).collect());
            found.push(with(Op::Product, without(node, &[at, place]), scaled));
        }
    }
}

pub(super) const ABSORB_IN_POWER: Rule = Rule {
    name: "absorb a number in a power",
    algebra: "k * (a + l * b) ^ n = (k ^ (1 / n) * a + k ^ (1 / n) * l * b) ^ n",
    guard: "n is -1, or k is positive and n a half; the terms are multiples by different numbers",
    find: absorb_in_power,
};

fn absorb_in_power(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Product {
        return;
    }
    let factor = node.operands.iter().enumerate().find_map(|(at, id)| number(graph, *id).map(|k| (at, k)));
    let Some((at, factor)) = factor else { return };
    for (place, operand) in node.operands.iter().enumerate() {
        for power in nodes(graph, *operand, |op| matches!(op, Op::Power(_))) {
            let Some((halves, share)) = share(&power.op, factor) else { continue };
            for sum in nodes(graph, power.operands[0], |op| *op == Op::Sum).filter(|s| is_uneven(graph, s)) {
                let scaled = |id: &Id| Term::Node(Op::Product, vec![Term::number(share), Term::Class(*id)]);
                let scaled = Term::Node(Op::Sum, sum.operands.iter().map(scaled).collect());
                let power = Term::Node(Op::Power(halves), vec![scaled]);
                found.push(with(Op::Product, without(node, &[at, place]), power));
            }
        }
    }
}

/// What a number in front of a power of a sum is within the sum; the numbers of the sum shall stay floats.
fn share(power: &Op, factor: f64) -> Option<(i16, f64)> {
    let Op::Power(halves) = *power else { return None };
    let fits = halves == -2 || (factor > 0.0 && halves % 2 != 0);
    let share = if halves == -2 { 1.0 / factor } else { factor.powf(2.0 / f64::from(halves)) };
    (fits && (1e-12..=1e12).contains(&share.abs())).then_some((halves, share))
}

/// Whether a number goes into a class: it is nothing but sums of different multiples, powers of one, products with
/// such a factor, and sums of these products.
pub(in crate::fuse) fn takes(graph: &Graph, id: Id, factor: f64) -> bool {
    let takes_within = |n: &Node| match n.op {
        Op::Power(_) => {
            share(&n.op, factor).is_some() && graph[n.operands[0]].nodes.iter().any(|n| is_uneven(graph, n))
        }
        _ => is_uneven(graph, n),
    };
    let takes = |id: &Id| graph[*id].nodes.iter().all(|n| takes_within(n) || is_turned(graph, n));
    let by_factor = |n: &Node| n.op == Op::Product && n.operands.iter().any(takes);
    let all = || graph[id].nodes.iter().filter(|n| !is_turned(graph, n));
    let pulled = all().any(by_factor);
    all().all(|n| takes_within(n) || by_factor(n) || (pulled && matches!(n.op, Op::Reduce(..))))
}

/// Whether a class is the negative of another, and that in turn is its negative (`either`) or is not.
fn is_negative(graph: &Graph, id: Id, either: bool) -> bool {
    let of = |id: Id| graph[id].nodes.iter().filter_map(move |n| negated(graph, n));
    let is_back = |other: Id| of(other).any(|back| back == graph.find(id));
    of(id).any(|other| is_back(other) == either)
}

/// Whether nothing but a sign is free of some axes in a product, before a sum that may as well be said the other way
/// round: the sign is nothing to be pulled out.
pub(in crate::fuse) fn is_signed(graph: &Graph, product: &Node, over: &[AxisId]) -> bool {
    let (inside, outside): (Vec<Id>, Vec<Id>) =
        product.operands.iter().copied().partition(|id| has_any(graph, *id, over));
    let is_sign = outside.iter().all(|id| number(graph, *id) == Some(-1.0));
    is_sign && inside.iter().any(|id| is_negative(graph, *id, true))
}

/// Whether a product is a sum the other way round.
pub(in crate::fuse) fn is_turned(graph: &Graph, node: &Node) -> bool {
    super::scaled(graph, node)
        .is_some_and(|(k, of)| k == -1.0 && nodes(graph, of, |op| *op == Op::Sum).next().is_some())
}

/// Whether the terms of a sum are multiples by different numbers.
pub(in crate::fuse) fn is_uneven(graph: &Graph, sum: &Node) -> bool {
    let size = |id: &Id| {
        let scaled = graph[*id].nodes.iter().find_map(|n| super::scaled_by(graph, n));
        number(graph, *id).or(scaled).map_or(1.0, f64::abs)
    };
    let mut sizes = sum.operands.iter().map(size);
    let first = sizes.next();
    sum.op == Op::Sum && sizes.any(|s| Some(s) != first)
}

pub(super) const FACTOR: Rule =
    Rule { name: "factor", algebra: "x * a + x * b = x * (a + b)", guard: "x is no number", find: factor };

fn factor(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum || node.operands.len() > LONGEST {
        return;
    }
    let forms: Vec<Vec<Vec<Id>>> = node.operands.iter().map(|id| factors(graph, *id)).collect();
    let mut readers: BTreeMap<Id, usize> = BTreeMap::new();
    for form in &forms {
        let mut all: Vec<Id> = form.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().for_each(|id| *readers.entry(id).or_default() += 1);
    }
    for (common, count) in readers {
        if count < 2 || number(graph, common).is_some() {
            continue;
        }
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (term, form) in node.operands.iter().zip(&forms) {
            match form.iter().find(|product| product.contains(&common)) {
                Some(product) => {
                    let mut rest = product.clone();
                    if let Some(at) = rest.iter().position(|id| *id == common) {
                        rest.remove(at);
                    }
                    inside.push(Term::product(rest));
                }
                None => outside.push(*term),
            }
        }
        let product = Term::Node(Op::Product, vec![Term::Class(common), Term::Node(Op::Sum, inside)]);
        found.push(with(Op::Sum, outside, product));
    }
}

pub(super) const FACTOR_SUM: Rule = Rule {
    name: "factor a sum",
    algebra: "x + y + (x + y) * z = (x + y) * (1 + z)",
    guard: "",
    find: |graph, node, found| {
        if node.op != Op::Sum {
            return;
        }
        for (at, operand) in node.operands.iter().enumerate() {
            for product in nodes(graph, *operand, |op| *op == Op::Product) {
                for (place, factor) in product.operands.iter().enumerate() {
                    if nodes(graph, *factor, |op| *op == Op::Sum).next().is_none() {
                        continue;
                    }
                    for times in [1.0, -1.0] {
                        let Some(mut places) = terms_of(graph, node, &[at], *factor, times) else { continue };
                        places.push(at);
                        let rest = Term::product(without(product, &[place]));
                        let sum = Term::Node(Op::Sum, vec![Term::number(times), rest]);
                        let product = Term::Node(Op::Product, vec![Term::Class(*factor), sum]);
                        found.push(with(Op::Sum, without(node, &places), product));
                    }
                }
            }
        }
    },
};

/// A class as products: of itself alone, and every product in it.
pub(super) fn factors(graph: &Graph, id: Id) -> Vec<Vec<Id>> {
    let products = nodes(graph, id, |op| *op == Op::Product);
    let products = products.map(|n| n.operands.iter().map(|id| graph.find(*id)).collect());
    [vec![graph.find(id)]].into_iter().chain(products).collect()
}
