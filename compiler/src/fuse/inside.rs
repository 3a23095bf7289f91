//! Which factors of a sum of products are multiplied before it is summed. The canonical terms have all outside that may be,
//! `r * sum(w * g * x)` for a projection `w` of an RMS norm `g * r * x`; where the sum has more elements than `x`, `r`
//! meets fewer numbers inside, and so does its gradient. What is only along the axis of the sum goes with it: `x` is
//! written anew anyway, and the weights need not be.

use super::extract::Best;
use super::lang::{Graph, Node, Op, axes_of, number};
use super::store::Writer;
use crate::graph::{AxisId, ValueId};
use crate::ops::{Reduce, ShapeError};
use egg::Id;
use rustc_hash::FxHashMap;

/// How often the chosen terms that results depend on read each class.
pub(super) fn readers(graph: &Graph, best: &Best, results: &[Id]) -> FxHashMap<Id, usize> {
    let (mut order, mut roots) = (Vec::new(), results.to_vec());
    best.alive(graph, &mut roots, &mut order);
    let mut readers = FxHashMap::default();
    let nodes = order.iter().filter_map(|id| best.node(graph, *id));
    for read in nodes.flat_map(|node| &node.operands).chain(&roots) {
        *readers.entry(graph.find(*read)).or_default() += 1;
    }
    readers
}

/// A value that stands for a class within one product, whatever the class is elsewhere.
pub(super) type Made = (Id, ValueId);

/// A sum of products that takes in factors from outside.
struct Taken {
    /// The sum, its product, and over which axes it is.
    sum: Id,
    inner: Id,
    over: Vec<AxisId>,
    /// The factors that come from outside.
    outer: Vec<Id>,
    /// The factors of the sum that they are multiplied with, and the others.
    near: Vec<Id>,
    far: Vec<Id>,
}

impl Writer<'_, '_> {
    /// The factors of a product without a sum and those that it takes in, and what these are together. That is no value of
    /// the sum's class, which may be written once more with another product.
    pub(super) fn taken_in(
        &mut self,
        class: Id,
        operands: Vec<Id>,
    ) -> Result<(Vec<Id>, Option<Made>), ShapeError> {
        let Some(taken) = operands.iter().find_map(|id| self.takes(*id, &operands)) else {
            return Ok((operands, None));
        };
        let Taken { sum, inner, over, outer, mut near, far } = taken;
        near.extend(&outer);
        let near = self.product(class, &near)?;
        let mut factors = far.into_iter().map(|id| self.value(id)).collect::<Result<Vec<_>, _>>()?;
        factors.push(near);
        let Some(value) = self.summed(sum, (&over, inner), factors)? else { return Ok((operands, None)) };
        let rest = operands.into_iter().filter(|id| *id != sum && !outer.contains(id)).collect();
        Ok((rest, Some((sum, value))))
    }

    /// The chosen node of a class that is written where we are, with its operands.
    fn node_here(&self, id: Id) -> Option<(&Node, Vec<Id>)> {
        let node = self.best.node(self.graph, id).filter(|_| self.is_here(id))?;
        Some((node, self.best.operands(self.graph, node).into_iter().map(|id| self.graph.find(id)).collect()))
    }

    /// What a factor takes in of the others, if it is a sum of products that nothing else reads.
    fn takes(&self, sum: Id, operands: &[Id]) -> Option<Taken> {
        if self.within.is_some() || self.readers.get(&sum) != Some(&1) {
            return None;
        }
        let (node, inner) = self.node_here(sum)?;
        let Op::Reduce(Reduce::Sum, over) = &node.op else { return None };
        let inner = *inner.first()?;
        let (product, factors) = self.node_here(inner)?;
        if product.op != Op::Product {
            return None;
        }
        let axes = |id: &Id| axes_of(self.graph, *id);
        // What is along the axis of the sum outside is along another one of the same name inside.
        let is_free = |id: &Id| !axes(id).iter().any(|axis| over.contains(axis));
        let others = operands.iter().filter(|id| **id != sum && !axes(id).is_empty() && is_free(id));
        // The widest of the others says with which factors it is multiplied.
        let first = others.clone().max_by_key(|id| self.elements(**id))?;
        let meets = |id: &Id| axes(id).iter().any(|axis| axes(first).contains(axis));
        let along = |id: &Id| axes(id).iter().all(|axis| over.contains(axis));
        let (mut near, far): (Vec<Id>, Vec<Id>) = factors.into_iter().partition(meets);
        let wide: Vec<AxisId> = near.iter().flat_map(|id| axes(id).to_vec()).collect();
        let fits = |id: &&Id| axes(id).iter().all(|axis| wide.contains(axis));
        let mut outer: Vec<Id> = others.filter(fits).copied().collect();
        let is_fewer = near.iter().map(|id| self.elements(*id)).max()? < self.elements(sum);
        let is_sequence = near.iter().any(|id| over.iter().all(|axis| axes(id).contains(axis)));
        if !outer.contains(first) || far.is_empty() || !is_fewer || !is_sequence {
            return None;
        }
        let (own, far): (Vec<Id>, Vec<Id>) = far.into_iter().partition(along);
        if far.is_empty() {
            return None;
        }
        near.extend(own);
        // A number that is beside the factors goes with them; signs are for sums.
        let is_scale = |id: &&Id| number(self.graph, **id).is_some_and(|value| value != -1.0);
        outer.extend(operands.iter().filter(is_scale));
        Some(Taken { sum, inner, over: over.to_vec(), outer, near, far })
    }
}
