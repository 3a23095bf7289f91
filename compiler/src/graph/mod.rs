//! The graph: what a checked program means.
//!
//! # Rules
//! - A [`Module`] is a list of functions. A function is closed: whatever it needs (arguments, parameters,
//!   buffers, random numbers) is an input. A block that a model repeats 28 times is one function and 28
//!   [`Op::Call`]s; [`inline`](crate::graph::inline()) makes one flat function of them where that is wanted.
//! - A [`Value`] has a shape: a list of different [`AxisId`]s. Identity is all that counts: two axes of one
//!   size are two axes, and an operation never looks at the order of a shape to decide what to do.
//!   The order says how an executor may store the value (row-major), nothing else.
//! - [`AxisId::BATCH`] is the batch. Its size is known only at run time. It stands first in the shape of
//!   every value that depends on a sample; parameters and constants do not have it. No operation may reduce,
//!   slice or index it except the sums over the batch that differentiation makes for parameters.
//! - Nodes stand in topological order. A node reads values of earlier nodes only.
//! - Broadcasting is implicit in [`Op::Map`]: an input may lack axes of the output. It may not have others.
//! - There are five kinds of operation, maps, reductions, contractions, scans and views, beside sources
//!   (inputs, constants, iota, random numbers) and calls. See [`crate::ops`].
//! - Every value has a storage type and an accumulation type from the start.

mod axes;
mod build;
mod dot;
mod inline;
mod link;
mod origin;
mod print;
mod reached;
mod verify;

pub use build::Builder;
pub use dot::dot;
pub use inline::{inline, inline_some};
pub use link::{Linked, link};
pub use origin::{Origin, Rules};
pub use print::{print, print_function};
pub use reached::reached;
pub use verify::{VerifyError, verify, verify_function};

use crate::ops::Op;

/// An axis: an identity. Its name and size are in [`Module::axes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AxisId(pub u32);

impl AxisId {
    /// The batch: axis 0 of every module.
    pub const BATCH: AxisId = AxisId(0);
}

/// How long an axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// Known when the program is checked.
    Fixed(usize),
    /// The batch: known when the program runs.
    Batch,
}

/// What is known of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name in the source, for people. Names need not be unique.
    pub name: String,
    /// How long it is.
    pub size: Size,
}

/// A value of a function: an index into [`Function::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// A function of a module: an index into [`Module::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncId(pub u32);

/// The type of the elements of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit brain float; storage and matrix products only.
    BF16,
    /// 32-bit signed integer (labels, positions).
    Int,
    /// A truth value, stored as the floats 0 and 1.
    Bool,
}

/// A value: what a node gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Its axes, in storage order, row-major.
    pub shape: Vec<AxisId>,
    /// How it is stored.
    pub storage: DType,
    /// How sums over it are accumulated.
    pub accumulate: DType,
    /// The node that gives it, and which of its outputs it is.
    pub node: u32,
    /// Which output of the node it is.
    pub output: u32,
}

/// An operation applied to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it gives: one value, except for scans and calls.
    pub outputs: Vec<ValueId>,
    /// Where it comes from.
    pub origin: Origin,
}

/// What an input of a function is. Executors fill inputs by name.
#[derive(Clone, Debug, PartialEq)]
pub enum InputKind {
    /// An argument: an input of the model, or whatever a pass or the runtime adds (coefficients, seeds).
    Argument,
    /// A trained tensor.
    Parameter,
    /// A stored tensor that is not trained.
    Buffer,
    /// State of the optimizer or of accumulation: lives across runs.
    State,
    /// Random numbers that the runtime draws before each run: see [`crate::ops::source::Random`].
    Random(crate::ops::source::Random),
}

/// An input of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Unique within the function. For parameters the checkpoint's name.
    pub name: String,
    /// What it is.
    pub kind: InputKind,
    /// The value: a node with [`Op::Input`].
    pub value: ValueId,
}

/// One function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Its name, for people: `DiTBlock`.
    pub name: String,
    /// The nodes in topological order.
    pub nodes: Vec<Node>,
    /// All values.
    pub values: Vec<Value>,
    /// The inputs, in the order in which a call gives them.
    pub inputs: Vec<Input>,
    /// The named results, in order.
    pub outputs: Vec<(String, ValueId)>,
    /// State that a run leaves changed: after the run, the input (first) holds the value (second).
    /// Only the entry function of a program has such.
    pub updates: Vec<(ValueId, ValueId)>,
}

/// Functions and their axes. The entry of a program is named by whoever made the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// All axes of all functions; the first is the batch.
    pub axes: Vec<Axis>,
    /// The functions; a function calls only earlier ones.
    pub functions: Vec<Function>,
}

impl Default for Module {
    fn default() -> Self {
        Module { axes: vec![Axis { name: "batch".into(), size: Size::Batch }], functions: Vec::new() }
    }
}

impl Module {
    /// Declares a new axis.
    pub fn add_axis(&mut self, name: impl Into<String>, size: usize) -> AxisId {
        self.axes.push(Axis { name: name.into(), size: Size::Fixed(size) });
        AxisId((self.axes.len() - 1) as u32)
    }

    /// Declares another axis of the name and the size of one that is not the batch.
    pub(crate) fn add_axis_like(&mut self, axis: AxisId) -> AxisId {
        let (name, size) = (self.axis(axis).name.clone(), self.size(axis, 0));
        self.add_axis(name, size)
    }

    /// What is known of an axis.
    #[must_use]
    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.axes[id.0 as usize]
    }

    /// The size of an axis, given the batch.
    #[must_use]
    pub fn size(&self, id: AxisId, batch: usize) -> usize {
        match self.axis(id).size {
            Size::Fixed(n) => n,
            Size::Batch => batch,
        }
    }

    /// The sizes of a shape, given the batch.
    #[must_use]
    pub fn dims(&self, shape: &[AxisId], batch: usize) -> Vec<usize> {
        shape.iter().map(|a| self.size(*a, batch)).collect()
    }

    /// A function.
    #[must_use]
    pub fn function(&self, id: FuncId) -> &Function {
        &self.functions[id.0 as usize]
    }

    /// Adds a finished function.
    pub fn add_function(&mut self, function: Function) -> FuncId {
        self.functions.push(function);
        FuncId((self.functions.len() - 1) as u32)
    }
}

impl Function {
    /// A value.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The node that gives a value.
    #[must_use]
    pub fn producer(&self, id: ValueId) -> &Node {
        &self.nodes[self.value(id).node as usize]
    }

    /// The input of that name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|i| i.name == name)
    }

    /// The output of that name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<ValueId> {
        self.outputs.iter().find(|o| o.0 == name).map(|o| o.1)
    }
}
