//! Applying rules until nothing new comes up.

use super::lang::{Graph, Node};
use super::rules::{FORMS, RULES, is_hidden};
use super::terms::{Term, build};
use crate::graph::{Origin, Rules};
use egg::Id;

/// How often all rules are tried at most. The functions of the zoo need three to eight rounds.
const ROUNDS: usize = 30;

/// How many nodes the e-graph may have at most: this many, or eight times those it began with. The functions
/// of the zoo stay below twice.
const NODES: usize = 3000;

/// How many matches one round may have, for each node that the e-graph may have: what is found is kept in memory.
const MATCHES: usize = 8;

/// What saturation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saturated {
    /// The rules that joined two classes.
    pub fired: Rules,
    /// Whether nothing new was left to find: only then is the result independent of the spelling.
    pub complete: bool,
}

/// Applies all rules until the e-graph is saturated or a limit is touched.
pub(super) fn saturate(graph: &mut Graph) -> Saturated {
    graph.rebuild();
    graph.analysis.loaded = graph.analysis.made.len();
    let most = NODES.max(8 * graph.total_number_of_nodes());
    let mut result = Saturated::default();
    for _ in 0..ROUNDS {
        let found = matches(graph);
        if found.len() > MATCHES * most {
            return result;
        }
        let (before, mut joined) = (graph.total_number_of_nodes(), false);
        for (rule, class, term) in found {
            let origin = Origin { rules: Rules::one(rule), ..origin(graph, class) };
            graph.analysis.origin = origin;
            let made = graph.analysis.made.len();
            let equal = build(graph, &term);
            let is_there = graph.analysis.made.len() == made;
            if graph.union(class, equal) {
                result.fired = result.fired.and(origin.rules);
                graph.analysis.joined.extend(is_there.then_some((class, origin.rules)));
                joined = true;
            }
            if graph.total_number_of_nodes() > most {
                graph.rebuild();
                return result;
            }
        }
        graph.rebuild();
        if !joined && before == graph.total_number_of_nodes() {
            result.complete = true;
            break;
        }
    }
    result
}

/// What all rules find, in the order of the table.
fn matches(graph: &Graph) -> Vec<(usize, Id, Term)> {
    let mut ids: Vec<Id> = graph.classes().map(|c| c.id).collect();
    ids.sort_unstable();
    let mut all = Vec::new();
    let nodes: Vec<(Id, &Node, bool)> =
        ids.iter().flat_map(|id| graph[*id].nodes.iter().map(|n| (*id, n, is_hidden(graph, n)))).collect();
    for (at, rule) in RULES.iter().enumerate() {
        for (id, node, hidden) in &nodes {
            if at < FORMS || !hidden {
                let mut found = Vec::new();
                (rule.find)(graph, node, &mut found);
                all.extend(found.into_iter().map(|term| (at, *id, term)));
            }
        }
    }
    all
}

/// Where a class was written first.
pub(super) fn origin(graph: &Graph, class: Id) -> Origin {
    let class = graph.find(class);
    let found = graph.analysis.origins.iter().find(|(id, _)| graph.find(*id) == class);
    found.map_or_else(Origin::default, |(_, origin)| *origin)
}
