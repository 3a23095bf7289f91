//! Reductions.

use super::super::lang::{Axes, Graph, Node, Op, axes_of, has_any, number};
use super::super::terms::Term;
use super::algebra::factors;
use super::{Rule, nodes};
use crate::graph::AxisId;
use crate::ops::Reduce;
use egg::Id;

pub(super) const PULL: Rule = Rule {
    name: "pull out of a sum",
    algebra: "sum(f * g, over: A) = f * sum(g, over: A)",
    guard: "f does not have A",
    find: pull,
};

fn pull(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    let Op::Reduce(Reduce::Sum, over) = &node.op else { return };
    for product in nodes(graph, node.operands[0], |op| *op == Op::Product) {
        let (inside, outside): (Vec<Id>, Vec<Id>) =
            product.operands.iter().copied().partition(|id| has_any(graph, *id, over));
        if !inside.is_empty() && !outside.is_empty() && has_all(graph, &inside, over) {
            let sum = Term::Node(node.op.clone(), vec![Term::product(inside)]);
            found.push(super::with(Op::Product, outside, sum));
        }
    }
}

pub(super) const SPLIT: Rule = Rule {
    name: "sum of sums",
    algebra: "sum(x + y, over: A) = sum(x, over: A) + sum(y, over: A)",
    guard: "some terms do not have all of A, or all are products without a common factor, not all of states of one scan",
    find: split,
};

fn split(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    let Op::Reduce(Reduce::Sum, over) = &node.op else { return };
    let Some(size) = graph.analysis.size(over) else { return };
    for sum in nodes(graph, node.operands[0], |op| *op == Op::Sum) {
        let (whole, partial): (Vec<Id>, Vec<Id>) =
            sum.operands.iter().copied().partition(|id| has_all(graph, &[*id], over));
        if whole.is_empty() || (partial.is_empty() && !is_of_different_products(graph, &whole, over)) {
            continue;
        }
        let alone = if partial.is_empty() {
            whole.iter().map(|id| Term::Node(node.op.clone(), vec![Term::Class(*id)])).collect()
        } else {
            vec![Term::Node(node.op.clone(), vec![Term::sum(whole)])]
        };
        let partial = partial.into_iter().filter_map(|id| {
            let there = over.iter().copied().filter(|a| has_any(graph, id, &[*a]));
            let there = super::super::lang::axes(there);
            let times = Term::number((size / graph.analysis.size(&there)?) as f64);
            let inner = match there.is_empty() {
                true => Term::Class(id),
                false => Term::Node(Op::Reduce(Reduce::Sum, there), vec![Term::Class(id)]),
            };
            Some(Term::Node(Op::Product, vec![times, inner]))
        });
        found.push(Term::Node(Op::Sum, partial.chain(alone).collect()));
    }
}

pub(super) const GATHER: Rule = Rule {
    name: "one sum of two",
    algebra: "sum(w * x, over: A) + sum(w * y, over: A) = sum(w * x + w * y, over: A)",
    guard: "w has one of A, or x and y are states and w has no other axes; multiples of one size, with the same axes, of the same scans",
    find: gather,
};

fn gather(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum {
        return;
    }
    let all: Vec<_> = node.operands.iter().map(|id| summed(graph, *id)).collect();
    for (first, ones) in all.iter().enumerate() {
        for (second, others) in all.iter().enumerate().skip(first + 1) {
            for one in ones {
                let axes = |s: &Summed<'_>| {
                    super::super::lang::axes(
                        s.product.operands.iter().flat_map(|id| axes_of(graph, *id).to_vec()),
                    )
                };
                let alike = |o: &&Summed<'_>| {
                    let same = o.over == one.over && o.outer == one.outer && axes(o) == axes(one);
                    same && o.factor.abs() == one.factor.abs() && shares(graph, one, o)
                };
                for other in others.iter().filter(alike) {
                    let scaled = |k: f64, product: &Node| {
                        let factors = product.operands.iter().map(|id| Term::Class(*id));
                        Term::Node(Op::Product, factors.chain([Term::number(k)]).collect())
                    };
                    let sign = other.factor / one.factor;
                    let inner =
                        Term::Node(Op::Sum, vec![scaled(1.0, one.product), scaled(sign, other.product)]);
                    let sum = Term::Node(Op::Reduce(Reduce::Sum, one.over.clone()), vec![inner]);
                    let factors = one.outer.iter().map(|id| Term::Class(*id));
                    let factors = factors.chain([Term::number(one.factor), sum]).collect();
                    let rest = super::without(node, &[first, second]);
                    found.push(super::with(Op::Sum, rest, Term::Node(Op::Product, factors)));
                }
            }
        }
    }
}

/// Whether two products share a factor with one of the axes that they are summed over, so that their sum stays one.
fn shares(graph: &Graph, one: &Summed<'_>, other: &Summed<'_>) -> bool {
    let has = |id: &&Id| has_any(graph, **id, one.over);
    let factors = |s: &Summed<'_>| -> Vec<Id> {
        s.product.operands.iter().filter(has).map(|id| graph.find(*id)).collect()
    };
    let others = factors(other);
    let scans = |s: &Summed<'_>| {
        let mut all: Vec<usize> =
            s.product.operands.iter().flat_map(|id| graph[*id].data.scans.to_vec()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let is_same = one.product == other.product || scans(one) != scans(other);
    let of_state = |s: &Summed<'_>| reads_state(graph, &s.product.operands, s.over);
    let has_common = || factors(one).iter().any(|id| others.contains(id));
    !is_same && (has_common() || of_state(one) && of_state(other))
}

/// Whether a product is one of a state, or of what is made of it, and of what has no other axes: such a sum is none of two
/// matrices, and what is summed up at once is gone through once.
fn reads_state(graph: &Graph, operands: &[Id], over: &Axes) -> bool {
    let is_state = |id: &Id| !graph[*id].data.scans.is_empty() && has_all(graph, &[*id], over);
    let within = |of: Id| {
        let all = axes_of(graph, of);
        operands.iter().all(|id| axes_of(graph, *id).iter().all(|axis| all.contains(axis)))
    };
    operands.iter().any(|id| is_state(id) && within(*id))
}

/// Whether all terms are products that share no factor with one of some axes.
fn is_of_different_products(graph: &Graph, terms: &[Id], over: &Axes) -> bool {
    let scans = |id: Id| &graph[id].data.scans;
    let is_of_first = |id: &Id| {
        let mut products = factors(graph, *id).into_iter().skip(1);
        scans(*id) == scans(terms[0]) && products.any(|product| reads_state(graph, &product, over))
    };
    if terms.iter().all(is_of_first) {
        return false;
    }
    let mut seen: Vec<Id> = Vec::new();
    terms.iter().all(|id| {
        let mut own: Vec<Id> = factors(graph, *id).into_iter().skip(1).flatten().collect();
        own.retain(|factor| has_any(graph, *factor, over));
        own.sort_unstable();
        own.dedup();
        let differs = own.len() > 1 && own.iter().all(|factor| !seen.contains(factor));
        seen.extend(own);
        differs
    })
}

pub(super) const JOIN: Rule = Rule {
    name: "one matrix product of two",
    algebra: "sum(w * x, over: A) + sum(w * y, over: A) = sum(w * (x + y), over: A)",
    guard: "w has A, and an axis that neither x nor y has",
    find: |graph, node, found| {
        if let Some(joined) = join(graph, node) {
            found.push(joined);
        }
    },
};

/// A sum of a product in a class, and what it is multiplied with.
struct Summed<'a> {
    factor: f64,
    outer: Vec<Id>,
    over: &'a Axes,
    product: &'a Node,
}

fn summed(graph: &Graph, id: Id) -> Vec<Summed<'_>> {
    let mut found = Vec::new();
    let mut add = |of: Id, factor: f64, outer: &[Id]| {
        for sum in nodes(graph, of, |op| matches!(op, Op::Reduce(Reduce::Sum, _))) {
            if let Op::Reduce(_, over) = &sum.op {
                let products = nodes(graph, sum.operands[0], |op| *op == Op::Product);
                found.extend(products.map(|product| Summed { factor, outer: outer.to_vec(), over, product }));
            }
        }
    };
    add(id, 1.0, &[]);
    for product in nodes(graph, id, |op| *op == Op::Product) {
        for (at, of) in product.operands.iter().enumerate() {
            let (numbers, mut outer): (Vec<Id>, Vec<Id>) = super::without(product, &[at])
                .into_iter()
                .map(|id| graph.find(id))
                .partition(|id| number(graph, *id).is_some());
            outer.sort_unstable();
            add(*of, numbers.iter().filter_map(|id| number(graph, *id)).product(), &outer);
        }
    }
    found
}

/// Whether a sum has terms that are sums and could be one.
pub(in crate::fuse) fn is_parted(graph: &Graph, node: &Node) -> bool {
    let mut found = Vec::new();
    gather(graph, node, &mut found);
    !found.is_empty() || join(graph, node).is_some()
}

/// Two matrix products by one matrix, in a sum, as one.
fn join(graph: &Graph, node: &Node) -> Option<Term> {
    if node.op != Op::Sum {
        return None;
    }
    let all: Vec<_> = node.operands.iter().map(|id| summed(graph, *id)).collect();
    for (first, ones) in all.iter().enumerate() {
        for (second, others) in all.iter().enumerate().skip(first + 1) {
            for one in ones {
                let alike = |o: &&Summed<'_>| o.over == one.over && o.outer == one.outer;
                for other in others.iter().filter(alike) {
                    if let Some((w, x, y)) = matrix(graph, [one.product, other.product], one.over) {
                        let scaled = |k: f64, x: Vec<Id>| {
                            let x = x.into_iter().map(Term::Class);
                            Term::Node(Op::Product, x.chain([Term::number(k)]).collect())
                        };
                        let sum = Term::Node(Op::Sum, vec![scaled(one.factor, x), scaled(other.factor, y)]);
                        let product = Term::Node(Op::Product, vec![Term::Class(w), sum]);
                        let sum = Term::Node(Op::Reduce(Reduce::Sum, one.over.clone()), vec![product]);
                        let product = super::with(Op::Product, one.outer.clone(), sum);
                        return Some(super::with(Op::Sum, super::without(node, &[first, second]), product));
                    }
                }
            }
        }
    }
    None
}

/// A factor of two products that is a matrix to both, and their other factors.
fn matrix(graph: &Graph, products: [&Node; 2], over: &[AxisId]) -> Option<(Id, Vec<Id>, Vec<Id>)> {
    let [one, other] = products.map(|n| n.operands.iter().map(|id| graph.find(*id)).collect::<Vec<Id>>());
    one.iter().enumerate().find_map(|(at, w)| {
        let place = other.iter().position(|id| id == w)?;
        let (mut x, mut y) = (one.clone(), other.clone());
        x.remove(at);
        y.remove(place);
        let axes =
            |ids: &[Id]| super::super::lang::axes(ids.iter().flat_map(|id| axes_of(graph, *id).to_vec()));
        let (of_x, of_y) = (axes(&x), axes(&y));
        let is_matrix = axes_of(graph, *w).iter().any(|a| !of_x.contains(a) && !over.contains(a));
        let fits = of_x == of_y && !x.is_empty() && has_any(graph, *w, over);
        (is_matrix && fits).then_some((*w, x, y))
    })
}

/// Whether some classes together have all of some axes.
fn has_all(graph: &Graph, ids: &[Id], over: &[AxisId]) -> bool {
    over.iter().all(|a| ids.iter().any(|id| has_any(graph, *id, &[*a])))
}

pub(super) const NESTED: Rule = Rule {
    name: "nested sums",
    algebra: "sum(sum(x, over: A), over: B) = sum(x, over: (A, B))",
    guard: "",
    find: nested,
};

fn nested(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    let Op::Reduce(reduce, outer) = &node.op else { return };
    for inner in nodes(graph, node.operands[0], |op| matches!(op, Op::Reduce(..))) {
        let Op::Reduce(other, over) = &inner.op else { continue };
        if other == reduce {
            let all = super::super::lang::axes(over.iter().chain(outer.iter()).copied());
            found.push(Term::Node(Op::Reduce(*reduce, all), vec![Term::Class(inner.operands[0])]));
        }
    }
}
