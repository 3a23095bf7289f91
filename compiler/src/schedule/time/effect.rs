//! What a step does to its carries: which are states, which are sums, and by what the old states are multiplied.

use crate::graph::{AxisId, Builder, DType, Function, Module, ValueId};
use crate::ops::{Map, Op, Scan, ShapeError, View};
use crate::schedule::Reason;
use std::collections::BTreeMap;

/// The carries of a scan, by what they are. All others are sums: new values are old ones and something added, and
/// nothing else reads the old ones.
#[derive(Debug)]
pub(super) struct Carries {
    /// New values depend on old ones, element by element and affinely.
    pub states: Vec<usize>,
    /// Whether something else than a carry is read of the last step.
    pub last: bool,
}

impl Carries {
    /// Sorts the carries, or says why steps cannot be taken in chunks.
    pub fn of(scan: &Scan) -> Result<Carries, Reason> {
        let body = &*scan.body;
        let (mut states, mut sums) = (Vec::new(), Vec::new());
        for at in 0..scan.carries {
            if is_sum(scan, at) { sums.push(at) } else { states.push(at) }
        }
        let news: Vec<usize> = states.iter().map(|s| body.outputs[*s].1.0 as usize).collect();
        for sum in &sums {
            let depends = dependent(body, body.inputs[*sum].value);
            if news.iter().any(|new| depends[*new]) {
                return Err(Reason::NotAffine);
            }
        }
        for old in &states {
            let affine = affine(body, body.inputs[*old].value);
            if news.iter().any(|new| affine[*new].is_none()) {
                return Err(Reason::NotAffine);
            }
        }
        let axes = |at: usize| {
            let mut axes = body.value(body.inputs[at].value).shape.clone();
            axes.sort_unstable();
            axes
        };
        let float = |at: &usize| body.value(body.inputs[*at].value).storage == DType::F32;
        if !states.iter().chain(&sums).all(float) || states.iter().any(|s| axes(*s) != axes(states[0])) {
            return Err(Reason::NotAffine);
        }
        let finals = &body.outputs[scan.carries + scan.yields..];
        let last = finals.iter().any(|f| body.outputs[..scan.carries].iter().all(|o| o.1 != f.1));
        Ok(Carries { states, last })
    }

    /// How many states no step joins, of so many samples: without the axes that a step sums over.
    pub fn lanes(&self, module: &Module, scan: &Scan, batch: usize) -> usize {
        let body = &*scan.body;
        let summed = |axis: &AxisId| {
            body.nodes.iter().any(|node| match &node.op {
                Op::Reduce(_, over) | Op::Contract(over) => over.contains(axis),
                _ => false,
            })
        };
        let of = self.states.first().copied().unwrap_or(0);
        let shape = &body.value(body.inputs[of].value).shape;
        let free: Vec<AxisId> = shape.iter().copied().filter(|a| !summed(a)).collect();
        module.dims(&free, batch).iter().product()
    }
}

/// Whether the new value of a carry is the old one and something added, and nothing reads either on the way.
fn is_sum(scan: &Scan, at: usize) -> bool {
    let body = &*scan.body;
    let (old, new) = (body.inputs[at].value, body.outputs[at].1);
    let on_the_way = body.outputs.iter().take(scan.carries + scan.yields).enumerate();
    if on_the_way.filter(|(i, _)| *i != at).any(|(_, o)| o.1 == new) {
        return false;
    }
    let readers = |value: ValueId| {
        let nodes = body.nodes.iter().enumerate();
        nodes.filter(|(_, n)| n.inputs.contains(&value)).map(|(n, _)| n).collect::<Vec<_>>()
    };
    let mut value = old;
    while value != new {
        let [reader] = readers(value)[..] else { return false };
        let node = &body.nodes[reader];
        let once = node.inputs.iter().filter(|v| **v == value).count() == 1;
        if !once || !matches!(node.op, Op::Map(Map::Add) | Op::View(View::Transpose(_))) {
            return false;
        }
        if body.outputs.iter().any(|o| o.1 == value) {
            return false;
        }
        value = node.outputs[0];
    }
    old != new && readers(new).is_empty()
}

/// By value: whether it depends on another one.
fn dependent(body: &Function, on: ValueId) -> Vec<bool> {
    let mut depends = vec![false; body.values.len()];
    depends[on.0 as usize] = true;
    for node in &body.nodes {
        if node.inputs.iter().any(|v| depends[v.0 as usize]) {
            node.outputs.iter().for_each(|v| depends[v.0 as usize] = true);
        }
    }
    depends
}

/// By value: whether it is a multiple of `on`, element by element, and something added. `None` if it is anything
/// else of it.
fn affine(body: &Function, on: ValueId) -> Vec<Option<bool>> {
    let mut affine = vec![Some(false); body.values.len()];
    affine[on.0 as usize] = Some(true);
    for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
        let of: Option<Vec<bool>> = node.inputs.iter().map(|v| affine[v.0 as usize]).collect();
        let result = of.and_then(|of| {
            let any = of.contains(&true);
            match &node.op {
                // What a broadcast lends its axes is no factor.
                Op::Map(Map::Broadcast) => Some(of[0]),
                _ if !any => Some(false),
                Op::Map(Map::Add | Map::Sub | Map::Neg) | Op::View(View::Transpose(_)) => Some(true),
                Op::Map(Map::Mul) => (of != [true, true]).then_some(true),
                Op::Map(Map::Div) => (!of[1]).then_some(true),
                Op::Map(Map::Where) => (!of[0]).then_some(true),
                _ => None,
            }
        });
        node.outputs.iter().for_each(|v| affine[v.0 as usize] = result);
    }
    affine
}

/// Values of a step in a step that is being built, in which sequences also have the axis of chunks.
pub(super) struct Copied<'a, 'b, 'm> {
    pub b: &'a mut Builder<'m>,
    pub body: &'b Function,
    pub known: BTreeMap<ValueId, ValueId>,
    /// By value and old state: by what the state is multiplied in it.
    factors: BTreeMap<(ValueId, ValueId), Option<ValueId>>,
}

impl<'a, 'b, 'm> Copied<'a, 'b, 'm> {
    pub fn new(b: &'a mut Builder<'m>, body: &'b Function, known: BTreeMap<ValueId, ValueId>) -> Self {
        Copied { b, body, known, factors: BTreeMap::new() }
    }

    /// A value of the step.
    pub fn value(&mut self, value: ValueId) -> Result<ValueId, ShapeError> {
        if let Some(known) = self.known.get(&value) {
            return Ok(*known);
        }
        let node = self.body.producer(value);
        let inputs = node.inputs.iter().map(|v| self.value(*v)).collect::<Result<Vec<_>, _>>()?;
        self.b.origin = node.origin;
        let made = match &node.op {
            Op::Input => return Err(ShapeError("a step reads what it is not given".into())),
            Op::View(View::Transpose(_)) => inputs[0],
            op => self.b.add1(op.clone(), &inputs)?,
        };
        self.known.insert(value, made);
        Ok(made)
    }

    /// By what an old state is multiplied in a value; `None` if it is not in it.
    pub fn factor(&mut self, value: ValueId, state: ValueId) -> Result<Option<ValueId>, ShapeError> {
        if let Some(known) = self.factors.get(&(value, state)) {
            return Ok(*known);
        }
        let made = self.fresh_factor(value, state)?;
        self.factors.insert((value, state), made);
        Ok(made)
    }

    fn fresh_factor(&mut self, value: ValueId, state: ValueId) -> Result<Option<ValueId>, ShapeError> {
        if value == state {
            return self.b.add1(Op::Constant(1.0), &[]).map(Some);
        }
        let node = self.body.producer(value);
        let of: Vec<Option<ValueId>> =
            node.inputs.iter().map(|v| self.factor(*v, state)).collect::<Result<_, _>>()?;
        if of.iter().all(Option::is_none) {
            return Ok(None);
        }
        let map = match &node.op {
            Op::Map(map) => *map,
            _ => return Ok(of[0]),
        };
        match (map, &of[..]) {
            (Map::Broadcast, _) => Ok(of[0]),
            (Map::Add, [one, None] | [None, one]) | (Map::Sub, [one, None]) => Ok(*one),
            (Map::Mul, [Some(factor), _]) => self.times(*factor, node.inputs[1]).map(Some),
            (Map::Mul, [_, Some(factor)]) => self.times(*factor, node.inputs[0]).map(Some),
            (Map::Div, [Some(factor), _]) => {
                let by = self.value(node.inputs[1])?;
                self.b.add1(Op::Map(Map::Div), &[*factor, by]).map(Some)
            }
            (Map::Where, [_, one, other]) => {
                let condition = self.value(node.inputs[0])?;
                let (one, other) = (self.or_zero(*one)?, self.or_zero(*other)?);
                self.b.add1(Op::Map(Map::Where), &[condition, one, other]).map(Some)
            }
            (Map::Sub, [None, Some(factor)]) => self.b.add1(Op::Map(Map::Neg), &[*factor]).map(Some),
            (map, _) => {
                let inputs: Vec<ValueId> = of.iter().flatten().copied().collect();
                self.b.add1(Op::Map(map), &inputs).map(Some)
            }
        }
    }

    fn times(&mut self, factor: ValueId, other: ValueId) -> Result<ValueId, ShapeError> {
        let other = self.value(other)?;
        if self.b.function.producer(factor).op == Op::Constant(1.0) {
            return Ok(other);
        }
        self.b.add1(Op::Map(Map::Mul), &[factor, other])
    }

    fn or_zero(&mut self, factor: Option<ValueId>) -> Result<ValueId, ShapeError> {
        factor.map_or_else(|| self.b.add1(Op::Constant(0.0), &[]), Ok)
    }
}

/// The axes of a value of a step, in the order of its shape with one more axis behind the batch.
pub(super) fn with_axis(shape: &[AxisId], axis: AxisId) -> Vec<AxisId> {
    let mut shape = shape.to_vec();
    shape.insert(usize::from(shape.first() == Some(&AxisId::BATCH)), axis);
    shape
}
