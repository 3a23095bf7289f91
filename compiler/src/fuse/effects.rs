//! Which rules had an effect: those that made a term which was chosen in place of what was written.
//!
//! A rule that found another way to say a value has changed nothing as long as the value is computed as it was written.
//! Nor has one that took brackets away or moved a number, since a flat sum is written with brackets again and numbers
//! are put in their places afterwards. So terms are compared by a signature without both ([`signature`](super::signature)).

use super::extract::Best;
use super::lang::{Graph, Node};
use super::signature::Signatures;
use crate::graph::Rules;
use egg::{Id, Language};
use rustc_hash::FxHashMap;

/// The rules that chose the terms of some classes, by class.
pub(super) fn effects(graph: &Graph, best: &Best, classes: &[Id]) -> FxHashMap<Id, Rules> {
    let mut search = Search {
        graph,
        best,
        signatures: Signatures::new(graph, best),
        made: FxHashMap::default(),
        written: FxHashMap::default(),
        same: FxHashMap::default(),
        joined: FxHashMap::default(),
        known: FxHashMap::default(),
    };
    for (at, (id, node, rules)) in graph.analysis.made.iter().enumerate() {
        let node = node.clone().map_children(|id| graph.find(id));
        let is_loaded = at < graph.analysis.loaded;
        if is_loaded {
            let signature = search.signatures.of_node(&node);
            // A number times a value says nothing of how the value is computed.
            if search.signatures.multiple(&node).is_none() {
                search.same.entry(signature).or_insert_with(|| (node.clone(), *rules));
            }
            search.written.entry(graph.find(*id)).or_default().push((signature, *rules));
        }
        search.made.entry(node).or_insert((at, *rules));
    }
    for (id, rules) in &graph.analysis.joined {
        let known = search.joined.entry(graph.find(*id)).or_default();
        *known = known.and(*rules);
    }
    classes.iter().map(|id| graph.find(*id)).map(|id| (id, search.of(id))).collect()
}

struct Search<'a> {
    graph: &'a Graph,
    best: &'a Best,
    signatures: Signatures<'a>,
    /// By node: which of all it was, and the rules that made it, here or before.
    made: FxHashMap<Node, (usize, Rules)>,
    /// What was loaded into each class: signatures, and the rules that had made it before.
    written: FxHashMap<Id, Vec<(u64, Rules)>>,
    /// What was loaded, by signature.
    same: FxHashMap<u64, (Node, Rules)>,
    joined: FxHashMap<Id, Rules>,
    known: FxHashMap<Id, Rules>,
}

impl Search<'_> {
    /// The rules that chose the term of a class.
    fn of(&mut self, id: Id) -> Rules {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        // A class that comes up again while it is looked at adds nothing to itself.
        self.known.insert(id, Rules::NONE);
        let rules = self.best.node(self.graph, id).map_or(Rules::NONE, |node| self.chosen(id, node));
        self.known.insert(id, rules);
        rules
    }

    fn chosen(&mut self, id: Id, node: &Node) -> Rules {
        let Some((at, rules)) = self.made.get(node).copied() else { return Rules::NONE };
        let signature = self.signatures.of_node(node);
        let written = self.written.get(&id).map_or(&[][..], Vec::as_slice);
        if at < self.graph.analysis.loaded {
            // Of two values that were written only one is computed.
            let is_other = written.iter().any(|(other, _)| *other != signature);
            return rules.and(self.joined.get(&id).copied().filter(|_| is_other).unwrap_or_default());
        }
        let before = written.iter().fold(Rules::NONE, |all, (_, rules)| all.and(*rules));
        if let Some(of) = self.signatures.multiple(node) {
            return before.and(self.of(self.graph.find(of)));
        }
        // What differs in brackets alone was first made by somebody, and what was in brackets has its own rules.
        let (other, own) = match self.same.get(&signature).cloned() {
            Some((other, own)) => (other, own),
            None => {
                let (other, by) = self.first(id, signature).unwrap_or_else(|| (node.clone(), rules));
                (other, before.and(by))
            }
        };
        let mut within = self.signatures.flat(node).1;
        within.extend(self.signatures.flat(&other).1);
        within.into_iter().fold(own, |all, id| all.and(self.of(id)))
    }

    /// The first node of a class with a signature, and the rules that made it.
    fn first(&mut self, id: Id, signature: u64) -> Option<(Node, Rules)> {
        let graph = self.graph;
        let same = graph[id].nodes.iter().filter(|node| self.signatures.of_node(node) == signature);
        let known = same.filter_map(|node| self.made.get(node).map(|(at, rules)| (*at, node, *rules)));
        known.min_by_key(|(at, ..)| *at).map(|(_, node, rules)| (node.clone(), rules))
    }
}
