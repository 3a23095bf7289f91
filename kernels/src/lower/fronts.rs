//! What of a kernel of rows is better computed behind the product that it reads.
//!
//! On a GPU no block has whole rows of a product, so that a norm cannot be computed with it. What stands in front of its
//! first reduction can: bias, gate and residual. Where their result is written anyway, the sums need not be; so these
//! operations, the front of the kernel, leave it and become a group of their own, which joins the product.

use super::analysis::Role;
use super::cones::{Cone, Unit, Uses};
use super::group::{Group, Groups};
use arch_compiler::graph::AxisId;
use arch_compiler::ops::Op;
use std::collections::BTreeSet;

impl Uses<'_> {
    /// The fronts that are worth it: at most one a group.
    pub(super) fn fronts(&self, groups: &Groups) -> Vec<Cone> {
        let rows = groups.groups.iter().enumerate().filter(|(_, group)| !group.inner.is_empty());
        rows.filter_map(|(g, group)| self.front(groups, g, group)).collect()
    }

    fn front(&self, groups: &Groups, g: usize, group: &Group) -> Option<Cone> {
        let shape: BTreeSet<AxisId> = group.outer.iter().chain(&group.inner).copied().collect();
        let mut best: Option<Cone> = None;
        for last in &group.members {
            let nodes = self.behind(groups, g, *last);
            let maps = nodes.iter().all(|n| {
                let node = &self.function.nodes[*n];
                let axes = &self.function.value(node.outputs[0]).shape;
                !matches!(node.op, Op::Reduce(..) | Op::Contract(_))
                    && axes.len() == shape.len()
                    && axes.iter().all(|a| shape.contains(a))
            });
            // A product that is read at another place is not what they are computed with.
            let follows = nodes.iter().flat_map(|n| &self.reads[*n]).any(|(v, here)| {
                *here && self.analysis.roles[self.function.value(*v).node as usize] == Role::Product
            });
            if !follows || !maps {
                continue;
            }
            let new = Unit::Group(groups.groups.len());
            let after = |n: usize| if nodes.contains(&n) { new } else { self.unit(groups, n) };
            let saves = self.saves(groups, &nodes, after);
            if saves > best.as_ref().map_or(0, |b| b.saves) {
                let outputs = nodes.iter().flat_map(|n| &self.function.nodes[*n].outputs);
                let edges = outputs.flat_map(|v| {
                    let source = self.function.value(*v).node as usize;
                    self.readers[v.0 as usize].keys().map(move |r| (source, *r))
                });
                let apart = edges.filter(|(_, r)| groups.of[*r] == Some(g) && !nodes.contains(r)).collect();
                best = Some(Cone { with: *last, apart, saves, nodes });
            }
        }
        best
    }

    /// A member of a group with the members that it is computed from.
    fn behind(&self, groups: &Groups, g: usize, last: usize) -> BTreeSet<usize> {
        let mut nodes = BTreeSet::new();
        let mut todo = vec![last];
        while let Some(n) = todo.pop() {
            if groups.of[n] == Some(g) && nodes.insert(n) {
                todo.extend(self.reads[n].keys().map(|v| self.function.value(*v).node as usize));
            }
        }
        nodes
    }
}
