//! The canonical spelling: the smallest term of every class.
//!
//! The measure is made so that the right side of every rule is smaller than its left side. Ties are broken by
//! the structure of the terms, never by the order in which they came up. Neither knows a sign: where the signs stand is
//! settled afterwards ([`super::signs`]).

use super::lang::{Carried, Graph, Node, Op, Operation, has_any, number};
use super::rules::algebra::{is_nested, is_split, is_uneven};
use super::rules::atoms::cancels;
use super::rules::exponentials::is_positive;
use super::rules::sums::is_parted;
use super::signs::{Key, Signed, hashed, signed, structure};
use super::terms::negated;
use crate::ops::{Map, Reduce};
use egg::Id;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// The best node of every class.
pub(super) struct Best {
    chosen: FxHashMap<Id, (Signed, Node)>,
    /// What new carries are made of: to their readers they are leaves.
    pub made: FxHashMap<Id, Signed>,
}

/// How often terms of one size are chosen among by what their inputs are.
const CHOICES: usize = 2;
/// The stack that a term may need before more is taken.
const RED_ZONE: usize = 128 << 10;

/// The size of a plain node. A multiple of a value is hardly larger than the value, so that a sum of multiples
/// beats a multiple of a sum among other terms.
const PLAIN: u64 = 200;
const MULTIPLE: u64 = 4;
/// What arithmetic on a mirror image costs: the mirror image of the result is smaller.
const INWARDS: u64 = 20;
/// What more arithmetic costs that depends on a state: of two terms of one size the one does less at every step that does more
/// once, of weights.
const AT_EACH_STEP: u64 = 1;
/// What a sum costs whose product still holds a factor without the summed axes.
const LOOSE: u64 = 400;
/// What costs more than any term: a reduction of a reduction, a power of a product, a product or sum of which there is a flat
/// form or one without a number in front, a quotient of exponentials that overflows where a softmax does not. For each there
/// is another form.
const NEVER: u64 = 100_000;
/// What the reader of a reduction, a view or a scan pays for it: whatever stands behind is a problem of its
/// own, and sizes would grow without end along a deep function.
const BEHIND: u64 = 400;

impl Best {
    /// Finds the smallest term of every class that results depend on, in an e-graph of its own that has nothing else: signs
    /// are in their places there. What an input is shows in its use: `results` are the classes that are given out. Inputs of
    /// one shape are told apart by what the chosen terms do with them, not by their names or their places; then terms of one
    /// size are chosen among again.
    pub fn of(graph: &mut Graph, results: &[Id]) -> Option<(Graph, Best, Vec<Id>)> {
        let plain: Vec<u64> = graph.analysis.others.iter().map(|other| other.key).collect();
        for _ in 0..CHOICES {
            let (one, ..) = Best::chosen(graph, results, &plain)?;
            let keys = one.analysis.others.iter().map(|other| other.key);
            graph.analysis.others.iter_mut().zip(keys).for_each(|(other, key)| other.key = key);
        }
        Best::chosen(graph, results, &plain)
    }

    /// The smallest terms by what inputs are known to be, and what these terms do with them.
    fn chosen(graph: &Graph, results: &[Id], plain: &[u64]) -> Option<(Graph, Best, Vec<Id>)> {
        let (mut one, roots) = Best::search(graph).settled(graph, results)?;
        let mut best = Best::search(&one);
        best.tell_apart(&mut one, &roots, plain);
        Some((one, best, roots))
    }

    /// Computes the keys of chosen terms again; operands stand before those who read them.
    pub fn keys_anew(&mut self, graph: &Graph, order: &[Id]) {
        for id in order.iter().map(|id| graph.find(*id)) {
            let Some((key, node)) = self.node(graph, id).and_then(|n| Some((self.signed(graph, n)?, n)))
            else {
                continue;
            };
            let is_new = |n: &&Node| graph.analysis.carry(n).is_some_and(|carry| carry.after);
            let leaf = graph[id].nodes.iter().find(is_new).filter(|leaf| *leaf != node);
            let leaf = leaf.and_then(|leaf| self.signed(graph, leaf));
            if leaf.is_some() {
                self.made.insert(id, key);
            }
            if let Some((known, _)) = self.chosen.get_mut(&id) {
                *known = leaf.unwrap_or(key);
            }
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

    /// Sizes first, which do not depend on how ties are broken; then a node of the least size for every class, operands
    /// before those who read them.
    fn search(graph: &Graph) -> Best {
        let mut ids: Vec<Id> = graph.classes().map(|c| c.id).collect();
        ids.sort_unstable();
        let mut sizes = Sizes::new(graph, &ids);
        while ids.iter().filter(|id| sizes.shrink(graph, **id)).count() > 0 {}
        let mut best = Best { chosen: FxHashMap::default(), made: FxHashMap::default() };
        let mut open = FxHashSet::default();
        for id in &ids {
            best.choose(graph, &sizes, *id, &mut open);
        }
        best.unseal(graph, &sizes, &ids);
        best
    }

    /// Chooses among the smallest nodes of a class, and behind it before. Another class the other way round is no choice
    /// as long as there is another: which of the two a text has written says nothing.
    fn choose(&mut self, graph: &Graph, sizes: &Sizes, id: Id, open: &mut FxHashSet<Id>) {
        if self.chosen.contains_key(&id) || !open.insert(id) {
            return;
        }
        let least = sizes.least.get(&id);
        let smallest =
            sizes.all(graph, id).into_iter().filter(|(size, _)| least.is_some() && size.as_ref() == least);
        let (turned, plain): (Vec<&Node>, Vec<&Node>) =
            smallest.map(|(_, node)| node).partition(|n| negated(graph, n).is_some());
        for among in [plain, turned] {
            for operand in among.iter().flat_map(|node| &node.operands) {
                let operand = graph.find(*operand);
                stacker::maybe_grow(RED_ZONE, 1 << 20, || self.choose(graph, sizes, operand, open));
            }
            let known = among.into_iter().filter_map(|node| Some((self.signed(graph, node)?, node)));
            if let Some((signed, node)) = known.min_by_key(|n| n.0.key) {
                self.chosen.insert(id, (signed, node.clone()));
                break;
            }
        }
        open.remove(&id);
    }

    /// Who writes a new carry wants to know what it is made of; its key stays that of a leaf. What is made of the carry itself
    /// says nothing: twice a value whose smallest term is half of the carry.
    fn unseal(&mut self, graph: &Graph, sizes: &Sizes, ids: &[Id]) {
        for id in ids {
            let is_new = |node: &Node| graph.analysis.carry(node).is_some_and(|carry| carry.after);
            if !graph[*id].nodes.iter().any(is_new) {
                continue;
            }
            let others = sizes.all(graph, *id).into_iter().filter(|(_, node)| !is_new(node));
            let sized = |(size, node): (Option<u64>, _)| {
                let signed = self.signed(graph, node)?;
                Some(((negated(graph, node).is_some(), size?, signed.key), signed, node))
            };
            let mut known: Vec<_> = others.filter_map(sized).collect();
            known.sort_by_key(|n| n.0);
            let smallest = known.into_iter().find(|(.., node)| !self.leads_to(graph, node, *id));
            if let (Some((_, signed, node)), Some(chosen)) = (smallest, self.chosen.get_mut(id)) {
                chosen.1 = node.clone();
                self.made.insert(*id, signed);
            }
        }
    }

    /// Whether a class is among what a node is made of.
    fn leads_to(&self, graph: &Graph, node: &Node, id: Id) -> bool {
        let (mut seen, mut order) = (FxHashSet::default(), Vec::new());
        node.operands.iter().any(|operand| {
            self.behind(graph, graph.find(*operand), &mut seen, &mut order);
            seen.contains(&id)
        })
    }

    /// The smallest node of a class.
    pub fn node(&self, graph: &Graph, id: Id) -> Option<&Node> {
        self.chosen.get(&graph.find(id)).map(|(_, node)| node)
    }

    /// The key of a class.
    pub fn key(&self, graph: &Graph, id: Id) -> Option<Key> {
        self.sign(graph, id).map(|signed| signed.key)
    }

    /// The key of a class, and which way round it is.
    pub fn sign(&self, graph: &Graph, id: Id) -> Option<Signed> {
        self.chosen.get(&graph.find(id)).map(|(signed, _)| *signed)
    }

    /// The operands of a node in the canonical order.
    pub fn operands(&self, graph: &Graph, node: &Node) -> Vec<Id> {
        let mut operands = node.operands.clone();
        if node.op.is_commutative() {
            operands.sort_by_key(|id| self.key(graph, *id));
        }
        operands
    }

    /// What a node is, as far as all of its operands are known.
    fn signed(&self, graph: &Graph, node: &Node) -> Option<Signed> {
        let operands: Option<Vec<Signed>> = node.operands.iter().map(|id| self.sign(graph, *id)).collect();
        Some(signed(graph, node, &operands?))
    }
}

/// The least size of every class.
struct Sizes {
    least: FxHashMap<Id, u64>,
    /// What each node weighs by itself.
    own: FxHashMap<Id, Vec<u64>>,
    boundaries: FxHashSet<Id>,
}

impl Sizes {
    fn new(graph: &Graph, ids: &[Id]) -> Sizes {
        let of_node = |node: &Node| weight(graph, node) + bad_weight(graph, node);
        let own: FxHashMap<Id, Vec<u64>> =
            ids.iter().map(|id| (*id, graph[*id].nodes.iter().map(of_node).collect())).collect();
        let boundaries = ids.iter().copied().filter(|id| is_boundary(graph, &own, *id)).collect();
        Sizes { least: FxHashMap::default(), own, boundaries }
    }

    fn shrink(&mut self, graph: &Graph, id: Id) -> bool {
        let least = self.all(graph, id).into_iter().filter_map(|(size, _)| size).min();
        let Some(least) = least.filter(|size| self.least.get(&id).is_none_or(|known| size < known)) else {
            return false;
        };
        self.least.insert(id, least);
        true
    }

    /// The nodes of a class with their sizes, as far as these are known.
    fn all<'g>(&self, graph: &'g Graph, id: Id) -> Vec<(Option<u64>, &'g Node)> {
        let nodes = graph[id].nodes.iter().zip(&self.own[&id]);
        nodes.map(|(node, own)| (self.with_operands(graph, node, *own), node)).collect()
    }

    fn with_operands(&self, graph: &Graph, node: &Node, own: u64) -> Option<u64> {
        let is_turned = negated(graph, node).is_some();
        node.operands.iter().try_fold(own, |size, id| {
            let id = graph.find(*id);
            let own = *self.least.get(&id)?;
            let is_behind = self.boundaries.contains(&id) && !is_turned;
            Some(size.saturating_add(if is_behind { BEHIND } else { own }))
        })
    }
}

/// The size of a node without its operands.
fn weight(graph: &Graph, node: &Node) -> u64 {
    let reversed = match node.op {
        Op::Other(_) => 0,
        _ => INWARDS * node.operands.iter().filter(|id| is_reversed(graph, **id)).count() as u64,
    };
    let depends = |id: &Id| !graph[*id].data.scans.is_empty();
    let is_arithmetic = matches!(node.op, Op::Sum | Op::Product);
    let at_each_step = is_arithmetic && node.operands.iter().any(depends);
    reversed + own_weight(graph, node) + if at_each_step { AT_EACH_STEP } else { 0 }
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
        Op::Product if is_nested(graph, node) => NEVER,
        Op::Product if node.operands.iter().any(|id| is_number(&id)) => match node.operands.len() {
            2 if node.operands.iter().any(|id| number(graph, *id) == Some(-1.0)) => 0,
            2 => MULTIPLE,
            _ => PLAIN,
        },
        Op::Sum if is_uneven(graph, node) || is_parted(graph, node) || cancels(graph, node) => NEVER,
        Op::Sum
        | Op::Product
        | Op::Power(_)
        | Op::Broadcast(_)
        | Op::Center(_)
        | Op::Softmax(_)
        | Op::Flip(_) => PLAIN,
        Op::Map(Map::Pow) if is_positive(graph, node.operands[0]) => NEVER,
        Op::Map(_) => PLAIN + PLAIN / 2,
        Op::Other(_) => BEHIND,
        Op::Reduce(reduce, over) => {
            let inner = &graph[node.operands[0]].nodes;
            let is_loose = |n: &Node| {
                let free = |id: &Id| !has_any(graph, *id, over) && number(graph, *id) != Some(-1.0);
                *reduce == Reduce::Sum && n.op == Op::Product && n.operands.iter().any(free)
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

/// Whether a class is nothing but reductions or operations that are no arithmetic, whatever its sign, beside what is never
/// chosen. This is a property of the class, so that no size grows while smaller terms are found.
fn is_boundary(graph: &Graph, own: &FxHashMap<Id, Vec<u64>>, id: Id) -> bool {
    let is_parted = |n: &Node, own: u64| n.op == Op::Sum && own >= NEVER;
    let is_plain = |n: &Node, own: u64| matches!(n.op, Op::Reduce(..) | Op::Other(_)) || is_parted(n, own);
    let all = |id: Id, turned: &dyn Fn(Id) -> bool| {
        let mut nodes = graph[id].nodes.iter().zip(&own[&graph.find(id)]);
        nodes.all(|(n, own)| is_plain(n, *own) || negated(graph, n).is_some_and(turned))
    };
    all(id, &|of| all(of, &|_| true))
}

fn is_sum_of_exponentials(graph: &Graph, id: Id) -> bool {
    let is_exponential = |id: Id| graph[id].nodes.iter().any(|n| n.op == Op::Map(Map::Exp));
    let nodes = &graph[id].nodes;
    nodes.iter().any(|n| matches!(n.op, Op::Reduce(Reduce::Sum, _)) && is_exponential(n.operands[0]))
}
