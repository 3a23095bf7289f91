//! What may be read under other axes at no cost: weights, what is made of weights alone, and projections with weights, which
//! only one view reads.

use crate::canon::{has_window, reads};
use crate::graph::{AxisId, Function, Input, InputKind, Node, ValueId};
use crate::ops::{Op, View};

/// How deep an operand is looked through for weights.
const DEEPEST: usize = 16;

/// By value: whether it is made of weights alone, those inputs being weights that are `given` as such.
pub(super) fn of_weights(function: &Function, given: impl IntoIterator<Item = bool>) -> Vec<bool> {
    let mut of_weights = vec![false; function.values.len()];
    for (input, given) in function.inputs.iter().zip(given) {
        of_weights[input.value.0 as usize] = given;
    }
    let is_made = |n: &&Node| matches!(n.op, Op::Map(_) | Op::View(_) | Op::Constant(_));
    for node in function.nodes.iter().filter(is_made) {
        let made = node.inputs.iter().all(|v| of_weights[v.0 as usize]);
        node.outputs.iter().for_each(|v| of_weights[v.0 as usize] = made);
    }
    of_weights
}

/// Whether an input is a parameter or a buffer.
pub(super) fn is_weight(input: &Input) -> bool {
    matches!(input.kind, InputKind::Parameter | InputKind::Buffer)
}

/// What of a function may be read under other axes, since it is made of weights or lies as it is wanted.
pub(super) struct Weights<'a> {
    function: &'a Function,
    /// By value: whether it is made of weights alone.
    pub of_weights: Vec<bool>,
    /// By value: how often it is read.
    reads: Vec<usize>,
}

impl<'a> Weights<'a> {
    pub fn new(function: &'a Function) -> Self {
        let of_weights = of_weights(function, function.inputs.iter().map(is_weight));
        Weights { function, of_weights, reads: reads(function) }
    }

    /// Whether a value that is made of weights, is flattened, or is a projection that nothing else reads may be made with one
    /// of its axes taken apart.
    pub(super) fn allows(&self, value: ValueId, whole: AxisId) -> bool {
        self.allows_within(value, whole, DEEPEST, true)
    }

    fn is_alone(&self, value: ValueId) -> bool {
        self.reads[value.0 as usize] == 1
    }

    fn allows_within(&self, value: ValueId, whole: AxisId, depth: usize, is_alone: bool) -> bool {
        let node = self.function.producer(value);
        let within = |v: ValueId, whole| {
            depth > 0 && self.allows_within(v, whole, depth - 1, is_alone && self.is_alone(v))
        };
        let has = |v: &&ValueId| self.function.value(**v).shape.contains(&whole);
        let all = || node.inputs.iter().filter(has).all(|v| within(*v, whole));
        match &node.op {
            Op::View(View::Flatten { to, .. }) => *to == whole,
            Op::View(View::Rename { from, to }) => {
                within(node.inputs[0], if *to == whole { *from } else { whole })
            }
            Op::Input => self.of_weights[value.0 as usize],
            Op::Map(_) | Op::View(View::Transpose(_)) => all(),
            Op::Contract(over) => {
                is_alone && !over.contains(&whole) && self.is_projection(&node.inputs, whole) && all()
            }
            _ => false,
        }
    }

    /// Whether a product has an axis from weights alone, and goes over no windows.
    fn is_projection(&self, factors: &[ValueId], axis: AxisId) -> bool {
        let has = |v: &&ValueId| self.function.value(**v).shape.contains(&axis);
        factors.iter().filter(has).all(|v| self.of_weights[v.0 as usize])
            && !factors.iter().any(|v| has_window(self.function, *v))
    }
}
