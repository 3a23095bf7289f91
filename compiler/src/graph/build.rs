//! Building a function node by node. Shapes come from the operations' own rules.

use super::{AxisId, DType, FuncId, Function, Input, InputKind, Module, Node, Origin, Rules, Value, ValueId};
use crate::ops::{Op, ShapeError};

/// Adds nodes to one function of a module.
pub struct Builder<'m> {
    /// The module: axes may be added while building.
    pub module: &'m mut Module,
    /// The function so far.
    pub function: Function,
    /// Where new nodes come from.
    pub origin: Origin,
    /// The rules by which nodes are added, beside those of their origin. Copied nodes keep their own.
    pub by: Rules,
}

impl<'m> Builder<'m> {
    /// Starts a function.
    pub fn new(module: &'m mut Module, name: impl Into<String>) -> Self {
        let function = Function { name: name.into(), ..Function::default() };
        Builder { module, function, origin: Origin::default(), by: Rules::NONE }
    }

    /// Adds an input.
    pub fn input(
        &mut self,
        name: impl Into<String>,
        kind: InputKind,
        shape: Vec<AxisId>,
        dtype: DType,
    ) -> ValueId {
        let value = self.push_node(Op::Input, Vec::new(), vec![(shape, dtype)], self.origin)[0];
        self.function.inputs.push(Input { name: name.into(), kind, value });
        value
    }

    /// Adds an operation and gives its results.
    ///
    /// # Errors
    /// If the inputs do not fit the operation.
    pub fn add(&mut self, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, ShapeError> {
        let given: Vec<&Value> = inputs.iter().map(|v| self.function.value(*v)).collect();
        let outputs = op.shapes(self.module, &given)?;
        Ok(self.push_node(op, inputs.to_vec(), outputs, self.origin.by(self.by)))
    }

    /// Adds an operation with one result.
    ///
    /// # Errors
    /// If the inputs do not fit the operation.
    pub fn add1(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, ShapeError> {
        Ok(self.add(op, inputs)?[0])
    }

    /// Names a result of the function.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) {
        self.function.outputs.push((name.into(), value));
    }

    /// The axes of a value, in storage order.
    #[must_use]
    pub fn shape(&self, value: ValueId) -> &[AxisId] {
        &self.function.value(value).shape
    }

    /// Ends the function and adds it to the module.
    pub fn finish(self) -> FuncId {
        self.module.add_function(self.function)
    }

    /// Copies a node of another function, with its types and its origin, onto inputs of this one that have
    /// the shapes that the node's inputs have there.
    pub(crate) fn copy(&mut self, source: &Function, node: &Node, inputs: Vec<ValueId>) -> Vec<ValueId> {
        let index = self.function.nodes.len() as u32;
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for old in &node.outputs {
            self.function.values.push(Value { node: index, ..source.value(*old).clone() });
            outputs.push(ValueId((self.function.values.len() - 1) as u32));
        }
        let (op, origin) = (node.op.clone(), node.origin);
        self.function.nodes.push(Node { op, inputs, outputs: outputs.clone(), origin });
        outputs
    }

    fn push_node(
        &mut self,
        op: Op,
        inputs: Vec<ValueId>,
        outputs: Vec<(Vec<AxisId>, DType)>,
        origin: Origin,
    ) -> Vec<ValueId> {
        let node = self.function.nodes.len() as u32;
        let ids: Vec<ValueId> = outputs
            .into_iter()
            .enumerate()
            .map(|(output, (shape, storage))| {
                let accumulate = if storage == DType::BF16 { DType::F32 } else { storage };
                self.function.values.push(Value { shape, storage, accumulate, node, output: output as u32 });
                ValueId((self.function.values.len() - 1) as u32)
            })
            .collect();
        self.function.nodes.push(Node { op, inputs, outputs: ids.clone(), origin });
        ids
    }
}
