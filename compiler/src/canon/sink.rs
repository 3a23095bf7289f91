//! Computes in the step of a scan what only the scan reads and what is wider than all that it is made of.
//!
//! `let decay = exp(dt * a)` before a scan over T has the axes of dt and a together, the largest value of a
//! state-space model. In the step it is a few numbers beside the state; so is its cotangent, since gradients
//! are made after this.

use super::rewrite::{Renewed, rewrite_with};
use crate::graph::{AxisId, Builder, DType, Function, InputKind, Module, Size, ValueId};
use crate::ops::{Op, Scan, ShapeError, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A sequence and how it is computed.
struct Cone {
    /// Which input of the scan it is.
    position: usize,
    /// The nodes that compute it, in order.
    nodes: BTreeSet<usize>,
    /// What they read.
    leaves: BTreeSet<ValueId>,
}

/// Moves such computations into steps.
pub(super) fn sink(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let mut cones: BTreeMap<usize, Vec<Cone>> = BTreeMap::new();
    let readers = readers(source);
    for (n, node) in source.nodes.iter().enumerate() {
        let Op::Scan(scan) = &node.op else { continue };
        let sequences = scan.carries..scan.carries + scan.sequences;
        let found = sequences.filter_map(|at| cone(module, source, &readers, node.inputs[at], at));
        let found: Vec<Cone> = found.collect();
        if !found.is_empty() {
            cones.insert(n, found);
        }
    }
    if cones.is_empty() {
        return Ok(None);
    }
    rewrite_with(module, source, &mut |b, node, inputs, values| {
        let Op::Scan(scan) = &node.op else { return Ok(None) };
        let n = source.value(node.outputs[0]).node as usize;
        cones.get(&n).map(|cones| with_cones(b, source, scan, inputs, cones, values)).transpose()
    })
}

/// By value: the nodes that read it and as which input. A result of the function counts as read by no node.
fn readers(source: &Function) -> Vec<Vec<Option<(usize, usize)>>> {
    let mut readers = vec![Vec::new(); source.values.len()];
    for (n, node) in source.nodes.iter().enumerate() {
        for (at, value) in node.inputs.iter().enumerate() {
            readers[value.0 as usize].push(Some((n, at)));
        }
    }
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    results.for_each(|value| readers[value.0 as usize].push(None));
    readers
}

/// How a sequence is computed, if it is wider than what it is made of and nothing but scans read it.
fn cone(
    module: &Module,
    source: &Function,
    readers: &[Vec<Option<(usize, usize)>>],
    value: ValueId,
    position: usize,
) -> Option<Cone> {
    let wide = elements(module, &source.value(value).shape);
    let mut cone = Cone { position, nodes: BTreeSet::new(), leaves: BTreeSet::new() };
    let mut open = vec![value];
    while let Some(id) = open.pop() {
        let n = source.value(id).node as usize;
        let node = &source.nodes[n];
        let inside = match node.op {
            Op::Constant(_) => true,
            Op::Map(_) | Op::View(View::Transpose(_)) => elements(module, &source.value(id).shape) >= wide,
            _ => false,
        };
        if inside {
            cone.nodes.insert(n);
            open.extend(&node.inputs);
        } else {
            cone.leaves.insert(id);
        }
    }
    let size = |id: &ValueId| elements(module, &source.value(*id).shape);
    let narrow = cone.leaves.iter().map(size).fold(0, usize::saturating_add) < wide;
    let is_sequence = |(n, at): (usize, usize)| match &source.nodes[n].op {
        Op::Scan(scan) => (scan.carries..scan.carries + scan.sequences).contains(&at),
        _ => false,
    };
    let own = |n: &usize| {
        let (node, output) = (&source.nodes[*n], source.nodes[*n].outputs[0]);
        let mut reads = readers[output.0 as usize].iter();
        matches!(node.op, Op::Constant(_))
            || reads.all(|r| {
                r.is_some_and(|r| if output == value { is_sequence(r) } else { cone.nodes.contains(&r.0) })
            })
    };
    (narrow && !cone.leaves.is_empty() && cone.nodes.iter().all(own)).then_some(cone)
}

/// How many elements a value has; a batch counts as many.
fn elements(module: &Module, shape: &[AxisId]) -> usize {
    let size = |axis: &AxisId| match module.axis(*axis).size {
        Size::Fixed(size) => size,
        Size::Batch => 1 << 20,
    };
    shape.iter().map(size).fold(1, usize::saturating_mul)
}

/// The inputs of a scan while it is put together: names and values of the function around.
#[derive(Default)]
struct Inputs {
    carries: Vec<(String, ValueId)>,
    sequences: Vec<(String, ValueId)>,
    constants: Vec<(String, ValueId)>,
}

impl Inputs {
    fn all(&self) -> impl Iterator<Item = &(String, ValueId)> {
        self.carries.iter().chain(&self.sequences).chain(&self.constants)
    }

    /// Where a sequence or constant is among all.
    fn position(&self, value: ValueId) -> Option<usize> {
        self.all().skip(self.carries.len()).position(|i| i.1 == value).map(|at| at + self.carries.len())
    }

    /// A name that no input has.
    fn fresh(&self) -> String {
        let names: BTreeSet<&str> = self.all().map(|i| i.0.as_str()).collect();
        let mut free = (0..).map(|k| format!("given.{k}")).filter(|name| !names.contains(name.as_str()));
        free.next().unwrap_or_default()
    }
}

/// The scan with these sequences computed in its step.
fn with_cones(
    b: &mut Builder,
    source: &Function,
    scan: &Scan,
    inputs: &[ValueId],
    cones: &[Cone],
    values: &Renewed<'_>,
) -> Result<Vec<ValueId>, ShapeError> {
    let body = &*scan.body;
    let sunk = |at: usize| cones.iter().any(|c| c.position == at);
    let mut given = Inputs::default();
    for (at, (input, outer)) in body.inputs.iter().zip(inputs).enumerate().filter(|(at, _)| !sunk(*at)) {
        let list = match at {
            at if at < scan.carries => &mut given.carries,
            at if at < scan.carries + scan.sequences => &mut given.sequences,
            _ => &mut given.constants,
        };
        list.push((input.name.clone(), *outer));
    }
    for leaf in cones.iter().flat_map(|c| &c.leaves).map(|leaf| values[leaf]) {
        if given.position(leaf).is_none() {
            let name = given.fresh();
            let list =
                if b.shape(leaf).contains(&scan.axis) { &mut given.sequences } else { &mut given.constants };
            list.push((name, leaf));
        }
    }
    let outer: Vec<ValueId> = given.all().map(|i| i.1).collect();
    let types: Vec<(Vec<AxisId>, DType)> = outer
        .iter()
        .map(|v| {
            let value = b.function.value(*v);
            (value.shape.iter().copied().filter(|a| *a != scan.axis).collect(), value.storage)
        })
        .collect();
    let origin = b.origin;
    let mut inner = Builder::new(&mut *b.module, body.name.clone());
    let names = given.all().map(|i| i.0.clone());
    let new: Vec<ValueId> = (names.zip(types))
        .map(|(name, (shape, dtype))| inner.input(name, InputKind::Argument, shape, dtype))
        .collect();
    let mut known = vec![ValueId(u32::MAX); body.values.len()];
    let old = body.inputs.iter().enumerate().filter(|(at, _)| !sunk(*at));
    let (carried, rest): (Vec<_>, Vec<_>) = old.partition(|(at, _)| *at < scan.carries);
    for (at, input) in carried {
        known[input.value.0 as usize] = new[at];
    }
    for (at, input) in rest {
        known[input.value.0 as usize] = new[given.position(inputs[at]).unwrap_or(at)];
    }
    for cone in cones {
        let leaf = |id: ValueId| given.position(values[&id]).map(|at| new[at]);
        let input = body.inputs[cone.position].value;
        let made = build(&mut inner, source, scan.axis, cone, &leaf)?;
        inner.origin = origin;
        let shape = body.value(input).shape.clone();
        known[input.0 as usize] = match inner.shape(made) == shape {
            true => made,
            false => inner.add1(Op::View(View::Transpose(shape)), &[made])?,
        };
    }
    for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
        let inputs = node.inputs.iter().map(|v| known[v.0 as usize]).collect();
        let outputs = inner.copy(body, node, inputs);
        node.outputs.iter().zip(outputs).for_each(|(old, new)| known[old.0 as usize] = new);
    }
    let mut body = Function { outputs: body.outputs.clone(), ..inner.function };
    body.outputs.iter_mut().for_each(|o| o.1 = known[o.1.0 as usize]);
    let scan = Scan { sequences: given.sequences.len(), body: Arc::new(body), ..scan.clone() };
    b.add(Op::Scan(scan), &outer)
}

/// Computes a sequence at one position.
fn build(
    inner: &mut Builder,
    source: &Function,
    axis: AxisId,
    cone: &Cone,
    leaf: &dyn Fn(ValueId) -> Option<ValueId>,
) -> Result<ValueId, ShapeError> {
    let mut made: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut last = None;
    for n in &cone.nodes {
        let node = &source.nodes[*n];
        let inputs: Option<Vec<ValueId>> =
            node.inputs.iter().map(|v| made.get(v).copied().or_else(|| leaf(*v))).collect();
        let inputs =
            inputs.ok_or_else(|| ShapeError("a sequence of a scan reads what is not there".into()))?;
        let op = match &node.op {
            Op::View(View::Transpose(order)) => {
                Op::View(View::Transpose(order.iter().copied().filter(|a| *a != axis).collect()))
            }
            op => op.clone(),
        };
        inner.origin = node.origin;
        let value = inner.add1(op, &inputs)?;
        made.insert(node.outputs[0], value);
        last = Some(value);
    }
    last.ok_or_else(|| ShapeError("a sequence of a scan is computed by nothing".into()))
}
