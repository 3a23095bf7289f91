//! Sums and products.

use super::super::lang::{Graph, Node, Op, number};
use super::super::terms::{Term, splits, times_of_sum, uniform};
use super::{Rule, multiples, nodes, terms_of, with, without};
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
        let before = found.len();
        for (factor, of) in multiples {
            for inner in nodes(graph, of, |op| *op == node.op).filter(|inner| fits(graph, node, of, inner)) {
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
        // One operand after the other: what this gives is flattened further.
        if found.len() > before {
            return;
        }
    }
}

/// Whether the operands of a sum or product can stand in the place of their class in another. A class that is a sum of
/// itself and of something that is zero would go round and round.
fn fits(graph: &Graph, node: &Node, of: Id, inner: &Node) -> bool {
    let is_loop = inner.operands.iter().any(|id| graph.find(*id) == graph.find(of));
    !is_loop && node.operands.len() + inner.operands.len() <= LONGEST + 1
}

/// Whether a sum or product has a flat form, which says all that it says: one of its operands is nothing but sums and
/// products, and can be taken apart.
pub(in crate::fuse) fn is_nested(graph: &Graph, node: &Node) -> bool {
    let is_plain = |id: &Id| graph[*id].nodes.iter().all(|n| matches!(n.op, Op::Sum | Op::Product));
    let goes_in = |id: &Id| {
        let mut same = super::all_nodes(graph, *id, |op| *op == node.op);
        same.any(|inner| fits(graph, node, *id, inner)) && is_plain(id)
    };
    matches!(node.op, Op::Sum | Op::Product)
        && super::scaled(graph, node).is_none()
        && node.operands.iter().any(goes_in)
}

pub(super) const MULTIPLE: Rule = Rule {
    name: "multiple of a sum",
    algebra: "k * x + l * y = k * (x + (l / k) * y)",
    guard: "k and l are numbers, and l is no larger than k",
    find: |graph, node, found| {
        if node.op == Op::Sum && times_of_sum(graph, node) != 1.0 {
            found.push(Term::sum(node.operands.iter().copied()));
        }
    },
};

/// Whether a sum is a multiple of one that is looked into in its place.
pub(in crate::fuse) fn is_uneven(graph: &Graph, node: &Node) -> bool {
    let is_even = |sum: &Node| sum.op == Op::Sum && times_of_sum(graph, sum) == 1.0;
    let is_shown = |(_, of): (f64, Id)| graph[of].nodes.iter().any(is_even);
    let others = |id: Id| graph[id].nodes.iter().filter_map(|n| super::scaled(graph, n));
    node.op == Op::Sum
        && !is_even(node)
        && graph.lookup(node.clone()).is_some_and(|id| others(id).any(is_shown))
}

pub(super) const ZERO: Rule = Rule {
    name: "zero",
    algebra: "x + 0 = x; x * 0 = 0",
    guard: "",
    find: |graph, node, found| {
        if has_zero(graph, node) {
            found.push(Term::Node(node.op.clone(), node.operands.iter().copied().map(Term::Class).collect()));
        }
    },
};

/// Whether one of several terms or factors has turned out to be zero.
pub(super) fn has_zero(graph: &Graph, node: &Node) -> bool {
    matches!(node.op, Op::Sum | Op::Product)
        && node.operands.iter().any(|id| uniform(graph, *id) == Some(0.0))
}

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

/// Whether a power of a class is a product of powers.
pub(in crate::fuse) fn is_split(graph: &Graph, halves: i16, id: Id) -> bool {
    splitting(graph, halves, id).next().is_some()
}

/// The products in a class whose power is the product of powers.
fn splitting(graph: &Graph, halves: i16, id: Id) -> impl Iterator<Item = &Node> + '_ {
    let is_loop = move |n: &&Node| n.operands.iter().any(|o| graph.find(*o) == graph.find(id));
    let products = nodes(graph, id, move |op| *op == Op::Product).filter(move |n| !is_loop(n));
    products.filter(move |n| splits(graph, halves, &n.operands))
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
