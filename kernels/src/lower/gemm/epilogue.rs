//! Which group of maps and row reductions is computed with the product that it reads: decided here, once, before
//! anything has a place in memory.

use super::reason::Reason;
use super::table::{self, Server};
use super::tiles;
use crate::lower::analysis::{Analysis, Role};
use crate::lower::group::Groups;
use crate::lower::order::Graph;
use crate::lower::product::even_strides;
use crate::print::Target;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Map, Op};
use std::collections::BTreeMap;

/// The products with the groups that join them.
#[derive(Debug, Default)]
pub(in crate::lower) struct Epilogues {
    groups: BTreeMap<usize, usize>,
    products: BTreeMap<usize, usize>,
    /// The node of a product, a group that reads it, and why that is not computed with it.
    refused: Vec<(usize, usize, Reason)>,
}

impl Epilogues {
    /// The group that is computed with a product.
    pub(in crate::lower) fn group_of(&self, n: usize) -> Option<usize> {
        self.groups.get(&n).copied()
    }

    /// The product that a group is computed with.
    pub(in crate::lower) fn product_of(&self, g: usize) -> Option<usize> {
        self.products.get(&g).copied()
    }

    /// Why a group that reads a product is not computed with it.
    pub(in crate::lower) fn reason(&self, n: usize, g: usize) -> Option<&Reason> {
        self.refused.iter().find(|r| (r.0, r.1) == (n, g)).map(|r| &r.2)
    }
}

/// Finds the groups of a function that are computed with products. The last product that a group reads takes it.
pub(in crate::lower) fn find(
    module: &Module,
    function: &Function,
    (analysis, groups): (&Analysis, &Groups),
    (target, batch): (Target, usize),
) -> Epilogues {
    let mut epilogues = Epilogues::default();
    let none = Epilogues::default();
    let mut graph = Graph::new(function, analysis, groups, &none);
    let search = Search { module, function, analysis, groups, target, batch };
    let products = (0..function.nodes.len()).rev().filter(|n| analysis.roles[*n] == Role::Product);
    for n in products {
        let mut taken = false;
        for (g, moved) in search.readers(function.nodes[n].outputs[0]) {
            let fits = if epilogues.products.contains_key(&g) {
                Err(Reason::Later)
            } else if taken {
                Err(Reason::Taken)
            } else {
                search.fits(n, g, moved).and_then(|()| graph.join(n, g).ok_or(Reason::Circular))
            };
            match fits {
                Ok(()) => {
                    taken = true;
                    epilogues.groups.insert(n, g);
                    epilogues.products.insert(g, n);
                }
                Err(reason) => epilogues.refused.push((n, g, reason)),
            }
        }
    }
    epilogues
}

struct Search<'a> {
    module: &'a Module,
    function: &'a Function,
    analysis: &'a Analysis,
    groups: &'a Groups,
    target: Target,
    batch: usize,
}

impl Search<'_> {
    /// The groups that read a value, and whether at another place than their own.
    fn readers(&self, value: ValueId) -> BTreeMap<usize, bool> {
        let mut found = BTreeMap::new();
        let mut todo = vec![(value, false)];
        while let Some((value, moved)) = todo.pop() {
            for r in &self.analysis.readers[value.0 as usize] {
                let node = &self.function.nodes[*r];
                // Who only waits for a value does not read it.
                if node.op == Op::After && node.inputs[0] != value {
                    continue;
                }
                let looked_up = matches!(node.op, Op::Gather { .. }) && node.inputs[0] == value;
                let moved = moved || looked_up || matches!(node.op, Op::View(_));
                match (self.groups.of[*r], self.analysis.roles[*r]) {
                    (Some(g), _) => *found.entry(g).or_insert(false) |= moved,
                    (None, Role::View | Role::Inline) => todo.push((node.outputs[0], moved)),
                    _ => {}
                }
            }
        }
        found
    }

    fn fits(&self, n: usize, g: usize, moved: bool) -> Result<(), Reason> {
        let (group, value) = (&self.groups.groups[g], self.function.nodes[n].outputs[0]);
        let shape = &self.function.value(value).shape;
        let own = |a: &AxisId| group.outer.contains(a) || group.inner.contains(a);
        let column = shape.last().copied();
        let along =
            group.inner.is_empty() || group.inner.len() == 1 && group.inner.first().copied() == column;
        let member = |m: &usize| {
            let broadcast = matches!(self.function.nodes[*m].op, Op::Map(Map::Broadcast));
            self.analysis.roles[*m] == Role::Member && !broadcast
        };
        if self.server(n)? == Server::Library {
            return Err(Reason::Library);
        }
        if moved {
            return Err(Reason::Moved);
        }
        if self.target == Target::Cuda && !group.inner.is_empty() {
            return Err(Reason::Rows);
        }
        if group.outer.len() + group.inner.len() != shape.len()
            || !shape.iter().all(own)
            || !along
            || !group.members.iter().all(member)
        {
            return Err(Reason::Axes);
        }
        let writes = |v: &ValueId| group.members.contains(&(self.function.value(*v).node as usize));
        if self.function.updates.iter().any(|u| writes(&u.1)) {
            return Err(Reason::State);
        }
        if group.inner.is_empty() {
            return Ok(());
        }
        let columns = column.map_or(1, |c| self.module.size(c, self.batch));
        tiles::whole_rows(columns).map_err(Reason::Width)
    }

    /// Who computes a product, as far as its shape tells.
    fn server(&self, n: usize) -> Result<Server, Reason> {
        // There rows and columns may lie in any way.
        if self.target == Target::Cuda {
            return Ok(Server::Kernel);
        }
        let node = &self.function.nodes[n];
        let Op::Contract(over) = &node.op else { return Ok(Server::Library) };
        let shape = |v: ValueId| &self.function.value(v).shape;
        let (out, mut left, mut right) = (shape(node.outputs[0]), node.inputs[0], node.inputs[1]);
        let Some(column) = out.last().copied() else { return Ok(Server::Library) };
        if shape(left).contains(&column) {
            std::mem::swap(&mut left, &mut right);
        }
        let size = |axes: &mut dyn Iterator<Item = &AxisId>| -> usize {
            axes.map(|a| self.module.size(*a, self.batch)).product()
        };
        if shape(left).iter().any(|a| shape(right).contains(a) && !over.contains(a)) {
            return Ok(Server::Library);
        }
        let columns: Vec<AxisId> = shape(right).iter().copied().filter(|a| !over.contains(a)).collect();
        // Columns that are several axes lie side by side as one, if at all, at the end of a row.
        if out[out.len() - columns.len()..].iter().any(|a| !columns.contains(a)) {
            return Err(Reason::Columns);
        }
        let m = size(&mut shape(left).iter().filter(|a| !over.contains(a)));
        let strides = even_strides(self.module, self.function, left);
        let along = strides.is_some_and(|s| s.iter().any(|(a, step)| *step == 1 && over.contains(a)));
        let shape = (m, size(&mut columns.iter()), size(&mut over.iter()));
        Ok(table::server(self.target, shape, along, table::is_kept(self.function, right)))
    }
}
