//! Flattened axes are carried outwards: `flatten(a) * flatten(b)` is `flatten(a * b)`, and a product with flattened weights
//! that is taken apart into heads is one with the weights as they are. So it does not matter where a text puts heads
//! together: each of these views stands as late as it can, and most of them meet and cancel.
//!
//! Where one operand of a map is flattened and another is not, that one is taken apart if it is made of weights alone: these
//! can be read under any axes. So is a projection to all heads in one axis that nothing else reads, since its weights can be,
//! and so are the weights of a projection of all heads, whichever way round. A convolution before a group norm is not:
//! its kernels are slower then.

use crate::canon::{has_window, reads, rewrite};
use crate::graph::{AxisId, Builder, Function, Input, InputKind, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};
use std::collections::BTreeSet;

/// How deep an operand is looked through for weights.
const DEEPEST: usize = 16;

/// The same function with its flattened axes as far outside as they go; `None` if none of them met another: a view that is
/// only late keeps what follows it from sharing a kernel with what stands before.
pub(super) fn outwards(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let before = views(source);
    if before == 0 {
        return Ok(None);
    }
    let mut found: Option<Function> = None;
    // A view moves past one operation a round, so there are no more rounds than operations in a row.
    for _ in 0..source.nodes.len() {
        let current = found.as_ref().unwrap_or(source).clone();
        let apart = Apart::new(&current);
        let next = rewrite(module, &current, &mut |b, node, inputs| {
            let mut split = Split { b, apart: &apart };
            Ok(split.carried(node, inputs)?.map(|value| vec![value]))
        })?;
        match next {
            Some(next) => found = Some(next),
            None => break,
        }
    }
    Ok(found.filter(|found| views(found) < before))
}

/// How many views put axes together or take them apart, but for those of weights, that something reads.
fn views(function: &Function) -> usize {
    let mut read: BTreeSet<ValueId> = function.outputs.iter().map(|o| o.1).collect();
    read.extend(function.updates.iter().map(|u| u.1));
    let mut count = 0;
    for node in function.nodes.iter().rev() {
        if node.outputs.iter().any(|v| read.contains(v)) {
            read.extend(&node.inputs);
            let is_flat = matches!(node.op, Op::View(View::Flatten { .. } | View::Unflatten { .. }));
            let of_weight = || function.inputs.iter().any(|i| i.value == node.inputs[0] && is_weight(i));
            count += usize::from(is_flat && !of_weight());
        }
    }
    count
}

fn is_weight(input: &Input) -> bool {
    matches!(input.kind, InputKind::Parameter | InputKind::Buffer)
}

/// What may be taken apart in a function.
pub(super) struct Apart<'a> {
    function: &'a Function,
    /// By value: whether it is made of weights alone.
    pub of_weights: Vec<bool>,
    /// By value: how often it is read.
    reads: Vec<usize>,
}

impl<'a> Apart<'a> {
    pub fn new(function: &'a Function) -> Self {
        let mut of_weights = vec![false; function.values.len()];
        for input in function.inputs.iter().filter(|i| is_weight(i)) {
            of_weights[input.value.0 as usize] = true;
        }
        let is_made = |n: &&Node| matches!(n.op, Op::Map(_) | Op::View(_) | Op::Constant(_));
        for node in function.nodes.iter().filter(is_made) {
            let made = node.inputs.iter().all(|v| of_weights[v.0 as usize]);
            node.outputs.iter().for_each(|v| of_weights[v.0 as usize] = made);
        }
        Apart { function, of_weights, reads: reads(function) }
    }

    /// Whether a value that is made of weights or is flattened may be made with one of its axes taken apart; and so may a
    /// projection that `is_alone` in being read in this way.
    pub(super) fn allows(&self, value: ValueId, whole: AxisId, is_alone: bool) -> bool {
        self.allows_within(value, whole, DEEPEST, is_alone)
    }

    fn is_alone(&self, value: ValueId) -> bool {
        self.reads[value.0 as usize] == 1
    }

    fn allows_within(&self, value: ValueId, whole: AxisId, depth: usize, is_alone: bool) -> bool {
        let node = self.function.producer(value);
        let within = |v: ValueId, whole| {
            depth > 0 && self.allows_within(v, whole, depth - 1, is_alone && self.is_alone(v))
        };
        let has = |v: &&ValueId| self.function.value(**v).shape.contains(&whole);
        let all = || node.inputs.iter().filter(has).all(|v| within(*v, whole));
        match &node.op {
            Op::View(View::Flatten { to, .. }) => *to == whole,
            Op::View(View::Rename { from, to }) => {
                within(node.inputs[0], if *to == whole { *from } else { whole })
            }
            Op::Input => self.of_weights[value.0 as usize],
            Op::Map(_) | Op::View(View::Transpose(_)) => all(),
            Op::Contract(over) => {
                is_alone && !over.contains(&whole) && self.is_projection(&node.inputs, whole) && all()
            }
            _ => false,
        }
    }

    /// Whether a product has an axis from weights alone, and goes over no windows.
    fn is_projection(&self, factors: &[ValueId], axis: AxisId) -> bool {
        let has = |v: &&ValueId| self.function.value(**v).shape.contains(&axis);
        factors.iter().filter(has).all(|v| self.of_weights[v.0 as usize])
            && !factors.iter().any(|v| has_window(self.function, *v))
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
                let is_alone = self.apart.is_alone(node.inputs[0]);
                if is_weight || !self.apart.allows(node.inputs[0], *from, is_alone) {
                    return Ok(None);
                }
                if let Some(value) = self.split(inputs[0], *from, to)? {
                    return Ok(Some(value));
                }
                // An axis of that name may be there on the way, such as the one that is summed over.
                let own: Vec<AxisId> = to.iter().map(|axis| self.b.module.add_axis_like(*axis)).collect();
                let Some(mut value) = self.split(inputs[0], *from, &own)? else { return Ok(None) };
                for (own, to) in own.iter().zip(to) {
                    let rename = View::Rename { from: *own, to: *to };
                    value = self.b.add1(Op::View(rename), &[value])?;
                }
                Ok(Some(value))
            }
            Op::Map(_) => {
                let mut flat = inputs.iter().filter_map(|v| self.flattened(*v));
                let Some((_, parts, whole)) = flat.next() else { return Ok(None) };
                let has = |v: &&ValueId| self.apart.function.value(**v).shape.contains(&whole);
                if !node.inputs.iter().filter(has).all(|v| self.apart.allows(*v, whole, false)) {
                    return Ok(None);
                }
                self.mapped(&node.op, inputs, whole, &parts)?
                    .map(|inner| self.b.add1(Op::View(View::Flatten { from: parts, to: whole }), &[inner]))
                    .transpose()
            }
            Op::Contract(over) => self.contraction(node, over, inputs),
            Op::View(View::Rename { from, to }) => {
                let Some((inner, parts, whole)) = self.flattened(inputs[0]) else { return Ok(None) };
                if parts.contains(to) {
                    return Ok(None);
                }
                let (inner, whole) = match whole == *from {
                    true => (inner, *to),
                    false => (self.b.add1(node.op.clone(), &[inner])?, whole),
                };
                self.b.add1(Op::View(View::Flatten { from: parts, to: whole }), &[inner]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What a value is the flattened form of: that, its axes, and the one that they became.
    fn flattened(&self, value: ValueId) -> Option<(ValueId, Vec<AxisId>, AxisId)> {
        let node = self.b.function.producer(value);
        match &node.op {
            Op::View(View::Transpose(_)) => self.flattened(node.inputs[0]),
            Op::View(View::Flatten { from, to }) => Some((node.inputs[0], from.clone(), *to)),
            _ => None,
        }
    }

    /// A map or a product of operands that are taken apart where they have an axis.
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
            Op::View(View::Rename { from, to }) => {
                let whole = if *to == whole { *from } else { whole };
                let Some(inner) = self.split(node.inputs[0], whole, parts)? else { return Ok(None) };
                if whole == *from {
                    return Ok(Some(inner));
                }
                match parts.contains(to) {
                    true => Ok(None),
                    false => self.b.add1(node.op.clone(), &[inner]).map(Some),
                }
            }
            Op::Input => {
                self.b.add1(Op::View(View::Unflatten { from: whole, to: parts.to_vec() }), &[value]).map(Some)
            }
            Op::View(View::Transpose(_)) => self.split(node.inputs[0], whole, parts),
            // The axes that come may not be summed over under the same names.
            Op::Contract(over) if over.iter().any(|a| parts.contains(a)) => Ok(None),
            Op::Map(_) | Op::Contract(_) => self.mapped(&node.op, &node.inputs, whole, parts),
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

    /// A product of which a flattened axis stays is flattened itself; one over such an axis is one over its parts, and
    /// one over the parts of an axis one over it as it was: the weights can be read either way.
    fn contraction(
        &mut self,
        node: &Node,
        over: &[AxisId],
        inputs: &[ValueId],
    ) -> Result<Option<ValueId>, ShapeError> {
        let Some((_, parts, whole)) = inputs.iter().find_map(|v| self.flattened(*v)) else {
            return self.put_together(node, over, inputs);
        };
        let is_summed = over.contains(&whole);
        // Tokens that were put together stay so: attention and products over them want one axis.
        let has = |v: &&ValueId| self.apart.function.value(**v).shape.contains(&whole);
        if !node.inputs.iter().filter(has).any(|v| self.apart.of_weights[v.0 as usize]) {
            return Ok(None);
        }
        let mut apart = Vec::with_capacity(inputs.len());
        for (input, old) in inputs.iter().zip(&node.inputs) {
            let shape = self.b.shape(*input);
            let part = match self.flattened(*input) {
                Some((of, axes, to)) if to == whole => self.renamed(of, &axes, &parts)?,
                _ if shape.iter().any(|a| parts.contains(a)) => None,
                _ if shape.contains(&whole) && !self.apart.allows(*old, whole, false) => None,
                _ if shape.contains(&whole) => self.split(*input, whole, &parts)?,
                _ => Some(*input),
            };
            match part {
                Some(part) => apart.push(part),
                None => return Ok(None),
            }
        }
        let over = over.iter().flat_map(|a| if *a == whole { parts.clone() } else { vec![*a] }).collect();
        let product = self.b.add1(Op::Contract(over), &apart)?;
        match is_summed {
            true => Ok(Some(product)),
            false => self.b.add1(Op::View(View::Flatten { from: parts, to: whole }), &[product]).map(Some),
        }
    }

    /// A product over all parts of an axis that one factor was taken apart along, and the others are weights.
    fn put_together(
        &mut self,
        node: &Node,
        over: &[AxisId],
        inputs: &[ValueId],
    ) -> Result<Option<ValueId>, ShapeError> {
        let taken_apart = |at: &usize| match self.b.function.producer(inputs[*at]) {
            Node { op: Op::View(View::Unflatten { from, to }), inputs: of, .. }
                if to.iter().all(|a| over.contains(a))
                    && !self.apart.of_weights[node.inputs[*at].0 as usize] =>
            {
                Some((*at, of[0], *from, to.clone()))
            }
            _ => None,
        };
        let Some((at, of, whole, parts)) = (0..inputs.len()).find_map(|at| taken_apart(&at)) else {
            return Ok(None);
        };
        let mut together = inputs.to_vec();
        for (other, input) in inputs.iter().enumerate() {
            let shape = self.b.shape(*input);
            let count = parts.iter().filter(|a| shape.contains(a)).count();
            let is_weight = self.apart.of_weights[node.inputs[other].0 as usize]
                && matches!(self.b.function.producer(*input).op, Op::Input);
            if other == at {
                together[at] = of;
            } else if shape.contains(&whole) || (count > 0 && !(is_weight && count == parts.len())) {
                return Ok(None);
            } else if count > 0 {
                let flatten = View::Flatten { from: parts.clone(), to: whole };
                together[other] = self.b.add1(Op::View(flatten), &[*input])?;
            }
        }
        let kept = over.iter().copied().filter(|a| !parts.contains(a));
        self.b.add1(Op::Contract(kept.chain([whole]).collect()), &together).map(Some)
    }
}
