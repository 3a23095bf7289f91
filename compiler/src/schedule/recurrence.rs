//! Recognises, in the step of a scan, `h' = a h + u` with results `y = sum(c h', over: N)`.

use super::Reason;
use crate::graph::{AxisId, Function, ValueId};
use crate::ops::{Map, Op, Reduce, Scan, View};
use std::collections::BTreeSet;

/// A product of values of a step, and whether it is subtracted.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub factors: Vec<ValueId>,
    pub negative: bool,
}

/// A result of a step: `scale * sum(weight * h', over: contracted)`.
#[derive(Debug)]
pub(super) struct Read {
    pub weight: Product,
    pub scale: Product,
}

/// A recurrence with one decay for all states of a head. Values are those of the step.
#[derive(Debug)]
pub(super) struct Recurrence {
    /// `a`.
    pub decay: Product,
    /// The factors of `u` that have a contracted axis: `b`.
    pub into: Product,
    /// Its other factors: `x`.
    pub wide: Product,
    /// The axes that results sum over.
    pub contracted: Vec<AxisId>,
    /// The axes of `h` that only `x` has.
    pub free: Vec<AxisId>,
    /// By yield.
    pub reads: Vec<Read>,
}

impl Recurrence {
    /// Takes the step of a scan apart, or says why its products are none of matrices.
    pub fn of(scan: &Scan) -> Result<Recurrence, Reason> {
        let body = &*scan.body;
        if scan.carries != 1 {
            return Err(Reason::States(scan.carries));
        }
        if scan.yields == 0 {
            return Err(Reason::Unread);
        }
        let step = Parts::new(body);
        let (old, new) = (body.inputs[0].value, step.plain(body.outputs[0].1));
        let (decay, added) = step.affine(old, new)?;
        let reads: Vec<(Read, Vec<AxisId>)> = body.outputs[1..=scan.yields]
            .iter()
            .map(|(_, value)| step.read(*value, new))
            .collect::<Result<_, _>>()?;
        let contracted = reads[0].1.clone();
        if reads.iter().any(|r| r.1 != contracted) {
            return Err(Reason::Read);
        }
        if body.outputs[1 + scan.yields..].iter().any(|o| step.plain(o.1) != new) {
            return Err(Reason::Final);
        }
        let reads: Vec<Read> = reads.into_iter().map(|r| r.0).collect();
        let has = |value: &ValueId, axes: &[AxisId]| axes.iter().any(|a| step.shape(*value).contains(a));
        let (into, wide) = added.factors.iter().partition(|v| has(v, &contracted));
        let into = Product { factors: into, negative: added.negative };
        let wide = Product { factors: wide, negative: false };
        let narrow = [&decay, &into].into_iter().chain(reads.iter().map(|r| &r.weight));
        let narrow: BTreeSet<AxisId> = narrow.flat_map(|p| step.axes(p)).collect();
        let free: Vec<AxisId> = step.shape(old).iter().copied().filter(|a| !narrow.contains(a)).collect();
        let free: Vec<AxisId> = free.into_iter().filter(|a| *a != AxisId::BATCH).collect();
        let recurrence = Recurrence { decay, into, wide, contracted, free, reads };
        step.fits(&recurrence, old)?;
        Ok(recurrence)
    }
}

/// The step of a scan, and what of it depends on the state.
struct Parts<'a> {
    body: &'a Function,
    /// By value: whether it depends on the old state.
    depends: Vec<bool>,
}

impl<'a> Parts<'a> {
    fn new(body: &'a Function) -> Self {
        let mut depends = vec![false; body.values.len()];
        depends[body.inputs[0].value.0 as usize] = true;
        for node in &body.nodes {
            if node.inputs.iter().any(|v| depends[v.0 as usize]) {
                node.outputs.iter().for_each(|v| depends[v.0 as usize] = true);
            }
        }
        Parts { body, depends }
    }

    fn shape(&self, value: ValueId) -> &[AxisId] {
        &self.body.value(value).shape
    }

    fn axes(&self, product: &Product) -> Vec<AxisId> {
        product.factors.iter().flat_map(|v| self.shape(*v).to_vec()).collect()
    }

    fn is_known(&self, product: &Product) -> bool {
        product.factors.iter().all(|v| !self.depends[v.0 as usize])
    }

    /// The value without other orders of its axes, which mean nothing here.
    fn plain(&self, value: ValueId) -> ValueId {
        match self.body.producer(value).op {
            Op::View(View::Transpose(_)) => self.plain(self.body.producer(value).inputs[0]),
            _ => value,
        }
    }

    /// The factors of a value.
    fn product(&self, value: ValueId) -> Product {
        let mut product = Product::default();
        let mut open = vec![value];
        while let Some(id) = open.pop() {
            let id = self.plain(id);
            let node = self.body.producer(id);
            match node.op {
                Op::Map(Map::Mul) => open.extend(node.inputs.iter().rev()),
                Op::Map(Map::Neg) => {
                    product.negative = !product.negative;
                    open.push(node.inputs[0]);
                }
                _ => product.factors.push(id),
            }
        }
        product
    }

    /// The terms of a value.
    fn terms(&self, value: ValueId) -> Vec<Product> {
        let mut terms = Vec::new();
        let mut open = vec![(value, false)];
        while let Some((id, negative)) = open.pop() {
            let id = self.plain(id);
            let node = self.body.producer(id);
            match node.op {
                Op::Map(Map::Add) => open.extend(node.inputs.iter().rev().map(|v| (*v, negative))),
                Op::Map(Map::Sub) => open.extend([(node.inputs[1], !negative), (node.inputs[0], negative)]),
                _ => {
                    let product = self.product(id);
                    terms.push(Product { negative: product.negative != negative, ..product });
                }
            }
        }
        terms
    }

    /// A product without one of its factors, which stands in it once while the others do not depend on the state.
    fn without(&self, product: Product, factor: ValueId) -> Option<Product> {
        let mut rest = product;
        let at = rest.factors.iter().position(|v| *v == factor)?;
        rest.factors.remove(at);
        self.is_known(&rest).then_some(rest)
    }

    /// `a` and `u` of `h' = a h + u`.
    fn affine(&self, old: ValueId, new: ValueId) -> Result<(Product, Product), Reason> {
        let (carried, mut added): (Vec<Product>, Vec<Product>) =
            self.terms(new).into_iter().partition(|term| !self.is_known(term));
        let decay: Option<Product> = match <[Product; 1]>::try_from(carried) {
            Ok([term]) => self.without(term, old),
            Err(_) => None,
        };
        let decay = decay.ok_or(Reason::Step)?;
        match (added.pop(), added.is_empty()) {
            (Some(term), true) => Ok((decay, term)),
            (first, _) => Err(Reason::Terms(added.len() + usize::from(first.is_some()))),
        }
    }

    /// What a result reads of the new state, and the axes it sums over, sorted.
    fn read(&self, value: ValueId, new: ValueId) -> Result<(Read, Vec<AxisId>), Reason> {
        let mut scale = self.product(value);
        let at = scale.factors.iter().position(|v| self.depends[v.0 as usize]).ok_or(Reason::Read)?;
        let sum = self.body.producer(scale.factors.remove(at));
        let inner = match &sum.op {
            Op::Reduce(Reduce::Sum, over) => Some((over.clone(), self.product(sum.inputs[0]))),
            Op::Contract(over) => {
                let [mut left, right] = [0, 1].map(|at| self.product(sum.inputs[at]));
                left.factors.extend(right.factors);
                left.negative ^= right.negative;
                Some((over.clone(), left))
            }
            _ => None,
        };
        let (mut over, weight) = inner.ok_or(Reason::Read)?;
        let weight = self.without(weight, new).ok_or(Reason::Read)?;
        if !self.is_known(&scale) {
            return Err(Reason::Read);
        }
        over.sort_unstable();
        Ok((Read { weight, scale }, over))
    }

    /// Whether the axes are those of products of matrices.
    fn fits(&self, r: &Recurrence, old: ValueId) -> Result<(), Reason> {
        let state = self.shape(old);
        let all = |axes: &[AxisId], of: &[AxisId]| axes.iter().all(|a| of.contains(a));
        if self.axes(&r.decay).iter().any(|a| r.contracted.contains(a)) {
            return Err(Reason::Decay);
        }
        let wide = self.axes(&r.wide);
        let weights = r.reads.iter().map(|read| self.axes(&read.weight));
        if r.free.is_empty()
            || !all(&r.contracted, state)
            || !all(&r.contracted, &self.axes(&r.into))
            || !all(&r.free, &wide)
            || weights.into_iter().any(|axes| !all(&r.contracted, &axes) || !all(&axes, state))
            || !all(&wide, state)
        {
            return Err(Reason::Axes);
        }
        let products = [&r.decay, &r.into, &r.wide].into_iter();
        let products = products.chain(r.reads.iter().flat_map(|read| [&read.weight, &read.scale]));
        let mut known = products.flat_map(|p| &p.factors);
        if known.all(|v| self.is_float(*v) && self.stands_alone(*v)) { Ok(()) } else { Err(Reason::Inputs) }
    }

    fn is_float(&self, value: ValueId) -> bool {
        self.body.value(value).storage == crate::graph::DType::F32
    }

    /// Whether a value can be computed for all positions at once: of maps only.
    fn stands_alone(&self, value: ValueId) -> bool {
        let node = self.body.producer(value);
        match node.op {
            Op::Input | Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => true,
            Op::Map(_) | Op::View(View::Transpose(_)) => node.inputs.iter().all(|v| self.stands_alone(*v)),
            _ => false,
        }
    }
}
