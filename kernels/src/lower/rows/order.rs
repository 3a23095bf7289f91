//! In which order a kernel goes over its places.

use super::{Rows, Style};
use crate::lower::analysis::Role;
use crate::lower::group::storage_order;
use crate::lower::pull::{Place, Puller};
use arch_compiler::graph::{AxisId, Function, ValueId};
use arch_compiler::ops::Op;
use std::collections::BTreeSet;

impl Rows<'_> {
    /// The order in which its largest member is stored; where all is done element by element, the one in which vectors run
    /// along most of the buffers. A gradient that is stored in another order than the weight, its moments and its average is
    /// one buffer of seven.
    pub(super) fn order(&self, p: &Puller<'_, '_>, function: &Function) -> Vec<AxisId> {
        let order = storage_order(function, self.group);
        let sums = |n: &usize| matches!(function.nodes[*n].op, Op::Reduce(..) | Op::Contract(_));
        let in_memory = self.style == Style::Kernel && self.group.inner.is_empty();
        if !in_memory || self.group.members.iter().any(sums) {
            return order;
        }
        let same_axes =
            |other: &Vec<AxisId>| other.len() == order.len() && order.iter().all(|a| other.contains(a));
        let buffers: Vec<Vec<AxisId>> = self.buffers(p, function).into_iter().filter(same_axes).collect();
        let along = |other: &[AxisId]| buffers.iter().filter(|b| b.last() == other.last()).count();
        let most = buffers.iter().map(|b| along(b)).max().unwrap_or(0);
        match buffers.iter().find(|b| along(b) == most) {
            Some(other) if most > along(&order) => other.clone(),
            _ => order,
        }
    }

    /// The axes of what is read and written, the innermost last.
    fn buffers(&self, p: &Puller<'_, '_>, function: &Function) -> Vec<Vec<AxisId>> {
        let places = &p.frames[self.frame].places;
        let mut read = BTreeSet::new();
        for n in &self.group.members {
            self.read_by(function, *n, &mut read);
        }
        let read = read.iter().filter_map(|v| places.get(v));
        let written = self.targets.values().flatten();
        let axes = |place: &Place| {
            let Place::Slot(_, _, strides) = place else { return None };
            let mut strides = strides.clone();
            strides.sort_by_key(|s| std::cmp::Reverse(s.1));
            Some(strides.into_iter().map(|s| s.0).collect())
        };
        read.chain(written).filter_map(axes).collect()
    }

    /// What a node reads that is no member's, directly or by way of what is computed where it is read.
    fn read_by(&self, function: &Function, n: usize, into: &mut BTreeSet<ValueId>) {
        for input in &function.nodes[n].inputs {
            let source = function.value(*input).node as usize;
            if self.analysis.roles[source] == Role::Inline {
                self.read_by(function, source, into);
            } else if !self.group.members.contains(&source) {
                into.insert(*input);
            }
        }
    }
}
