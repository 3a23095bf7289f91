//! Reductions.

use super::super::lang::{Graph, Node, Op, has_any};
use super::super::terms::Term;
use super::{Rule, nodes};
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

/// Whether some classes together have all of some axes.
fn has_all(graph: &Graph, ids: &[Id], over: &[crate::graph::AxisId]) -> bool {
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
