//! What the gradient of one operation works with.

use super::backward::Backward;
use crate::graph::{AxisId, Module, ValueId};
use crate::ops::{Map, Op, ShapeError};

/// The cotangent of an input, or `None` where it is zero.
pub(crate) type Pulled = Result<Option<ValueId>, ShapeError>;

/// One node of the forward pass and the cotangent of its result, from which a rule builds the cotangents of
/// the inputs. Values that it hands out belong to the backward pass.
pub(crate) struct Pullback<'a, 'm, 'f> {
    pub(super) backward: &'a mut Backward<'m, 'f>,
    pub(super) node: usize,
    pub(super) cotangent: ValueId,
}

impl Pullback<'_, '_, '_> {
    /// The cotangent of the node's result.
    pub fn cotangent(&self) -> ValueId {
        self.cotangent
    }

    /// An input of the node.
    pub fn input(&mut self, at: usize) -> Result<ValueId, ShapeError> {
        let id = self.backward.forward.nodes[self.node].inputs[at];
        self.backward.value(id)
    }

    /// The axes of an input of the node.
    pub fn input_shape(&self, at: usize) -> Vec<AxisId> {
        let forward = self.backward.forward;
        forward.value(forward.nodes[self.node].inputs[at]).shape.clone()
    }

    /// The result of the node.
    pub fn output(&mut self) -> Result<ValueId, ShapeError> {
        let id = self.backward.forward.nodes[self.node].outputs[0];
        self.backward.value(id)
    }

    /// The axes of a value of the backward pass.
    pub fn shape(&self, value: ValueId) -> &[AxisId] {
        self.backward.builder.shape(value)
    }

    /// A number.
    pub fn constant(&mut self, value: f64) -> Result<ValueId, ShapeError> {
        self.backward.constant(value)
    }

    /// Adds an elementwise operation.
    pub fn map(&mut self, map: Map, inputs: &[ValueId]) -> Result<ValueId, ShapeError> {
        self.add(Op::Map(map), inputs)
    }

    /// Adds an operation with one result.
    pub fn add(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, ShapeError> {
        self.backward.builder.add1(op, inputs)
    }

    /// The module, for sizes.
    pub fn module(&self) -> &Module {
        self.backward.builder.module
    }

    /// A new axis.
    pub fn axis(&mut self, name: impl Into<String>, size: usize) -> AxisId {
        self.backward.builder.module.add_axis(name, size)
    }

    /// Whether sums over the batch are left to later, so that a rule must not make one.
    pub fn sums_batch_later(&self) -> bool {
        self.backward.step
    }
}
