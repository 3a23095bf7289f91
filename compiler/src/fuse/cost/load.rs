//! A function as sums of products.

use super::super::key::{Keys, colors};
use super::super::lang::axes;
use super::lang::{Factor, Facts, Graph, Node, Op};
use crate::graph::{AxisId, DType, Function, Module, Size, ValueId};
use crate::ops::{self, Map, Reduce, View};
use arch_grammar::Span;
use egg::Id;
use rustc_hash::FxHasher;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// The batch that work is counted for, as where values are kept or computed again: no choice may depend on the one
/// that is run with.
const BATCH: usize = 8;
/// How many operations one result is made of at most before it is left as it stands.
const LARGE: usize = 64;

/// A value that something else than a sum of products reads, or that is a result: it is in memory in any case.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub value: ValueId,
    pub class: Id,
    pub origin: Span,
}

/// The sums of products of a function.
pub(super) struct Problem {
    pub graph: Graph,
    /// In the order of the function.
    pub roots: Vec<Root>,
    /// The nodes as they were written, by class.
    pub written: BTreeMap<Id, Node>,
    /// Where classes were written.
    pub origins: BTreeMap<Id, Span>,
    /// The axes that sums are over here, and those that they were written with.
    pub bound: BTreeMap<AxisId, AxisId>,
    /// The same axes, and what a factor calls them.
    pub twins: BTreeMap<AxisId, AxisId>,
}

impl Problem {
    /// Names classes as they are named after some of them were joined.
    pub fn settle(&mut self) {
        let graph = &self.graph;
        self.roots.iter_mut().for_each(|root| root.class = graph.find(root.class));
        self.written =
            std::mem::take(&mut self.written).into_iter().map(|(id, n)| (graph.find(id), n)).collect();
        self.origins =
            std::mem::take(&mut self.origins).into_iter().map(|(id, o)| (graph.find(id), o)).collect();
    }
}

/// Loads all sums of products; `None` if none is a sum of products of sums of products.
pub(super) fn load(module: &mut Module, function: &Function) -> Option<Problem> {
    let sums = sums(function);
    let nested = |n: &crate::graph::Node| is_product(function, n) && sums[n.outputs[0].0 as usize] > 1;
    if !function.nodes.iter().any(nested) {
        return None;
    }
    let keys = structures(module, function);
    let graph = Graph::new(Facts::default());
    let in_memory = in_memory(function, &sums);
    let mut loader = Loader {
        module,
        function,
        sums: &sums,
        keys: &keys,
        in_memory: &in_memory,
        graph,
        written: BTreeMap::new(),
        origins: BTreeMap::new(),
        twins: BTreeMap::new(),
        left: 0,
    };
    let mut roots = Vec::new();
    for node in &function.nodes {
        let value = node.outputs[0];
        if in_memory[value.0 as usize] {
            loader.left = LARGE;
            let class = loader.value(value, &[]);
            roots.push(Root { value, class, origin: node.origin.span });
        }
    }
    let (graph, written, origins) = (loader.graph, loader.written, loader.origins);
    let bound: BTreeMap<AxisId, AxisId> =
        loader.twins.into_iter().map(|((axis, _), twin)| (twin, axis)).collect();
    let mut twins = names(&graph.analysis);
    twins.retain(|twin, _| bound.contains_key(twin));
    for (twin, own) in &twins {
        module.axes[twin.0 as usize].name = format!("{}'", module.axis(*own).name);
    }
    Some(Problem { graph, roots, written, origins, bound, twins })
}

/// Whether a node is a sum of products of floats, or a product.
fn is_product(function: &Function, node: &crate::graph::Node) -> bool {
    let is_float = |v: &ValueId| function.value(*v).storage == DType::F32;
    let known = match node.op {
        ops::Op::Map(map) => matches!(map, Map::Mul | Map::Div),
        ops::Op::Contract(_) | ops::Op::Reduce(Reduce::Sum, _) => true,
        _ => false,
    };
    // What reads a softmax is one kernel with it, and with what the softmax is of.
    let of_softmax = |v: &ValueId| is_softmax(function, *v);
    known
        && !node.inputs.iter().any(of_softmax)
        && !is_softmax(function, node.outputs[0])
        && node.inputs.iter().chain(&node.outputs).all(is_float)
}

/// Whether a value is a quotient of an exponential, under whatever name.
fn is_softmax(function: &Function, value: ValueId) -> bool {
    let node = function.producer(value);
    match &node.op {
        ops::Op::Map(Map::Div) => function.producer(node.inputs[0]).op == ops::Op::Map(Map::Exp),
        _ => is_name(node) && is_softmax(function, node.inputs[0]),
    }
}

/// Whether a sum of products goes on behind a node: it is one, or another name for its axes.
fn is_part(function: &Function, node: &crate::graph::Node) -> bool {
    is_name(node) || is_product(function, node)
}

fn is_name(node: &crate::graph::Node) -> bool {
    matches!(node.op, ops::Op::View(View::Rename { .. } | View::Transpose(_)))
}

/// By value: whether it is a sum of products that something else reads, or a result.
fn in_memory(function: &Function, sums: &[usize]) -> Vec<bool> {
    let mut read = vec![false; function.values.len()];
    let updates = function.updates.iter().map(|u| u.1);
    let results = function.outputs.iter().map(|o| o.1).chain(updates);
    let read_by = |node: &'_ crate::graph::Node| -> Vec<ValueId> {
        match node.op {
            ops::Op::Map(Map::Div) if is_product(function, node) => vec![node.inputs[1]],
            _ if is_part(function, node) => Vec::new(),
            _ => node.inputs.clone(),
        }
    };
    results.chain(function.nodes.iter().flat_map(read_by)).for_each(|v| read[v.0 as usize] = true);
    for node in function.nodes.iter().rev().filter(|n| is_name(n)) {
        read[node.inputs[0].0 as usize] |= read[node.outputs[0].0 as usize];
    }
    for node in &function.nodes {
        let value = node.outputs[0].0 as usize;
        read[value] &= is_product(function, node) && sums[value] > 0;
    }
    read
}

/// By value: how many sums stand below one another in it at most.
fn sums(function: &Function) -> Vec<usize> {
    let mut sums = vec![0usize; function.values.len()];
    for node in function.nodes.iter().filter(|n| is_part(function, n)) {
        // What is divided by is a factor as it stands.
        let counted = if node.op == ops::Op::Map(Map::Div) { 1 } else { node.inputs.len() };
        let below = node.inputs[..counted].iter().map(|v| sums[v.0 as usize]).max().unwrap_or(0);
        let own = usize::from(matches!(node.op, ops::Op::Contract(_) | ops::Op::Reduce(..)));
        sums[node.outputs[0].0 as usize] = below + own;
    }
    sums
}

/// By value: what it is, however values are numbered and inputs are called.
fn structures(module: &Module, function: &Function) -> Vec<u64> {
    let colors = colors(module, function);
    let keys = Keys { module, colors: &colors };
    let mut structures = vec![0u64; function.values.len()];
    for node in &function.nodes {
        for (output, value) in node.outputs.iter().enumerate() {
            let mut of: Vec<u64> = node.inputs.iter().map(|v| structures[v.0 as usize]).collect();
            if matches!(
                node.op,
                ops::Op::Contract(_) | ops::Op::Map(Map::Mul | Map::Add | Map::Min | Map::Max)
            ) {
                of.sort_unstable();
            }
            let mut hasher = FxHasher::default();
            let mut shape = keys.shape(&function.value(*value).shape);
            shape.sort_unstable();
            (keys.op(&node.op), of, output, shape).hash(&mut hasher);
            structures[value.0 as usize] = hasher.finish();
        }
    }
    structures
}

struct Loader<'a> {
    module: &'a mut Module,
    function: &'a Function,
    keys: &'a [u64],
    in_memory: &'a [bool],
    graph: Graph,
    written: BTreeMap<Id, Node>,
    origins: BTreeMap<Id, Span>,
    sums: &'a [usize],
    /// The axes that were made for others, by these and by how many sums stand below.
    twins: BTreeMap<(AxisId, usize), AxisId>,
    /// How many more operations may be taken apart for this result.
    left: usize,
}

impl Loader<'_> {
    /// The class of a value, some of whose axes have other names here.
    fn value(&mut self, value: ValueId, names: &[(AxisId, AxisId)]) -> Id {
        let function = self.function;
        let node = function.producer(value);
        // A quotient of what is no sum of products (a softmax) stays one.
        let is_quotient = node.op == ops::Op::Map(Map::Div) && self.sums[node.inputs[0].0 as usize] == 0;
        if !is_part(function, node) || is_quotient || self.left == 0 {
            return self.factor(value, names);
        }
        self.left -= 1;
        let over: &[AxisId] = match &node.op {
            ops::Op::View(View::Transpose(_)) => return self.value(node.inputs[0], names),
            ops::Op::View(View::Rename { from, to }) => {
                let mut inner: Vec<_> = names.iter().copied().filter(|(a, _)| a != to && a != from).collect();
                inner.push((*from, named(names, *to)));
                return self.value(node.inputs[0], &inner);
            }
            ops::Op::Contract(over) | ops::Op::Reduce(_, over) => over,
            _ => &[],
        };
        let mut inner: Vec<_> = names.iter().copied().filter(|(axis, _)| !over.contains(axis)).collect();
        let own: Vec<AxisId> =
            over.iter().map(|axis| self.twin(*axis, self.sums[value.0 as usize])).collect();
        inner.extend(over.iter().copied().zip(own.iter().copied()));
        let mut operands: Vec<Id> = node.inputs.iter().map(|v| self.value(*v, &inner)).collect();
        if node.op == ops::Op::Map(Map::Div) {
            operands[1] = self.inverse(node.inputs[1], &inner);
        }
        let written = Node::contract(axes(own), operands);
        let class = self.add(written.clone());
        self.origins.entry(class).or_insert(node.origin.span);
        let shape = &function.value(value).shape;
        let is_renamed = names.iter().any(|(from, to)| from != to && shape.contains(from));
        if self.in_memory[value.0 as usize] && is_renamed {
            // What is in memory is so under any name.
            let there = self.factor(value, names);
            self.graph.union(class, there);
            let there = self.graph[there].nodes.iter().find(|n| matches!(n.op, Op::Factor(_)));
            self.written.extend(there.cloned().map(|node| (class, node)));
        } else {
            self.written.entry(class).or_insert(written);
        }
        class
    }

    fn add(&mut self, node: Node) -> Id {
        self.sizes();
        self.graph.add(node)
    }

    /// Axes that were added meanwhile have sizes, too.
    fn sizes(&mut self) {
        let known = self.graph.analysis.sizes.len();
        let size = |axis: &crate::graph::Axis| match axis.size {
            Size::Fixed(size) => size,
            Size::Batch => BATCH,
        };
        self.graph.analysis.sizes.extend(self.module.axes[known..].iter().map(size));
    }

    /// The axis that a sum is over here: one of its own, so that what a sum is over means nothing outside of it, and the
    /// same for every sum with as many below, so that equal sums are equal.
    fn twin(&mut self, axis: AxisId, below: usize) -> AxisId {
        let Size::Fixed(size) = self.module.axis(axis).size else { return axis };
        let name = format!("{}'", self.module.axis(axis).name);
        let module = &mut *self.module;
        *self.twins.entry((axis, below)).or_insert_with(|| module.add_axis(name, size))
    }

    fn factor(&mut self, value: ValueId, names: &[(AxisId, AxisId)]) -> Id {
        self.factor_of(value, names, false)
    }

    fn inverse(&mut self, value: ValueId, names: &[(AxisId, AxisId)]) -> Id {
        self.factor_of(value, names, true)
    }

    fn factor_of(&mut self, value: ValueId, names: &[(AxisId, AxisId)], inverse: bool) -> Id {
        let shape = &self.function.value(value).shape;
        let renamed: Vec<_> =
            names.iter().copied().filter(|(from, to)| from != to && shape.contains(from)).collect();
        let axes = axes(shape.iter().map(|a| named(&renamed, *a)));
        let key = self.keys[value.0 as usize] ^ u64::from(inverse);
        let factor = Factor { value, inverse, renamed, axes, key };
        let factors = &mut self.graph.analysis.factors;
        let at = factors.iter().position(|f| *f == factor).unwrap_or_else(|| {
            factors.push(factor);
            factors.len() - 1
        });
        self.add(Node { op: Op::Factor(at as u32), operands: Vec::new() })
    }
}

/// What axes are called by the largest factors that have them, which then need not be called otherwise; whatever a text
/// called them in between does not matter.
fn names(facts: &Facts) -> BTreeMap<AxisId, AxisId> {
    let mut sorted: Vec<&Factor> = facts.factors.iter().collect();
    sorted.sort_by_key(|factor| (facts.elements(factor.axes.iter()), factor.key));
    let all = sorted.into_iter().flat_map(|factor| &factor.renamed);
    all.map(|(from, to)| (*to, *from)).collect()
}

/// The name that an axis has here.
fn named(names: &[(AxisId, AxisId)], axis: AxisId) -> AxisId {
    names.iter().find(|(from, _)| *from == axis).map_or(axis, |(_, to)| *to)
}
