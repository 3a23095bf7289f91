//! Maps with a symmetry, and choices that are none.

use super::super::lang::{Op, axes_of, number};
use super::super::terms::Term;
use super::{Rule, multiples, nodes, times};
use crate::ops::{self, Map};
use egg::Id;

pub(super) const PARITY: Rule = Rule {
    name: "odd and even",
    algebra: "tanh(-x) = -tanh(x), erf and sin alike; cos(-x) = cos(x), abs alike",
    guard: "",
    find: |graph, node, found| {
        let (map, sign) = match node.op {
            Op::Map(map @ (Map::Tanh | Map::Erf | Map::Sin)) => (map, -1.0),
            Op::Map(map @ (Map::Cos | Map::Abs)) => (map, 1.0),
            _ => return,
        };
        for (k, x) in multiples(graph, node.operands[0]).into_iter().filter(|m| m.0 < 0.0) {
            let of = super::map(map, times(-k, x));
            found.push(Term::Node(Op::Product, vec![Term::number(sign), of]));
        }
    },
};

pub(super) const SQUARE: Rule = Rule {
    name: "square of an absolute value",
    algebra: "abs(x) ^ n = x ^ n",
    guard: "n is even",
    find: |graph, node, found| {
        let Op::Power(halves) = node.op else { return };
        if halves % 4 == 0 {
            for inner in nodes(graph, node.operands[0], |op| *op == Op::Map(Map::Abs)) {
                found.push(Term::Node(node.op.clone(), vec![Term::Class(inner.operands[0])]));
            }
        }
    },
};

pub(super) const MINIMUM: Rule = Rule {
    name: "minimum",
    algebra: "-min(-x, y) = max(x, -y)",
    guard: "",
    find: |graph, node, found| {
        if node.op != Op::Map(Map::Min) {
            return;
        }
        let [a, b] = node.operands.as_slice() else { return };
        let negative = |id: &Id| multiples(graph, *id).iter().any(|m| m.0 < 0.0);
        let other = |id: &Id| negative(id) || number(graph, *id).is_some();
        if (negative(a) && other(b)) || (negative(b) && other(a)) {
            let max = Term::Node(Op::Map(Map::Max), vec![times(-1.0, *a), times(-1.0, *b)]);
            found.push(Term::Node(Op::Product, vec![Term::number(-1.0), max]));
        }
    },
};

pub(super) const WHERE: Rule = Rule {
    name: "no choice",
    algebra: "where(condition, x, x) = x",
    guard: "x has all axes of the condition",
    find: |graph, node, found| {
        let Op::Other(at) = node.op else { return };
        let [_, a, b] = node.operands.as_slice() else { return };
        let is_choice = graph.analysis.others[at as usize].op == ops::Op::Map(Map::Where);
        let axes = super::super::lang::axes(graph.analysis.others[at as usize].shape.iter().copied());
        if is_choice && graph.find(*a) == graph.find(*b) && axes[..] == *axes_of(graph, *a) {
            found.push(Term::Class(*a));
        }
    },
};
