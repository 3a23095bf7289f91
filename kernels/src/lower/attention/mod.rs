//! Attention: `softmax(q · k) · v` as one kernel that never writes the scores, and its gradients as another,
//! which computes them again (Dao 2023, FlashAttention-2, arXiv 2307.08691).
//!
//! - [`region`]: everything that is computed of the scores, and what reads it.
//! - [`find`]: which of that is softmax, result and gradients; or the [`Reason`] why it is no attention.
//! - [`tiles`]: how many queries and keys are worked on at a time, from shapes alone.
//! - [`block`]: what both kernels do for a block of queries.
//! - [`forward`] and [`backward`]: the kernels.
//!
//! Scores are found by structure, not by spelling: between the products anything elementwise may happen to
//! them (a scale, a bias, a mask, a cap), and it is computed in the kernel, element by element, like
//! everywhere else in the lowering. The probabilities may be divided by their sum before or after the values
//! are weighted. The forward kernel writes, beside its result, the largest score and the sum of exponents of
//! each query, which are values of the graph; the backward kernel reads them.

mod backward;
mod block;
mod find;
mod forward;
mod monomial;
mod reason;
mod region;
mod tiles;

pub(super) use find::find;
pub use reason::{Reason, Refusal};

use super::lowering::Lowering;
use arch_compiler::graph::{AxisId, Function, ValueId};
use arch_grammar::Sources;
use block::Memory;
use region::{Axes, Sink};
use std::collections::BTreeMap;
use tiles::Tiles;

/// A product that gives scores: `sum(queries * keys, over: depth)`.
#[derive(Clone, Debug)]
struct Product {
    node: usize,
    value: ValueId,
    queries: ValueId,
    keys: ValueId,
    depth: AxisId,
}

/// A sum over the keys that the gradient needs. By `sum(p * (g · v), over: keys) = g · sum(p * v, over: keys)`
/// it is a product of numbers that are known before: the gradient of the result times the result.
#[derive(Clone, Debug)]
struct RowSum {
    value: ValueId,
    /// `coefficient * product(factor ^ power) * sum(gradient * result, over: width)`.
    coefficient: f64,
    factors: Vec<(ValueId, i32)>,
    gradient: ValueId,
    result: ValueId,
    width: AxisId,
}

/// Which of the two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

/// One attention.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    axes: Axes,
    tiles: Tiles,
    /// The products of the scores.
    products: Vec<Product>,
    /// The largest score of each query, if it is subtracted: the value, and what it is the largest of.
    max: Option<(ValueId, ValueId)>,
    /// The sum of exponents of each query.
    sum: ValueId,
    exp: ValueId,
    /// Whether what weights the values is divided by the sum of exponents.
    divided: bool,
    /// Whether there is nothing else to it.
    plain: bool,
    result: Sink,
    /// What the forward kernel writes.
    writes: Vec<ValueId>,
    /// What it reads.
    reads: Vec<ValueId>,
    gradient: Option<Gradient>,
    /// All nodes that are computed in these kernels only.
    pub nodes: Vec<usize>,
}

/// The gradients of an attention.
#[derive(Clone, Debug)]
struct Gradient {
    /// The products of the scores, and those of the gradient of the result with the values.
    products: Vec<Product>,
    sums: Vec<RowSum>,
    sinks: Vec<Sink>,
    reads: Vec<ValueId>,
}

impl Attention {
    /// What a kernel writes, and nothing else does.
    pub(super) fn writes(&self, pass: Pass) -> Vec<ValueId> {
        match (pass, &self.gradient) {
            (Pass::Forward, _) => self.writes.clone(),
            (Pass::Backward, Some(gradient)) => gradient.sinks.iter().map(|s| s.result).collect(),
            (Pass::Backward, None) => Vec::new(),
        }
    }

    /// What a kernel reads.
    pub(super) fn reads(&self, pass: Pass) -> &[ValueId] {
        match (pass, &self.gradient) {
            (Pass::Forward, _) => &self.reads,
            (Pass::Backward, Some(gradient)) => &gradient.reads,
            (Pass::Backward, None) => &[],
        }
    }

    /// The kernels that there are.
    pub(super) fn passes(&self) -> &'static [Pass] {
        if self.gradient.is_some() { &[Pass::Forward, Pass::Backward] } else { &[Pass::Forward] }
    }

    /// What is read row by row, and must lie in memory with even steps.
    pub(super) fn operands(&self) -> Vec<ValueId> {
        let gradient = self.gradient.iter();
        let products = self.products.iter().chain(gradient.clone().flat_map(|g| &g.products));
        let sinks = [&self.result].into_iter().chain(gradient.flat_map(|g| &g.sinks));
        products.flat_map(|p| [p.queries, p.keys]).chain(sinks.map(|s| s.values)).collect()
    }
}

/// All attentions of a function, and why other softmaxes between products are none.
#[derive(Debug, Default)]
pub(super) struct Attentions {
    pub all: Vec<Attention>,
    /// The node of the exponential, and why.
    pub refused: Vec<(usize, Reason)>,
}

impl Attentions {
    /// What was refused, for people.
    pub(super) fn refusals(&self, function: &Function, sources: Option<&Sources>) -> Vec<Refusal> {
        let place = |n: usize| {
            let span = function.nodes[n].origin.span;
            sources.and_then(|s| s.known_place(span)).unwrap_or_default()
        };
        let refusal = |(n, reason): &(usize, Reason)| Refusal { origin: place(*n), reason: reason.clone() };
        self.refused.iter().map(refusal).collect()
    }

    /// How results are best stored: rows of a width for each query or key; and numbers for each query side by
    /// side.
    pub(super) fn orders(&self) -> BTreeMap<ValueId, Vec<AxisId>> {
        let mut orders = BTreeMap::new();
        for attention in &self.all {
            let axes = &attention.axes;
            let batch = |a: &&AxisId| **a == AxisId::BATCH;
            let gradient = attention.gradient.iter().flat_map(|g| &g.sinks);
            for sink in gradient.chain([&attention.result]) {
                let token = if sink.over_keys { axes.queries } else { axes.keys };
                let mut order: Vec<AxisId> = axes.outer.iter().filter(batch).copied().collect();
                order.push(token);
                order.extend(axes.outer.iter().filter(|a| !batch(a)));
                order.push(sink.width);
                orders.insert(sink.result, order);
            }
            for value in attention.max.iter().map(|m| m.0).chain([attention.sum]) {
                orders.insert(value, axes.outer.iter().copied().chain([axes.queries]).collect());
            }
        }
        orders
    }

    /// Which kernel writes a value.
    pub(super) fn writer(&self, value: ValueId) -> Option<(usize, Pass)> {
        self.all.iter().enumerate().find_map(|(at, attention)| {
            let writes = |pass: &&Pass| attention.writes(**pass).contains(&value);
            attention.passes().iter().find(writes).map(|pass| (at, *pass))
        })
    }

    /// What is written by kernels that compute a node.
    pub(super) fn given_with(&self, n: usize) -> Vec<ValueId> {
        let holders = self.all.iter().filter(|a| a.nodes.binary_search(&n).is_ok());
        holders.flat_map(|a| a.passes().iter().flat_map(|pass| a.writes(*pass))).collect()
    }
}

impl Lowering<'_> {
    /// One of the kernels of an attention.
    pub(super) fn attention(&mut self, at: usize, pass: Pass) {
        let analysis = self.analysis.clone();
        let attention = &analysis.attentions.all[at];
        let writes = attention.writes(pass);
        let memory = self.memory(attention, &writes);
        let nodes = match pass {
            Pass::Forward => writes.iter().map(|v| self.function.value(*v).node as usize).collect(),
            Pass::Backward => attention.nodes.clone(),
        };
        match pass {
            Pass::Forward => self.kernel("attention", &nodes, &writes, |p| attention.forward(p, &memory)),
            Pass::Backward => {
                self.kernel("attention_gradient", &nodes, &writes, |p| attention.backward(p, &memory));
            }
        }
    }

    fn memory(&mut self, attention: &Attention, writes: &[ValueId]) -> Memory {
        let mut memory = Memory::default();
        for value in writes {
            memory.results.extend(self.places.get(value).map(|place| (*value, place.clone())));
        }
        let sinks = attention.gradient.iter().flat_map(|g| &g.sinks).chain([&attention.result]);
        for (value, width) in sinks.flat_map(|s| [(s.values, s.width), (s.result, s.width)]) {
            let whole = self.module.size(width, 1).is_multiple_of(self.options.target.lanes());
            if whole && self.step_of(value, width) == Some(1) {
                memory.whole_rows.insert(value);
            }
        }
        memory
    }
}
