//! Kernels over all elements of a value, and copies.

use super::Lowering;
use crate::ir::LoopKind;
use crate::lower::element::Env;
use crate::lower::pull::{Place, Puller, elem, row_major};
use crate::plan::{SlotId, SlotKind};
use arch_compiler::graph::{AxisId, ValueId};
use arch_compiler::ops::Op;

impl<'a> Lowering<'a> {
    /// A result that is an input or another reading of one.
    pub(super) fn copy(&mut self, value: ValueId) {
        let slots: Vec<SlotId> = {
            let outputs = self.function.outputs.iter().filter(|o| o.1 == value);
            outputs.map(|o| self.plan.outputs[&o.0].slot).collect()
        };
        let shape = self.function.value(value).shape.clone();
        let strides = row_major(self.module, &shape);
        let elem = elem(self.function.value(value).storage);
        let is_input = matches!(self.function.producer(value).op, Op::Input);
        let mut places: Vec<Place> =
            slots.into_iter().map(|s| Place::Slot(s, elem, strides.clone())).collect();
        if !is_input && places.is_empty() {
            let slot = self.new_slot(SlotKind::Scratch, value);
            places.push(Place::Slot(slot, elem, strides));
        }
        if places.is_empty() {
            return;
        }
        let own = if is_input { Vec::new() } else { vec![value] };
        self.pointwise("copy", &[self.function.value(value).node as usize], &own, &shape, |p, env| {
            let operand = p.pull(0, value, env);
            for place in &places {
                p.store(place, env, operand);
            }
        });
        if !is_input {
            self.places.insert(value, places[0].clone());
        }
    }

    /// Writes a value over the input that it updates, when nothing reads the old one any more.
    pub(super) fn write_back(&mut self, input: ValueId, value: ValueId) {
        let Some(to) = self.places.get(&input).cloned() else { return };
        let shape = self.function.value(value).shape.clone();
        let to = match to {
            Place::Slot(slot, elem, _) if !self.same_axes(input, value) => {
                Place::Slot(slot, elem, row_major(self.module, &shape))
            }
            other => other,
        };
        let node = self.function.value(value).node as usize;
        self.pointwise("copy", &[node], &[], &shape, |p, env| {
            let operand = p.pull(0, value, env);
            p.store(&to, env, operand);
        });
    }

    /// One kernel over all axes of a shape.
    pub(in crate::lower) fn pointwise(
        &mut self,
        family: &str,
        nodes: &[usize],
        own: &[ValueId],
        shape: &[AxisId],
        emit: impl FnOnce(&mut Puller<'a, '_>, &Env),
    ) {
        self.kernel(family, nodes, own, |p| {
            let mut env = Vec::new();
            for (i, axis) in shape.iter().enumerate() {
                let kind = if i + 1 == shape.len() { LoopKind::ParallelLanes } else { LoopKind::Parallel };
                let at = p.open(kind, *axis);
                env.push((*axis, at));
            }
            emit(p, &env);
            for _ in shape {
                p.close();
            }
        });
    }
}
