//! From a function of the compiler to luminal's operators, node by node.

use super::Products;
use super::map::Quotient;
use super::tape::{Buffer, Tape};
use crate::execute::RunError;
use arch_compiler::graph::{AxisId, DType, Function, Module, Node, ValueId};
use arch_compiler::ops::{Map, Op};

/// From here on not every integer is a float.
pub(super) const LARGEST_INTEGER: usize = 1 << 24;

/// A value of the function that is lowered.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub buffer: Buffer,
    /// What every element is, where that is known now.
    pub known: Option<f64>,
}

/// A value as an operation reads it.
#[derive(Clone)]
pub(super) struct Operand<'a> {
    pub buffer: Buffer,
    pub known: Option<f64>,
    pub shape: &'a [AxisId],
    pub is_integer: bool,
    pub is_truth: bool,
}

impl Operand<'_> {
    /// Whether it can hold neither infinities nor NaN, as far as can be seen.
    pub fn is_finite(&self) -> bool {
        self.is_integer || self.is_truth || self.known.is_some_and(|x| (x as f32).is_finite())
    }
}

/// An index that must be looked at after a run: luminal reads zeros where it is out of range.
pub(super) struct Check {
    pub index: Buffer,
    pub size: usize,
    pub axis: String,
}

/// The state of lowering one program.
pub(super) struct Lowering<'m> {
    pub module: &'m Module,
    pub batch: usize,
    pub products: Products,
    pub tape: Tape,
    pub checks: Vec<Check>,
}

impl Lowering<'_> {
    /// The sizes of a shape.
    pub fn dims(&self, shape: &[AxisId]) -> Vec<usize> {
        self.module.dims(shape, self.batch)
    }

    /// The size of an axis.
    pub fn size(&self, axis: AxisId) -> usize {
        self.module.size(axis, self.batch)
    }

    /// How many elements a shape has.
    pub fn elements(&self, shape: &[AxisId]) -> usize {
        self.dims(shape).iter().product()
    }

    /// Lowers what the wanted values need. The inputs are given in the function's order.
    ///
    /// # Errors
    /// If luminal cannot hold a value, or a node has no form here.
    pub fn function(
        &mut self,
        function: &Function,
        inputs: Vec<Held>,
        wanted: &[ValueId],
    ) -> Result<Vec<Held>, RunError> {
        let mut values: Vec<Option<Held>> = vec![None; function.values.len()];
        for (input, held) in function.inputs.iter().zip(inputs) {
            values[input.value.0 as usize] = Some(held);
        }
        let needed = needed(function, wanted);
        for (node, _) in
            function.nodes.iter().zip(&needed).filter(|(n, needed)| **needed && n.op != Op::Input)
        {
            self.check_sizes(function, node)?;
            let results = self.node(function, node, &values)?;
            if let Some(why) = self.tape.refusal() {
                return Err(self.unsupported(node, why));
            }
            for (id, held) in node.outputs.iter().zip(results) {
                values[id.0 as usize] = Some(held);
            }
        }
        let missing = || RunError::Unsupported("the primitive form met a value that no node gives".into());
        wanted.iter().map(|id| values[id.0 as usize].clone().ok_or_else(missing)).collect()
    }

    fn unsupported(&self, node: &Node, why: &str) -> RunError {
        let what = node.op.symbol(self.module);
        RunError::Unsupported(format!("the primitive form cannot run this `{what}`: {why}"))
    }

    fn check_sizes(&self, function: &Function, node: &Node) -> Result<(), RunError> {
        for id in node.inputs.iter().chain(&node.outputs) {
            if let Some(axis) = function.value(*id).shape.iter().find(|a| self.size(**a) == 0) {
                let name = &self.module.axis(*axis).name;
                return Err(self.unsupported(node, &format!("the axis {name} has no positions")));
            }
        }
        let axis = match &node.op {
            Op::Iota(axis) | Op::Gather { axis } | Op::ScatterAdd { axis, .. } => *axis,
            _ => return Ok(()),
        };
        if self.size(axis) > LARGEST_INTEGER {
            return Err(self.unsupported(node, "its positions are more than floats can count"));
        }
        Ok(())
    }

    fn node(
        &mut self,
        function: &Function,
        node: &Node,
        values: &[Option<Held>],
    ) -> Result<Vec<Held>, RunError> {
        let operand = |id: &ValueId| operand(function, values, *id);
        let inputs: Vec<Operand> = node.inputs.iter().filter_map(operand).collect();
        let out = function.value(node.outputs[0]).shape.as_slice();
        let buffer = match &node.op {
            Op::Map(map) => {
                let (buffer, known) = self.map(*map, &inputs, quotient(function, node, values), out);
                return Ok(vec![Held { buffer, known }]);
            }
            Op::Constant(value) => return Ok(vec![self.number(*value)]),
            Op::Tensor(literal) if literal.shape.is_empty() => {
                return Ok(vec![self.number(literal.data[0])]);
            }
            Op::Scan(scan) => return self.scan(scan, &inputs, function, node),
            Op::Tensor(literal) => {
                let data = literal.data.iter().map(|x| *x as f32).collect();
                self.tape.literal(data, self.module.dims(&literal.shape, self.batch))
            }
            Op::Iota(axis) => self.iota(*axis),
            Op::Reduce(reduce, axes) => self.reduce(*reduce, axes, &inputs[0]),
            Op::Contract(axes) => self.contract(&inputs[0], &inputs[1], axes, out),
            Op::View(view) => self.view(view, &inputs, out),
            Op::Gather { axis } => self.gather(*axis, &inputs[0], &inputs[1], out),
            Op::ScatterAdd { axis, .. } => self.scatter_add(*axis, &inputs[0], &inputs[1], out),
            Op::After => return Ok(vec![Held { buffer: inputs[0].buffer.clone(), known: None }]),
            Op::Input | Op::Call { .. } => {
                return Err(self.unsupported(node, "calls and inputs have no operator of their own"));
            }
        };
        Ok(vec![Held { buffer, known: None }])
    }

    fn number(&mut self, value: f64) -> Held {
        Held { buffer: self.tape.constant(value as f32), known: Some(value) }
    }

    /// `0, 1, 2, …`.
    pub fn iota(&mut self, axis: AxisId) -> Buffer {
        let size = self.size(axis);
        self.tape.literal((0..size).map(|i| i as f32).collect(), vec![size])
    }

    /// The elements with the axes in the order that they have in `out`, and with size 1 for axes that are
    /// missing, so that operators broadcast them.
    pub fn aligned(&mut self, operand: &Operand, out: &[AxisId]) -> Buffer {
        let order: Vec<AxisId> = out.iter().copied().filter(|a| operand.shape.contains(a)).collect();
        let buffer = self.ordered(&operand.buffer, operand.shape, &order);
        let size = |axis: &AxisId| if order.contains(axis) { self.size(*axis) } else { 1 };
        let dims = out.iter().map(size).collect();
        buffer.reshaped(dims)
    }

    /// The elements in another order of the axes.
    pub fn ordered(&mut self, buffer: &Buffer, shape: &[AxisId], order: &[AxisId]) -> Buffer {
        let places: Vec<usize> = order.iter().filter_map(|a| shape.iter().position(|b| a == b)).collect();
        self.tape.permute(buffer, &places)
    }
}

/// A value as an operation reads it.
fn operand<'f>(function: &'f Function, values: &[Option<Held>], id: ValueId) -> Option<Operand<'f>> {
    let value = function.value(id);
    let held = values[id.0 as usize].clone()?;
    Some(Operand {
        buffer: held.buffer,
        known: held.known,
        shape: &value.shape,
        is_integer: value.storage == DType::Int,
        is_truth: value.storage == DType::Bool,
    })
}

/// The operands of the division whose result a floor rounds down.
fn quotient<'f>(function: &'f Function, node: &Node, values: &[Option<Held>]) -> Quotient<'f> {
    let division = function.producer(*node.inputs.first()?);
    if node.op != Op::Map(Map::Floor) || division.op != Op::Map(Map::Div) {
        return None;
    }
    let side = |at: usize| operand(function, values, division.inputs[at]);
    Some([side(0)?, side(1)?])
}

/// Which nodes the wanted values need.
fn needed(function: &Function, wanted: &[ValueId]) -> Vec<bool> {
    let mut needed = vec![false; function.nodes.len()];
    for id in wanted {
        needed[function.value(*id).node as usize] = true;
    }
    for at in (0..needed.len()).rev() {
        if needed[at] {
            for id in &function.nodes[at].inputs {
                needed[function.value(*id).node as usize] = true;
            }
        }
    }
    needed
}
