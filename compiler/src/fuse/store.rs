//! The canonical spelling becomes a function again.

use super::extract::Best;
use super::inside::{Made, readers};
use super::lang::{Graph, Node, Op, axes_of, number};
use super::shares::{Shared, shares};
use super::signs::Key;
use super::steps::{Steps, steps};
use super::terms::rounded;
use crate::canon::{elements, summed_product};
use crate::graph::{AxisId, Builder, Function, Module, Origin, Rules, ValueId};
use crate::ops::{self, Map, Reduce, ShapeError, View};
use egg::Id;
use rustc_hash::FxHashMap;

/// The stack that a term may need before more is taken.
const RED_ZONE: usize = 128 << 10;

/// Writes the best terms of the results of `source` as a function with its inputs and results. `None` if there is a scan
/// or a batch that cannot be written.
pub(super) fn store(
    module: &mut Module,
    source: &Function,
    graph: &mut Graph,
    classes: &[Option<Id>],
) -> Result<Option<Function>, ShapeError> {
    let results = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    let roots: Option<Vec<Id>> = results.map(|id| classes[id.0 as usize]).collect();
    let roots = roots.ok_or_else(|| ShapeError("a result has no class".into()))?;
    let Some((graph, best, roots)) = Best::of(graph, &roots) else {
        return Err(ShapeError("a result has no smallest term".into()));
    };
    let graph = &graph;
    let mut origins: FxHashMap<Id, Origin> = FxHashMap::default();
    for (id, origin) in &graph.analysis.origins {
        origins.entry(graph.find(*id)).or_insert(*origin);
    }
    let Some(steps) = steps(graph, &best, &roots) else { return Ok(None) };
    let shares = shares(graph, &best, &steps, &roots);
    let readers = readers(graph, &best, &roots);
    let builder = Builder::new(module, source.name.clone());
    let mut writer = Writer {
        builder,
        graph,
        best,
        origins,
        steps,
        shares,
        readers,
        parts: FxHashMap::default(),
        within: None,
        values: FxHashMap::default(),
        made: Vec::new(),
        inputs: Vec::new(),
        is_stuck: false,
    };
    for input in &source.inputs {
        writer.builder.origin = source.producer(input.value).origin;
        let value = source.value(input.value);
        writer.inputs.push(writer.builder.input(
            &input.name,
            input.kind.clone(),
            value.shape.clone(),
            value.storage,
        ));
    }
    let mut results = Vec::new();
    let old = source.outputs.iter().map(|o| o.1).chain(source.updates.iter().map(|u| u.1));
    for (old, class) in old.zip(roots) {
        let value = source.value(old);
        let mut new = match writer.value(class) {
            Err(_) if writer.is_stuck => return Ok(None),
            new => new?,
        };
        if writer.builder.shape(new) != value.shape.as_slice() {
            writer.builder.origin = source.nodes[value.node as usize].origin;
            new = writer.builder.add1(ops::Op::View(View::Transpose(value.shape.clone())), &[new])?;
        }
        results.push(new);
    }
    let inputs = writer.inputs;
    let mut function = writer.builder.function;
    let mut results = results.into_iter();
    function.outputs = source.outputs.iter().map(|o| o.0.clone()).zip(results.by_ref()).collect();
    let input = |id: ValueId| source.inputs.iter().position(|i| i.value == id).map(|at| inputs[at]);
    function.updates = source.updates.iter().filter_map(|u| input(u.0)).zip(results).collect();
    Ok(Some(function))
}

/// Where a factor stands in a product: tables last, few elements first, what waits for a scan later, divisors behind.
type Place = (bool, usize, bool, bool);

/// A factor of a product, and whether it divides.
type Factor = (bool, ValueId);

pub(super) struct Writer<'a, 'm> {
    pub builder: Builder<'m>,
    pub graph: &'a Graph,
    pub best: Best,
    origins: FxHashMap<Id, Origin>,
    /// What stands in the steps of scans.
    pub steps: Steps,
    /// Sums that are written by way of others.
    shares: FxHashMap<Id, Shared>,
    /// How often chosen terms read each class.
    pub readers: FxHashMap<Id, usize>,
    /// The rules that chose what a class is written of without a value of its own.
    parts: FxHashMap<Id, Rules>,
    /// The step that is being written, and the axis of its scan. In a step a product and its sum stay apart.
    pub within: Option<(usize, AxisId)>,
    pub values: FxHashMap<Id, ValueId>,
    /// The operations that are no arithmetic, with their operands and results.
    pub made: Vec<(ops::Op, Vec<Id>, Vec<ValueId>)>,
    inputs: Vec<ValueId>,
    /// Whether something came up that has no canonical spelling.
    is_stuck: bool,
}

impl Writer<'_, '_> {
    pub fn value(&mut self, class: Id) -> Result<ValueId, ShapeError> {
        let class = self.graph.find(class);
        if let Some(known) = self.values.get(&class) {
            return Ok(*known);
        }
        match (self.within, self.steps.home(class)) {
            (None, Some(step)) => {
                self.scan(step)?;
                let result = self.values.get(&class).copied();
                return result.ok_or_else(|| self.stuck("a scan does not give what is read of it"));
            }
            (Some(_), _) if !self.is_here(class) => {
                return Err(ShapeError("a step reads what it is not given".into()));
            }
            _ => {}
        }
        let value = stacker::maybe_grow(RED_ZONE, 1 << 20, || self.written(class))?;
        self.values.insert(class, value);
        Ok(value)
    }

    fn written(&mut self, class: Id) -> Result<ValueId, ShapeError> {
        let node = self.best.node(self.graph, class).cloned();
        let node = node.ok_or_else(|| ShapeError("a class has no smallest term".into()))?;
        let operands = self.best.operands(self.graph, &node);
        if let Op::Reduce(Reduce::Sum, over) = &node.op
            && let Some(sum) = self.contraction(class, over, operands[0])?
        {
            return Ok(sum);
        }
        if !matches!(node.op, Op::Sum | Op::Product) {
            operands.iter().try_for_each(|id| self.value(*id).map(drop))?;
        }
        match &node.op {
            Op::Sum => self.sum(class, &operands),
            Op::Product => self.paired(class, &operands),
            Op::Number(bits) => self.add(class, ops::Op::Constant(f64::from_bits(*bits)), &[]),
            Op::Power(halves) => self.power(class, *halves, operands[0]),
            Op::Map(map) => {
                let inputs = operands.iter().map(|id| self.value(*id)).collect::<Result<Vec<_>, _>>()?;
                self.add(class, ops::Op::Map(*map), &inputs)
            }
            Op::Reduce(reduce, over) => {
                let inner = self.value(operands[0])?;
                let over = self.ordered(over);
                self.add(class, ops::Op::Reduce(*reduce, over), &[inner])
            }
            Op::Broadcast(along) => self.broadcast(class, along, operands[0]),
            Op::Center(over) => self.center(class, over, operands[0]),
            Op::Softmax(over) => self.softmax(class, over, operands[0]),
            Op::Flip(along) => {
                let value = self.value(operands[0])?;
                let flip = |axis| ops::Op::View(View::Flip(axis));
                self.ordered(along)
                    .into_iter()
                    .try_fold(value, |value, axis| self.add(class, flip(axis), &[value]))
            }
            Op::Other(at) => self.other(class, *at as usize, &operands),
        }
    }

    /// Where a class comes from, with all that is part of it.
    fn origin(&self, class: Id) -> Origin {
        let origin = self.origins.get(&class).copied().unwrap_or_default();
        origin.by(self.parts.get(&class).copied().unwrap_or_default())
    }

    /// Says that a class is written as a part of another, and has no value of its own.
    fn is_part(&mut self, of: Id, class: Id) {
        let rules = self.origin(self.graph.find(class)).rules;
        let known = self.parts.entry(of).or_default();
        *known = known.and(rules);
    }

    fn add(&mut self, class: Id, op: ops::Op, inputs: &[ValueId]) -> Result<ValueId, ShapeError> {
        self.builder.origin = self.origin(class);
        self.builder.add1(op, inputs)
    }

    fn map(&mut self, class: Id, map: Map, inputs: &[ValueId]) -> Result<ValueId, ShapeError> {
        self.add(class, ops::Op::Map(map), inputs)
    }

    fn constant(&mut self, class: Id, value: f64) -> Result<ValueId, ShapeError> {
        self.add(class, ops::Op::Constant(value), &[])
    }

    /// Axes in an order that does not depend on how they are numbered.
    pub fn ordered(&self, axes: &[AxisId]) -> Vec<AxisId> {
        let mut axes = axes.to_vec();
        axes.sort_by_key(|a| (self.graph.analysis.colors[a.0 as usize], *a));
        axes
    }

    pub fn elements(&self, id: Id) -> usize {
        elements(&self.builder, &self.graph[id].data.axes)
    }

    /// A sum of a product, as contractions.
    fn contraction(&mut self, class: Id, over: &[AxisId], inner: Id) -> Result<Option<ValueId>, ShapeError> {
        let node = self.best.node(self.graph, inner).cloned();
        let whole = self.within.is_none() && self.is_here(inner);
        let Some(node) = node.filter(|n| n.op == Op::Product && whole) else { return Ok(None) };
        let operands = self.best.operands(self.graph, &node);
        let factors = operands.iter().map(|id| self.value(*id)).collect::<Result<Vec<_>, _>>()?;
        self.summed(class, (over, inner), factors)
    }

    /// A sum of the product of some factors; the class of the product says by which rules it is one.
    pub fn summed(
        &mut self,
        class: Id,
        (over, inner): (&[AxisId], Id),
        factors: Vec<ValueId>,
    ) -> Result<Option<ValueId>, ShapeError> {
        self.builder.origin = self.origin(class);
        let (over, before) = (self.ordered(over), self.builder.function.nodes.len());
        let sum = summed_product(&mut self.builder, &over, factors)?.map(|v| v[0]);
        // The factors that are multiplied before the sum are the product's.
        let rules = self.origin(self.graph.find(inner)).rules;
        for node in &mut self.builder.function.nodes[before..] {
            if matches!(node.op, ops::Op::Map(_)) {
                node.origin = node.origin.by(rules);
            }
        }
        Ok(sum)
    }

    /// A sum, few elements first; what is subtracted is subtracted.
    fn sum(&mut self, class: Id, operands: &[Id]) -> Result<ValueId, ShapeError> {
        let shared = self.shares.get(&class).cloned();
        let Shared { parts, rest } =
            shared.unwrap_or_else(|| Shared { parts: Vec::new(), rest: operands.to_vec() });
        let rest = operands.iter().filter(|id| rest.contains(&self.graph.find(**id)));
        let mut all: Vec<(Option<f64>, Id)> = parts.into_iter().map(|(k, id)| (Some(k), id)).collect();
        all.extend(rest.map(|id| (None, *id)));
        all.sort_by_key(|(_, id)| self.is_late(*id));
        let mut terms: Vec<(usize, bool, bool, Key, ValueId)> = Vec::with_capacity(all.len());
        for (factor, id) in all {
            let (negative, value) = match (factor, self.negated(id)) {
                (Some(factor), _) => (factor < 0.0, self.multiple(class, factor.abs(), id)?),
                (None, Some(factors)) => {
                    self.is_part(class, id);
                    (true, self.paired(class, &factors)?)
                }
                (None, None) => (false, self.value(id)?),
            };
            let key = self.best.key(self.graph, id).ok_or_else(|| ShapeError("a term has no key".into()))?;
            terms.push((self.elements(id), self.is_late(id), negative, key, value));
        }
        terms.sort_by_key(|t| (t.0, t.1, t.2, t.3));
        let mut sum: Option<(bool, ValueId)> = None;
        for (_, _, negative, _, value) in terms {
            sum = Some(match sum {
                None => (negative, value),
                Some((false, before)) => {
                    (false, self.map(class, if negative { Map::Sub } else { Map::Add }, &[before, value])?)
                }
                Some((true, before)) if negative => (true, self.map(class, Map::Add, &[before, value])?),
                Some((true, before)) => (false, self.map(class, Map::Sub, &[value, before])?),
            });
        }
        match sum {
            Some((false, value)) => Ok(value),
            Some((true, value)) => self.map(class, Map::Neg, &[value]),
            None => self.constant(class, 0.0),
        }
    }

    /// A number times a class.
    fn multiple(&mut self, class: Id, factor: f64, of: Id) -> Result<ValueId, ShapeError> {
        let value = self.value(of)?;
        if factor == 1.0 {
            return Ok(value);
        }
        let factor = self.constant(class, rounded(factor))?;
        self.map(class, Map::Mul, &[factor, value])
    }

    /// Whether a class cannot be computed before a scan has run.
    fn is_late(&self, id: Id) -> bool {
        self.within.is_none() && self.steps.is_late(self.graph.find(id))
    }

    /// Operands with those last that depend on scans: what is ready before is computed before.
    fn early_first(&self, operands: &[Id]) -> Vec<Id> {
        let (late, mut early): (Vec<Id>, Vec<Id>) = operands.iter().partition(|id| self.is_late(**id));
        early.extend(late);
        early
    }

    /// The factors of the negative of a class that is a product with a negative number, or with a sum that is written
    /// as the negative of another.
    fn negated(&self, id: Id) -> Option<Vec<Id>> {
        let node = self.best.node(self.graph, id).filter(|n| n.op == Op::Product && self.is_here(id))?;
        let is_minus = |id: &Id| number(self.graph, *id) == Some(-1.0);
        let mut factors = self.best.operands(self.graph, node);
        if let Some(at) = factors.iter().position(is_minus) {
            factors.remove(at);
            return Some(factors);
        }
        let opposite = |id: &Id| {
            let Shared { parts, rest } = self.shares.get(&self.graph.find(*id))?;
            match parts.as_slice() {
                [(-1.0, of)] if rest.is_empty() => Some(*of),
                _ => None,
            }
        };
        let at = factors.iter().position(|id| self.within.is_none() && opposite(id).is_some())?;
        factors[at] = opposite(&factors[at])?;
        Some(factors)
    }

    /// A product, few elements first: what does not depend on an axis is multiplied outside of it. Tables that are
    /// known at compile time come last, so that a number stays with what it scales: `t * 1000` times a frequency is
    /// rounded as everybody rounds it.
    pub fn product(&mut self, class: Id, operands: &[Id]) -> Result<ValueId, ShapeError> {
        self.product_of(class, operands, &[], None)
    }

    /// A product some of whose factors are multiplied first.
    fn paired(&mut self, class: Id, operands: &[Id]) -> Result<ValueId, ShapeError> {
        let pairs = match self.within {
            None => self.steps.pairs(class).to_vec(),
            Some(_) => Vec::new(),
        };
        let operands: Vec<Id> = operands.iter().map(|id| self.graph.find(*id)).collect();
        if let Some(sum) = self.distributed(class, &operands)? {
            return Ok(sum);
        }
        // What is multiplied first is no longer there to be taken in.
        let (operands, taken) = match pairs.is_empty() {
            true => self.taken_in(class, operands)?,
            false => (operands, None),
        };
        self.product_of(class, &operands, &pairs, taken)
    }

    /// In a step, what is the same in every step times a sum of multiples that are, too, and that nothing else reads:
    /// `n * (p * x + q * y)` is `(n * p) * x + (n * q) * y`, since `n * p` is computed once for all steps.
    fn distributed(&mut self, class: Id, operands: &[Id]) -> Result<Option<ValueId>, ShapeError> {
        let Some((_, axis)) = self.within else { return Ok(None) };
        let is_fixed = |w: &Self, id: &Id| !w.is_here(*id) && !axes_of(w.graph, *id).contains(&axis);
        let (fixed, rest): (Vec<Id>, Vec<Id>) = operands.iter().partition(|id| is_fixed(self, id));
        let [sum] = rest[..] else { return Ok(None) };
        // What is computed anyway, as a new state is, is multiplied once.
        if self.readers.get(&sum) != Some(&1) {
            return Ok(None);
        }
        let node = self.best.node(self.graph, sum).filter(|n| n.op == Op::Sum && self.is_here(sum)).cloned();
        let (Some(node), false) = (node, fixed.is_empty()) else { return Ok(None) };
        let mut terms: Vec<(Key, bool, Vec<Id>)> = Vec::new();
        for id in self.best.operands(self.graph, &node) {
            let product = self.best.node(self.graph, id).filter(|n| n.op == Op::Product && self.is_here(id));
            let Some(product) = product else { return Ok(None) };
            let mut factors = self.best.operands(self.graph, product);
            let whole = factors.len();
            factors.retain(|f| number(self.graph, *f) != Some(-1.0));
            let negative = factors.len() < whole;
            if !factors.iter().any(|f| is_fixed(self, f) && number(self.graph, *f).is_none()) {
                return Ok(None);
            }
            let key = self.best.key(self.graph, id).ok_or_else(|| ShapeError("a term has no key".into()))?;
            factors.extend(&fixed);
            self.is_part(class, id);
            terms.push((key, negative, factors));
        }
        terms.sort_by_key(|t| (t.1, t.0));
        if terms.first().is_none_or(|t| t.1) {
            return Ok(None);
        }
        let mut sum: Option<ValueId> = None;
        for (_, negative, factors) in terms {
            let value = self.product(class, &factors)?;
            sum = Some(match sum {
                None => value,
                Some(before) => {
                    self.map(class, if negative { Map::Sub } else { Map::Add }, &[before, value])?
                }
            });
        }
        Ok(sum)
    }

    /// The product of some classes, pairs of which are multiplied first, and of a value that stands for another class.
    fn product_of(
        &mut self,
        class: Id,
        operands: &[Id],
        pairs: &[[Id; 2]],
        made: Option<Made>,
    ) -> Result<ValueId, ShapeError> {
        let mut factors: Vec<(Place, Key, ValueId)> = Vec::with_capacity(operands.len());
        let key = |writer: &Self, id: Id| {
            writer.best.key(writer.graph, id).ok_or_else(|| ShapeError("a factor has no key".into()))
        };
        for [first, second] in pairs {
            let value = self.product(class, &[*first, *second])?;
            factors.push(((false, self.elements(*first), false, false), key(self, *first)?, value));
        }
        if let Some((id, value)) = made {
            factors.push(((false, self.elements(id), self.is_late(id), false), key(self, id)?, value));
        }
        let unpaired = |id: &&Id| !pairs.iter().flatten().any(|paired| paired == *id);
        for id in self.early_first(operands).iter().filter(unpaired) {
            let divisor = match self.best.node(self.graph, *id) {
                Some(Node { op: Op::Power(halves), operands })
                    if *halves < 0 && halves % 2 == 0 && self.is_here(*id) =>
                {
                    Some((-halves, operands[0]))
                }
                _ => None,
            };
            let (divides, value) = match divisor {
                Some((halves, of)) => {
                    self.is_part(class, *id);
                    (true, self.power(class, halves, of)?)
                }
                None => (false, self.value(*id)?),
            };
            let place = (self.is_table(*id), self.elements(*id), self.is_late(*id), divides);
            factors.push((place, key(self, *id)?, value));
        }
        factors.sort_by_key(|f| (f.0, f.1));
        // What steps read is rather multiplied there, but for what others need.
        let factors = match self.within.is_none() && !self.steps.reads(class) {
            true => self.alike(class, factors)?,
            false => factors.into_iter().map(|(place, _, value)| (place.3, value)).collect(),
        };
        let product = self.multiplied(class, factors)?;
        product.map_or_else(|| self.constant(class, 1.0), Ok)
    }

    /// Factors with the same axes are multiplied first, so that `d * c * sigmoid(c)` is `d` times what others also need. A
    /// number goes to the smallest factor of each sample and not to a parameter, whose gradient would wait for it.
    fn alike(&mut self, class: Id, factors: Vec<(Place, Key, ValueId)>) -> Result<Vec<Factor>, ShapeError> {
        let mut alike: Vec<(Vec<AxisId>, bool, Vec<Factor>)> = Vec::new();
        for ((is_table, _, _, divides), _, value) in factors {
            let mut axes = self.builder.shape(value).to_vec();
            axes.sort_unstable();
            match alike.iter_mut().find(|a| (&a.0, a.1) == (&axes, is_table)) {
                Some(same) => same.2.push((divides, value)),
                None => alike.push((axes, is_table, vec![(divides, value)])),
            }
        }
        let is_number = |group: &(Vec<AxisId>, bool, Vec<Factor>)| group.0.is_empty() && !group.1;
        let whole = elements(&self.builder, axes_of(self.graph, class));
        let small = alike.iter().position(|(axes, is_table, values)| {
            let is_small = elements(&self.builder, axes) < whole;
            axes.contains(&AxisId::BATCH) && is_small && !is_table && !values[0].0
        });
        let is_input = |value: ValueId| matches!(self.builder.function.producer(value).op, ops::Op::Input);
        let meets_input = alike.get(1).is_some_and(|group| is_input(group.2[0].1));
        if let (Some(to), true) = (small, meets_input && is_number(&alike[0])) {
            let (_, _, numbers) = alike.remove(0);
            let group = &mut alike[to - 1].2;
            group.splice(0..0, numbers);
        }
        let mut factors = Vec::with_capacity(alike.len());
        for (_, _, same) in alike {
            match same.first() {
                Some((false, _)) => {
                    factors.extend(self.multiplied(class, same)?.map(|product| (false, product)));
                }
                _ => factors.extend(same),
            }
        }
        Ok(factors)
    }

    /// A product, factor by factor.
    fn multiplied(&mut self, class: Id, factors: Vec<Factor>) -> Result<Option<ValueId>, ShapeError> {
        let mut product = None;
        for (divides, value) in factors {
            product = Some(match (product, divides) {
                (None, false) => value,
                (None, true) => {
                    let one = self.constant(class, 1.0)?;
                    self.map(class, Map::Div, &[one, value])?
                }
                (Some(before), false) => self.map(class, Map::Mul, &[before, value])?,
                (Some(before), true) => self.map(class, Map::Div, &[before, value])?,
            });
        }
        Ok(product)
    }

    fn is_table(&self, id: Id) -> bool {
        let is_table = |at: u32| matches!(self.graph.analysis.others[at as usize].op, ops::Op::Tensor(_));
        matches!(self.best.node(self.graph, id), Some(Node { op: Op::Other(at), .. }) if is_table(*at))
    }

    fn power(&mut self, class: Id, halves: i16, of: Id) -> Result<ValueId, ShapeError> {
        let x = self.value(of)?;
        let whole = |writer: &mut Self, times: i16| -> Result<ValueId, ShapeError> {
            if times > 8 {
                let exponent = writer.constant(class, f64::from(times))?;
                return writer.map(class, Map::Pow, &[x, exponent]);
            }
            (1..times).try_fold(x, |product, _| writer.map(class, Map::Mul, &[product, x]))
        };
        match (halves, halves % 2 == 0) {
            (1, _) => self.map(class, Map::Sqrt, &[x]),
            (-1, _) => self.map(class, Map::Rsqrt, &[x]),
            (2.., true) => whole(self, halves / 2),
            (_, true) => {
                let one = self.constant(class, 1.0)?;
                let power = whole(self, -halves / 2)?;
                self.map(class, Map::Div, &[one, power])
            }
            (3.., false) => {
                let (root, power) = (self.map(class, Map::Sqrt, &[x])?, whole(self, (halves - 1) / 2)?);
                self.map(class, Map::Mul, &[root, power])
            }
            (_, false) => {
                let root = self.map(class, Map::Rsqrt, &[x])?;
                let square = self.map(class, Map::Mul, &[root, root])?;
                (0..(-halves - 1) / 2)
                    .try_fold(root, |product, _| self.map(class, Map::Mul, &[product, square]))
            }
        }
    }

    /// The same along further axes: positions lend theirs, and an input the batch.
    fn broadcast(&mut self, class: Id, along: &[AxisId], of: Id) -> Result<ValueId, ShapeError> {
        let x = self.value(of)?;
        let mut inputs = vec![x];
        let along = along.iter().copied().filter(|a| self.within.is_none_or(|(_, axis)| axis != *a));
        let missing: Vec<AxisId> = along.filter(|a| !self.builder.shape(x).contains(a)).collect();
        for axis in self.ordered(&missing) {
            inputs.push(match axis {
                AxisId::BATCH => self.sample(class)?,
                _ => self.add(class, ops::Op::Iota(axis), &[])?,
            });
        }
        self.map(class, Map::Broadcast, &inputs)
    }

    /// A value with the batch and no other axis.
    fn sample(&mut self, class: Id) -> Result<ValueId, ShapeError> {
        if self.within.is_some() {
            let given: Vec<ValueId> = self.builder.function.inputs.iter().map(|i| i.value).collect();
            let has_batch = |v: &ValueId| self.builder.shape(*v).contains(&AxisId::BATCH);
            return self.first_sample(class, given.iter().copied().find(has_batch));
        }
        let batched = self.graph.analysis.others.iter().filter(|o| o.shape.contains(&AxisId::BATCH));
        let first = batched.filter_map(|o| Some((o.shape.len(), o.key, o.input?))).min();
        let first = first.map(|(_, _, input)| self.inputs[input]);
        self.first_sample(class, first)
    }

    /// What cannot be said here is no fault: the function keeps the spelling of its text.
    fn stuck(&mut self, what: &str) -> ShapeError {
        self.is_stuck = true;
        ShapeError(what.into())
    }

    fn first_sample(&mut self, class: Id, of: Option<ValueId>) -> Result<ValueId, ShapeError> {
        let mut value = of.ok_or_else(|| self.stuck("no input has the batch"))?;
        for axis in self.builder.shape(value).to_vec() {
            if axis != AxisId::BATCH {
                value = self.add(class, ops::Op::View(View::Index { axis, at: 0 }), &[value])?;
            }
        }
        Ok(value)
    }

    fn center(&mut self, class: Id, over: &[AxisId], of: Id) -> Result<ValueId, ShapeError> {
        let x = self.value(of)?;
        let size =
            self.graph.analysis.size(over).ok_or_else(|| ShapeError("a mean over the batch".into()))?;
        let over = self.ordered(over);
        let sum = self.add(class, ops::Op::Reduce(Reduce::Sum, over), &[x])?;
        let share = self.constant(class, 1.0 / size as f64)?;
        let mean = self.map(class, Map::Mul, &[sum, share])?;
        self.map(class, Map::Sub, &[x, mean])
    }

    fn softmax(&mut self, class: Id, over: &[AxisId], of: Id) -> Result<ValueId, ShapeError> {
        let x = self.value(of)?;
        let over = self.ordered(over);
        let largest = self.add(class, ops::Op::Reduce(Reduce::Max, over.clone()), &[x])?;
        let shift = self.map(class, Map::StopGradient, &[largest])?;
        let shifted = self.map(class, Map::Sub, &[x, shift])?;
        let exponential = self.map(class, Map::Exp, &[shifted])?;
        let sum = self.add(class, ops::Op::Reduce(Reduce::Sum, over), &[exponential])?;
        self.map(class, Map::Div, &[exponential, sum])
    }

    /// A result of an operation that is no arithmetic; all its results are made at once.
    fn other(&mut self, class: Id, at: usize, operands: &[Id]) -> Result<ValueId, ShapeError> {
        let mut other = self.graph.analysis.others[at].clone();
        if let (ops::Op::View(View::Transpose(order)), Some((_, axis))) = (&mut other.op, self.within) {
            order.retain(|a| *a != axis);
        }
        if let Some(input) = other.input {
            return Ok(self.inputs[input]);
        }
        let operands: Vec<Id> = operands.iter().map(|id| self.graph.find(*id)).collect();
        let known = self.made.iter().find(|(op, ids, _)| *ids == operands && *op == other.op);
        if let Some((_, _, results)) = known {
            return Ok(results[other.output]);
        }
        let mut inputs = Vec::with_capacity(operands.len());
        for (place, id) in operands.iter().enumerate() {
            let mut value = self.value(*id)?;
            if let Some(wanted) = other.wants.get(place).filter(|w| w.as_slice() != self.builder.shape(value))
            {
                value = self.add(class, ops::Op::View(View::Transpose(wanted.clone())), &[value])?;
            }
            inputs.push(value);
        }
        self.builder.origin = self.origin(class);
        let results = self.builder.add(other.op.clone(), &inputs)?;
        let result = results[other.output];
        self.made.push((other.op.clone(), operands, results));
        Ok(result)
    }
}
