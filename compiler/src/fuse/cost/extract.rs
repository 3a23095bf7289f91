//! The cheapest way to compute all results together.
//!
//! What a value costs as a tree is where the search begins; then the node of one class at a time is exchanged as long as
//! the sum over everything that is computed, each class once, gets smaller. The way that the text has is a second
//! beginning, so that the result is never dearer than the text.

use super::lang::{Graph, Node, Op};
use super::load::Problem;
use super::price::price;
use egg::Id;
use rustc_hash::FxHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// A node for every class.
pub(super) type Choice = BTreeMap<Id, Node>;

/// How often all classes are tried again at most. The functions of the zoo need two rounds.
const ROUNDS: usize = 8;

/// Finds the cheapest node of every class; with a seed some node, another for each seed.
pub(super) fn extract(problem: &Problem, chaos: Option<u64>) -> Choice {
    let search = Search::new(problem, chaos);
    let smallest = search.trees();
    let mut written = smallest.clone();
    for (id, node) in &problem.written {
        if search.nodes[id].iter().any(|(_, known)| known == node) {
            written.insert(*id, node.clone());
        }
    }
    let [of_trees, of_text] = [smallest, written].map(|choice| search.descend(choice));
    if of_text.0 < of_trees.0 { of_text.1 } else { of_trees.1 }
}

struct Search<'a> {
    graph: &'a Graph,
    /// The nodes of each class with their prices.
    nodes: BTreeMap<Id, Vec<(u64, Node)>>,
    /// What is in memory in any case.
    roots: BTreeSet<Id>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem, chaos: Option<u64>) -> Self {
        let graph = &problem.graph;
        let priced = |node: &Node| {
            let price = price(graph, node);
            match chaos {
                Some(seed) if price > 0 && super::price::is_possible(price) => {
                    1 + hashed(&(seed, node)) % 1000
                }
                _ => price,
            }
        };
        let roots: BTreeSet<Id> = problem.roots.iter().map(|r| graph.find(r.class)).collect();
        // What is in memory for others is computed at one place, under the name that it has there.
        let is_there = |class: Id, node: &Node| roots.contains(&class) && matches!(node.op, Op::Factor(_));
        let all = |class: &egg::EClass<Node, _>| -> Vec<(u64, Node)> {
            let nodes = class.nodes.iter().filter(|n| !is_there(class.id, n));
            nodes.map(|n| (priced(n), n.clone())).collect()
        };
        let nodes = graph.classes().map(|class| (class.id, all(class))).collect();
        Search { graph, nodes, roots }
    }

    /// The node of each class that is cheapest if nothing is shared but what is in memory. Of equally cheap ones the one
    /// with the smaller key is taken, so that no order of a text decides.
    fn trees(&self) -> Choice {
        let mut best: BTreeMap<Id, (u64, u64, Node)> = BTreeMap::new();
        loop {
            let mut changed = false;
            for (id, nodes) in &self.nodes {
                for (price, node) in nodes {
                    let Some((cost, key)) = self.tree(&best, *price, node) else { continue };
                    if best.get(id).is_none_or(|b| (cost, key) < (b.0, b.1)) {
                        best.insert(*id, (cost, key, node.clone()));
                        changed = true;
                    }
                }
            }
            if !changed {
                return best.into_iter().map(|(id, (_, _, node))| (id, node)).collect();
            }
        }
    }

    fn tree(&self, best: &BTreeMap<Id, (u64, u64, Node)>, price: u64, node: &Node) -> Option<(u64, u64)> {
        let (mut cost, mut keys) = (price, Vec::with_capacity(node.operands.len()));
        for id in &node.operands {
            let id = self.graph.find(*id);
            let (own, key, _) = best.get(&id)?;
            cost = cost.saturating_add(if self.roots.contains(&id) { 0 } else { *own });
            keys.push(*key);
        }
        keys.sort_unstable();
        let facts = &self.graph.analysis;
        let what = match &node.op {
            Op::Factor(at) => facts.factors[*at as usize].key,
            Op::Contract(over) => hashed(&facts.elements(over.iter())),
        };
        Some((cost, hashed(&(what, keys))))
    }

    /// What everything costs together, and the classes that are computed.
    fn total(&self, choice: &Choice) -> (u64, BTreeSet<Id>) {
        let (mut seen, mut open) = (BTreeSet::new(), self.roots.iter().copied().collect::<Vec<_>>());
        let mut total = 0u64;
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = &choice[&id];
            let known = self.nodes[&id].iter().find(|(_, n)| n == node);
            total = total.saturating_add(known.map_or(0, |(price, _)| *price));
            open.extend(node.operands.iter().map(|id| self.graph.find(*id)));
        }
        (total, seen)
    }

    fn descend(&self, mut choice: Choice) -> (u64, Choice) {
        let (mut total, mut alive) = self.total(&choice);
        for _ in 0..ROUNDS {
            let before = total;
            for id in alive.clone() {
                for (_, node) in &self.nodes[&id] {
                    if choice[&id] == *node || !self.is_below(&choice, id, node) {
                        continue;
                    }
                    let old = choice.insert(id, node.clone());
                    let (new, now) = self.total(&choice);
                    if new < total {
                        (total, alive) = (new, now);
                    } else if let Some(old) = old {
                        choice.insert(id, old);
                    }
                }
            }
            if total == before {
                break;
            }
        }
        (total, choice)
    }

    /// Whether no operand of a node is computed of the class itself.
    fn is_below(&self, choice: &Choice, id: Id, node: &Node) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), node.operands.clone());
        while let Some(at) = open.pop() {
            let at = self.graph.find(at);
            if at == id {
                return false;
            }
            if seen.insert(at) {
                open.extend(choice[&at].operands.iter().copied());
            }
        }
        true
    }
}

fn hashed(of: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}
