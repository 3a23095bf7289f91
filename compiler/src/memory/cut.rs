//! The cheapest cut of a directed graph with capacities: by the theorem of Ford and Fulkerson (1956), what the source
//! still reaches beside a largest flow.

use petgraph::Direction::Incoming;
use petgraph::algo::ford_fulkerson;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// A capacity that no cut pays. Sums of many of them still fit.
pub(super) const NEVER: u64 = 1 << 48;

/// For each vertex, whether it is on the side of `source` in the cheapest cut; of several cheapest ones the one with
/// the fewest vertices there, so that the choice depends on nothing else.
pub(super) fn cut(network: &DiGraph<(), u64>, source: NodeIndex, sink: NodeIndex) -> Vec<bool> {
    let (_, flows) = ford_fulkerson(network, source, sink);
    let mut before = vec![false; network.node_count()];
    let mut todo = vec![source];
    while let Some(v) = todo.pop() {
        if std::mem::replace(&mut before[v.index()], true) {
            continue;
        }
        let further = network.edges(v).filter(|e| flows[e.id().index()] < *e.weight());
        let back = network.edges_directed(v, Incoming).filter(|e| flows[e.id().index()] > 0);
        todo.extend(further.map(|e| e.target()).chain(back.map(|e| e.source())));
    }
    before
}

#[cfg(test)]
mod tests {
    use super::{NEVER, cut};
    use petgraph::graph::DiGraph;

    /// All cuts are tried: the one found costs no more than any.
    #[test]
    fn no_cut_is_cheaper() {
        let mut state = 7u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..300 {
            let n = 7;
            let edges: Vec<(usize, usize, u64)> = (0..14)
                .map(|_| (draw(n) as usize, draw(n) as usize, if draw(6) == 0 { NEVER } else { draw(9) }))
                .filter(|(a, b, _)| a != b)
                .collect();
            let price = |side: &dyn Fn(usize) -> bool| -> u64 {
                edges.iter().filter(|(a, b, _)| side(*a) && !side(*b)).map(|e| e.2).sum()
            };
            let mut network = DiGraph::new();
            let vertices: Vec<_> = (0..n).map(|_| network.add_node(())).collect();
            for (a, b, capacity) in &edges {
                network.add_edge(vertices[*a], vertices[*b], *capacity);
            }
            let found = cut(&network, vertices[0], vertices[6]);
            assert!(found[0]);
            let best = (0..1u32 << n)
                .filter(|m| m & 1 == 1 && m >> 6 & 1 == 0)
                .map(|m| price(&|v| m >> v & 1 == 1))
                .min();
            assert!(!found[6]);
            assert_eq!(Some(price(&|v| found[v])), best);
        }
    }
}
