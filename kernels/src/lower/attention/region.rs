//! Everything that is computed of the scores: from the products that give them, by elementwise operations, to
//! whatever reads the outcome.

use super::Product;
use super::reason::Reason;
use arch_compiler::graph::{AxisId, DType, Function, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, View};
use std::collections::BTreeSet;

/// A product of something that depends on the scores with something that does not, summed over keys or
/// queries.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    pub node: usize,
    /// What depends on the scores.
    pub weights: ValueId,
    /// What does not.
    pub values: ValueId,
    /// The axis of the values that the result has.
    pub width: AxisId,
    /// Whether it is summed over the keys, or else over the queries.
    pub over_keys: bool,
    pub result: ValueId,
}

/// The axes of a region.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    /// The batch, heads and whatever else is done again and again, in the order of storage.
    pub outer: Vec<AxisId>,
    pub queries: AxisId,
    pub keys: AxisId,
}

impl Axes {
    pub(super) fn has_both(&self, function: &Function, value: ValueId) -> bool {
        let shape = &function.value(value).shape;
        shape.contains(&self.queries) && shape.contains(&self.keys)
    }

    /// Whether the axes of a shape are these and, some or all, the outer ones.
    fn only(&self, shape: &[AxisId], own: &[AxisId]) -> bool {
        own.iter().all(|a| shape.contains(a))
            && shape.iter().all(|a| own.contains(a) || self.outer.contains(a))
    }
}

/// A function, with who reads what.
pub(super) struct Graph<'a> {
    pub function: &'a Function,
    /// By value: the nodes that read it.
    pub readers: &'a [Vec<usize>],
    /// By value: whether it is a result.
    pub results: &'a [bool],
}

/// The values with queries and keys that depend on the products at hand.
pub(super) struct Region<'a> {
    pub graph: &'a Graph<'a>,
    pub axes: Axes,
    pub products: Vec<Product>,
    pub values: BTreeSet<ValueId>,
    /// Sums and maxima over the keys.
    pub rows: BTreeSet<usize>,
    pub sinks: Vec<Sink>,
    /// Elementwise nodes that do not depend on the products, and are read by some that do.
    helpers: BTreeSet<usize>,
    todo: Vec<ValueId>,
}

impl<'a> Region<'a> {
    /// The region around one product.
    pub(super) fn grow(graph: &'a Graph<'a>, axes: Axes, start: usize) -> Result<Self, Reason> {
        let mut region = Region {
            graph,
            axes,
            products: Vec::new(),
            values: BTreeSet::new(),
            rows: BTreeSet::new(),
            sinks: Vec::new(),
            helpers: BTreeSet::new(),
            todo: Vec::new(),
        };
        region.product(start)?;
        while let Some(value) = region.todo.pop() {
            region.inputs(value)?;
            for n in 0..graph.readers[value.0 as usize].len() {
                region.reader(value, graph.readers[value.0 as usize][n])?;
            }
        }
        region.sinks.sort_by_key(|s| s.node);
        region.products.sort_by_key(|p| p.node);
        Ok(region)
    }

    fn add(&mut self, value: ValueId) -> Result<(), Reason> {
        let of = self.graph.function.value(value);
        if of.shape.len() != self.axes.outer.len() + 2 {
            return Err(Reason::MoreAxes);
        }
        if self.graph.results[value.0 as usize] {
            return Err(Reason::Result);
        }
        if self.values.insert(value) {
            self.todo.push(value);
        }
        Ok(())
    }

    /// A product that gives scores.
    fn product(&mut self, n: usize) -> Result<(), Reason> {
        let function = self.graph.function;
        let node = &function.nodes[n];
        let Op::Contract(over) = &node.op else { return Err(Reason::ProductAxes) };
        let [depth] = over[..] else { return Err(Reason::ProductAxes) };
        let shape = |v: ValueId| &function.value(v).shape;
        let first = shape(node.inputs[0]).contains(&self.axes.queries);
        let (queries, keys) =
            if first { (node.inputs[0], node.inputs[1]) } else { (node.inputs[1], node.inputs[0]) };
        let fits = self.axes.only(shape(queries), &[self.axes.queries, depth])
            && self.axes.only(shape(keys), &[self.axes.keys, depth]);
        if !fits || depth == AxisId::BATCH {
            return Err(Reason::ProductAxes);
        }
        self.floats(&[queries, keys])?;
        let value = node.outputs[0];
        if self.products.iter().all(|p| p.node != n) {
            self.products.push(Product { node: n, value, queries, keys, depth });
        }
        self.add(value)
    }

    fn floats(&self, values: &[ValueId]) -> Result<(), Reason> {
        let float = |v: &ValueId| self.graph.function.value(*v).storage == DType::F32;
        if values.iter().all(float) { Ok(()) } else { Err(Reason::Storage) }
    }

    /// What the node of a value of the region reads beside others of the region.
    fn inputs(&mut self, value: ValueId) -> Result<(), Reason> {
        let node = self.graph.function.producer(value);
        if matches!(node.op, Op::Contract(_)) {
            return Ok(());
        }
        for input in passed_on(&node.op, &node.inputs) {
            self.input(*input)?;
        }
        Ok(())
    }

    fn input(&mut self, value: ValueId) -> Result<(), Reason> {
        let function = self.graph.function;
        if !self.axes.has_both(function, value) || self.values.contains(&value) {
            return Ok(());
        }
        let n = function.value(value).node as usize;
        let node = &function.nodes[n];
        match &node.op {
            Op::Contract(_) => self.product(n),
            Op::Map(_) | Op::View(View::Transpose(_)) => {
                if self.helpers.insert(n) {
                    for input in passed_on(&node.op, &node.inputs) {
                        self.input(*input)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reader(&mut self, value: ValueId, n: usize) -> Result<(), Reason> {
        let node = &self.graph.function.nodes[n];
        let refuse = |name: &str| Err(Reason::Reader(name.to_string()));
        match &node.op {
            Op::Map(_) | Op::View(View::Transpose(_)) => self.add(node.outputs[0]),
            Op::Reduce(Reduce::Sum | Reduce::Max, over) if over[..] == [self.axes.keys] => {
                self.rows.insert(n);
                Ok(())
            }
            Op::Contract(over) => {
                let [over] = over[..] else { return refuse("contract") };
                let other = node.inputs[usize::from(node.inputs[0] == value)];
                let both = self.axes.has_both(self.graph.function, other);
                if both && over == self.axes.keys {
                    self.rows.insert(n);
                    return self.input(other);
                }
                if both || (over != self.axes.keys && over != self.axes.queries) {
                    return refuse("contract");
                }
                self.sink(value, other, n, over)
            }
            Op::Reduce(reduce, _) => refuse(&format!("{reduce:?}").to_lowercase()),
            Op::View(_) => refuse("a view"),
            Op::Gather { .. } => refuse("gather"),
            Op::ScatterAdd { .. } => refuse("scatter_add"),
            Op::Scan(_) => refuse("scan"),
            _ => refuse("a call"),
        }
    }

    fn sink(&mut self, weights: ValueId, values: ValueId, n: usize, over: AxisId) -> Result<(), Reason> {
        let function = self.graph.function;
        let shape = &function.value(values).shape;
        let own: Vec<AxisId> =
            shape.iter().copied().filter(|a| *a != over && !self.axes.outer.contains(a)).collect();
        let [width] = own[..] else { return Err(Reason::ProductAxes) };
        if width == AxisId::BATCH {
            return Err(Reason::ProductAxes);
        }
        self.floats(&[values])?;
        let result = function.nodes[n].outputs[0];
        if self.sinks.iter().all(|s| s.node != n) {
            let over_keys = over == self.axes.keys;
            self.sinks.push(Sink { node: n, weights, values, width, over_keys, result });
        }
        Ok(())
    }

    /// The nodes that nothing outside reads but sinks and rows: they are computed in kernels of attention only.
    pub(super) fn inside(&self) -> BTreeSet<usize> {
        let function = self.graph.function;
        let mut inside: BTreeSet<usize> =
            self.values.iter().map(|v| function.value(*v).node as usize).collect();
        inside.extend(&self.rows);
        inside.extend(self.sinks.iter().map(|s| s.node));
        let helpers: Vec<usize> = self.helpers.iter().copied().filter(|n| !inside.contains(n)).collect();
        for n in helpers.into_iter().rev() {
            let value = function.nodes[n].outputs[0];
            let readers = &self.graph.readers[value.0 as usize];
            if !self.graph.results[value.0 as usize] && readers.iter().all(|r| inside.contains(r)) {
                inside.insert(n);
            }
        }
        inside
    }
}

/// The inputs whose elements an elementwise node reads: what a value is broadcast along only lends axes.
pub(super) fn passed_on<'v>(op: &Op, inputs: &'v [ValueId]) -> &'v [ValueId] {
    if matches!(op, Op::Map(Map::Broadcast) | Op::After) { &inputs[..1] } else { inputs }
}
