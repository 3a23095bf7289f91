//! The canonical spelling: the smallest term of every class.
//!
//! The measure is made so that the right side of every rule is smaller than its left side. Ties are broken by
//! the structure of the terms, never by the order in which they came up.

use super::lang::{Carried, Graph, Node, Op, has_any, number};
use super::rules::algebra::{is_signed, is_split, is_turned, is_uneven, takes};
use super::rules::atoms::cancels;
use super::rules::exponentials::is_positive;
use super::rules::sums::join;
use crate::ops::{Map, Reduce};
use egg::Id;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// What the term of a class is: values before sums, then a hash of the term. Sizes are no part of it, since those of
/// parts depend on what else their classes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    kind: u8,
    structure: u64,
}

/// How large a term is, and what it is.
type Sized = (u64, Key);

/// The best node of every class.
pub(super) struct Best {
    chosen: FxHashMap<Id, (Sized, Node)>,
    /// The keys of what new carries are made of: to their readers they are leaves.
    made: FxHashMap<Id, Key>,
}

/// How often inputs are told apart by their use: what is the same after that is used the same.
const USES: usize = 5;
/// How often terms of one size are chosen among by what their inputs are.
const CHOICES: usize = 2;
/// The stack that a term may need before more is taken.
const RED_ZONE: usize = 128 << 10;

/// The size of a plain node. A multiple of a value is hardly larger than the value, so that a sum of multiples
/// beats a multiple of a sum among other terms.
const PLAIN: u64 = 200;
const MULTIPLE: u64 = 4;
/// What a sign costs: less before several factors than before a value by itself, and least at a number. No two ways to
/// place one sign cost the same.
const SIGN: u64 = 2;
const NEGATIVE: u64 = 1;
/// What a number beside a sum costs that could take it, where the sum may be something else as well.
const BESIDE: u64 = 20;
/// What arithmetic on a mirror image costs: the mirror image of the result is smaller.
const INWARDS: u64 = 20;
/// What a sum costs whose product still holds a factor without the summed axes.
const LOOSE: u64 = 400;
/// What costs more than any term: a reduction of a reduction, a power of a product, a number beside a sum that can take it, a quotient of
/// exponentials that overflows where a softmax does not. For each there is another form.
const NEVER: u64 = 100_000;
/// What the reader of a reduction, a view or a scan pays for it: whatever stands behind is a problem of its
/// own, and sizes would grow without end along a deep function.
const BEHIND: u64 = 400;

impl Best {
    /// Finds the smallest term of every class. What an input is shows in its use: `results` are the classes
    /// that are given out. Inputs of one shape are told apart by what the chosen terms do with them, not by their names
    /// or their places; then terms of one size are chosen among again.
    pub fn of(graph: &mut Graph, results: &[Id]) -> Best {
        let plain: Vec<u64> = graph.analysis.others.iter().map(|other| other.key).collect();
        let mut best = Best::search(graph);
        for _ in 0..CHOICES {
            best.tell_apart(graph, results, &plain);
            best = Best::search(graph);
        }
        best.tell_apart(graph, results, &plain);
        best
    }

    /// Gives inputs and carries keys by their use in the chosen terms and nothing else: what other terms there are
    /// depends on how a text says it. Each round looks one step further.
    fn tell_apart(&mut self, graph: &mut Graph, results: &[Id], plain: &[u64]) {
        let (mut order, mut roots) = (Vec::new(), results.to_vec());
        self.alive(graph, &mut roots, &mut order);
        graph.analysis.others.iter_mut().zip(plain).for_each(|(other, key)| other.key = *key);
        self.keys_anew(graph, &order);
        for _ in 0..USES {
            let uses = self.uses(graph, results);
            let of_node = |(id, node): (Id, &Node)| match node.op {
                Op::Other(at) => {
                    let at = at as usize;
                    Some((at, self.told_apart(graph, at, *uses.get(&id)?)?))
                }
                _ => None,
            };
            let leaves = order.iter().map(|id| graph.find(*id));
            let leaves = leaves.flat_map(|id| graph[id].nodes.iter().map(move |node| (id, node)));
            let keys: Vec<(usize, u64)> = leaves.filter_map(of_node).collect();
            for (at, key) in keys {
                graph.analysis.others[at].key = key;
            }
            self.keys_anew(graph, &order);
        }
    }

    /// Computes the keys of chosen terms again; operands stand before those who read them.
    fn keys_anew(&mut self, graph: &Graph, order: &[Id]) {
        for id in order.iter().map(|id| graph.find(*id)) {
            let Some((key, node)) = self.node(graph, id).and_then(|n| Some((self.key_of(graph, n)?.1, n)))
            else {
                continue;
            };
            let is_new = |n: &&Node| graph.analysis.carry(n).is_some_and(|carry| carry.after);
            let leaf = graph[id].nodes.iter().find(is_new).filter(|leaf| *leaf != node);
            let leaf = leaf.and_then(|leaf| Some(self.key_of(graph, leaf)?.1));
            if leaf.is_some() {
                self.made.insert(id, key);
            }
            if let Some(((_, known), _)) = self.chosen.get_mut(&id) {
                *known = leaf.unwrap_or(key);
            }
        }
    }

    /// The key of an input, or of a carry, by what is done with it; a carry also by what it is made of.
    fn told_apart(&self, graph: &Graph, at: usize, use_of: u64) -> Option<u64> {
        let other = &graph.analysis.others[at];
        let structure = |id: Id| self.key(graph, id).map(|key| key.structure);
        match other.carry {
            Some(Carried { scan, carry, after }) => {
                let carry = &graph.analysis.scans[scan].carries[carry];
                let made = self.made.get(&graph.find(carry.after)).map(|key| key.structure);
                let made = if after { made } else { made.or(structure(carry.after)) };
                Some(hashed(&(other.key, use_of, made, structure(carry.init))))
            }
            None => other.input.map(|_| hashed(&(other.key, use_of))),
        }
    }

    /// Extends `order` by all classes that the roots depend on, each after what it is made of, and the roots by the
    /// first and next values of all carries among them. Gives these carries.
    pub fn alive(&self, graph: &Graph, roots: &mut Vec<Id>, order: &mut Vec<Id>) -> BTreeSet<Carried> {
        let (mut seen, mut carries, mut at) = (FxHashSet::default(), BTreeSet::new(), 0);
        while at < roots.len() {
            let from = order.len();
            self.behind(graph, graph.find(roots[at]), &mut seen, order);
            for id in &order[from..] {
                let Some(which) = self.node(graph, *id).and_then(|node| graph.analysis.carry(node)) else {
                    continue;
                };
                if carries.insert(which) {
                    let carry = &graph.analysis.scans[which.scan].carries[which.carry];
                    roots.extend([carry.after, carry.init].map(|id| graph.find(id)));
                }
            }
            at += 1;
        }
        carries
    }

    /// For every class that a result depends on, what is done with it.
    fn uses(&self, graph: &Graph, results: &[Id]) -> FxHashMap<Id, u64> {
        let (mut order, mut roots) = (Vec::new(), results.to_vec());
        let carries = self.alive(graph, &mut roots, &mut order);
        let mut found: FxHashMap<Id, Vec<u64>> = FxHashMap::default();
        for which in carries {
            let carry = &graph.analysis.scans[which.scan].carries[which.carry];
            let before = self.key(graph, carry.before).map(|key| key.structure);
            found.entry(graph.find(carry.after)).or_default().push(hashed(&("after", before)));
            found.entry(graph.find(carry.init)).or_default().push(hashed(&("init", before)));
        }
        for (at, root) in results.iter().enumerate() {
            found.entry(graph.find(*root)).or_default().push(hashed(&("result", at)));
        }
        let mut uses = FxHashMap::default();
        // Readers come before what they read.
        for id in order.into_iter().rev() {
            let mut by = found.remove(&id).unwrap_or_default();
            by.sort_unstable();
            let own = hashed(&by);
            uses.insert(id, own);
            let Some(node) = self.node(graph, id) else { continue };
            let operands = self.operands(graph, node);
            let keys: Vec<u64> =
                operands.iter().filter_map(|o| Some(self.key(graph, *o)?.structure)).collect();
            let sorted = matches!(node.op, Op::Sum | Op::Product | Op::Map(Map::Min | Map::Max));
            for (place, operand) in operands.iter().enumerate() {
                let place = if sorted { 0 } else { place };
                let by = hashed(&(own, structure(graph, &node.op), place, &keys));
                found.entry(graph.find(*operand)).or_default().push(by);
            }
        }
        uses
    }

    /// Classes behind a class, itself last.
    fn behind(&self, graph: &Graph, id: Id, seen: &mut FxHashSet<Id>, order: &mut Vec<Id>) {
        if !seen.insert(id) {
            return;
        }
        stacker::maybe_grow(RED_ZONE, 1 << 20, || {
            let operands = self.node(graph, id).map(|n| n.operands.clone()).unwrap_or_default();
            for operand in operands {
                self.behind(graph, graph.find(operand), seen, order);
            }
        });
        order.push(id);
    }

    fn search(graph: &Graph) -> Best {
        let mut ids: Vec<Id> = graph.classes().map(|c| c.id).collect();
        ids.sort_unstable();
        let mut best = Best { chosen: FxHashMap::default(), made: FxHashMap::default() };
        loop {
            let mut changed = false;
            for id in &ids {
                for node in &graph[*id].nodes {
                    let Some(key) = best.key_of(graph, node) else { continue };
                    let known = best.chosen.get(id);
                    if known.is_none_or(|(old, _)| key < *old) {
                        best.chosen.insert(*id, (key, node.clone()));
                        changed = true;
                    }
                }
            }
            if !changed {
                best.unseal(graph, &ids);
                return best;
            }
        }
    }

    /// Who writes a new carry wants to know what it is made of; its key stays that of a leaf.
    fn unseal(&mut self, graph: &Graph, ids: &[Id]) {
        for id in ids {
            let is_new = |node: &Node| graph.analysis.carry(node).is_some_and(|carry| carry.after);
            if !graph[*id].nodes.iter().any(is_new) {
                continue;
            }
            let others = graph[*id].nodes.iter().filter(|node| !is_new(node) && !is_turned(graph, node));
            let smallest =
                others.filter_map(|node| Some((self.key_of(graph, node)?, node))).min_by_key(|n| n.0);
            if let (Some((key, node)), Some(chosen)) = (smallest, self.chosen.get_mut(id)) {
                chosen.1 = node.clone();
                self.made.insert(*id, key.1);
            }
        }
    }

    /// The smallest node of a class.
    pub fn node(&self, graph: &Graph, id: Id) -> Option<&Node> {
        self.chosen.get(&graph.find(id)).map(|(_, node)| node)
    }

    /// The key of a class.
    pub fn key(&self, graph: &Graph, id: Id) -> Option<Key> {
        self.chosen.get(&graph.find(id)).map(|(key, _)| key.1)
    }

    /// The operands of a node in the canonical order.
    pub fn operands(&self, graph: &Graph, node: &Node) -> Vec<Id> {
        let mut operands = node.operands.clone();
        if matches!(node.op, Op::Sum | Op::Product | Op::Map(Map::Min | Map::Max)) {
            operands.sort_by_key(|id| self.key(graph, *id));
        }
        operands
    }

    fn key_of(&self, graph: &Graph, node: &Node) -> Option<Sized> {
        let mut size = weight(graph, node) + bad_weight(graph, node);
        let mut structures = Vec::with_capacity(node.operands.len());
        for id in &node.operands {
            let ((own, key), _) = self.chosen.get(&graph.find(*id))?;
            size = size.saturating_add(if is_boundary(graph, *id) { BEHIND } else { *own });
            structures.push(key.structure);
        }
        if matches!(node.op, Op::Sum | Op::Product | Op::Map(Map::Min | Map::Max)) {
            structures.sort_unstable();
        }
        let mut hasher = FxHasher::default();
        structure(graph, &node.op).hash(&mut hasher);
        structures.hash(&mut hasher);
        Some((size, Key { kind: kind(&node.op), structure: hasher.finish() }))
    }
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

fn hashed(of: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The size of a node without its operands.
fn weight(graph: &Graph, node: &Node) -> u64 {
    let reversed = match node.op {
        Op::Other(_) => 0,
        _ => INWARDS * node.operands.iter().filter(|id| is_reversed(graph, **id)).count() as u64,
    };
    reversed + own_weight(graph, node)
}

/// Whether a class is the mirror image of another.
fn is_reversed(graph: &Graph, id: Id) -> bool {
    graph[id].nodes.iter().any(|n| matches!(n.op, Op::Flip(_)))
}

fn own_weight(graph: &Graph, node: &Node) -> u64 {
    let is_number = |id: &&Id| number(graph, **id).is_some();
    match &node.op {
        Op::Number(_) => 0,
        Op::Power(halves) if is_split(graph, *halves, node.operands[0]) => NEVER,
        Op::Power(-2) if is_sum_of_exponentials(graph, node.operands[0]) => NEVER,
        Op::Product if node.operands.iter().any(|id| is_number(&id)) => {
            let factor = node.operands.iter().find_map(|id| number(graph, *id)).unwrap_or(1.0);
            let sums = node.operands.iter().filter(|id| takes(graph, **id, factor)).count() as u64;
            let beside = node.operands.iter().any(|id| graph[*id].nodes.iter().any(|n| is_uneven(graph, n)));
            let sign = if factor == -1.0 { SIGN } else { 0 };
            let own = if node.operands.len() == 2 { MULTIPLE } else { PLAIN + sign };
            NEVER * sums + own + if beside { BESIDE } else { 0 }
        }
        Op::Sum if join(graph, node).is_some() || cancels(graph, node) => NEVER,
        Op::Sum => {
            let negative = |id: &&Id| number(graph, **id).is_some_and(|k| k < 0.0);
            PLAIN + NEGATIVE * node.operands.iter().filter(negative).count() as u64
        }
        Op::Product | Op::Power(_) | Op::Broadcast(_) | Op::Center(_) | Op::Softmax(_) | Op::Flip(_) => PLAIN,
        Op::Map(Map::Pow) if is_positive(graph, node.operands[0]) => NEVER,
        Op::Map(_) => PLAIN + PLAIN / 2,
        Op::Other(_) => BEHIND,
        Op::Reduce(reduce, over) => {
            let inner = &graph[node.operands[0]].nodes;
            let is_loose = |n: &Node| {
                let free = |id: &Id| !has_any(graph, *id, over);
                let is_product = *reduce == Reduce::Sum && n.op == Op::Product;
                is_product && n.operands.iter().any(free) && !is_signed(graph, n, over)
            };
            let is_nested = |n: &Node| matches!(&n.op, Op::Reduce(other, _) if other == reduce);
            let loose = if inner.iter().any(is_loose) { LOOSE } else { 0 };
            PLAIN + loose + if inner.iter().all(is_nested) { NEVER } else { 0 }
        }
    }
}

/// What an operation weighs more where terms are chosen badly: a number that says nothing about it. Like all weights it is
/// one of the node alone, so that no size grows while smaller terms are found.
fn bad_weight(graph: &Graph, node: &Node) -> u64 {
    let seed = graph.analysis.chaos.filter(|_| !matches!(node.op, Op::Number(_)));
    seed.map_or(0, |seed| hashed(&(seed, structure(graph, &node.op), node.operands.len())) % (64 * PLAIN))
}

/// Whether a class is nothing but reductions or operations that are no arithmetic. This is a property of the
/// class, so that no size grows while smaller terms are found.
fn is_boundary(graph: &Graph, id: Id) -> bool {
    graph[id].nodes.iter().all(|n| matches!(n.op, Op::Reduce(..) | Op::Other(_)))
}

fn is_sum_of_exponentials(graph: &Graph, id: Id) -> bool {
    let is_exponential = |id: Id| graph[id].nodes.iter().any(|n| n.op == Op::Map(Map::Exp));
    let nodes = &graph[id].nodes;
    nodes.iter().any(|n| matches!(n.op, Op::Reduce(Reduce::Sum, _)) && is_exponential(n.operands[0]))
}

/// What an operation is, however axes are numbered.
fn structure(graph: &Graph, op: &Op) -> u64 {
    let problem = &graph.analysis;
    let colors = |axes: &[crate::graph::AxisId]| {
        let mut colors: Vec<u64> = axes.iter().map(|a| problem.colors[a.0 as usize]).collect();
        colors.sort_unstable();
        colors
    };
    let mut hasher = FxHasher::default();
    match op {
        Op::Number(bits) => (0, bits).hash(&mut hasher),
        Op::Sum => 1.hash(&mut hasher),
        Op::Product => 2.hash(&mut hasher),
        Op::Power(halves) => (3, halves).hash(&mut hasher),
        Op::Map(map) => (4, map).hash(&mut hasher),
        Op::Reduce(reduce, axes) => (5, reduce, colors(axes)).hash(&mut hasher),
        Op::Center(axes) => (6, colors(axes)).hash(&mut hasher),
        Op::Softmax(axes) => (7, colors(axes)).hash(&mut hasher),
        Op::Broadcast(axes) => (9, colors(axes)).hash(&mut hasher),
        Op::Flip(axes) => (10, colors(axes)).hash(&mut hasher),
        Op::Other(at) => (8, problem.others[*at as usize].key).hash(&mut hasher),
    }
    hasher.finish()
}
