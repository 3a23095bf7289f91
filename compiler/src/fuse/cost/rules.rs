//! The rules of the cost e-graph: one table of two.

use super::super::cost_rule;
use super::super::lang::{Axes, axes};
use super::lang::{Graph, Node, Op};
use super::load::Problem;
use crate::graph::{AxisId, Rules};
use egg::Id;
use std::collections::BTreeSet;

/// How many factors one sum of products has at most: of eight there are 3281 ways to part them in two, again and
/// again.
const FACTORS: usize = 8;
/// How many factors it has at most before those with the same axes are counted as one.
const FLAT: usize = 32;
/// How many nodes the e-graph may have at most. The functions of the zoo stay below a tenth.
const NODES: usize = 50_000;
/// How often both rules are tried at most: each round parts what the last one made.
const ROUNDS: usize = 2 * FACTORS;

/// A rule.
pub(in crate::fuse) struct Rule {
    /// Its name in `--why`.
    pub name: &'static str,
    /// What it says, in one line.
    pub algebra: &'static str,
    /// When it holds.
    pub guard: &'static str,
    /// Adds what equals this node; `false` if that would be too much.
    find: fn(&mut Graph, &Node, &mut Vec<Id>) -> bool,
}

/// Both rules.
pub(in crate::fuse) static RULES: [Rule; 2] = [
    Rule {
        name: "sums of sums of products",
        algebra: "sum(f * sum(g, over: B), over: A) = sum(f * g, over: (A, B))",
        guard: "f does not have B, and both are sums",
        find: whole,
    },
    Rule {
        name: "order of products",
        algebra: "sum(f * g, over: (A, B, C)) = sum(sum(f, over: B) * sum(g, over: C), over: A)",
        guard: "only f has B, only g has C; by cost",
        find: parted,
    },
];

/// What saturation did.
pub(super) struct Saturated {
    /// The rules that joined two classes.
    pub fired: Rules,
    /// Whether all orders were found.
    pub complete: bool,
}

/// Applies both rules until nothing new comes up.
pub(super) fn saturate(problem: &mut Problem) -> Saturated {
    let graph = &mut problem.graph;
    graph.rebuild();
    let mut result = Saturated { fired: Rules::NONE, complete: false };
    let mut done: BTreeSet<(usize, Node)> = BTreeSet::new();
    let mut small = true;
    for _ in 0..ROUNDS {
        let mut joined = false;
        for (at, rule) in RULES.iter().enumerate() {
            graph.analysis.by = cost_rule(at);
            let mut all: Vec<(Id, Node)> =
                graph.classes().flat_map(|c| c.nodes.iter().map(move |n| (c.id, n.clone()))).collect();
            all.sort_unstable();
            for (class, node) in all {
                if !done.insert((at, node.clone())) {
                    continue;
                }
                let mut found = Vec::new();
                small &= (rule.find)(graph, &node, &mut found);
                for id in found {
                    if graph.union(class, id) {
                        result.fired = result.fired.and(cost_rule(at));
                        joined = true;
                    }
                }
                if graph.total_number_of_nodes() > NODES {
                    graph.rebuild();
                    problem.settle();
                    return result;
                }
            }
            graph.rebuild();
        }
        if !joined {
            result.complete = small;
            break;
        }
    }
    problem.settle();
    result
}

/// A sum of products of sums of products as one sum of one product.
fn whole(graph: &mut Graph, node: &Node, found: &mut Vec<Id>) -> bool {
    let (mut factors, mut over, mut sums) = (Vec::new(), Vec::new(), 0);
    match flatten(graph, node, &mut factors, &mut over, &mut sums) {
        Err(Stop::Many) => return false,
        Ok(()) if sums > 1 => {}
        _ => return true,
    }
    let operands = alike(graph, factors);
    if operands.len() > FACTORS {
        return false;
    }
    found.push(graph.add(Node::contract(axes(over), operands)));
    true
}

/// Why a node is not one sum of one product.
enum Stop {
    /// Two sums are over one axis, or factors that a sum does not enclose have its axis.
    Apart,
    /// It has too many factors: the square of a square, again and again, has any number.
    Many,
}

/// Adds the factors of a node and the axes that they are summed over.
fn flatten(
    graph: &Graph,
    node: &Node,
    factors: &mut Vec<Id>,
    over: &mut Vec<AxisId>,
    sums: &mut usize,
) -> Result<(), Stop> {
    let Op::Contract(own) = &node.op else { return Err(Stop::Apart) };
    if share(own, over) {
        return Err(Stop::Apart);
    }
    over.extend(own.iter().copied());
    *sums += usize::from(!own.is_empty());
    for (at, id) in node.operands.iter().enumerate() {
        let summed = over.len();
        match sum_of_products(graph, *id) {
            Some(inner) => flatten(graph, inner, factors, over, sums)?,
            None if factors.len() < FLAT => factors.push(graph.find(*id)),
            None => return Err(Stop::Many),
        }
        let mut beside = node.operands.iter().enumerate().filter(|(other, _)| *other != at);
        if beside.any(|(_, id)| share(&graph[*id].data, &over[summed..])) {
            return Err(Stop::Apart);
        }
    }
    Ok(())
}

fn share(some: &[AxisId], others: &[AxisId]) -> bool {
    some.iter().any(|axis| others.contains(axis))
}

/// A node of a class that is no factor; whichever it is, what it is made of in the end is the same.
fn sum_of_products(graph: &Graph, id: Id) -> Option<&Node> {
    graph[id].nodes.iter().filter(|n| !matches!(n.op, Op::Factor(_))).min()
}

/// Factors with the same axes as one factor.
fn alike(graph: &mut Graph, mut factors: Vec<Id>) -> Vec<Id> {
    let mut operands = Vec::with_capacity(factors.len());
    while let Some(first) = factors.first().copied() {
        let own = graph[first].data.clone();
        let (same, others): (Vec<Id>, Vec<Id>) = factors.into_iter().partition(|id| graph[*id].data == own);
        factors = others;
        operands.push(match same.as_slice() {
            [one] => *one,
            _ => graph.add(Node::contract(axes([]), same)),
        });
    }
    operands
}

/// Every way to part the factors of a sum in two.
fn parted(graph: &mut Graph, node: &Node, found: &mut Vec<Id>) -> bool {
    let (n, over) = (node.operands.len(), node.over().to_vec());
    let same_axes = node.operands.windows(2).all(|w| graph[w[0]].data == graph[w[1]].data);
    if n < 2 || (over.is_empty() && (n == 2 || same_axes)) {
        return true;
    }
    // The first factor is on the left, so that no parting comes twice.
    for right in 1u32..1 << (n - 1) {
        let sides: [Vec<Id>; 2] = [false, true].map(|side| {
            let on_side = |at: &usize| (*at > 0 && right & (1 << (at - 1)) != 0) == side;
            (0..n).filter(on_side).map(|at| node.operands[at]).collect()
        });
        let has = |side: &[Id], a: &AxisId| side.iter().any(|id| graph[*id].data.contains(a));
        let alone = |side: usize| -> Axes {
            axes(over.iter().copied().filter(|a| has(&sides[side], a) && !has(&sides[1 - side], a)))
        };
        let inner = [alone(0), alone(1)];
        if n == 2 && inner.iter().all(|i| i.is_empty()) {
            continue;
        }
        let rest = axes(over.iter().copied().filter(|a| !inner.iter().any(|i| i.contains(a))));
        let [left, right] = [0, 1].map(|side| match (sides[side].as_slice(), inner[side].is_empty()) {
            ([one], true) => *one,
            (many, _) => graph.add(Node::contract(inner[side].clone(), many.to_vec())),
        });
        found.push(graph.add(Node::contract(rest, vec![left, right])));
    }
    true
}
