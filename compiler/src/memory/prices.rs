//! What keeping and computing again cost, in sixteenths of a byte that is moved.
//!
//! The figures are rough and say what matters: a core does ten operations or so while a byte comes from memory.

use super::cut::NEVER;
use super::{Setting, wanted};
use crate::grad::{Derivative, Read};
use crate::graph::{AxisId, DType, FuncId, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, View};

/// The batch that values are sized for: the choice must not depend on the one that is trained with.
const BATCH: usize = 8;
/// Sixteenths of a byte.
const BYTE: u64 = 16;
/// Of an addition or multiplication of one element.
const SIMPLE: u64 = 2;
/// Of an exponential, a root or a quotient.
const COSTLY: u64 = 16;
/// Of a multiplication and addition in a matrix product.
const PRODUCT: u64 = 3;
/// Of an element of what a scan or a call gives.
const STEP: u64 = 128;

/// Prices for one forward function.
pub(super) struct Prices {
    /// By value: of keeping it.
    pub keep: Vec<u64>,
    /// By node: of computing it again.
    pub again: Vec<u64>,
}

impl Prices {
    pub(super) fn new(module: &Module, outputs: usize, derivative: &Derivative, setting: Setting) -> Self {
        let function = module.function(derivative.forward);
        let stored = stored(function, outputs);
        let fixed = if setting.everything { vec![false; function.nodes.len()] } else { fixed(function) };
        let written = written(module, outputs, derivative);
        let bytes = |value: ValueId| 4 * BYTE * elements(module, function, value);
        let keep = (0..function.values.len() as u32).map(ValueId).map(|value| {
            let node = function.producer(value);
            let sample = function.value(value).shape.contains(&AxisId::BATCH);
            match &node.op {
                Op::Input if !sample => 0,
                _ if is_read(function, derivative, value) => 0,
                // A view of something is kept by keeping that.
                op if is_view(op) => NEVER,
                _ => {
                    let moved = if stored[value.0 as usize] { 1 } else { 2 };
                    bytes(value).saturating_mul(moved + setting.weight).min(NEVER)
                }
            }
        });
        let again = function.nodes.iter().enumerate().map(|(n, node)| {
            if fixed[n] {
                return NEVER;
            }
            let again = node.outputs.iter().filter(|v| written[v.0 as usize]).map(|v| 2 * bytes(*v));
            (operations(module, function, node) + again.sum::<u64>()).min(NEVER)
        });
        Prices { keep: keep.collect(), again: again.collect() }
    }
}

/// How many elements a value has.
fn elements(module: &Module, function: &Function, value: ValueId) -> u64 {
    module.dims(&function.value(value).shape, BATCH).iter().map(|n| *n as u64).product()
}

/// Views that only say where an element is.
fn is_view(op: &Op) -> bool {
    match op {
        Op::View(view) => !matches!(view, View::Concat { .. } | View::Fold(_)),
        Op::Map(Map::Broadcast | Map::StopGradient) | Op::After => true,
        _ => false,
    }
}

/// Whether a contraction is a matrix product: both factors have axes that the other lacks.
fn is_product(function: &Function, node: &Node) -> bool {
    let Op::Contract(_) = node.op else { return false };
    let shape = |at: usize| &function.value(node.inputs[at]).shape;
    let own = |a: &[AxisId], b: &[AxisId]| a.iter().any(|x| !b.contains(x));
    own(shape(0), shape(1)) && own(shape(1), shape(0))
}

/// Operations that do not share a kernel with what is around them.
fn is_apart(function: &Function, node: &Node) -> bool {
    match &node.op {
        Op::Contract(_) => is_product(function, node),
        Op::Scan(_) | Op::Call { .. } | Op::Gather { .. } | Op::ScatterAdd { .. } => true,
        Op::View(View::Concat { .. } | View::Fold(_)) => true,
        _ => false,
    }
}

/// What a value is a view of.
fn root(function: &Function, value: ValueId) -> ValueId {
    let node = function.producer(value);
    if is_view(&node.op) { root(function, node.inputs[0]) } else { value }
}

/// By value: whether the forward pass writes it to memory in any case. A stage is what may be one kernel.
fn stored(function: &Function, outputs: usize) -> Vec<bool> {
    let mut stage = vec![0usize; function.values.len()];
    let mut stored = vec![false; function.values.len()];
    for node in &function.nodes {
        let base = node.inputs.iter().map(|v| stage[v.0 as usize]).max().unwrap_or(0);
        let apart = is_apart(function, node);
        for input in &node.inputs {
            let root = root(function, *input).0 as usize;
            stored[root] |= !is_view(&node.op) && (apart || base > stage[root]);
        }
        for output in &node.outputs {
            stage[output.0 as usize] = base + usize::from(apart);
            stored[output.0 as usize] = apart || node.op == Op::Input;
        }
    }
    function.outputs[..outputs].iter().for_each(|o| stored[root(function, o.1).0 as usize] = true);
    stored
}

/// By node: whether it is never computed again where products are not: products, scans and calls themselves,
/// what they read if the backward pass of them reads it, and what attention computes of its scores, which is in
/// no memory anyway.
fn fixed(function: &Function) -> Vec<bool> {
    let mut fixed: Vec<bool> = function.nodes.iter().map(|n| is_apart(function, n)).collect();
    for (at, node) in function.nodes.iter().enumerate() {
        fixed[at] &= !matches!(node.op, Op::Gather { .. } | Op::View(_));
    }
    let producer = |v: ValueId| function.value(v).node as usize;
    let mut of_scores = vec![false; function.nodes.len()];
    for start in scores(function) {
        of_scores[start] = true;
    }
    for (n, node) in function.nodes.iter().enumerate() {
        if of_scores[n] || matches!(node.op, Op::Scan(_)) {
            node.inputs.iter().for_each(|v| fixed[producer(root(function, *v))] = true);
        }
        if elementwise(function, node) && node.inputs.iter().any(|v| of_scores[producer(*v)]) {
            of_scores[n] = true;
        }
    }
    fixed.iter_mut().zip(of_scores).for_each(|(fixed, of_scores)| *fixed |= of_scores);
    fixed
}

fn elementwise(function: &Function, node: &Node) -> bool {
    match &node.op {
        Op::Map(_) | Op::Reduce(..) | Op::View(_) => true,
        Op::Contract(_) => !is_product(function, node),
        _ => false,
    }
}

/// Products of two things that depend on the sample, of which exponentials are taken.
fn scores(function: &Function) -> Vec<usize> {
    let sample = |v: &ValueId| function.value(*v).shape.contains(&AxisId::BATCH);
    let mut found = vec![false; function.nodes.len()];
    let mut seen = vec![false; function.nodes.len()];
    let exponentials = function.nodes.iter().enumerate().filter(|(_, n)| n.op == Op::Map(Map::Exp));
    let mut todo: Vec<usize> = exponentials.map(|(n, _)| n).collect();
    while let Some(n) = todo.pop() {
        if std::mem::replace(&mut seen[n], true) {
            continue;
        }
        let node = &function.nodes[n];
        if is_product(function, node) && node.inputs.iter().all(sample) {
            found[n] = true;
        }
        if elementwise(function, node) {
            todo.extend(node.inputs.iter().map(|v| function.value(*v).node as usize));
        }
    }
    (0..found.len()).filter(|n| found[*n]).collect()
}

/// Whether the backward function reads an input or a result of the function as it is.
fn is_read(function: &Function, derivative: &Derivative, value: ValueId) -> bool {
    derivative.reads.iter().any(|read| match read {
        Read::Input(at) => function.inputs[*at].value == value,
        Read::Output(at) => function.outputs[*at].1 == value,
        Read::Kept(_) | Read::Cotangent(_) => false,
    })
}

/// By value of the forward function: whether the backward function could not have it where it is read.
fn written(module: &Module, outputs: usize, derivative: &Derivative) -> Vec<bool> {
    let function = module.function(derivative.forward);
    let mut written = vec![false; function.values.len()];
    let kept = derivative.reads.iter().enumerate().filter(|(_, r)| matches!(r, Read::Kept(_)));
    for ((place, _), value) in kept.zip(wanted(function, outputs, derivative)) {
        written[value.0 as usize] |= is_operand(module, derivative.backward, place);
    }
    written
}

/// Whether an input of a function is read by what has no place for it in its kernel.
fn is_operand(module: &Module, function: FuncId, input: usize) -> bool {
    let function = module.function(function);
    let value = function.inputs[input].value;
    let mut readers = function.nodes.iter().filter(|n| !is_view(&n.op));
    readers.any(|node| is_apart(function, node) && node.inputs.iter().any(|v| root(function, *v) == value))
}

/// The operations of a node.
fn operations(module: &Module, function: &Function, node: &Node) -> u64 {
    let given: u64 = node.outputs.iter().map(|v| elements(module, function, *v)).sum();
    let taken = |at: usize| elements(module, function, node.inputs[at]);
    let integer = node.outputs.iter().all(|v| function.value(*v).storage == DType::Int);
    match &node.op {
        Op::Input => NEVER,
        Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => 0,
        op if is_view(op) => 0,
        Op::Map(_) if integer => SIMPLE * given,
        Op::Map(map) => given * operation(*map),
        Op::Reduce(..) => SIMPLE * taken(0),
        Op::Contract(over) => {
            let summed: u64 = module.dims(over, BATCH).iter().map(|n| *n as u64).product();
            given.saturating_mul(summed).saturating_mul(PRODUCT)
        }
        Op::Gather { .. } | Op::View(_) | Op::ScatterAdd { .. } => 8 * BYTE * given,
        Op::Scan(_) | Op::Call { .. } => STEP * given,
        Op::After => 0,
    }
}

fn operation(map: Map) -> u64 {
    match map {
        Map::Exp | Map::Log | Map::Sin | Map::Cos | Map::Tanh | Map::Erf => COSTLY,
        Map::Sigmoid | Map::Softplus | Map::Pow | Map::Div | Map::Sqrt | Map::Rsqrt | Map::Rem => COSTLY,
        _ => SIMPLE,
    }
}
