//! Writing a scan back: its step is a function of its own.

use super::lang::{Recurrence, number};
use super::step::{copy, in_order_of_use};
use super::store::Writer;
use crate::graph::{AxisId, Function, Input, InputKind, ValueId};
use crate::ops::{self, Op, Scan, ShapeError, View};
use egg::Id;
use std::sync::Arc;

/// What a scan reads: its value in the function around, and its class if it has one.
struct Given {
    class: Option<Id>,
    value: ValueId,
    /// How it is stored in the step.
    shape: Vec<AxisId>,
}

impl Writer<'_, '_> {
    /// Writes a scan; its results are known afterwards.
    pub(super) fn scan(&mut self, at: usize) -> Result<(), ShapeError> {
        let step = self.steps.all[at].clone();
        let Recurrence { axis, reverse, carries, origin } = self.graph.analysis.scans[step.scan].clone();
        let (mut inputs, mut sequences) = (Vec::new(), 0);
        for carry in &step.carries {
            let carry = &carries[*carry];
            let shape = self.state(&carry.shape);
            let value = self.value(carry.init)?;
            self.builder.origin = origin;
            let value = self.stored(value, &shape)?;
            inputs.push(Given { class: Some(self.graph.find(carry.before)), value, shape });
        }
        let mut constants = Vec::new();
        for class in &step.given {
            let value = self.value(*class)?;
            let mut shape = self.builder.shape(value).to_vec();
            let is_sequence = shape.contains(&axis);
            shape.retain(|a| *a != axis);
            let given = Given { class: Some(*class), value, shape };
            if is_sequence {
                inputs.push(given);
                sequences += 1;
            } else {
                constants.push(given);
            }
        }
        inputs.extend(constants);
        let after: Vec<Id> = step.carries.iter().map(|k| carries[*k].after).collect();
        let counts = [step.carries.len(), sequences];
        let body = self.body(at, axis, &inputs, &after, counts)?;
        let body = self.raised(&body, &mut inputs, counts)?;
        let (body, order) = in_order_of_use(&body, counts);
        let values: Vec<ValueId> = order.iter().map(|place| inputs[*place].value).collect();
        let [carries, sequences] = counts;
        let (yields, finals) = (step.yields.len(), step.finals.len());
        let scan = Scan { axis, reverse, carries, sequences, yields, finals, body: Arc::new(body) };
        self.builder.origin = origin;
        let results = self.builder.add(ops::Op::Scan(scan), &values)?;
        let classes = step.yields.iter().copied().chain(step.finals.iter().map(|f| f.0));
        self.values.extend(classes.zip(results));
        Ok(())
    }

    /// The axes of a state, the batch first, then the longest.
    fn state(&self, shape: &[AxisId]) -> Vec<AxisId> {
        let problem = &self.graph.analysis;
        let mut shape = shape.to_vec();
        shape.sort_by_key(|a| {
            let at = a.0 as usize;
            (*a != AxisId::BATCH, std::cmp::Reverse(problem.sizes[at]), problem.colors[at], *a)
        });
        shape
    }

    fn stored(&mut self, value: ValueId, shape: &[AxisId]) -> Result<ValueId, ShapeError> {
        match self.builder.shape(value) == shape {
            true => Ok(value),
            false => self.builder.add1(ops::Op::View(View::Transpose(shape.to_vec())), &[value]),
        }
    }

    /// The step, with its inputs in the order given.
    fn body(
        &mut self,
        at: usize,
        axis: AxisId,
        inputs: &[Given],
        after: &[Id],
        [carries, _]: [usize; 2],
    ) -> Result<Function, ShapeError> {
        let step = self.steps.all[at].clone();
        let types: Vec<_> = inputs.iter().map(|g| self.builder.function.value(g.value).storage).collect();
        let outer = std::mem::take(&mut self.builder.function);
        let values = std::mem::take(&mut self.values);
        let made = std::mem::take(&mut self.made);
        self.within = Some((at, axis));
        self.builder.function.name = "step".into();
        for (place, (given, dtype)) in inputs.iter().zip(types).enumerate() {
            let name = match place.checked_sub(carries) {
                None => format!("state.{place}"),
                Some(place) => format!("given.{place}"),
            };
            let value = self.builder.input(name, InputKind::Argument, given.shape.clone(), dtype);
            self.values.extend(given.class.map(|class| (class, value)));
        }
        let mut outputs = Vec::new();
        for (place, class) in after.iter().enumerate() {
            let value = self.value(*class)?;
            outputs.push((format!("state.{place}"), self.stored(value, &inputs[place].shape)?));
        }
        for (place, class) in step.yields.iter().chain(step.finals.iter().map(|f| &f.1)).enumerate() {
            outputs.push((format!("result.{place}"), self.value(*class)?));
        }
        let mut body = std::mem::replace(&mut self.builder.function, outer);
        body.outputs = outputs;
        (self.values, self.made, self.within) = (values, made, None);
        Ok(body)
    }

    /// The step without what is the same in each of them, which is computed before and given as a constant.
    fn raised(
        &mut self,
        body: &Function,
        inputs: &mut Vec<Given>,
        [carries, sequences]: [usize; 2],
    ) -> Result<Function, ShapeError> {
        let mut known: Vec<Option<ValueId>> = vec![None; body.values.len()];
        for (input, given) in body.inputs.iter().zip(inputs.iter()).skip(carries + sequences) {
            known[input.value.0 as usize] = Some(given.value);
        }
        let is_number = |v: &ValueId| matches!(body.producer(*v).op, Op::Constant(_));
        let mut same = known.iter().map(Option::is_some).collect::<Vec<_>>();
        for node in body.nodes.iter().filter(|n| n.op != Op::Input && !n.inputs.iter().all(is_number)) {
            let fixed = node.inputs.iter().all(|v| same[v.0 as usize] || is_number(v));
            node.outputs.iter().for_each(|v| same[v.0 as usize] = fixed);
        }
        let is_read = |v: &ValueId| {
            let by_step = |n: &&crate::graph::Node| n.inputs.contains(v) && !same[n.outputs[0].0 as usize];
            body.nodes.iter().any(|n| by_step(&n)) || body.outputs.iter().any(|o| o.1 == *v)
        };
        let mut result = Function { name: body.name.clone(), ..Function::default() };
        let mut values = vec![ValueId(u32::MAX); body.values.len()];
        for input in &body.inputs {
            copy(body, &mut result, body.producer(input.value), &mut values);
            result.inputs.push(Input { value: values[input.value.0 as usize], ..input.clone() });
        }
        for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
            if !same[node.outputs[0].0 as usize] {
                copy(body, &mut result, node, &mut values);
                continue;
            }
            self.builder.origin = node.origin;
            let mut outer = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                outer.push(match (known[input.0 as usize], &body.producer(*input).op) {
                    (Some(value), _) => value,
                    (None, number) => self.builder.add1(number.clone(), &[])?,
                });
            }
            let made = self.builder.add(node.op.clone(), &outer)?;
            for (old, value) in node.outputs.iter().zip(made) {
                known[old.0 as usize] = Some(value);
                if !is_read(old) {
                    continue;
                }
                let shape = self.builder.shape(value).to_vec();
                let input = crate::graph::Node { op: Op::Input, inputs: Vec::new(), ..node.clone() };
                copy(body, &mut result, &input, &mut values);
                let new = values[old.0 as usize];
                result.values[new.0 as usize].shape.clone_from(&shape);
                let name = format!("given.{}", inputs.len() - carries);
                result.inputs.push(Input { name, kind: InputKind::Argument, value: new });
                inputs.push(Given { class: None, value, shape });
            }
        }
        result.outputs =
            body.outputs.iter().map(|(name, id)| (name.clone(), values[id.0 as usize])).collect();
        Ok(result)
    }

    /// Whether a class is computed where the writer is.
    pub(super) fn is_here(&self, class: Id) -> bool {
        let class = self.graph.find(class);
        match self.within {
            None => self.steps.home(class).is_none(),
            Some((at, _)) => self.steps.all[at].has(class) || number(self.graph, class).is_some(),
        }
    }
}
