//! The cheapest cut of a directed graph with capacities, by augmenting paths in layers (Dinic 1970).

use std::collections::VecDeque;

/// A capacity that no cut pays. Sums of many of them still fit.
pub(super) const NEVER: u64 = 1 << 48;

struct Edge {
    to: usize,
    /// What may still flow.
    left: u64,
}

/// A graph with capacities. Edge `2k` goes forward, edge `2k + 1` takes it back.
pub(super) struct Network {
    edges: Vec<Edge>,
    out: Vec<Vec<usize>>,
}

impl Network {
    pub(super) fn new(vertices: usize) -> Self {
        Network { edges: Vec::new(), out: vec![Vec::new(); vertices] }
    }

    pub(super) fn edge(&mut self, from: usize, to: usize, capacity: u64) {
        self.out[from].push(self.edges.len());
        self.edges.push(Edge { to, left: capacity });
        self.out[to].push(self.edges.len());
        self.edges.push(Edge { to: from, left: 0 });
    }

    /// For each vertex, whether it is on the side of `source` in the cheapest cut; of several cheapest ones the
    /// one with the fewest vertices there, so that the choice depends on nothing else.
    pub(super) fn cut(mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            let depth = self.depths(source);
            if depth[sink].is_none() {
                return depth.into_iter().map(|d| d.is_some()).collect();
            }
            let mut next = vec![0; self.out.len()];
            while self.push(source, sink, u64::MAX, &depth, &mut next) > 0 {}
        }
    }

    /// The distance of each vertex that something can still flow to.
    fn depths(&self, source: usize) -> Vec<Option<usize>> {
        let mut depth = vec![None; self.out.len()];
        depth[source] = Some(0);
        let mut todo = VecDeque::from([source]);
        while let Some(v) = todo.pop_front() {
            for e in &self.out[v] {
                let edge = &self.edges[*e];
                if edge.left > 0 && depth[edge.to].is_none() {
                    depth[edge.to] = depth[v].map(|d: usize| d + 1);
                    todo.push_back(edge.to);
                }
            }
        }
        depth
    }

    /// Pushes flow along one path of the layers, without recursion: graphs are deep.
    fn push(
        &mut self,
        source: usize,
        sink: usize,
        most: u64,
        depth: &[Option<usize>],
        next: &mut [usize],
    ) -> u64 {
        let mut path: Vec<usize> = Vec::new();
        let mut at = source;
        while at != sink {
            let further = self.out[at][next[at]..].iter().position(|e| {
                let edge = &self.edges[*e];
                edge.left > 0 && depth[edge.to].is_some() && depth[edge.to] == depth[at].map(|d| d + 1)
            });
            match further {
                Some(skip) => {
                    next[at] += skip;
                    let e = self.out[at][next[at]];
                    path.push(e);
                    at = self.edges[e].to;
                }
                None => {
                    next[at] = self.out[at].len();
                    let Some(e) = path.pop() else { return 0 };
                    at = self.edges[e ^ 1].to;
                    next[at] += 1;
                }
            }
        }
        let flow = path.iter().map(|e| self.edges[*e].left).min().unwrap_or(0).min(most);
        for e in path {
            self.edges[e].left -= flow;
            self.edges[e ^ 1].left += flow;
        }
        flow
    }
}

#[cfg(test)]
mod tests {
    use super::{NEVER, Network};

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
            let mut network = Network::new(n as usize);
            edges.iter().for_each(|(a, b, c)| network.edge(*a, *b, *c));
            let found = network.cut(0, 6);
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
