//! Flattened axes are carried outwards: `flatten(a) * flatten(b)` is `flatten(a * b)`, and a product to all heads in one
//! axis that is taken apart into heads is one to heads. So it does not matter where a text takes heads apart and where
//! it puts them together again: each of these views stands as late as it can, and most of them meet and cancel.
//!
//! Where one operand of a map is flattened and another is not, that one is taken apart if it is made of weights
//! alone or is a product with weights: these can be read under any axes. Anything else stays as it is.

use crate::canon::rewrite;
use crate::graph::{AxisId, Builder, Function, InputKind, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};

/// How deep an operand is looked through for weights.
const DEEPEST: usize = 16;

/// The same function with its flattened axes as far outside as they go; `None` if there was nothing to carry.
pub(super) fn outwards(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let is_flat = |n: &Node| matches!(n.op, Op::View(View::Flatten { .. } | View::Unflatten { .. }));
    if !source.nodes.iter().any(is_flat) {
        return Ok(None);
    }
    let mut found: Option<Function> = None;
    // A view moves past one operation a round, so there are no more rounds than operations in a row.
    for _ in 0..source.nodes.len() {
        let current = found.as_ref().unwrap_or(source).clone();
        let apart = Apart::of(&current);
        let next = rewrite(module, &current, &mut |b, node, inputs| {
            let mut split = Split { b, apart: &apart };
            Ok(split.carried(node, inputs)?.map(|value| vec![value]))
        })?;
        match next {
            Some(next) => found = Some(next),
            None => break,
        }
    }
    Ok(found)
}

/// What may be taken apart in a function: its products only where nothing reads them but maps and views that take axes
/// apart, since else a second product would be computed beside the first.
struct Apart<'a> {
    function: &'a Function,
    free: Vec<bool>,
}

impl<'a> Apart<'a> {
    fn of(function: &'a Function) -> Self {
        let mut free = vec![true; function.values.len()];
        for node in &function.nodes {
            if !matches!(node.op, Op::Map(_) | Op::View(View::Unflatten { .. })) {
                node.inputs.iter().for_each(|v| free[v.0 as usize] = false);
            }
        }
        let results = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
        results.for_each(|v| free[v.0 as usize] = false);
        Apart { function, free }
    }

    /// Whether a value may be made with one of its axes taken apart.
    fn allows(&self, value: ValueId, whole: AxisId, depth: usize) -> bool {
        let node = self.function.producer(value);
        let all = || {
            let has = |v: &&ValueId| self.function.value(**v).shape.contains(&whole);
            depth > 0 && node.inputs.iter().filter(has).all(|v| self.allows(*v, whole, depth - 1))
        };
        match &node.op {
            Op::View(View::Flatten { to, .. }) => *to == whole,
            Op::Input => self
                .function
                .inputs
                .iter()
                .any(|i| i.value == value && matches!(i.kind, InputKind::Parameter | InputKind::Buffer)),
            Op::Map(_) => all(),
            Op::Contract(over) => !over.contains(&whole) && self.free[value.0 as usize] && all(),
            _ => false,
        }
    }
}

struct Split<'a, 'm> {
    b: &'a mut Builder<'m>,
    apart: &'a Apart<'a>,
}

impl Split<'_, '_> {
    /// What takes the place of a node: the flattened axis of an operand is carried past it.
    fn carried(&mut self, node: &Node, inputs: &[ValueId]) -> Result<Option<ValueId>, ShapeError> {
        match &node.op {
            Op::View(View::Unflatten { from, to }) => {
                let is_weight = matches!(self.b.function.producer(inputs[0]).op, Op::Input);
                if is_weight || !self.apart.allows(node.inputs[0], *from, DEEPEST) {
                    return Ok(None);
                }
                self.split(inputs[0], *from, to)
            }
            Op::Map(_) => {
                let mut flat = inputs.iter().filter_map(|v| self.flattened(*v));
                let Some((_, parts, whole)) = flat.next() else { return Ok(None) };
                let has = |v: &&ValueId| self.apart.function.value(**v).shape.contains(&whole);
                if !node.inputs.iter().filter(has).all(|v| self.apart.allows(*v, whole, DEEPEST)) {
                    return Ok(None);
                }
                self.mapped(&node.op, inputs, whole, &parts)?
                    .map(|inner| self.b.add1(Op::View(View::Flatten { from: parts, to: whole }), &[inner]))
                    .transpose()
            }
            Op::Contract(over) => self.contraction(over, inputs),
            _ => Ok(None),
        }
    }

    /// What a value is the flattened form of: that, its axes, and the one that they became.
    fn flattened(&self, value: ValueId) -> Option<(ValueId, Vec<AxisId>, AxisId)> {
        let node = self.b.function.producer(value);
        match &node.op {
            Op::View(View::Flatten { from, to }) => Some((node.inputs[0], from.clone(), *to)),
            _ => None,
        }
    }

    /// A map of operands that are taken apart where they have an axis.
    fn mapped(
        &mut self,
        op: &Op,
        inputs: &[ValueId],
        whole: AxisId,
        parts: &[AxisId],
    ) -> Result<Option<ValueId>, ShapeError> {
        // Who lends axes to a broadcast would have to lend others.
        if *op == Op::Map(Map::Broadcast) && inputs.len() > 1 {
            return Ok(None);
        }
        let mut apart = Vec::with_capacity(inputs.len());
        for input in inputs {
            let shape = self.b.shape(*input);
            if shape.iter().any(|a| parts.contains(a)) {
                return Ok(None);
            }
            let has = shape.contains(&whole);
            let part = if has { self.split(*input, whole, parts)? } else { Some(*input) };
            match part {
                Some(part) => apart.push(part),
                None => return Ok(None),
            }
        }
        self.b.add1(op.clone(), &apart).map(Some)
    }

    /// A value with an axis taken apart, if that costs nothing.
    fn split(
        &mut self,
        value: ValueId,
        whole: AxisId,
        parts: &[AxisId],
    ) -> Result<Option<ValueId>, ShapeError> {
        let node = self.b.function.producer(value).clone();
        match &node.op {
            Op::View(View::Flatten { from, to }) if *to == whole => self.renamed(node.inputs[0], from, parts),
            Op::Input => {
                self.b.add1(Op::View(View::Unflatten { from: whole, to: parts.to_vec() }), &[value]).map(Some)
            }
            Op::Map(_) => self.mapped(&node.op, &node.inputs, whole, parts),
            Op::Contract(over) if !over.contains(&whole) => {
                let mut inputs = node.inputs.clone();
                for input in &mut inputs {
                    let shape = self.b.shape(*input);
                    if shape.iter().any(|a| parts.contains(a)) {
                        return Ok(None);
                    }
                    if shape.contains(&whole) {
                        let Some(apart) = self.split(*input, whole, parts)? else { return Ok(None) };
                        *input = apart;
                    }
                }
                self.b.add1(node.op.clone(), &inputs).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Axes under other names, if they are of the same sizes.
    fn renamed(
        &mut self,
        mut value: ValueId,
        from: &[AxisId],
        to: &[AxisId],
    ) -> Result<Option<ValueId>, ShapeError> {
        let size = |a: &AxisId| self.b.module.size(*a, 0);
        if from.len() != to.len() || from.iter().map(size).ne(to.iter().map(size)) {
            return Ok(None);
        }
        for (from, to) in from.iter().zip(to).filter(|(from, to)| from != to) {
            if self.b.shape(value).contains(to) {
                return Ok(None);
            }
            value = self.b.add1(Op::View(View::Rename { from: *from, to: *to }), &[value])?;
        }
        Ok(Some(value))
    }

    /// A product of which a flattened axis stays is flattened itself; one over such an axis is one over its parts, if
    /// both factors are flattened.
    fn contraction(&mut self, over: &[AxisId], inputs: &[ValueId]) -> Result<Option<ValueId>, ShapeError> {
        let Some((inner, parts, whole)) = inputs.iter().find_map(|v| self.flattened(*v)) else {
            return Ok(None);
        };
        let is_summed = over.contains(&whole);
        let mut apart = Vec::with_capacity(inputs.len());
        for input in inputs {
            let shape = self.b.shape(*input);
            match self.flattened(*input) {
                Some((of, axes, to)) if to == whole => match self.renamed(of, &axes, &parts)? {
                    Some(of) => apart.push(of),
                    None => return Ok(None),
                },
                _ if shape.contains(&whole) || shape.iter().any(|a| parts.contains(a)) => return Ok(None),
                _ => apart.push(*input),
            }
        }
        debug_assert!(self.b.shape(inner).len() >= parts.len(), "what was flattened has the axes");
        let over = over.iter().flat_map(|a| if *a == whole { parts.clone() } else { vec![*a] }).collect();
        let product = self.b.add1(Op::Contract(over), &apart)?;
        match is_summed {
            true => Ok(Some(product)),
            false => self.b.add1(Op::View(View::Flatten { from: parts, to: whole }), &[product]).map(Some),
        }
    }
}
