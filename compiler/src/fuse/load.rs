//! A function becomes an e-graph.

use super::key::{Keys, colors};
use super::lang::{Carried, Carry, Graph, Node, Op, Other, Problem, Recurrence, axes, axes_of};
use super::terms::make;
use crate::graph::{AxisId, DType, Function, Module, Size, ValueId};
use crate::ops::{self, Map, Reduce, Scan, View, batch_first};
use egg::Id;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// The e-graph of a function, and the class of every value that a result depends on.
pub(super) fn load(module: &Module, function: &Function) -> (Graph, Vec<Option<Id>>) {
    let batch_as_zero = |axis: &crate::graph::Axis| match axis.size {
        Size::Fixed(size) => size,
        Size::Batch => 0,
    };
    let problem = Problem {
        sizes: module.axes.iter().map(batch_as_zero).collect(),
        colors: colors(module, function),
        ..Problem::default()
    };
    let mut loader = Loader {
        module,
        function,
        graph: Graph::new(problem),
        classes: vec![None; function.values.len()],
        along: None,
        next: BTreeMap::new(),
    };
    loader.nodes();
    (loader.graph, loader.classes)
}

/// The nodes that a result depends on, and all inputs.
fn needed(function: &Function) -> Vec<bool> {
    let mut needed: Vec<bool> = function.nodes.iter().map(|n| n.op == ops::Op::Input).collect();
    let results = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
    for id in results {
        needed[function.value(id).node as usize] = true;
    }
    for at in (0..function.nodes.len()).rev().filter(|at| needed[*at]).collect::<Vec<_>>() {
        mark(function, at, &mut needed);
    }
    needed
}

fn mark(function: &Function, at: usize, needed: &mut [bool]) {
    let mut open = vec![at];
    while let Some(at) = open.pop() {
        for input in &function.nodes[at].inputs {
            let node = function.value(*input).node as usize;
            if !std::mem::replace(&mut needed[node], true) {
                open.push(node);
            }
        }
    }
}

struct Loader<'a> {
    module: &'a Module,
    function: &'a Function,
    graph: Graph,
    classes: Vec<Option<Id>>,
    /// The axis of the scan whose step `function` is.
    along: Option<AxisId>,
    /// The values of that step that are new carries.
    next: BTreeMap<ValueId, (Carried, Vec<AxisId>)>,
}

impl<'a> Loader<'a> {
    fn nodes(&mut self) {
        for (at, needed) in needed(self.function).into_iter().enumerate() {
            let is_given =
                self.function.nodes[at].outputs.iter().any(|v| self.classes[v.0 as usize].is_some());
            if needed && !is_given {
                self.node(at);
            }
        }
    }

    fn node(&mut self, at: usize) {
        let function: &'a Function = self.function;
        let node = &function.nodes[at];
        let operands: Vec<Id> = node.inputs.iter().filter_map(|v| self.classes[v.0 as usize]).collect();
        self.graph.analysis.origin = node.origin;
        let ids = match &node.op {
            // A scan of no steps has results that no step gives.
            ops::Op::Scan(scan) if self.graph.analysis.size(&[scan.axis]) != Some(0) => {
                self.scan(at, scan, &operands)
            }
            _ => match self.arithmetic(at, &operands) {
                Some(id) => vec![id],
                None => self.other(at, &operands),
            },
        };
        for (value, id) in node.outputs.iter().zip(ids) {
            self.graph.analysis.origins.push((id, node.origin));
            self.classes[value.0 as usize] = Some(id);
            if let Some((which, shape)) = self.next.get(value).cloned() {
                self.sealed(id, which, &shape);
            }
        }
    }

    fn is_float(&self, value: ValueId) -> bool {
        self.function.value(value).storage == DType::F32
    }

    fn number(&mut self, value: f64) -> Id {
        make(&mut self.graph, Op::Number(value.to_bits()), Vec::new())
    }

    fn power(&mut self, of: Id, halves: i16) -> Id {
        make(&mut self.graph, Op::Power(halves), vec![of])
    }

    /// Arithmetic on floats; `None` for anything else.
    fn arithmetic(&mut self, at: usize, x: &[Id]) -> Option<Id> {
        let node = &self.function.nodes[at];
        let (output, inputs) = (node.outputs[0], &node.inputs);
        // Whoever only lends axes to a broadcast may hold anything.
        let read = if node.op == ops::Op::Map(Map::Broadcast) { &inputs[..1] } else { &inputs[..] };
        if !self.is_float(output) || !read.iter().all(|v| self.is_float(*v)) {
            return None;
        }
        let id = match &node.op {
            ops::Op::Constant(value) if value.is_finite() => self.number(*value),
            ops::Op::Map(map) => return self.map(*map, x),
            ops::Op::Reduce(reduce, over) => {
                let op = Op::Reduce(*reduce, axes(over.iter().copied()));
                make(&mut self.graph, op, vec![x[0]])
            }
            ops::Op::Contract(over) => {
                let product = make(&mut self.graph, Op::Product, x.to_vec());
                let op = Op::Reduce(Reduce::Sum, axes(over.iter().copied()));
                make(&mut self.graph, op, vec![product])
            }
            // The order in which a value is stored is chosen later.
            ops::Op::View(View::Transpose(_)) => x[0],
            ops::Op::View(View::Flip(axis)) => make(&mut self.graph, Op::Flip(axes([*axis])), vec![x[0]]),
            _ => return None,
        };
        Some(id)
    }

    fn map(&mut self, map: Map, x: &[Id]) -> Option<Id> {
        let minus = |loader: &mut Self, of: Id| {
            let minus = loader.number(-1.0);
            make(&mut loader.graph, Op::Product, vec![minus, of])
        };
        let id = match map {
            Map::Add => make(&mut self.graph, Op::Sum, x.to_vec()),
            Map::Sub => {
                let second = minus(self, x[1]);
                make(&mut self.graph, Op::Sum, vec![x[0], second])
            }
            Map::Neg => minus(self, x[0]),
            Map::Mul => make(&mut self.graph, Op::Product, x.to_vec()),
            Map::Div => {
                let inverse = self.power(x[1], -2);
                make(&mut self.graph, Op::Product, vec![x[0], inverse])
            }
            Map::Sqrt => self.power(x[0], 1),
            Map::Rsqrt => self.power(x[0], -1),
            Map::Pow => match self.graph[x[1]].data.number.map(|n| n * 2.0) {
                Some(halves) if halves.fract() == 0.0 && halves.abs() <= 16.0 && halves != 0.0 => {
                    self.power(x[0], halves as i16)
                }
                None => match self.graph[x[0]].data.number.filter(|base| *base > 0.0 && *base != 1.0) {
                    Some(base) => {
                        let log = self.number(base.ln());
                        let exponent = make(&mut self.graph, Op::Product, vec![log, x[1]]);
                        make(&mut self.graph, Op::Map(Map::Exp), vec![exponent])
                    }
                    None => make(&mut self.graph, Op::Map(map), x.to_vec()),
                },
                _ => make(&mut self.graph, Op::Map(map), x.to_vec()),
            },
            Map::Broadcast => {
                let along = axes(x.iter().flat_map(|id| self.graph[*id].data.axes.to_vec()));
                make(&mut self.graph, Op::Broadcast(along), vec![x[0]])
            }
            Map::Where => return None,
            Map::Min
            | Map::Max
            | Map::Rem
            | Map::Abs
            | Map::Floor
            | Map::Exp
            | Map::Log
            | Map::Sin
            | Map::Cos
            | Map::Tanh
            | Map::Erf
            | Map::Sigmoid
            | Map::Softplus
            | Map::StopGradient => make(&mut self.graph, Op::Map(map), x.to_vec()),
            Map::Lt | Map::Le | Map::Eq | Map::And | Map::Or | Map::Not | Map::ToFloat => return None,
        };
        Some(id)
    }

    /// The results of a scan: its step is loaded as arithmetic on sequences.
    fn scan(&mut self, at: usize, scan: &'a Scan, operands: &[Id]) -> Vec<Id> {
        let origin = self.function.nodes[at].origin;
        let body: &'a Function = &scan.body;
        let recurrence = self.graph.analysis.scans.len();
        let mut classes = vec![None; body.values.len()];
        let mut carries = Vec::with_capacity(scan.carries);
        for (carry, input) in body.inputs.iter().enumerate() {
            let init = operands[carry];
            classes[input.value.0 as usize] = Some(match carry < scan.carries {
                true => {
                    let shape = body.value(input.value).shape.clone();
                    let which = Carried { scan: recurrence, carry, after: false };
                    let before = self.carried(scan.axis, scan.reverse, &shape, which);
                    carries.push(Carry { shape, init, before, after: before });
                    before
                }
                false => init,
            });
        }
        let carries = Recurrence { axis: scan.axis, reverse: scan.reverse, carries, origin };
        self.graph.analysis.scans.push(carries);
        let outer = (self.function, self.along, std::mem::replace(&mut self.classes, classes));
        (self.function, self.along) = (body, Some(scan.axis));
        for (carry, (_, value)) in body.outputs[..scan.carries].iter().enumerate() {
            let which = Carried { scan: recurrence, carry, after: true };
            self.next.insert(*value, (which, body.value(*value).shape.clone()));
        }
        self.nodes();
        let results: Vec<Id> = body.outputs.iter().filter_map(|o| self.classes[o.1.0 as usize]).collect();
        (self.function, self.along, self.classes) = outer;
        self.next.clear();
        for (carry, after) in results[..scan.carries].iter().enumerate() {
            self.graph.analysis.scans[recurrence].carries[carry].after = *after;
        }
        let yields = results[scan.carries..][..scan.yields].iter();
        let mut ids: Vec<Id> = yields.map(|id| self.at_all_positions(scan.axis, *id)).collect();
        for (output, (_, value)) in body.outputs.iter().enumerate().skip(scan.carries + scan.yields) {
            ids.push(self.at_the_end(scan, results[output], body.value(*value).storage));
        }
        ids
    }

    /// A leaf: a carry before or after each step.
    fn carried(&mut self, axis: AxisId, reverse: bool, shape: &[AxisId], which: Carried) -> Id {
        let keys = Keys { module: self.module, colors: &self.graph.analysis.colors };
        let mut hasher = rustc_hash::FxHasher::default();
        let mut colors = keys.shape(shape);
        colors.sort_unstable();
        ("carry", which.after, keys.axis(axis), reverse, colors).hash(&mut hasher);
        let other = Other {
            op: ops::Op::Input,
            output: 0,
            input: None,
            carry: Some(which),
            wants: Vec::new(),
            shape: batch_first([axis].into_iter().chain(shape.iter().copied()).collect()),
            dtype: DType::F32,
            key: hasher.finish(),
        };
        self.graph.analysis.others.push(other);
        let place = self.graph.analysis.others.len() - 1;
        self.graph.add(Node::new(Op::Other(place as u32), Vec::new()))
    }

    /// Makes a new carry a leaf to those who read it, so that no sum is joined with the sum that it is.
    fn sealed(&mut self, id: Id, which: Carried, shape: &[AxisId]) {
        let Recurrence { axis, reverse, carries, .. } = self.graph.analysis.scans[which.scan].clone();
        let is_leaf = self.graph[id].nodes.iter().any(|n| matches!(n.op, Op::Other(_) | Op::Number(_)));
        let (mut open, mut seen) = (vec![self.graph.find(id)], BTreeSet::new());
        let mut depends = false;
        while let Some(at) = open.pop() {
            depends |= carries.iter().any(|c| self.graph.find(c.before) == at);
            if seen.insert(at) {
                open.extend(
                    self.graph[at].nodes.iter().flat_map(|n| n.operands.iter().map(|o| self.graph.find(*o))),
                );
            }
        }
        if depends && !is_leaf {
            let leaf = self.carried(axis, reverse, shape, which);
            self.graph.union(id, leaf);
            self.graph.rebuild();
        }
    }

    fn at_all_positions(&mut self, axis: AxisId, id: Id) -> Id {
        match axes_of(&self.graph, id).contains(&axis) {
            true => id,
            false => make(&mut self.graph, Op::Broadcast(axes([axis])), vec![id]),
        }
    }

    /// What a value of a step is after the last of them: computed of what its operands are then.
    fn at_the_end(&mut self, scan: &Scan, id: Id, dtype: DType) -> Id {
        let id = self.graph.find(id);
        if !axes_of(&self.graph, id).contains(&scan.axis) {
            return id;
        }
        if let [node] = self.graph[id].nodes.as_slice() {
            let node = node.clone();
            match &node.op {
                Op::Sum | Op::Product | Op::Power(_) | Op::Map(_) | Op::Reduce(..) => {
                    let operands = node.operands.iter().map(|o| self.at_the_end(scan, *o, DType::F32));
                    let operands = operands.collect();
                    return make(&mut self.graph, node.op, operands);
                }
                _ => {}
            }
        }
        let last = self.graph.analysis.size(&[scan.axis]).map_or(0, |n| n - 1);
        let view = View::Index { axis: scan.axis, at: if scan.reverse { 0 } else { last } };
        let shape = axes_of(&self.graph, id).iter().copied().filter(|a| *a != scan.axis).collect();
        let other = Other {
            op: ops::Op::View(view),
            output: 0,
            input: None,
            carry: None,
            wants: Vec::new(),
            shape,
            dtype,
            key: 0,
        };
        self.add_other(other, &[id])
    }

    /// A result of an operation, unless it is known already.
    fn add_other(&mut self, other: Other, operands: &[Id]) -> Id {
        // What a result's axes are follows from the operands, too: one `where` is not every `where`.
        let same = |o: &Other| {
            let result = o.output == other.output && o.dtype == other.dtype && o.carry == other.carry;
            let axes_alike = axes(o.shape.iter().copied()) == axes(other.shape.iter().copied());
            o.op == other.op && result && o.input == other.input && o.wants == other.wants && axes_alike
        };
        let known = self.graph.analysis.others.iter().position(same);
        let place = known.unwrap_or_else(|| {
            let keys = Keys { module: self.module, colors: &self.graph.analysis.colors };
            let mut hasher = rustc_hash::FxHasher::default();
            // How a value is stored is no part of what it is.
            let mut colors = keys.shape(&other.shape);
            colors.sort_unstable();
            (keys.op(&other.op), other.output, colors).hash(&mut hasher);
            self.graph.analysis.others.push(Other { key: hasher.finish(), ..other });
            self.graph.analysis.others.len() - 1
        });
        self.graph.add(Node::new(Op::Other(place as u32), operands.to_vec()))
    }

    /// The shape of a value of a step at all positions, if what it is made of has the scan's axis.
    fn lifted(&self, shape: &[AxisId], operands: &[Id]) -> Vec<AxisId> {
        let along = self.along.filter(|a| !shape.contains(a));
        let along = along.filter(|a| operands.iter().any(|id| axes_of(&self.graph, *id).contains(a)));
        batch_first(along.into_iter().chain(shape.iter().copied()).collect())
    }

    /// The results of an operation that is no arithmetic.
    fn other(&mut self, at: usize, operands: &[Id]) -> Vec<Id> {
        let function = self.function;
        let node = &function.nodes[at];
        let input = function.inputs.iter().position(|i| i.value == node.outputs[0]);
        let input = input.filter(|_| node.op == ops::Op::Input);
        // Scans and calls match their inputs position by position; to all others an axis is an identity.
        let by_position = matches!(node.op, ops::Op::Scan(_) | ops::Op::Call { .. });
        let wants: Vec<_> = match by_position {
            true => node.inputs.iter().map(|v| function.value(*v).shape.clone()).collect(),
            false => Vec::new(),
        };
        let op = match &node.op {
            ops::Op::View(View::Transpose(order)) => {
                ops::Op::View(View::Transpose(self.lifted(order, operands)))
            }
            op => op.clone(),
        };
        let mut ids = Vec::with_capacity(node.outputs.len());
        for (output, value) in node.outputs.iter().enumerate() {
            let value = function.value(*value);
            let other = Other {
                op: op.clone(),
                output,
                input,
                carry: None,
                wants: wants.clone(),
                shape: self.lifted(&value.shape, operands),
                dtype: value.storage,
                key: 0,
            };
            ids.push(self.add_other(other, operands));
        }
        ids
    }
}
