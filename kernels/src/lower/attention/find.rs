//! Which exponentials are a softmax between two products.

use super::monomial::{Monomial, same_elements, same_view};
use super::region::{Axes, Graph, Region, Sink, passed_on};
use super::tiles::Tiles;
use super::{Attention, Attentions, Gradient, Pass, Product, Reason, RowSum};
use crate::lower::choices::Choices;
use crate::print::Target;
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce};
use std::collections::BTreeSet;

/// Finds the attentions of a function.
pub(in crate::lower) fn find(
    module: &Module,
    function: &Function,
    target: Target,
    choices: Choices,
) -> Attentions {
    let needed = super::super::analysis::needed(function);
    let readers = super::super::analysis::readers(function, &needed);
    let mut results = vec![false; function.values.len()];
    for value in function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1)) {
        results[value.0 as usize] = true;
    }
    let graph = Graph { function, readers: &readers, results: &results };
    let mut found = Attentions::default();
    if !choices.joins() {
        return found;
    }
    for (n, node) in function.nodes.iter().enumerate() {
        if !needed[n] || !matches!(node.op, Op::Map(Map::Exp)) {
            continue;
        }
        let Some((axes, start)) = candidate(&graph, n) else { continue };
        let attention = axes.and_then(|axes| {
            let tiles = Tiles::choose(module, &axes, target);
            let region = Region::grow(&graph, axes, start)?;
            let inside = region.inside();
            Finder { region, inside, exp: node.outputs[0] }.attention(module, tiles)
        });
        match attention {
            Ok(mut attention) => {
                // One key of several at a time is no tile: there is no loop over it, and `fit` never goes below eight.
                if let Some(keys) = choices.pick("keys of a tile", found.all.len(), 63) {
                    attention.tiles = attention.tiles.at_most(keys + 2);
                }
                found.all.push(attention);
            }
            Err(reason) => found.refused.push((n, reason)),
        }
    }
    found
}

/// The axes of an exponential of scores that are summed and weight something, and a product that gives the
/// scores. None: it is no softmax between products at all.
fn candidate(graph: &Graph<'_>, n: usize) -> Option<(Result<Axes, Reason>, usize)> {
    let function = graph.function;
    let exp = function.nodes[n].outputs[0];
    let keys = graph.readers[exp.0 as usize].iter().find_map(|r| match &function.nodes[*r].op {
        Op::Reduce(Reduce::Sum, over) if over.len() == 1 => Some(over[0]),
        _ => None,
    })?;
    let start = source(function, exp, keys)?;
    let values = weighted(graph, exp, keys)?;
    let shape = &function.value(exp).shape;
    let values = &function.value(values).shape;
    let own: Vec<AxisId> = shape.iter().copied().filter(|a| *a != keys && !values.contains(a)).collect();
    let [queries] = own[..] else { return Some((Err(Reason::QueryAxes), start)) };
    if queries == AxisId::BATCH || keys == AxisId::BATCH {
        return Some((Err(Reason::QueryAxes), start));
    }
    let outer = shape.iter().copied().filter(|a| *a != queries && *a != keys).collect();
    Some((Ok(Axes { outer, queries, keys }), start))
}

/// The product that an element with keys comes from, by elementwise operations.
fn source(function: &Function, value: ValueId, keys: AxisId) -> Option<usize> {
    let mut todo = vec![value];
    let mut seen = BTreeSet::new();
    while let Some(value) = todo.pop() {
        let n = function.value(value).node as usize;
        let node = &function.nodes[n];
        if !function.value(value).shape.contains(&keys) || !seen.insert(n) {
            continue;
        }
        match &node.op {
            Op::Contract(over) if !over.contains(&keys) => {
                let with = |i: usize| function.value(node.inputs[i]).shape.contains(&keys);
                if with(0) != with(1) {
                    return Some(n);
                }
            }
            Op::Map(_) => todo.extend(passed_on(&node.op, &node.inputs)),
            Op::View(_) => todo.extend(Some(same_elements(function, value)).filter(|v| *v != value)),
            _ => {}
        }
    }
    None
}

/// What is weighted by something elementwise of the exponentials, over the keys.
fn weighted(graph: &Graph<'_>, exp: ValueId, keys: AxisId) -> Option<ValueId> {
    let function = graph.function;
    let mut todo = vec![exp];
    let mut seen = BTreeSet::new();
    while let Some(value) = todo.pop() {
        for r in graph.readers[value.0 as usize].iter().copied() {
            let node = &function.nodes[r];
            match &node.op {
                Op::Contract(over) if over[..] == [keys] => {
                    let other = node.inputs[usize::from(node.inputs[0] == value)];
                    let (a, b) = (&function.value(value).shape, &function.value(other).shape);
                    if a.iter().any(|x| !b.contains(x)) && b.iter().any(|x| !a.contains(x)) {
                        return Some(other);
                    }
                }
                Op::Map(_) if function.value(node.outputs[0]).shape.contains(&keys) && seen.insert(r) => {
                    todo.push(node.outputs[0]);
                }
                _ => {}
            }
        }
    }
    None
}

struct Finder<'a> {
    region: Region<'a>,
    /// The nodes that are computed in its kernels only.
    inside: BTreeSet<usize>,
    exp: ValueId,
}

impl Finder<'_> {
    fn function(&self) -> &Function {
        self.region.graph.function
    }

    fn attention(self, module: &Module, tiles: Tiles) -> Result<Attention, Reason> {
        let function = self.function();
        let axes = self.region.axes.clone();
        let scores = self.products_of(&[self.exp]);
        let is_forward = |v: ValueId| {
            let products = self.products_of(&[v]);
            products.iter().all(|p| scores.contains(p))
        };
        let nodes: Vec<usize> = self.inside.iter().copied().collect();
        let max = self.max()?;
        let sum = self.sum()?;
        let (mut forward, mut backward): (Vec<Sink>, Vec<Sink>) = (Vec::new(), Vec::new());
        for sink in &self.region.sinks {
            let first = sink.over_keys && is_forward(sink.weights);
            if first { &mut forward } else { &mut backward }.push(sink.clone());
        }
        let [result] = &forward[..] else { return Err(Reason::SeveralValues) };
        let (divided, plain) = self.divided(result, sum)?;
        let products: Vec<Product> = self.pick(&scores);
        let mut attention = Attention {
            axes,
            tiles,
            products,
            max,
            sum,
            exp: self.exp,
            divided,
            plain,
            result: result.clone(),
            writes: Vec::new(),
            reads: Vec::new(),
            gradient: None,
            nodes,
        };
        let known: Vec<ValueId> = max.iter().map(|m| m.0).chain([sum]).collect();
        attention.reads = self.reads(&[self.exp, result.weights], std::slice::from_ref(result), &known, &[]);
        attention.gradient = self.gradient(&attention, backward)?;
        let others: Vec<usize> = {
            let known = known.iter().map(|v| function.value(*v).node as usize);
            let mut all: Vec<usize> = self.region.rows.iter().copied().collect();
            all.retain(|n| known.clone().all(|k| k != *n));
            all
        };
        let sums = attention.gradient.iter().flat_map(|g| &g.sums);
        if others.iter().any(|n| sums.clone().all(|s| function.value(s.value).node as usize != *n)) {
            return Err(Reason::RowSum);
        }
        let kept = known.into_iter().filter(|v| self.is_read_elsewhere(&attention, *v));
        attention.writes = [attention.result.result].into_iter().chain(kept).collect();
        for pass in attention.passes() {
            self.not_circular(&attention, *pass)?;
        }
        attention.fit(module)?;
        Ok(attention)
    }

    /// The products of the region that values depend on.
    fn products_of(&self, values: &[ValueId]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.walk(values, &mut |n| {
            let product = self.region.products.iter().any(|p| p.node == n);
            if product {
                found.insert(n);
            }
            !product
        });
        found
    }

    fn pick(&self, nodes: &BTreeSet<usize>) -> Vec<Product> {
        self.region.products.iter().filter(|p| nodes.contains(&p.node)).cloned().collect()
    }

    /// Goes through the nodes of the region that values come from, as long as `further` says so.
    fn walk(&self, values: &[ValueId], further: &mut dyn FnMut(usize) -> bool) {
        let function = self.function();
        let mut todo = values.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(value) = todo.pop() {
            let below = same_elements(function, value);
            let n = function.value(below).node as usize;
            if !self.inside.contains(&n) || !seen.insert(n) || !further(n) {
                continue;
            }
            todo.extend(passed_on(&function.nodes[n].op, &function.nodes[n].inputs));
        }
    }

    /// The largest score, and what it is the largest of: exactly what the exponent is measured from.
    fn max(&self) -> Result<Option<(ValueId, ValueId)>, Reason> {
        let function = self.function();
        let largest = |n: &&usize| matches!(function.nodes[**n].op, Op::Reduce(Reduce::Max, _));
        let mut all = self.region.rows.iter().filter(largest);
        let Some(n) = all.next() else { return Ok(None) };
        let (of, value) = (function.nodes[*n].inputs[0], function.nodes[*n].outputs[0]);
        let exponent = same_elements(function, function.producer(self.exp).inputs[0]);
        let node = function.producer(exponent);
        let fits = matches!(node.op, Op::Map(Map::Sub))
            && same_elements(function, node.inputs[0]) == same_elements(function, of)
            && same_elements(function, node.inputs[1]) == value;
        if fits && all.next().is_none() { Ok(Some((value, of))) } else { Err(Reason::Maximum) }
    }

    fn sum(&self) -> Result<ValueId, Reason> {
        let function = self.function();
        let of_exp = |n: &&usize| {
            let node = &function.nodes[**n];
            matches!(node.op, Op::Reduce(Reduce::Sum, _))
                && same_elements(function, node.inputs[0]) == self.exp
        };
        let n = self.region.rows.iter().find(of_exp).ok_or(Reason::RowSum)?;
        Ok(function.nodes[*n].outputs[0])
    }

    /// Whether the weights of the result are divided by the sum of exponents, and whether there is nothing
    /// else to them: factors that do not depend on the scores are allowed.
    fn divided(&self, result: &Sink, sum: ValueId) -> Result<(bool, bool), Reason> {
        let weights = Monomial::of(self.function(), result.weights);
        let own = |v: &ValueId| *v == self.exp || *v == sum;
        let foreign = weights.powers.keys().all(|v| own(v) || !self.depends(*v));
        let plain = weights.coefficient == 1.0 && weights.powers.keys().all(own);
        match (foreign, weights.power(self.exp), weights.power(sum)) {
            (true, 1, 0) => Ok((false, plain)),
            (true, 1, -1) => Ok((true, plain)),
            _ => Err(Reason::Weights),
        }
    }

    /// Whether a value is computed of scores.
    fn depends(&self, value: ValueId) -> bool {
        !self.products_of(&[value]).is_empty()
    }

    fn gradient(&self, attention: &Attention, sinks: Vec<Sink>) -> Result<Option<Gradient>, Reason> {
        if sinks.is_empty() {
            return Ok(None);
        }
        let function = self.function();
        let row = |n: usize| function.nodes[n].outputs[0];
        let known: Vec<ValueId> = attention.max.iter().map(|m| m.0).chain([attention.sum]).collect();
        let rows = self.region.rows.iter().copied().filter(|n| !known.contains(&row(*n)));
        let sums = rows.map(|n| self.row_sum(attention, n)).collect::<Result<Vec<_>, _>>()?;
        let weights: Vec<ValueId> = sinks.iter().map(|s| s.weights).collect();
        let stop: Vec<ValueId> = known.iter().copied().chain(sums.iter().map(|s| s.value)).collect();
        let mut needed = BTreeSet::new();
        self.walk(&weights, &mut |n| {
            let product = self.region.products.iter().any(|p| p.node == n);
            if product {
                needed.insert(n);
            }
            !product && !stop.contains(&row(n))
        });
        let products = self.pick(&needed);
        let dots: Vec<ValueId> = sums.iter().map(|s| s.value).collect();
        let mut reads = self.reads(&weights, &sinks, &dots, &known);
        for sum in &sums {
            reads.extend([sum.gradient, sum.result]);
            reads.extend(sum.factors.iter().map(|f| f.0));
        }
        reads.sort_unstable();
        reads.dedup();
        Ok(Some(Gradient { products, sums, sinks, reads }))
    }

    /// A sum over the keys as a product of what is known before.
    fn row_sum(&self, attention: &Attention, n: usize) -> Result<RowSum, Reason> {
        let function = self.function();
        let node = &function.nodes[n];
        let mut summed = Monomial::of(function, node.inputs[0]);
        if let Some(other) = node.inputs.get(1) {
            summed = summed.times(&Monomial::of(function, *other), 1);
        }
        let of_values = |p: &&Product| {
            let result = &attention.result;
            summed.power(p.value) == 1
                && p.depth == result.width
                && same_view(function, p.keys, result.values)
        };
        let product = self.region.products.iter().find(of_values).ok_or(Reason::RowSum)?;
        let weights = Monomial::of(function, attention.result.weights);
        let gradient = Monomial::of(function, product.value);
        let rest = summed.times(&weights, -1).times(&gradient, -1);
        let keys = self.region.axes.keys;
        let row = |v: &ValueId| {
            let known = *v == attention.sum || attention.max.is_some_and(|m| m.0 == *v) || !self.depends(*v);
            known && !function.value(*v).shape.contains(&keys)
        };
        if !rest.powers.keys().all(row) {
            return Err(Reason::RowSum);
        }
        Ok(RowSum {
            value: node.outputs[0],
            coefficient: rest.coefficient,
            factors: rest.powers.into_iter().collect(),
            gradient: product.queries,
            result: attention.result.result,
            width: attention.result.width,
        })
    }

    /// What a kernel reads from memory that computes these values and sinks. Some values it knows, some values
    /// of the other kernel it reads.
    fn reads(
        &self,
        values: &[ValueId],
        sinks: &[Sink],
        known: &[ValueId],
        saved: &[ValueId],
    ) -> Vec<ValueId> {
        let function = self.function();
        let mut reads: BTreeSet<ValueId> = sinks.iter().map(|s| s.values).collect();
        let mut todo = values.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(value) = todo.pop() {
            let n = function.value(value).node as usize;
            let node = &function.nodes[n];
            let view = same_elements(function, value) != value;
            if known.contains(&value) {
                continue;
            } else if let Some(product) = self.region.products.iter().find(|p| p.node == n) {
                reads.extend([product.queries, product.keys]);
            } else if saved.contains(&value) || !(view || self.inside.contains(&n)) {
                reads.insert(value);
            } else if seen.insert(n) {
                todo.extend(passed_on(&node.op, &node.inputs));
            }
        }
        reads.into_iter().collect()
    }

    /// Whether the largest score or the sum of exponents must be written.
    fn is_read_elsewhere(&self, attention: &Attention, value: ValueId) -> bool {
        let graph = self.region.graph;
        let inside = &attention.nodes;
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            if graph.results[value.0 as usize] {
                return true;
            }
            for r in &graph.readers[value.0 as usize] {
                let node = &graph.function.nodes[*r];
                if inside.binary_search(r).is_ok() {
                    continue;
                }
                let out = node.outputs[0];
                if same_elements(graph.function, out) == out {
                    return true;
                }
                todo.push(out);
            }
        }
        attention.reads(Pass::Backward).contains(&value)
    }

    /// Nothing that a kernel reads may depend on what it writes.
    fn not_circular(&self, attention: &Attention, pass: Pass) -> Result<(), Reason> {
        let function = self.function();
        let writes: Vec<usize> =
            attention.writes(pass).iter().map(|v| function.value(*v).node as usize).collect();
        let first = writes.iter().min().copied().unwrap_or(0);
        let mut todo: Vec<usize> =
            attention.reads(pass).iter().map(|v| function.value(*v).node as usize).collect();
        let mut seen = BTreeSet::new();
        while let Some(n) = todo.pop() {
            if writes.contains(&n) {
                return Err(Reason::Circular);
            }
            if n > first && seen.insert(n) {
                todo.extend(function.nodes[n].inputs.iter().map(|v| function.value(*v).node as usize));
            }
        }
        Ok(())
    }
}
