//! What a term is but for its sign, and where signs and numbers stand.
//!
//! `a - b` and `b - a` are one value and its negative, and which of the two a text has written says nothing. So terms are
//! compared without their signs, and each value that is computed of others comes the same way round in every text: more
//! of its terms are added than subtracted, else the first of them is added. A sign goes through products, sums and odd
//! functions to the first that cannot do without it. A number in front of a sum goes the same way: the smallest term of a sum
//! has none, as one would write it.

use super::effects::effects;
use super::extract::Best;
use super::lang::{Carried, Graph, Node, Op, number};
use super::terms::rounded;
use crate::graph::{AxisId, Origin};
use crate::ops::{Map, Reduce};
use egg::Id;
use rustc_hash::{FxHashMap, FxHasher};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// What the term of a class is: values before sums, then a hash of the term. Sizes are no part of it, since those of
/// parts depend on what else their classes may be; nor is its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    kind: u8,
    pub structure: u64,
}

/// What a term is, and which way round: -1 if it is the negative of what its key stands for, 0 if nothing is known that
/// tells it from its negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub key: Key,
    pub sign: i8,
}

/// What an operation does with the sign of its only operand.
pub(super) enum Parity {
    /// It passes it on.
    Odd,
    /// It loses it.
    Even,
    /// It gives something else.
    Neither,
}

/// Whether an operation of a multiple is that multiple of the operation.
fn is_linear(op: &Op) -> bool {
    matches!(op, Op::Reduce(Reduce::Sum, _) | Op::Center(_) | Op::Broadcast(_) | Op::Flip(_))
}

pub(super) fn parity(op: &Op) -> Parity {
    match op {
        Op::Power(halves) if halves % 4 == 0 => Parity::Even,
        Op::Power(halves) if halves % 2 == 0 => Parity::Odd,
        Op::Map(Map::Cos | Map::Abs) => Parity::Even,
        Op::Map(Map::Sin | Map::Tanh | Map::Erf | Map::StopGradient) => Parity::Odd,
        Op::Reduce(Reduce::Sum, _) | Op::Center(_) | Op::Broadcast(_) | Op::Flip(_) => Parity::Odd,
        _ => Parity::Neither,
    }
}

/// What a node is if its operands are these.
pub(super) fn signed(graph: &Graph, node: &Node, operands: &[Signed]) -> Signed {
    let own = structure(graph, &node.op);
    let as_it_stands = |structure: u64| Signed { key: Key { kind: kind(&node.op), structure }, sign: 1 };
    match &node.op {
        Op::Number(bits) => {
            let value = f64::from_bits(*bits);
            let key = Key { kind: 0, structure: hashed(&(own, value.abs().to_bits())) };
            Signed { key, sign: if value < 0.0 { -1 } else { 1 } }
        }
        Op::Product => {
            let is_sign = |id: &Id| number(graph, *id).is_some_and(|k| k.abs() == 1.0);
            let factors = node.operands.iter().zip(operands).filter(|(id, _)| !is_sign(id));
            let mut keys: Vec<Key> = factors.map(|(_, signed)| signed.key).collect();
            keys.sort_unstable();
            let sign = operands.iter().map(|signed| signed.sign).product();
            match keys.as_slice() {
                [one] => Signed { key: *one, sign },
                many => {
                    let structures: Vec<u64> = many.iter().map(|key| key.structure).collect();
                    Signed { sign, ..as_it_stands(hashed(&(own, structures))) }
                }
            }
        }
        Op::Sum => {
            let sign = orientation(operands);
            let mut terms: Vec<(u64, i8)> =
                operands.iter().map(|o| (o.key.structure, if sign < 0 { -o.sign } else { o.sign })).collect();
            terms.sort_unstable();
            Signed { sign, ..as_it_stands(hashed(&(own, terms))) }
        }
        op => {
            let parity = parity(op);
            let of = |operand: &Signed| match (&parity, operand.sign) {
                (Parity::Neither, -1) => hashed(&("negative", operand.key.structure)),
                _ => operand.key.structure,
            };
            let mut structures: Vec<u64> = operands.iter().map(of).collect();
            if matches!(op, Op::Map(Map::Min | Map::Max)) {
                structures.sort_unstable();
            }
            let sign = if let (Parity::Odd, [one]) = (&parity, operands) { one.sign } else { 1 };
            Signed { sign, ..as_it_stands(hashed(&(own, structures))) }
        }
    }
}

/// Which way round a sum of some terms is: 1 if most are added or else the first is; 0 if its terms do not tell.
fn orientation(terms: &[Signed]) -> i8 {
    let all: i64 = terms.iter().map(|t| i64::from(t.sign)).sum();
    let mut sorted: Vec<(Key, i8)> = terms.iter().map(|t| (t.key, t.sign)).collect();
    sorted.sort_unstable();
    let alike = sorted.chunk_by(|a, b| a.0 == b.0);
    let first = alike.map(|terms| terms.iter().map(|t| i64::from(t.1)).sum::<i64>()).find(|sum| *sum != 0);
    if all != 0 { all.signum() as i8 } else { first.unwrap_or(0).signum() as i8 }
}

/// The order of the operands of sums and products, as one would write them: values, then what is computed of them.
fn kind(op: &Op) -> u8 {
    match op {
        Op::Number(_) => 0,
        Op::Other(_) => 1,
        Op::Broadcast(_) | Op::Flip(_) => 2,
        Op::Power(_) | Op::Map(_) => 3,
        Op::Center(_) | Op::Softmax(_) => 4,
        Op::Reduce(..) => 5,
        Op::Product => 6,
        Op::Sum => 7,
    }
}

pub(super) fn hashed(of: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What an operation is, however axes are numbered; all numbers are one.
pub(super) fn structure(graph: &Graph, op: &Op) -> u64 {
    let problem = &graph.analysis;
    let colors = |axes: &[AxisId]| {
        let mut colors: Vec<u64> = axes.iter().map(|a| problem.colors[a.0 as usize]).collect();
        colors.sort_unstable();
        colors
    };
    match op {
        Op::Number(_) => hashed(&0),
        Op::Sum => hashed(&1),
        Op::Product => hashed(&2),
        Op::Power(halves) => hashed(&(3, halves)),
        Op::Map(map) => hashed(&(4, map)),
        Op::Reduce(reduce, axes) => hashed(&(5, reduce, colors(axes))),
        Op::Center(axes) => hashed(&(6, colors(axes))),
        Op::Softmax(axes) => hashed(&(7, colors(axes))),
        Op::Broadcast(axes) => hashed(&(9, colors(axes))),
        Op::Flip(axes) => hashed(&(10, colors(axes))),
        Op::Other(at) => hashed(&(8, problem.others[*at as usize].key)),
    }
}

impl Best {
    /// The chosen terms that results depend on, in an e-graph that has nothing else, with signs in their places; and the
    /// results there. `None` if a result has no term.
    pub fn settled(&self, graph: &Graph, results: &[Id]) -> Option<(Graph, Vec<Id>)> {
        let (mut order, mut roots) = (Vec::new(), results.to_vec());
        let carries = self.alive(graph, &mut roots, &mut order);
        let alive = carries.into_iter().map(|which| (which.scan, which.carry)).collect();
        let problem = graph.analysis.without_nodes();
        let mut origins = FxHashMap::default();
        for (id, origin) in &graph.analysis.origins {
            origins.entry(graph.find(*id)).or_insert(*origin);
        }
        for (id, rules) in effects(graph, self, &order) {
            origins.entry(id).and_modify(|origin| origin.rules = rules);
        }
        let known = FxHashMap::default();
        let to = Graph::new(problem);
        let mut settling =
            Settling { from: graph, best: self, alive, to, origins, known, extents: Vec::new() };
        for id in order {
            settling.class(id)?;
        }
        let mut result = |id: &Id| {
            settling.to.analysis.origin = settling.origin(*id);
            settling.exact(*id)
        };
        let results: Option<Vec<Id>> = results.iter().map(&mut result).collect();
        settling.carries();
        let mut to = settling.to;
        to.rebuild();
        Some((to, results?))
    }
}

/// A term that is written anew.
struct Settling<'a> {
    from: &'a Graph,
    best: &'a Best,
    /// The carries that results depend on: scan and carry.
    alive: BTreeSet<(usize, usize)>,
    to: Graph,
    /// Where classes were written first.
    origins: FxHashMap<Id, Origin>,
    /// For each class what it is a multiple of, and by which number.
    known: FxHashMap<Id, (Id, f64)>,
    /// For each settled class, how many operations its term has, those that are read twice twice.
    extents: Vec<u64>,
}

/// A number that is smaller than this share of the terms beside it is there for rounding: its value is no natural scale.
const SMALL: f64 = 0.01;

/// The numbers that a product may have in single precision, so that two of them may still be multiplied.
const MODERATE: std::ops::RangeInclusive<f64> = 1e-18..=1e18;

impl Settling<'_> {
    fn of(&self, id: Id) -> Option<(Id, f64)> {
        self.known.get(&self.from.find(id)).copied()
    }

    /// Where a class comes from.
    fn origin(&self, id: Id) -> Origin {
        self.origins.get(&self.from.find(id)).copied().unwrap_or_default()
    }

    /// A class as it is.
    fn exact(&mut self, id: Id) -> Option<Id> {
        let (of, times) = self.of(id)?;
        Some(self.scaled(id, of, times))
    }

    /// A number times what a class is a multiple of: whoever reads it, the rules are those of the class.
    fn scaled(&mut self, class: Id, of: Id, times: f64) -> Id {
        let reader = self.to.analysis.origin;
        self.to.analysis.origin = Origin { rules: self.origin(class).rules, ..reader };
        let made = self.multiple(of, times);
        self.to.analysis.origin = reader;
        made
    }

    /// A settled class times a number: a sum is turned term by term.
    fn multiple(&mut self, of: Id, times: f64) -> Id {
        if times == 1.0 {
            return of;
        }
        if let Some(value) = number(&self.to, of) {
            return self.number(value * times);
        }
        // To their readers new carries are leaves.
        let node = self.to[of].nodes[0].clone();
        match node.op {
            Op::Sum if times == -1.0 && !self.to[of].data.sealed => {
                let terms = node.operands.iter().map(|term| self.multiple(*term, -1.0)).collect();
                self.add(Op::Sum, terms)
            }
            Op::Product if !self.to[of].data.sealed => self.product(node.operands, times),
            _ => self.product(vec![of], times),
        }
    }

    /// A product of settled classes, the number among them times another.
    fn product(&mut self, operands: Vec<Id>, times: f64) -> Id {
        let (numbers, mut factors): (Vec<Id>, Vec<Id>) =
            operands.into_iter().partition(|id| number(&self.to, *id).is_some());
        let value = numbers.iter().filter_map(|id| number(&self.to, *id)).product::<f64>() * times;
        let mut value = rounded(value);
        if value != 0.0 && !MODERATE.contains(&value.abs()) && self.spread(value.abs(), &mut factors) {
            value = value.signum();
        }
        if value != 1.0 || factors.is_empty() {
            factors.push(self.number(value));
        }
        match factors.as_slice() {
            [one] => *one,
            _ => self.add(Op::Product, factors),
        }
    }

    /// Shares a positive number among the powers of a product, where they make it smaller: `1e-48 * x ^ 8` is `(1e-6 * x) ^ 8`.
    fn spread(&mut self, value: f64, factors: &mut [Id]) -> bool {
        let powers: Vec<(usize, i16, Id)> = (factors.iter().enumerate())
            .filter_map(|(at, id)| match &self.to[*id].nodes[0] {
                Node { op: Op::Power(halves), operands } => Some((at, *halves, operands[0])),
                _ => None,
            })
            .collect();
        let total: f64 = powers.iter().map(|(_, halves, _)| f64::from(halves.abs()) / 2.0).sum();
        // A root would make the number larger still.
        if total <= 1.0 {
            return false;
        }
        let share = value.powf(1.0 / total);
        for (at, halves, base) in &powers {
            let base = self.multiple(*base, rounded(share.powi(halves.signum().into())));
            factors[*at] = self.add(Op::Power(*halves), vec![base]);
        }
        true
    }

    fn number(&mut self, value: f64) -> Id {
        let id = self.add(Op::Number(value.to_bits()), Vec::new());
        self.to[id].data.number = Some(value);
        id
    }

    fn add(&mut self, op: Op, operands: Vec<Id>) -> Id {
        let extents = operands.iter().map(|id| self.extent(*id));
        let extent = extents.fold(1, u64::saturating_add);
        let id = self.to.add(Node::new(op, operands));
        let at = usize::from(id);
        self.extents.resize(self.extents.len().max(at + 1), extent);
        id
    }

    fn extent(&self, id: Id) -> u64 {
        self.extents[usize::from(id)]
    }

    /// Writes the term of a class whose operands are known.
    fn class(&mut self, id: Id) -> Option<()> {
        let id = self.from.find(id);
        let node = self.best.node(self.from, id)?.clone();
        self.to.analysis.origin = self.origin(id);
        let (mut of, mut times) = match &node.op {
            Op::Number(_) => {
                let value = number(self.from, id)?;
                (self.number(value.abs()), value.signum())
            }
            Op::Product => {
                let all: Vec<(Id, f64)> = node.operands.iter().map(|o| self.of(*o)).collect::<Option<_>>()?;
                let of_number = |f: &(Id, f64)| number(&self.to, f.0).unwrap_or(1.0) * f.1;
                let times = rounded(all.iter().map(of_number).product());
                let factors = all.into_iter().map(|f| f.0).filter(|of| number(&self.to, *of).is_none());
                let factors = factors.collect();
                (self.product(factors, 1.0), times)
            }
            Op::Sum => self.sum(&node)?,
            Op::Power(halves) => self.power(*halves, node.operands[0])?,
            op => match (parity(op), node.operands.as_slice()) {
                (Parity::Odd, [one]) => {
                    let (of, times) = self.of(*one)?;
                    if is_linear(op) {
                        (self.add(op.clone(), vec![of]), times)
                    } else {
                        let of = self.scaled(*one, of, times.abs());
                        (self.add(op.clone(), vec![of]), times.signum())
                    }
                }
                (Parity::Even, [one]) => {
                    let (of, times) = self.of(*one)?;
                    let of = self.scaled(*one, of, times.abs());
                    (self.add(op.clone(), vec![of]), 1.0)
                }
                (_, operands) => {
                    let operands = operands.iter().map(|o| self.exact(*o)).collect::<Option<_>>()?;
                    (self.add(op.clone(), operands), 1.0)
                }
            },
        };
        // Of carries that have one next state, only some may be needed.
        let is_alive = |carry: Carried| carry.after && self.alive.contains(&(carry.scan, carry.carry));
        let is_new = |n: &&Node| self.from.analysis.carry(n).is_some_and(is_alive);
        let leaf = self.from[id].nodes.iter().find(is_new).filter(|leaf| **leaf != node).cloned();
        if let Some(leaf) = leaf {
            // To their readers new carries are leaves, which have no sign.
            let made = self.multiple(of, times);
            (of, times) = (self.add(leaf.op, leaf.operands), 1.0);
            self.to.union(of, made);
        }
        let origin = self.origins.get(&id).map(|origin| (of, *origin));
        self.to.analysis.origins.extend(origin);
        self.known.insert(id, (of, times));
        Some(())
    }

    /// The size of the number among some terms.
    fn constant(&self, terms: &[(Id, f64)]) -> Option<f64> {
        terms.iter().find_map(|(of, times)| number(&self.to, *of).map(|value| (value * times).abs()))
    }

    fn is_product(&self, id: Id) -> bool {
        self.to[id].nodes.iter().any(|n| n.op == Op::Product)
    }

    /// A power of a multiple is a multiple of a power; but no root is taken of what is negative.
    fn power(&mut self, halves: i16, base: Id) -> Option<(Id, f64)> {
        let (of, times) = self.of(base)?;
        let is_root = halves % 2 != 0;
        let of = if is_root && times < 0.0 { self.scaled(base, of, -1.0) } else { of };
        let size = times.abs().powf(f64::from(halves) / 2.0);
        let sign = if is_root || halves % 4 == 0 { 1.0 } else { times.signum() };
        Some((self.add(Op::Power(halves), vec![of]), sign * size))
    }

    /// A sum the way round that its terms tell; where they do not, as it stands unless it is there the other way round. Its
    /// smallest term has no number: `2 * bias + x * y` is twice `bias + x * y / 2`.
    fn sum(&mut self, node: &Node) -> Option<(Id, f64)> {
        let terms: Vec<(Id, f64)> = node.operands.iter().map(|o| self.of(*o)).collect::<Option<_>>()?;
        let keys: Vec<Signed> =
            node.operands.iter().map(|o| self.best.sign(self.from, *o)).collect::<Option<_>>()?;
        let values = terms.iter().zip(&keys).filter(|(term, _)| number(&self.to, term.0).is_none());
        let smallest = values.min_by_key(|(term, signed)| (self.extent(term.0), signed.key));
        let size = smallest.map_or(1.0, |((of, times), _)| match self.constant(&terms) {
            // Beside a product a number is one multiplication less: `1 + 2 * x * y` stays as it is.
            Some(constant) if self.is_product(*of) && constant >= SMALL * times.abs() => constant,
            _ => times.abs(),
        });
        let mut way = |sign: f64| -> Vec<Id> {
            let all = terms.iter().zip(&node.operands);
            all.map(|((term, own), id)| self.scaled(*id, *term, rounded(own * sign / size))).collect()
        };
        let (plain, turned) = (way(1.0), way(-1.0));
        let sign = match orientation(&keys) {
            0 if self.to.lookup(Node::new(Op::Sum, turned.clone())).is_some() => -1.0,
            0 => 1.0,
            known => f64::from(known),
        };
        Some((self.add(Op::Sum, if sign > 0.0 { plain } else { turned }), sign * size))
    }

    /// Says where the carries of scans are.
    fn carries(&mut self) {
        let mut scans = self.from.analysis.scans.clone();
        for carry in scans.iter_mut().flat_map(|scan| &mut scan.carries) {
            for id in [&mut carry.init, &mut carry.before, &mut carry.after] {
                if let Some(settled) = self.exact(*id) {
                    *id = settled;
                }
            }
        }
        self.to.analysis.scans = scans;
    }
}
