//! A term that shares one factor with the terms beside it in a sum, and another with those outside.

use super::super::lang::{Graph, Node, Op, axes_of, number};
use super::super::terms::Term;
use super::algebra::factors;
use super::{Rule, atoms, logistic, nodes, without};
use crate::graph::AxisId;
use egg::Id;
use std::collections::BTreeSet;

/// Longer sums are not tried.
const LONGEST: usize = 8;

pub(super) const REGROUP: Rule = Rule {
    name: "regroup",
    algebra: "x * (y * a + b) + y * c = x * b + y * (x * a + c)",
    guard: "weights, b or c a number, x and y none: the ways to group all products of all sums are too many; at most 8 terms",
    find: regroup,
};

fn regroup(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    let is_sampled = |id: &Id| axes_of(graph, *id).contains(&AxisId::BATCH);
    if node.op != Op::Sum || node.operands.len() > LONGEST || node.operands.iter().any(is_sampled) {
        return;
    }
    let forms: Vec<Vec<Vec<Id>>> = node.operands.iter().map(|id| factors(graph, *id)).collect();
    for (at, operand) in node.operands.iter().enumerate() {
        for (x, sum) in times_plain_sums(graph, *operand).filter(|(_, sum)| sum.operands.len() <= LONGEST) {
            if x.iter().all(|id| number(graph, *id).is_some()) {
                continue;
            }
            let inner: Vec<Vec<Vec<Id>>> = sum.operands.iter().map(|id| factors(graph, *id)).collect();
            let outside = forms.iter().enumerate().filter(|other| other.0 != at).map(|other| other.1);
            let shared: BTreeSet<Id> = outside.flatten().flatten().copied().collect();
            let is_letter =
                |id: &Id| number(graph, *id).is_none() && !x.iter().any(|x| graph.find(*x) == *id);
            for y in shared.into_iter().filter(is_letter) {
                let (with_y, b) = divided(&sum.operands, &inner, y, &[]);
                let (c, rest) = divided(&node.operands, &forms, y, &[at]);
                let is_number = |ids: &[Id]| ids.iter().all(|id| number(graph, *id).is_some());
                let has_number = is_number(&b) || matches!(c.as_slice(), [c] if is_number(c));
                if with_y.is_empty() || b.is_empty() || !has_number {
                    continue;
                }
                let a = with_y.into_iter().map(|a| Term::product(x.iter().copied().chain(a)));
                let c = c.into_iter().map(Term::product);
                let of_y = Term::Node(Op::Sum, a.chain(c).collect());
                let of_y = Term::Node(Op::Product, vec![Term::Class(y), of_y]);
                let of_x = x.iter().copied().map(Term::Class).chain([Term::sum(b)]).collect();
                let of_x = Term::Node(Op::Product, of_x);
                let rest = rest.into_iter().map(Term::Class);
                found.push(Term::Node(Op::Sum, rest.chain([of_x, of_y]).collect()));
            }
        }
    }
}

/// A class as products with what is nothing but a sum: the other factors, and that sum. What is something else as well, a
/// centred value or the complement of a sigmoid, is not taken apart.
fn times_plain_sums(graph: &Graph, id: Id) -> impl Iterator<Item = (Vec<Id>, &Node)> {
    let is_known = |sum: &Node| {
        let mut said = Vec::new();
        let rules = [atoms::CENTER, logistic::COMPLEMENT, logistic::OF_TANH, logistic::TANH];
        rules.iter().for_each(|rule| (rule.find)(graph, sum, &mut said));
        !said.is_empty()
    };
    let is_plain = |id: Id| graph[id].nodes.iter().all(|n| matches!(n.op, Op::Sum | Op::Product));
    nodes(graph, id, |op| *op == Op::Product).flat_map(move |product| {
        let sums = product.operands.iter().enumerate().filter(move |(_, factor)| is_plain(**factor));
        sums.flat_map(move |(place, factor)| {
            let sums = nodes(graph, *factor, |op| *op == Op::Sum).filter(move |sum| !is_known(sum));
            sums.map(move |sum| (without(product, &[place]), sum))
        })
    })
}

/// The other factors of those terms of a sum that have a factor, and the terms that do not; some are left out.
fn divided(terms: &[Id], forms: &[Vec<Vec<Id>>], by: Id, out: &[usize]) -> (Vec<Vec<Id>>, Vec<Id>) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let all = terms.iter().zip(forms).enumerate().filter(|term| !out.contains(&term.0));
    for (term, form) in all.map(|term| term.1) {
        match form.iter().find(|product| product.contains(&by)) {
            Some(product) => {
                let place = product.iter().position(|id| *id == by);
                let rest = product.iter().enumerate().filter(|other| Some(other.0) != place);
                with.push(rest.map(|other| *other.1).collect());
            }
            None => without.push(*term),
        }
    }
    (with, without)
}
