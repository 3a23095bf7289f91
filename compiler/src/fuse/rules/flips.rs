//! Mirror images. What stands before the e-graph (`fuse/flips`) carries whole ones outwards; these rules are for
//! sums and products, whose operands are grouped in many ways.

use super::super::lang::{Axes, Graph, Op, axes, axes_of};
use super::super::terms::Term;
use super::{Rule, nodes};
use egg::Id;

/// The axes along which a class is a mirror image, and of what.
fn images(graph: &Graph, id: Id) -> impl Iterator<Item = (Axes, Id)> + '_ {
    let images = nodes(graph, id, |op| matches!(op, Op::Flip(_)));
    images.filter_map(|n| match &n.op {
        Op::Flip(along) => Some((along.clone(), graph.find(n.operands[0]))),
        _ => None,
    })
}

fn flip(along: Axes, of: Term) -> Term {
    Term::Node(Op::Flip(along), vec![of])
}

pub(super) const TWICE: Rule = Rule {
    name: "reversed twice",
    algebra: "flip(flip(x, T), T) = x",
    guard: "",
    find: |graph, node, found| {
        let Op::Flip(outer) = &node.op else { return };
        for (inner, x) in images(graph, node.operands[0]) {
            let once = outer.iter().chain(inner.iter()).filter(|a| outer.contains(a) != inner.contains(a));
            let once = axes(once.copied());
            found.push(if once.is_empty() { Term::Class(x) } else { flip(once, Term::Class(x)) });
        }
    },
};

/// Whether an operation passes the axes of its operands on, position by position.
fn passes_on(op: &Op) -> bool {
    matches!(op, Op::Sum | Op::Product | Op::Power(_) | Op::Map(_) | Op::Center(_) | Op::Softmax(_))
}

pub(super) const OUT: Rule = Rule {
    name: "reversed alike",
    algebra: "f(flip(x, T), flip(y, T)) = flip(f(x, y), T)",
    guard: "f passes T on, and all operands that have T are reversed",
    find: |graph, node, found| {
        if !passes_on(&node.op) && !matches!(node.op, Op::Reduce(..) | Op::Broadcast(_)) {
            return;
        }
        let Some((at, (along, _))) = node
            .operands
            .iter()
            .enumerate()
            .find_map(|(at, id)| images(graph, *id).next().map(|image| (at, image)))
        else {
            return;
        };
        let passed = match &node.op {
            Op::Reduce(_, over) => axes(along.iter().copied().filter(|a| !over.contains(a))),
            _ => along.clone(),
        };
        if passed.is_empty() {
            return;
        }
        let mut operands = Vec::with_capacity(node.operands.len());
        for (place, id) in node.operands.iter().enumerate() {
            let has = along.iter().any(|a| axes_of(graph, *id).contains(a));
            let image = images(graph, *id).find(|(other, _)| *other == along);
            match image {
                Some((_, x)) => operands.push(Term::Class(x)),
                None if has || place == at => return,
                None => operands.push(Term::Class(*id)),
            }
        }
        found.push(flip(passed, Term::Node(node.op.clone(), operands)));
    },
};

pub(super) const SUMMED: Rule = Rule {
    name: "summed in any order",
    algebra: "sum(flip(x, T), over: T) = sum(x, over: T)",
    guard: "all axes of the mirror image are summed over",
    find: |graph, node, found| {
        let Op::Reduce(_, over) = &node.op else { return };
        for (along, x) in images(graph, node.operands[0]) {
            if along.iter().all(|a| over.contains(a)) {
                found.push(Term::Node(node.op.clone(), vec![Term::Class(x)]));
            }
        }
    },
};

pub(super) const MIXED: Rule = Rule {
    name: "reversed apart",
    algebra: "flip(f(flip(x, T), y), T) = f(x, flip(y, T))",
    guard: "f passes T on, and some operand is reversed along T",
    find: |graph, node, found| {
        let Op::Flip(along) = &node.op else { return };
        for inner in nodes(graph, node.operands[0], passes_on) {
            let some = inner.operands.iter().any(|id| images(graph, *id).any(|(other, _)| other == *along));
            let whole = match &inner.op {
                Op::Center(over) | Op::Softmax(over) => !along.iter().any(|a| over.contains(a)),
                _ => true,
            };
            if some && whole {
                let operands = inner.operands.iter().map(|id| flip(along.clone(), Term::Class(*id)));
                found.push(Term::Node(inner.op.clone(), operands.collect()));
            }
        }
    },
};
