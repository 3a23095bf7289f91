//! Buffers: which values have one, and where.

use super::{Literals, Lowering};
use crate::ir::Elem;
use crate::lower::analysis::Role;
use crate::lower::pull::{Place, elem, row_major};
use crate::plan::{Named, Slot, SlotId, SlotKind};
use arch_compiler::graph::ValueId;
use arch_compiler::ops::Op;
use arch_compiler::ops::source::Literal;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Lowering<'_> {
    pub(super) fn inputs(&mut self) {
        for input in &self.function.inputs {
            let slot = self.new_slot(SlotKind::Resident(input.name.clone()), input.value);
            self.place_at(input.value, slot, input.value);
            let dims = self.dims(input.value);
            self.plan.inputs.insert(input.name.clone(), Named { slot, dims });
        }
    }

    fn dims(&self, value: ValueId) -> Vec<usize> {
        self.module.dims(&self.function.value(value).shape, self.options.batch)
    }

    pub(super) fn new_slot(&mut self, kind: SlotKind, value: ValueId) -> SlotId {
        let len = self.dims(value).iter().product();
        let elem = elem(self.function.value(value).storage);
        let shape = self.module.shape_text(&self.function.value(value).shape);
        self.plan.slots.push(Slot { kind, elem, len, shape, offset: 0 });
        SlotId((self.plan.slots.len() - 1) as u32)
    }

    /// A scratch buffer of its own.
    pub(in crate::lower) fn scratch(&mut self, elem: Elem, len: usize) -> SlotId {
        let (kind, shape) = (SlotKind::Scratch, format!("[{len}]"));
        self.plan.slots.push(Slot { kind, elem, len, shape, offset: 0 });
        SlotId((self.plan.slots.len() - 1) as u32)
    }

    /// The buffer of a tensor that is known at compile time.
    pub(in crate::lower) fn constant(&mut self, literal: &Arc<Literal>) -> SlotId {
        constant_slot(&mut self.literals, &mut self.plan.slots, literal)
    }

    /// `value` lies in `slot`, in the storage order of `like`.
    fn place_at(&mut self, value: ValueId, slot: SlotId, like: ValueId) {
        let strides = row_major(self.module, &self.function.value(like).shape);
        let elem = elem(self.function.value(value).storage);
        self.places.insert(value, Place::Slot(slot, elem, strides));
    }

    /// Buffers for everything that reaches memory.
    pub(super) fn slots(&mut self, in_place: &BTreeMap<ValueId, ValueId>) {
        for v in 0..self.function.values.len() {
            let value = ValueId(v as u32);
            if let Some(input) = in_place.get(&value) {
                let Some(Place::Slot(slot, ..)) = self.places.get(input).cloned() else { continue };
                // The axes are the same; the input's order rules.
                self.place_at(value, slot, if self.same_axes(*input, value) { *input } else { value });
                continue;
            }
            let node = self.function.values[v].node as usize;
            let needed = match (self.analysis.roles[node], self.groups.of[node]) {
                (_, Some(g)) => self.groups.leaves(self.function, &self.analysis, g, value),
                (Role::Product | Role::Pieces | Role::Scan | Role::Scatter, _) => true,
                (Role::Attention, _) => self.analysis.attentions.writer(value).is_some(),
                _ => false,
            };
            let output = self.function.outputs.iter().any(|o| o.1 == value);
            let is_input = matches!(self.function.nodes[node].op, Op::Input);
            if output && !is_input {
                let slot = self.new_slot(SlotKind::Output, value);
                self.place_at(value, slot, value);
            } else if needed {
                let slot = self.new_slot(SlotKind::Scratch, value);
                self.place_at(value, slot, value);
            }
        }
        for (name, value) in &self.function.outputs {
            let copied = matches!(self.function.producer(*value).op, Op::Input);
            let slot = match self.places.get(value) {
                Some(Place::Slot(slot, ..)) if !copied => *slot,
                _ => self.new_slot(SlotKind::Output, *value),
            };
            let dims = self.dims(*value);
            self.plan.outputs.insert(name.clone(), Named { slot, dims });
        }
    }

    pub(super) fn same_axes(&self, a: ValueId, b: ValueId) -> bool {
        let (a, b) = (&self.function.value(a).shape, &self.function.value(b).shape);
        a.iter().all(|x| b.contains(x))
    }

    pub(super) fn bytes(&self, slots: &[SlotId]) -> u64 {
        slots.iter().map(|s| self.plan.slot(*s).len as u64 * 4).sum()
    }

    /// Scratch that turned out not to be needed takes no place; its number stays.
    pub(super) fn drop_unused(&mut self) {
        let used: std::collections::BTreeSet<SlotId> =
            self.plan.steps.iter().flat_map(|s| s.reads.iter().chain(&s.writes)).copied().collect();
        for (i, slot) in self.plan.slots.iter_mut().enumerate() {
            if slot.kind == SlotKind::Scratch && !used.contains(&SlotId(i as u32)) {
                slot.len = 0;
            }
        }
    }
}

pub(super) fn constant_slot(
    literals: &mut Literals,
    slots: &mut Vec<Slot>,
    literal: &Arc<Literal>,
) -> SlotId {
    if let Some((_, slot)) =
        literals.iter().find(|(l, _)| l.integer == literal.integer && l.data == literal.data)
    {
        return *slot;
    }
    let elem = if literal.integer { Elem::I32 } else { Elem::F32 };
    let kind = SlotKind::Constant(literal.data.clone().into());
    let (len, shape) = (literal.data.len(), format!("[{}]", literal.data.len()));
    slots.push(Slot { kind, elem, len, shape, offset: 0 });
    let slot = SlotId((slots.len() - 1) as u32);
    literals.push((literal.clone(), slot));
    slot
}
