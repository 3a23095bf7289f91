//! A state that is carried times a number, such as its negative or its double, is the state: the number goes to what reads it.
//! `h <- a * h + 2 * x` with `h` read out is `h <- a * h + x` with `2 * h` read out.

use super::{Form, rewrite};
use crate::graph::{Builder, Function, InputKind, Module, Node, Rules, ValueId};
use crate::ops::{Map, Op, Reduce, Scan, ShapeError, View};
use std::sync::Arc;

/// Numbers beyond these stay where they are: a state may be carried times a large one so as to be in range.
const LARGEST: f64 = 1e6;
/// How deep a term is looked into for a number.
const DEEPEST: usize = 32;

pub(super) const FORM: Form = Form {
    name: "multiple of a state",
    algebra: "h <- a * h + k * x, and h is read  =  h <- a * h + x, and k * h is read",
    guard: "k is a number, and all that is added has it",
    find: scales,
};

/// The same function with such states as they are; `None` if it has none.
fn scales(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    rewrite(module, source, by, &mut |b, node, inputs| {
        let Op::Scan(scan) = &node.op else { return Ok(None) };
        // Of several carries each is given to others, times a number of its own.
        if scan.carries != 1 {
            return Ok(None);
        }
        let step = Step { scan, around: source, given: &node.inputs };
        match step.scale().filter(|k| *k != 1.0 && (1.0 / LARGEST..LARGEST).contains(&k.abs())) {
            Some(scale) => scaled(b, scan, inputs, scale).map(Some),
            None => Ok(None),
        }
    })
}

/// A scan whose carry is the one of the given scan divided by a number.
fn scaled(
    b: &mut Builder<'_>,
    scan: &Scan,
    inputs: &[ValueId],
    scale: f64,
) -> Result<Vec<ValueId>, ShapeError> {
    let (origin, by) = (b.origin, b.by);
    let old = &*scan.body;
    let mut inputs = inputs.to_vec();
    inputs[0] = times(b, inputs[0], 1.0 / scale)?;
    let mut inner = Builder::new(&mut *b.module, old.name.clone());
    let mut values = vec![ValueId(u32::MAX); old.values.len()];
    for input in &old.inputs {
        let value = old.value(input.value);
        let new = inner.input(&input.name, InputKind::Argument, value.shape.clone(), value.storage);
        values[input.value.0 as usize] = new;
    }
    (inner.origin, inner.by) = (origin, by);
    let carry = old.inputs[0].value;
    let state = values[carry.0 as usize];
    values[carry.0 as usize] = times(&mut inner, state, scale)?;
    let (mut next, carried) = (state, depends(old, carry));
    for node in old.nodes.iter().filter(|n| n.op != Op::Input) {
        let inputs = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
        let outputs = inner.copy(old, node, inputs);
        for (old_value, new) in node.outputs.iter().zip(outputs) {
            values[old_value.0 as usize] = new;
            // Whoever reads the new state reads a multiple of the one that is carried.
            if *old_value == old.outputs[0].1 {
                next = Next { old, depends: &carried, values: &values, carry, state, scale }
                    .of(&mut inner, *old_value)?;
                values[old_value.0 as usize] = times(&mut inner, next, scale)?;
            }
        }
    }
    let mut outputs: Vec<(String, ValueId)> =
        old.outputs.iter().map(|(name, v)| (name.clone(), values[v.0 as usize])).collect();
    outputs[0].1 = next;
    let body = Function { outputs, ..inner.function };
    b.add(Op::Scan(Scan { body: Arc::new(body), ..scan.clone() }), &inputs)
}

/// The next state divided by a number: what is added to the state is divided, and the state is divided as it is given.
struct Next<'a> {
    old: &'a Function,
    depends: &'a [bool],
    values: &'a [ValueId],
    carry: ValueId,
    /// The state as it is given.
    state: ValueId,
    scale: f64,
}

impl Next<'_> {
    fn of(&self, b: &mut Builder<'_>, value: ValueId) -> Result<ValueId, ShapeError> {
        let node = self.old.producer(value);
        let new = match &node.op {
            _ if value == self.carry => self.state,
            _ if !self.depends[value.0 as usize] => {
                times(b, self.values[value.0 as usize], 1.0 / self.scale)?
            }
            Op::Map(Map::Mul) => {
                let mut factors = Vec::with_capacity(node.inputs.len());
                for factor in &node.inputs {
                    factors.push(match self.depends[factor.0 as usize] {
                        true => self.of(b, *factor)?,
                        false => self.values[factor.0 as usize],
                    });
                }
                b.add1(node.op.clone(), &factors)?
            }
            op => {
                let mut operands = Vec::with_capacity(node.inputs.len());
                for operand in &node.inputs {
                    operands.push(self.of(b, *operand)?);
                }
                b.add1(op.clone(), &operands)?
            }
        };
        let shape = &self.old.value(value).shape;
        match b.shape(new) == shape.as_slice() {
            true => Ok(new),
            false => b.add1(Op::View(View::Transpose(shape.clone())), &[new]),
        }
    }
}

/// By value: whether it depends on the carry.
fn depends(body: &Function, carry: ValueId) -> Vec<bool> {
    let mut depends = vec![false; body.values.len()];
    depends[carry.0 as usize] = true;
    for node in &body.nodes {
        let any = node.inputs.iter().any(|v| depends[v.0 as usize]);
        node.outputs.iter().filter(|_| any).for_each(|v| depends[v.0 as usize] = true);
    }
    depends
}

fn times(b: &mut Builder<'_>, value: ValueId, number: f64) -> Result<ValueId, ShapeError> {
    if is_zero(&b.function, value) {
        return Ok(value);
    }
    let shape = b.shape(value).to_vec();
    let number = b.add1(Op::Constant(number), &[])?;
    let product = b.add1(Op::Map(Map::Mul), &[number, value])?;
    match b.shape(product) == shape {
        true => Ok(product),
        false => b.add1(Op::View(View::Transpose(shape)), &[product]),
    }
}

/// Whether a value is zero everywhere.
pub(super) fn is_zero(function: &Function, value: ValueId) -> bool {
    match function.producer(value) {
        Node { op: Op::Constant(number), .. } => *number == 0.0,
        Node { op: Op::Map(Map::Broadcast) | Op::View(View::Transpose(_)), inputs, .. } => {
            is_zero(function, inputs[0])
        }
        _ => false,
    }
}

/// The step of a scan with what is given to it.
struct Step<'a> {
    scan: &'a Scan,
    around: &'a Function,
    given: &'a [ValueId],
}

impl Step<'_> {
    /// The number that all stands behind that is added to the decayed state; `None` if the state is not carried linearly.
    fn scale(&self) -> Option<f64> {
        let body = &*self.scan.body;
        let carry = body.inputs[0].value;
        let depends = depends(body, carry);
        let (mut numbers, mut signs) = (Vec::new(), Vec::new());
        let mut open = vec![(body.outputs[0].1, 1.0)];
        while let Some((value, times)) = open.pop() {
            let node = body.producer(value);
            match &node.op {
                Op::Map(Map::Add) => open.extend(node.inputs.iter().map(|v| (*v, times))),
                Op::Map(Map::Sub) => open.extend([(node.inputs[0], times), (node.inputs[1], -times)]),
                Op::Map(Map::Neg) => open.push((node.inputs[0], -times)),
                Op::View(View::Transpose(_)) => open.push((node.inputs[0], times)),
                Op::Map(Map::Mul) if depends[value.0 as usize] => {
                    let mut carried = node.inputs.iter().filter(|v| depends[v.0 as usize]);
                    let (Some(one), None) = (carried.next(), carried.next()) else { return None };
                    let others = node.inputs.iter().filter(|v| *v != one);
                    let number: f64 = others.map(|v| self.number(body, *v, DEEPEST)).product();
                    open.push((*one, times * number));
                }
                _ if value == carry => signs.push(times.signum()),
                _ if depends[value.0 as usize] => return None,
                _ => numbers.push(times * self.number(body, value, DEEPEST)),
            }
        }
        let first = *numbers.first()?;
        // Where the state is carried on with the other sign, a sum of negatives is as good as a difference.
        let scale = if signs.contains(&-1.0) { first.abs() } else { first };
        (!signs.is_empty() && numbers.iter().all(|n| *n == first)).then_some(scale)
    }

    /// The number that a term is a multiple of, as it is written.
    fn number(&self, function: &Function, value: ValueId, depth: usize) -> f64 {
        let node = function.producer(value);
        if depth == 0 {
            return 1.0;
        }
        let of = |at: usize| self.number(function, node.inputs[at], depth - 1);
        match &node.op {
            Op::Constant(number) if *number != 0.0 && number.is_finite() => *number,
            Op::Map(Map::Mul) => of(0) * of(1),
            Op::Map(Map::Div) => of(0) / of(1),
            Op::Map(Map::Neg) => -of(0),
            Op::Map(Map::Broadcast) | Op::View(_) | Op::Reduce(Reduce::Sum, _) if node.inputs.len() == 1 => {
                of(0)
            }
            Op::Contract(_) => (0..node.inputs.len()).map(of).product(),
            Op::Input if std::ptr::eq(function, &*self.scan.body) => {
                let at = function.inputs.iter().position(|i| i.value == value);
                at.map_or(1.0, |at| self.number(self.around, self.given[at], depth - 1))
            }
            _ => 1.0,
        }
    }
}
