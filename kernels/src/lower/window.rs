//! Short sums of products, such as those of a convolution that keeps its channels apart: what a window sees, times a
//! weight for each of its few places.
//!
//! Such a sum is an element like any other, written out where it is computed, and shares kernels with maps: a causal
//! convolution, its bias and its activation are one. Its weights stay in registers while the window moves, and all
//! their gradients are summed in one run.

use super::group::{Group, enough_to_share_out};
use super::lowering::Lowering;
use super::pull::{Place, Puller, Reduction};
use super::rows::Rows;
use crate::ir::{Binary, Expr, Index, Join, LoopKind, Operand, Stmt};
use crate::lower::element::{self, Env};
use crate::print::Target;
use arch_compiler::graph::{AxisId, Function, Module};
use arch_compiler::ops::Op;

/// Sums of at most this many products are written out: a window of 3 by 3.
const SHORT: usize = 9;

/// Whether there are few places along these axes, whatever the batch.
pub(super) fn is_short(module: &Module, axes: &[AxisId]) -> bool {
    !axes.contains(&AxisId::BATCH) && module.dims(axes, 1).iter().product::<usize>() <= SHORT
}

/// All places along a few short axes, in order.
fn places(module: &Module, axes: &[AxisId], env: &Env) -> Vec<Env> {
    axes.iter().fold(vec![env.clone()], |all, axis| {
        let at = |env: &Env, i: usize| element::with(env, &[(*axis, Index::constant(i as i64))]);
        all.iter().flat_map(|env| (0..module.size(*axis, 1)).map(move |i| at(env, i))).collect()
    })
}

impl Puller<'_, '_> {
    /// A short sum, without loops.
    pub(super) fn written_out(&mut self, frame: usize, reduction: &Reduction, env: &Env) -> Operand {
        let mut sum = None;
        for place in places(self.module, &reduction.over, env) {
            let value = self.reduced(frame, reduction, &place);
            sum = Some(match sum {
                None => value,
                Some(before) => self.body.binary(Binary::Add, before, value),
            });
        }
        sum.unwrap_or(Operand::float(0.0))
    }
}

impl Rows<'_> {
    /// The axes that windows move along while their weights stay: a piece of the kernel goes over all of them. `outer`
    /// is in the order of storage.
    pub(super) fn swept(&self, module: &Module, function: &Function, outer: &[AxisId]) -> Vec<AxisId> {
        let Some(lane) = outer.last() else { return Vec::new() };
        let mut stays = vec![false; outer.len()];
        for n in self.group.members.iter().filter(|_| self.sweeps) {
            let node = &function.nodes[*n];
            for factor in node.inputs.iter().filter(|_| matches!(node.op, Op::Contract(_))) {
                let shape = &function.value(*factor).shape;
                for (axis, stays) in outer.iter().zip(&mut stays).filter(|_| shape.contains(lane)) {
                    *stays |= *axis != AxisId::BATCH && !shape.contains(axis);
                }
            }
        }
        let pick = |wanted: bool| -> Vec<AxisId> {
            outer.iter().zip(&stays).filter(|(_, stays)| **stays == wanted).map(|(axis, _)| *axis).collect()
        };
        if enough_to_share_out(module, &pick(false)) { pick(true) } else { Vec::new() }
    }
}

/// The sums over far elements for the few places of a window.
struct Weights {
    reduction: Reduction,
    /// The axis of the vectors.
    lane: AxisId,
    /// The places of the window.
    short: Vec<AxisId>,
}

impl Lowering<'_> {
    /// Computes the gradient of a window's weights in one run over what it saw. `false` if the group is none.
    pub(super) fn weights_of_window(&mut self, group: &Group) -> bool {
        let Some(weights) = self.weights(group) else { return false };
        let n = group.members[0];
        let value = self.function.nodes[n].outputs[0];
        let Some(Place::Slot(slot, elem, strides)) = self.places.get(&value).cloned() else { return false };
        self.kernel("window", &[n], &[value], |p| weights.emit(p, &Place::Slot(slot, elem, strides)));
        true
    }

    fn weights(&self, group: &Group) -> Option<Weights> {
        let [n] = group.members[..] else { return None };
        let node = &self.function.nodes[n];
        if !matches!(node.op, Op::Contract(_)) || self.options.target == Target::Cuda {
            return None;
        }
        let reduction = Reduction::of(self.function, node);
        let lane = *element::union(self.function, node).iter().rfind(|a| group.outer.contains(a))?;
        let short: Vec<AxisId> = group.outer.iter().copied().filter(|a| *a != lane).collect();
        let wide = lane != AxisId::BATCH && self.module.size(lane, 1) >= 32 * self.options.target.lanes();
        (wide && !short.is_empty() && is_short(self.module, &short)).then_some(Weights {
            reduction,
            lane,
            short,
        })
    }
}

impl Weights {
    fn emit(&self, p: &mut Puller<'_, '_>, into: &Place) {
        let lane = p.open(LoopKind::ParallelLanes, self.lane);
        let env = vec![(self.lane, lane)];
        let sums: Vec<_> = places(p.module, &self.short, &env)
            .into_iter()
            .map(|place| (place, p.body.acc(Join::Sum)))
            .collect();
        let over: Vec<_> =
            self.reduction.over.iter().map(|a| (*a, p.open(LoopKind::Sequential, *a))).collect();
        for (place, sum) in &sums {
            let value = p.reduced(0, &self.reduction, &element::with(place, &over));
            p.body.push(Stmt::Accumulate(*sum, value));
        }
        over.iter().for_each(|_| p.close());
        for (place, sum) in sums {
            let value = p.body.bind_here(Expr::Acc(sum));
            p.store(into, &place, value);
        }
        p.close();
    }
}
