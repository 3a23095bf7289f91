//! Terms that rules make, and the constructors that put them into the e-graph: associativity, like terms,
//! powers of one base and numbers are settled here, so that no rule has to speak of them.

use super::lang::{Graph, Node, Op, axes, axes_of, number};
use crate::graph::AxisId;
use crate::ops::Reduce;
use egg::Id;
use std::collections::BTreeMap;

/// A term over classes.
pub(super) enum Term {
    Class(Id),
    Node(Op, Vec<Term>),
}

impl Term {
    pub fn number(value: f64) -> Term {
        Term::Node(Op::Number(value.to_bits()), Vec::new())
    }

    pub fn product(factors: impl IntoIterator<Item = Id>) -> Term {
        Term::Node(Op::Product, factors.into_iter().map(Term::Class).collect())
    }

    pub fn sum(terms: impl IntoIterator<Item = Id>) -> Term {
        Term::Node(Op::Sum, terms.into_iter().map(Term::Class).collect())
    }
}

/// Puts a term into the e-graph; `made` collects the classes of its inner nodes.
pub(super) fn build(graph: &mut Graph, term: &Term, made: &mut Vec<Id>) -> Id {
    match term {
        Term::Class(id) => *id,
        Term::Node(op, operands) => {
            let operands = operands.iter().map(|t| build(graph, t, made)).collect();
            let id = make(graph, op.clone(), operands);
            made.push(id);
            id
        }
    }
}

/// Adds a node in its settled form.
pub(super) fn make(graph: &mut Graph, op: Op, operands: Vec<Id>) -> Id {
    let operands: Vec<Id> = operands.into_iter().map(|id| graph.find(id)).collect();
    match op {
        Op::Sum => sum(graph, operands),
        Op::Product => product(graph, operands),
        Op::Power(halves) => power(graph, halves, operands[0]),
        Op::Reduce(Reduce::Sum, _) => reduced(graph, op, operands[0]),
        Op::Flip(along) => flipped(graph, &along, operands[0]),
        Op::Number(bits) => add_number(graph, f64::from_bits(bits)),
        _ => graph.add(Node::new(op, operands)),
    }
}

fn add_number(graph: &mut Graph, value: f64) -> Id {
    graph.add(Node::new(Op::Number(rounded(value).to_bits()), Vec::new()))
}

/// The only node of a class: an operand of the same kind is flattened into its reader if it has one form only.
fn only(graph: &Graph, id: Id) -> Option<&Node> {
    match graph[id].nodes.as_slice() {
        [node] => Some(node),
        _ => None,
    }
}

/// The operands with those of inner nodes of the same kind in their place, and the numbers among them.
fn flat(graph: &Graph, op: &Op, operands: Vec<Id>) -> (Vec<Id>, Vec<f64>) {
    let (mut rest, mut numbers) = (Vec::new(), Vec::new());
    let mut open: Vec<Id> = operands.into_iter().rev().collect();
    while let Some(id) = open.pop() {
        if let Some(value) = number(graph, id) {
            numbers.push(value);
            continue;
        }
        match only(graph, id) {
            Some(node) if node.op == *op => open.extend(node.operands.iter().map(|c| graph.find(*c))),
            _ => rest.push(id),
        }
    }
    (rest, numbers)
}

/// Whether some classes together have all axes that others have.
fn covers(graph: &Graph, some: &[Id], all: &[Id]) -> bool {
    let union = |ids: &[Id]| axes(ids.iter().flat_map(|id| graph[*id].data.axes.iter().copied()));
    union(some) == union(all)
}

fn sum(graph: &mut Graph, operands: Vec<Id>) -> Id {
    let (terms, numbers) = flat(graph, &Op::Sum, operands);
    let constant: f64 = numbers.iter().sum();
    let mut alike: BTreeMap<Vec<Id>, (f64, Vec<Id>)> = BTreeMap::new();
    for id in &terms {
        let scaled = graph[*id].nodes.iter().find_map(|n| scaled_product(graph, n));
        let (key, factor) = scaled.unwrap_or_else(|| (vec![*id], 1.0));
        let entry = alike.entry(key).or_insert((0.0, Vec::new()));
        entry.0 += factor;
        entry.1.push(*id);
    }
    let mut kept: Vec<(f64, Vec<Id>)> = Vec::new();
    for (key, (factor, ids)) in alike {
        if ids.len() == 1 || factor != 0.0 {
            kept.push((factor, key));
        }
    }
    let all: Vec<Id> = kept.iter().flat_map(|t| t.1.iter().copied()).collect();
    if !covers(graph, &all, &terms) {
        // Terms that cancel would take their axes with them.
        kept = terms.into_iter().map(|id| (1.0, vec![id])).collect();
    }
    let common = common_factor(&kept, constant);
    let mut ids: Vec<Id> = Vec::with_capacity(kept.len() + 1);
    for (factor, key) in kept {
        let factor = add_number(graph, factor / common);
        ids.push(product(graph, key.into_iter().chain([factor]).collect()));
    }
    if constant != 0.0 || ids.is_empty() {
        ids.push(add_number(graph, constant / common));
    }
    let sum = if let [one] = ids.as_slice() { *one } else { graph.add(Node::new(Op::Sum, ids)) };
    if common == 1.0 {
        return sum;
    }
    let common = add_number(graph, common);
    product(graph, vec![sum, common])
}

/// What is taken out of a sum of multiples: the factor that all have, so that `2 * a - 2 * b` and `2 * (a - b)`
/// are one, and the sign if most terms have it.
fn common_factor(terms: &[(f64, Vec<Id>)], constant: f64) -> f64 {
    let factors: Vec<f64> = terms.iter().map(|t| t.0).chain((constant != 0.0).then_some(constant)).collect();
    let first = factors.first().map_or(1.0, |f| f.abs());
    if factors.len() < 2 || first == 0.0 || factors.iter().any(|f| rounded(f.abs()) != rounded(first)) {
        return 1.0;
    }
    let negative = factors.iter().filter(|f| **f < 0.0).count();
    if 2 * negative > factors.len() { -first } else { first }
}

/// A number to twelve digits: however it was computed, it is the same number. What is lost is far finer than
/// the floats of kernels.
pub(super) fn rounded(value: f64) -> f64 {
    // Whole numbers and shares of small powers of two are what they are; writing digits takes its time.
    let is_short = (value * 1024.0).fract() == 0.0 && value.abs() < 1e6;
    if is_short { value } else { format!("{value:.11e}").parse().unwrap_or(value) }
}

/// The factors of a product beside its number, and the number.
fn scaled_product(graph: &Graph, node: &Node) -> Option<(Vec<Id>, f64)> {
    if node.op != Op::Product {
        return None;
    }
    let value = node.operands.iter().find_map(|id| number(graph, *id))?;
    let rest = node.operands.iter().filter(|id| number(graph, **id).is_none());
    let mut rest: Vec<Id> = rest.map(|id| graph.find(*id)).collect();
    rest.sort_unstable();
    Some((rest, value))
}

fn product(graph: &mut Graph, operands: Vec<Id>) -> Id {
    let (factors, numbers) = flat(graph, &Op::Product, operands);
    let constant: f64 = numbers.iter().product();
    let mut bases: BTreeMap<Id, (i32, Vec<Id>)> = BTreeMap::new();
    for id in &factors {
        let (base, halves) = base(graph, *id);
        let entry = bases.entry(base).or_insert((0, Vec::new()));
        entry.0 += i32::from(halves);
        entry.1.push(*id);
    }
    let mut kept = Vec::new();
    for (base, (halves, ids)) in bases {
        match (ids.as_slice(), i16::try_from(halves)) {
            ([one], _) => kept.push(*one),
            (_, Ok(0)) => {}
            (_, Ok(halves)) => kept.push(power(graph, halves, base)),
            (_, Err(_)) => kept.extend(ids),
        }
    }
    if !covers(graph, &kept, &factors) {
        // Factors that cancel would take their axes with them.
        return graph.add(Node::new(Op::Product, factors));
    }
    if kept.is_empty() {
        return add_number(graph, constant);
    }
    if constant != 1.0 {
        kept.push(add_number(graph, constant));
    }
    if let [one] = kept.as_slice() { *one } else { graph.add(Node::new(Op::Product, kept)) }
}

/// A class as a power of another.
fn base(graph: &Graph, id: Id) -> (Id, i16) {
    let found = graph[id].nodes.iter().find_map(|n| match n.op {
        Op::Power(halves) => Some((graph.find(n.operands[0]), halves)),
        _ => None,
    });
    found.unwrap_or((id, 2))
}

fn power(graph: &mut Graph, halves: i16, of: Id) -> Id {
    if halves == 2 {
        return of;
    }
    if let Some(value) = number(graph, of).map(|v| v.powf(f64::from(halves) / 2.0)).filter(|v| v.is_finite())
    {
        return add_number(graph, value);
    }
    let node = only(graph, of).cloned();
    match node {
        // The root of a square is no identity: it loses the sign.
        Some(Node { op: Op::Power(inner), operands }) if inner % 4 != 0 || halves % 2 == 0 => {
            let product = i32::from(halves) * i32::from(inner);
            match i16::try_from(product / 2) {
                Ok(joined) if product % 2 == 0 => power(graph, joined, operands[0]),
                _ => graph.add(Node::new(Op::Power(halves), vec![of])),
            }
        }
        Some(Node { op: Op::Product, operands }) if splits(graph, halves, &operands) => {
            let parts = operands.iter().map(|id| power(graph, halves, graph.find(*id))).collect();
            product(graph, parts)
        }
        _ => graph.add(Node::new(Op::Power(halves), vec![of])),
    }
}

/// Whether a power of a product is taken factor by factor: whole powers are; of others only a positive number
/// may leave, and then the rest is one factor.
pub(super) fn splits(graph: &Graph, halves: i16, factors: &[Id]) -> bool {
    let positive = factors.iter().any(|id| number(graph, *id).is_some_and(|v| v > 0.0));
    halves % 2 == 0 || (positive && factors.len() == 2)
}

/// A mirror image along those axes that are there; two along one axis cancel.
fn flipped(graph: &mut Graph, along: &[AxisId], of: Id) -> Id {
    let inner = graph[of].nodes.iter().find_map(|n| match &n.op {
        Op::Flip(inner) => Some((inner.clone(), graph.find(n.operands[0]))),
        _ => None,
    });
    let (before, of) = inner.unwrap_or_else(|| (axes([]), of));
    let there = axes_of(graph, of);
    let once = along.iter().chain(before.iter()).filter(|a| along.contains(a) != before.contains(a));
    let left = axes(once.copied().filter(|a| there.contains(a)));
    if left.is_empty() { of } else { graph.add(Node::new(Op::Flip(left), vec![of])) }
}

fn reduced(graph: &mut Graph, op: Op, of: Id) -> Id {
    match (only(graph, of).cloned(), &op) {
        (Some(Node { op: Op::Product, operands }), _)
            if operands.iter().any(|id| number(graph, *id).is_some()) =>
        {
            let (numbers, rest): (Vec<Id>, Vec<Id>) =
                operands.into_iter().map(|id| graph.find(id)).partition(|id| number(graph, *id).is_some());
            let inner = product(graph, rest);
            let sum = reduced(graph, op, inner);
            product(graph, numbers.into_iter().chain([sum]).collect())
        }
        (Some(Node { op: Op::Reduce(Reduce::Sum, inner), operands }), Op::Reduce(_, outer)) => {
            let over = axes(inner.iter().chain(outer.iter()).copied());
            reduced(graph, Op::Reduce(Reduce::Sum, over), graph.find(operands[0]))
        }
        _ => graph.add(Node::new(op, vec![of])),
    }
}
