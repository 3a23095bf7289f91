//! Terms that rules make, and the constructors that put them into the e-graph: associativity, like terms,
//! powers of one base and numbers are settled here, so that no rule has to speak of them.

use super::lang::{Graph, Node, Op, axes, axes_of, number};
use super::rules::algebra::is_nested;
use crate::graph::AxisId;
use crate::ops::{Map, Reduce};
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

/// Puts a term into the e-graph.
pub(super) fn build(graph: &mut Graph, term: &Term) -> Id {
    match term {
        Term::Class(id) => *id,
        Term::Node(op, operands) => {
            let operands = operands.iter().map(|t| build(graph, t)).collect();
            make(graph, op.clone(), operands)
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
        Op::Broadcast(along) => broadcast(graph, &along, operands[0]),
        Op::Map(map) if map != Map::StopGradient => {
            let all: Option<Vec<f64>> = operands.iter().map(|id| uniform(graph, *id)).collect();
            match all.map(|numbers| map.eval(&numbers)).filter(|value| value.is_finite()) {
                Some(value) => {
                    let along = axes(operands.iter().flat_map(|id| axes_of(graph, *id).to_vec()));
                    let value = add_number(graph, value);
                    broadcast(graph, &along, value)
                }
                None => mapped(graph, op, operands),
            }
        }
        _ => graph.add(Node::new(op, operands)),
    }
}

/// A map of what is the same along some axes is the same along them.
fn mapped(graph: &mut Graph, op: Op, operands: Vec<Id>) -> Id {
    let along = axes(operands.iter().flat_map(|id| axes_of(graph, *id).to_vec()));
    let narrow: Vec<Id> = operands.iter().map(|id| narrow(graph, *id)).collect();
    let value = graph.add(Node::new(op, narrow));
    broadcast(graph, &along, value)
}

/// A number, known by what it is to twelve digits and computed with as it is: rounding that piles up would tell two ways
/// to compute it apart.
fn add_number(graph: &mut Graph, value: f64) -> Id {
    // There is one zero.
    let value = if value == 0.0 { 0.0 } else { value };
    let short = short(value);
    let before = graph.number_of_classes();
    let known = short.unwrap_or_else(|| decimal(value, 12));
    let id = graph.add(Node::new(Op::Number(known.to_bits()), Vec::new()));
    if graph.number_of_classes() > before && short.is_none() {
        graph[id].data.number = Some(value);
    }
    id
}

/// The number that a class is everywhere.
pub(super) fn uniform(graph: &Graph, id: Id) -> Option<f64> {
    number(graph, narrow(graph, id))
}

/// What a class is the same of along further axes; else the class itself.
fn narrow(graph: &Graph, id: Id) -> Id {
    let of = |n: &Node| matches!(n.op, Op::Broadcast(_)).then(|| graph.find(n.operands[0]));
    graph[id].nodes.iter().find_map(of).unwrap_or_else(|| graph.find(id))
}

/// The same along those axes that are not there.
fn broadcast(graph: &mut Graph, along: &[AxisId], of: Id) -> Id {
    let inner = narrow(graph, of);
    let all = axes(along.iter().chain(axes_of(graph, of)).copied());
    let missing = axes(all.iter().copied().filter(|a| !axes_of(graph, inner).contains(a)));
    if missing.is_empty() { inner } else { graph.add(Node::new(Op::Broadcast(missing), vec![inner])) }
}

/// The only node of a class: an operand of the same kind is flattened into its reader if it has one form only.
fn only(graph: &Graph, id: Id) -> Option<&Node> {
    match graph[id].nodes.as_slice() {
        [node] => Some(node),
        _ => None,
    }
}

/// The factors with those of inner products in their place, and the numbers among them.
fn flat(graph: &Graph, operands: Vec<Id>) -> (Vec<Id>, Vec<f64>) {
    let (mut rest, mut numbers) = (Vec::new(), Vec::new());
    let mut open: Vec<Id> = operands.into_iter().rev().collect();
    while let Some(id) = open.pop() {
        if let Some(value) = number(graph, id) {
            numbers.push(value);
            continue;
        }
        match only(graph, id) {
            Some(node) if node.op == Op::Product => open.extend(node.operands.iter().map(|c| graph.find(*c))),
            _ => rest.push(id),
        }
    }
    (rest, numbers)
}

/// A sum or a product: what is the same along some axes goes in without them, and terms that cancel do not take
/// their axes with them.
fn arithmetic(graph: &mut Graph, of: fn(&mut Graph, Vec<Id>) -> Id, operands: Vec<Id>) -> Id {
    let along = axes(operands.iter().flat_map(|id| axes_of(graph, *id).to_vec()));
    let operands = operands.into_iter().map(|id| narrow(graph, id)).collect();
    let result = of(graph, operands);
    broadcast(graph, &along, result)
}

fn sum(graph: &mut Graph, operands: Vec<Id>) -> Id {
    arithmetic(graph, narrow_sum, operands)
}

fn product(graph: &mut Graph, operands: Vec<Id>) -> Id {
    arithmetic(graph, narrow_product, operands)
}

/// The terms of a sum: numbers times factors, each of them once, and a number.
type Terms = (Vec<(f64, Vec<Id>)>, f64);

fn like_terms(graph: &Graph, operands: &[Id]) -> Terms {
    let mut like = LikeTerms { graph, alike: BTreeMap::new(), constant: 0.0, within: Vec::new() };
    operands.iter().for_each(|id| like.add(1.0, graph.find(*id)));
    let kept = like.alike.into_iter().filter(|term| term.1 != 0.0).map(|(key, factor)| (factor, key));
    (kept.collect(), like.constant)
}

struct LikeTerms<'a> {
    graph: &'a Graph,
    alike: BTreeMap<Vec<Id>, f64>,
    constant: f64,
    /// The sums that are being taken apart: one that is a term of itself stays whole.
    within: Vec<Id>,
}

impl LikeTerms<'_> {
    fn add(&mut self, times: f64, id: Id) {
        if let Some(value) = number(self.graph, id) {
            self.constant += times * value;
            return;
        }
        let (key, factor) = scaled_factors(self.graph, id);
        // A multiple of a sum is a sum of multiples, so that like terms meet.
        if let [one] = key.as_slice()
            && let Some(Node { op: Op::Sum, operands }) = only(self.graph, *one)
            && !self.within.contains(one)
        {
            self.within.push(*one);
            operands.iter().for_each(|term| self.add(times * factor, self.graph.find(*term)));
            self.within.pop();
            return;
        }
        *self.alike.entry(key).or_default() += times * factor;
    }
}

/// A class as factors and a number, the same factors for all its multiples: the first of its products. A new carry is a leaf
/// here as well.
fn scaled_factors(graph: &Graph, id: Id) -> (Vec<Id>, f64) {
    let products = |id: Id| {
        let nodes = graph[id].nodes.iter().filter(move |n| n.op == Op::Product);
        nodes.filter(move |_| !graph[id].data.sealed)
    };
    let is_product = |id: Id| products(id).next().is_some();
    let products = products(id).filter(|n| !is_nested(graph, n));
    let factors = products.map(|n| factors_of(graph, n));
    let flat = factors.filter(|(key, _)| !matches!(key.as_slice(), [one] if is_product(*one)));
    flat.min_by(|a, b| a.0.cmp(&b.0)).unwrap_or_else(|| (vec![id], 1.0))
}

/// What is taken out of a sum for its terms to be the same in all its multiples.
pub(super) fn times_of_sum(graph: &Graph, sum: &Node) -> f64 {
    let (terms, constant) = like_terms(graph, &sum.operands);
    rounded(common_factor(&terms, constant))
}

fn narrow_sum(graph: &mut Graph, operands: Vec<Id>) -> Id {
    let (kept, constant) = like_terms(graph, &operands);
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

/// What is taken out of a sum of multiples: the largest factor, so that `2 * a - b` and `6 * a - 3 * b` are multiples of one
/// sum, with the sign of its number or else of its first term, so that `a - b` and `b - a` are. Which term is the first
/// says nothing of the text: signs come to their places when the terms are chosen.
fn common_factor(terms: &[(f64, Vec<Id>)], constant: f64) -> f64 {
    let factors = terms.iter().map(|t| t.0).chain((constant != 0.0).then_some(constant));
    let largest = factors.clone().fold(0.0, |largest: f64, f| largest.max(f.abs()));
    if factors.count() < 2 || !largest.is_normal() {
        return 1.0;
    }
    let first = if constant == 0.0 { terms.first().map_or(1.0, |t| t.0) } else { constant };
    largest.copysign(first)
}

/// A number however it was computed: what is within rounding of a short decimal, of one over one, or of a root of
/// these (a share of an axis, the root of a width) is that; all else is taken to twelve digits. What is lost is far finer
/// than the floats of kernels.
pub(super) fn rounded(value: f64) -> f64 {
    short(value).unwrap_or_else(|| decimal(value, 12))
}

/// The short number that a value is but for rounding.
fn short(value: f64) -> Option<f64> {
    // Whole numbers and shares of small powers of two are what they are; the rest takes its time.
    let is_short = (value * 1024.0).fract() == 0.0 && value.abs() < 1e6;
    if is_short || !value.is_normal() {
        return Some(value);
    }
    let near = |a: f64, b: f64| (a - b).abs() <= 4e-12 * a.abs();
    let size = value.abs();
    for root in [1, 2, 4] {
        let power = size.powi(root);
        let inverse = 1.0 / power;
        if power.is_normal() && near(power, decimal(power, SHORT)) {
            return Some(decimal(power, SHORT).powf(1.0 / f64::from(root)).copysign(value));
        }
        if inverse.is_normal() && near(inverse, decimal(inverse, SHORT)) {
            return Some((1.0 / decimal(inverse, SHORT).powf(1.0 / f64::from(root))).copysign(value));
        }
    }
    None
}

/// How many digits a decimal may have that is taken for what was meant.
const SHORT: i32 = 7;

/// The nearest decimal with so many digits.
fn decimal(value: f64, digits: i32) -> f64 {
    let exponent = digits - 1 - value.abs().log10().floor() as i32;
    if exponent.abs() > 22 {
        return format!("{value:.*e}", digits as usize - 1).parse().unwrap_or(value);
    }
    // Powers of ten up to 22 are exact, so that one division rounds as reading the digits does.
    let scale = 10f64.powi(exponent.abs());
    if exponent < 0 { (value / scale).round() * scale } else { (value * scale).round() / scale }
}

/// The factors of a product beside its number, and the number.
fn factors_of(graph: &Graph, product: &Node) -> (Vec<Id>, f64) {
    let (numbers, mut rest): (Vec<Id>, Vec<Id>) =
        product.operands.iter().map(|id| graph.find(*id)).partition(|id| number(graph, *id).is_some());
    rest.sort_unstable();
    (rest, numbers.into_iter().filter_map(|id| number(graph, id)).product())
}

fn narrow_product(graph: &mut Graph, operands: Vec<Id>) -> Id {
    let (factors, numbers) = flat(graph, operands);
    let constant: f64 = numbers.iter().product();
    // What is negated twice is what it was; a new carry is a leaf, whatever it is the negative of.
    if let ([one], true) = (factors.as_slice(), constant == -1.0)
        && !graph[*one].data.sealed
        && let Some(of) = graph[*one].nodes.iter().find_map(|n| negated(graph, n))
    {
        return of;
    }
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
    if kept.is_empty() || constant == 0.0 {
        return add_number(graph, constant);
    }
    if constant != 1.0 {
        kept.push(add_number(graph, constant));
    }
    if let [one] = kept.as_slice() { *one } else { graph.add(Node::new(Op::Product, kept)) }
}

/// What a product is the negative of.
pub(super) fn negated(graph: &Graph, node: &Node) -> Option<Id> {
    match (&node.op, node.operands.as_slice()) {
        (Op::Product, [a, b]) if number(graph, *a) == Some(-1.0) => Some(graph.find(*b)),
        (Op::Product, [a, b]) if number(graph, *b) == Some(-1.0) => Some(graph.find(*a)),
        _ => None,
    }
}

/// A class as a power of another. Of two that are powers of each other, one is the base of both.
pub(super) fn base(graph: &Graph, id: Id) -> (Id, i16) {
    let powers = |id: Id| {
        graph[id].nodes.iter().filter_map(|n| match n.op {
            Op::Power(halves) => Some((graph.find(n.operands[0]), halves)),
            _ => None,
        })
    };
    let is_cyclic = |of: Id| powers(of).any(|(back, _)| back == id);
    let found = powers(id).find(|(of, _)| *of < id || !is_cyclic(*of));
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

/// A mirror image along those axes along which there is something to tell; two along one axis cancel.
fn flipped(graph: &mut Graph, along: &[AxisId], of: Id) -> Id {
    let inner = graph[of].nodes.iter().find_map(|n| match &n.op {
        Op::Flip(inner) => Some((inner.clone(), graph.find(n.operands[0]))),
        _ => None,
    });
    let (before, of) = inner.unwrap_or_else(|| (axes([]), of));
    let narrow = narrow(graph, of);
    let (all, there) = (axes(axes_of(graph, of).iter().copied()), axes_of(graph, narrow));
    let once = along.iter().chain(before.iter()).filter(|a| along.contains(a) != before.contains(a));
    let left = axes(once.copied().filter(|a| there.contains(a)));
    if left.is_empty() {
        return of;
    }
    let image = graph.add(Node::new(Op::Flip(left), vec![narrow]));
    broadcast(graph, &all, image)
}

fn reduced(graph: &mut Graph, op: Op, of: Id) -> Id {
    if let Some(sum) = same_everywhere(graph, &op, of) {
        return sum;
    }
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

/// The sum of what is the same along some of the axes.
fn same_everywhere(graph: &mut Graph, op: &Op, of: Id) -> Option<Id> {
    let Op::Reduce(_, over) = op else { return None };
    let inner = narrow(graph, of);
    let (left, gone): (Vec<AxisId>, Vec<AxisId>) =
        over.iter().copied().partition(|a| axes_of(graph, inner).contains(a));
    let size = graph.analysis.size(&gone).filter(|_| !gone.is_empty())?;
    let along = axes(axes_of(graph, of).iter().copied().filter(|a| !over.contains(a)));
    let sum =
        if left.is_empty() { inner } else { reduced(graph, Op::Reduce(Reduce::Sum, axes(left)), inner) };
    let size = add_number(graph, size as f64);
    let sum = product(graph, vec![size, sum]);
    Some(broadcast(graph, &along, sum))
}
