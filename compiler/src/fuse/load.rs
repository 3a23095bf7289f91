//! A function becomes an e-graph.

use super::key::{Keys, colors};
use super::lang::{Graph, Node, Op, Other, Problem, axes};
use super::terms::make;
use crate::graph::{DType, Function, Module, Size, ValueId};
use crate::ops::{self, Map, Reduce, View};
use egg::Id;
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
    let mut loader =
        Loader { module, function, graph: Graph::new(problem), classes: vec![None; function.values.len()] };
    for (at, needed) in needed(function).into_iter().enumerate() {
        if needed {
            loader.node(at);
        }
    }
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
}

impl Loader<'_> {
    fn node(&mut self, at: usize) {
        let node = &self.function.nodes[at];
        let operands: Vec<Id> = node.inputs.iter().filter_map(|v| self.classes[v.0 as usize]).collect();
        let ids = match self.arithmetic(at, &operands) {
            Some(id) => vec![id],
            None => self.other(at, &operands),
        };
        for (value, id) in node.outputs.iter().zip(ids) {
            self.graph.analysis.origins.push((id, node.origin));
            self.classes[value.0 as usize] = Some(id);
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
        let mut ids = Vec::with_capacity(node.outputs.len());
        for (output, value) in node.outputs.iter().enumerate() {
            let value = function.value(*value);
            // What a result's axes are follows from the operands, too: one `where` is not every `where`.
            let same = |o: &Other| {
                let result = o.output == output && o.dtype == value.storage;
                let axes_alike = axes(o.shape.iter().copied()) == axes(value.shape.iter().copied());
                o.op == node.op && result && o.input == input && o.wants == wants && axes_alike
            };
            let known = self.graph.analysis.others.iter().position(same);
            let place = known.unwrap_or_else(|| {
                let keys = Keys { module: self.module, colors: &self.graph.analysis.colors };
                let mut hasher = rustc_hash::FxHasher::default();
                (keys.op(&node.op), output, keys.shape(&value.shape)).hash(&mut hasher);
                self.graph.analysis.others.push(Other {
                    op: node.op.clone(),
                    output,
                    input,
                    wants: wants.clone(),
                    shape: value.shape.clone(),
                    dtype: value.storage,
                    key: hasher.finish(),
                });
                self.graph.analysis.others.len() - 1
            });
            ids.push(self.graph.add(Node::new(Op::Other(place as u32), operands.to_vec())));
        }
        ids
    }
}
