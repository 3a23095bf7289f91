//! Puts the bodies of called functions in place of the calls.

use super::{AxisId, FuncId, Function, Module, Node, ValueId};
use crate::ops::Op;
use std::collections::BTreeMap;

/// Makes a flat function of one with calls and adds it to the module. Axes of a callee that its caller does
/// not know become new axes; the nodes keep the places they were written at.
pub fn inline(module: &mut Module, function: FuncId) -> FuncId {
    inline_some(module, function, &|_| true)
}

/// As [`inline`], but calls of functions that are not chosen stay calls.
pub fn inline_some(module: &mut Module, function: FuncId, choose: &dyn Fn(FuncId) -> bool) -> FuncId {
    let source = module.function(function).clone();
    let mut flat = Flat { module, choose, twins: BTreeMap::new(), result: Function::default() };
    flat.result.name.clone_from(&source.name);
    let own = vec![None; source.values.len()];
    let values = flat.copy(&source, &mut |_, axis| axis, own);
    let Flat { mut result, module, .. } = flat;
    for input in &source.inputs {
        let mut input = input.clone();
        input.value = values[input.value.0 as usize];
        result.inputs.push(input);
    }
    let new = |id: &ValueId| values[id.0 as usize];
    result.outputs = source.outputs.iter().map(|(name, id)| (name.clone(), new(id))).collect();
    result.updates = source.updates.iter().map(|(old, id)| (new(old), new(id))).collect();
    module.add_function(result)
}

struct Flat<'a> {
    module: &'a mut Module,
    choose: &'a dyn Fn(FuncId) -> bool,
    /// New axes for the inner axes of a callee. All calls of a function share them: no value that leaves a
    /// call has such an axis, so that they cannot meet.
    twins: BTreeMap<(FuncId, AxisId), AxisId>,
    result: Function,
}

impl Flat<'_> {
    /// Copies the nodes of a function and gives the new ids of its values. `given` holds the values of its
    /// inputs where they are known; other inputs are copied as inputs.
    fn copy(
        &mut self,
        source: &Function,
        axes: &mut dyn FnMut(&mut Self, AxisId) -> AxisId,
        given: Vec<Option<ValueId>>,
    ) -> Vec<ValueId> {
        let mut values: Vec<ValueId> = given.iter().map(|v| v.unwrap_or(ValueId(u32::MAX))).collect();
        for node in &source.nodes {
            if node.op == Op::Input && given[node.outputs[0].0 as usize].is_some() {
                continue;
            }
            let inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
            let op = node.op.with_axes(&mut |axis| axes(self, axis));
            match op {
                Op::Call { function, axes: pairs } if (self.choose)(function) => {
                    let results = self.call(function, &pairs, &inputs);
                    for (old, new) in node.outputs.iter().zip(results) {
                        values[old.0 as usize] = new;
                    }
                }
                op => {
                    let index = self.result.nodes.len() as u32;
                    let mut outputs = Vec::with_capacity(node.outputs.len());
                    for old in &node.outputs {
                        let mut value = source.value(*old).clone();
                        value.shape.iter_mut().for_each(|axis| *axis = axes(self, *axis));
                        value.node = index;
                        self.result.values.push(value);
                        let new = ValueId((self.result.values.len() - 1) as u32);
                        values[old.0 as usize] = new;
                        outputs.push(new);
                    }
                    self.result.nodes.push(Node { op, inputs, outputs, origin: node.origin });
                }
            }
        }
        values
    }

    fn call(&mut self, function: FuncId, pairs: &[(AxisId, AxisId)], inputs: &[ValueId]) -> Vec<ValueId> {
        let callee = self.module.function(function).clone();
        let mut given = vec![None; callee.values.len()];
        for (input, value) in callee.inputs.iter().zip(inputs) {
            given[input.value.0 as usize] = Some(*value);
        }
        let pairs: BTreeMap<AxisId, AxisId> = pairs.iter().copied().collect();
        let mut axes = |flat: &mut Self, axis: AxisId| match pairs.get(&axis) {
            _ if axis == AxisId::BATCH => axis,
            Some(outer) => *outer,
            None => {
                let module = &mut *flat.module;
                *flat.twins.entry((function, axis)).or_insert_with(|| module.twin_axis(axis))
            }
        };
        let values = self.copy(&callee, &mut axes, given);
        callee.outputs.iter().map(|(_, id)| values[id.0 as usize]).collect()
    }
}
