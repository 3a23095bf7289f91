//! The operations. One operation is one file below this folder: its meaning, its shape rule, its
//! interpreter, its gradient, its cost.
//!
//! | kind | operations |
//! | --- | --- |
//! | source | [`Op::Input`], [`Op::Constant`], [`Op::Tensor`], [`Op::Iota`] |
//! | map | [`Op::Map`]: elementwise, with implicit broadcasting by axis |
//! | reduce | [`Op::Reduce`] |
//! | contract | [`Op::Contract`]: a sum of products over axes |
//! | scan | [`Op::Scan`]: a recurrence along an axis |
//! | view | [`Op::View`]: where an element is read from; [`Op::Gather`] and [`Op::ScatterAdd`] |
//! | order | [`Op::After`] |
//! | call | [`Op::Call`] |

mod after;
mod call;
mod contract;
mod gather;
mod map;
mod reduce;
mod scan;
mod scatter_add;
mod shape;
pub mod source;
mod view;

pub(crate) use reduce::symbol as reduce_symbol;
pub(crate) use shape::batch_first;
pub use view::Windows;
pub(crate) use view::symbol as view_symbol;

use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, FuncId, Module, Value};
use crate::interp::{Operand, RunError, Sizes, Tensor};
use std::sync::Arc;

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// An input of the function. Added by [`crate::graph::Builder::input`] only.
    Input,
    /// A number; no axes; [`DType::F32`]. An integer is an [`Op::Tensor`] without axes.
    Constant(f64),
    /// A tensor known at compile time.
    Tensor(Arc<source::Literal>),
    /// `0, 1, 2, …` along an axis; [`DType::Int`].
    Iota(AxisId),
    /// Elementwise.
    Map(Map),
    /// Reduces over axes.
    Reduce(Reduce, Vec<AxisId>),
    /// `sum(a * b, over: axes)`. Both inputs have every one of `axes`; other shared axes are batched;
    /// the rest are outer.
    Contract(Vec<AxisId>),
    /// A recurrence.
    Scan(Scan),
    /// Another reading of the same elements (or of zeros).
    View(View),
    /// `table[index]`: inputs are the table (has `axis`) and an integer tensor (has not).
    /// Result: the index's axes (batch first), then the table's without `axis`. An axis that both have is one.
    /// Indices are in range: executors check inputs before the run.
    Gather {
        /// The axis of the table that is looked up.
        axis: AxisId,
    },
    /// The adjoint of [`Op::Gather`]: inputs are the integer tensor and the updates. Zeros of shape
    /// `shape` to which each update is added at its index along `axis`, in ascending order of the updates.
    ScatterAdd {
        /// The axis of the result that is looked up.
        axis: AxisId,
        /// The shape of the result.
        shape: Vec<AxisId>,
    },
    /// The first input, which is not there before the second is: an order of computation and nothing else.
    /// Only differentiation makes these, for what the backward pass computes again.
    After,
    /// A call of an earlier function. `axes` pairs every axis of the callee that occurs in its inputs or
    /// outputs (except the batch) with an axis of the caller. An argument's shape is the input's shape
    /// position by position under this map; so are the results. Different axes of the callee are different
    /// axes of the caller: where a caller gives one axis twice, it renames the argument first.
    Call {
        /// The callee.
        function: FuncId,
        /// From the callee's axes to the caller's.
        axes: Vec<(AxisId, AxisId)>,
    },
}

/// Elementwise operations. Comparisons give [`DType::Bool`]; arithmetic on two integers gives integers
/// (except `Div` and `Pow`), anything with a float gives floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Map {
    // Two inputs.
    Add,
    Sub,
    Mul,
    Div,
    /// Remainder with the sign of the divisor (as Python's `%`).
    Rem,
    Pow,
    Min,
    Max,
    Lt,
    Le,
    Eq,
    And,
    Or,
    // One input.
    Neg,
    Not,
    Abs,
    Floor,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Sin,
    Cos,
    Tanh,
    Erf,
    Sigmoid,
    Softplus,
    /// Integer or truth value to float.
    ToFloat,
    /// The identity whose gradient is zero.
    StopGradient,
    // Three inputs: condition, value if true, value if false.
    Where,
    /// The identity with one input; with more inputs the first is passed on and the others only lend
    /// their axes: `broadcast(x, R)`.
    Broadcast,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reduce {
    /// Sum. A mean is a sum times a constant.
    Sum,
    /// Largest element. Where several are largest, the gradient is shared equally among them.
    Max,
    /// Smallest element. Gradient as for the largest.
    Min,
    /// Product.
    Product,
}

/// A recurrence along an axis.
///
/// Inputs of the node: the initial carries, then the sequences (which have `axis`), then the constants
/// (which have not). Outputs of the node: the yields (with `axis` added, after the batch), then the finals.
///
/// `body` is a function whose inputs are, in the same order, the carries (as left by the previous step),
/// the sequences at this position (without `axis`), the constants; and whose outputs are the new carries,
/// then the yields at this position, then the finals (of which only the last step's count).
/// The body uses the same axis ids as the function around it. It contains maps, reductions, contractions,
/// views and gathers, no scans and no calls. The shapes of its inputs are those of the node's inputs (without
/// `axis` for sequences), and a new carry has the shape of the carry, in the same order of axes: the builder
/// broadcasts initial carries and transposes where it must.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The axis that is gone along.
    pub axis: AxisId,
    /// From the last position to the first.
    pub reverse: bool,
    /// How many carries.
    pub carries: usize,
    /// How many sequences.
    pub sequences: usize,
    /// How many yields.
    pub yields: usize,
    /// How many finals.
    pub finals: usize,
    /// One step.
    pub body: Arc<crate::graph::Function>,
}

/// Views. One input, except [`View::Concat`]. The result has the input's axes with the named changes made
/// in place (a new axis stands where the old one stood).
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// The same elements under another axis of the same size.
    Rename {
        /// The axis that goes.
        from: AxisId,
        /// The axis that comes.
        to: AxisId,
    },
    /// Another storage order of the same axes.
    Transpose(Vec<AxisId>),
    /// Several axes become one; the last of `from` runs fastest, whatever the storage order.
    /// `to` stands where the first of `from` stood.
    Flatten {
        /// The axes that go, slowest first.
        from: Vec<AxisId>,
        /// The axis that comes.
        to: AxisId,
    },
    /// One axis becomes several; the last of `to` runs fastest.
    Unflatten {
        /// The axis that goes.
        from: AxisId,
        /// The axes that come, slowest first.
        to: Vec<AxisId>,
    },
    /// Positions `start, start + step, …` of `axis`, as many as `to` is long.
    Slice {
        /// The axis that goes.
        axis: AxisId,
        /// The axis that comes; may be `axis` itself only if nothing is cut.
        to: AxisId,
        /// The first position.
        start: usize,
        /// From one position to the next.
        step: usize,
    },
    /// One position of `axis`; the axis goes.
    Index {
        /// The axis that goes.
        axis: AxisId,
        /// The position.
        at: usize,
    },
    /// The inputs in a row along `into`. Input i has the axis `parts[i]`, or none of its own if
    /// `parts[i]` is `None` (it then takes one position). Other axes are the union, broadcast; none of them
    /// is a part. Ordered as maps are; if no input has a part, `into` stands in front (after the batch).
    Concat {
        /// The axis of each input.
        parts: Vec<Option<AxisId>>,
        /// The axis that comes.
        into: AxisId,
    },
    /// Last position first.
    Flip(AxisId),
    /// `before` and then `after` positions filled with `value` around `axis`, which becomes `to`.
    Pad {
        /// The axis that goes.
        axis: AxisId,
        /// The axis that comes: `before + size + after` long.
        to: AxisId,
        /// Positions in front.
        before: usize,
        /// The fill.
        value: f64,
    },
    /// `out[t, k] = in[t * stride + k * dilation - left]`, zero beyond the edges. `to` and `offset` replace
    /// `axis`, in this order.
    Window(Windows),
    /// The adjoint of `Window`: overlapping windows are added into `axis`, which replaces `to` and `offset`.
    Fold(Windows),
    /// `out[i] = in[order[i]]`; `order` is a permutation.
    Permute {
        /// The axis that goes.
        axis: AxisId,
        /// The axis that comes.
        to: AxisId,
        /// Where each element comes from.
        order: Arc<[u32]>,
    },
}

/// An operation and inputs that do not fit. The checker rules these out with messages of its own; a pass
/// that meets one has a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(pub String);

impl std::fmt::Display for ShapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShapeError {}

impl Op {
    /// The shapes and types of the results for these inputs.
    ///
    /// Maps and contractions take the order of the input with the most axes (the first of those), with
    /// missing axes appended and the batch first. An input of a function has no rule: its shape is declared.
    ///
    /// # Errors
    /// If the inputs do not fit.
    pub fn shapes(
        &self,
        module: &Module,
        inputs: &[&Value],
    ) -> Result<Vec<(Vec<AxisId>, DType)>, ShapeError> {
        let one = |result: (Vec<AxisId>, DType)| vec![result];
        match self {
            Op::Input => Err(ShapeError("the shape of an input is declared, not derived".into())),
            Op::Constant(_) => source::constant_shape(inputs).map(one),
            Op::Tensor(literal) => source::literal_shape(literal, module, inputs).map(one),
            Op::Iota(axis) => source::iota_shape(*axis, inputs).map(one),
            Op::Map(map) => map::shape(*map, inputs).map(one),
            Op::Reduce(reduce, axes) => reduce::shape(*reduce, axes, module, inputs).map(one),
            Op::Contract(axes) => contract::shape(axes, module, inputs).map(one),
            Op::Scan(scan) => scan::shapes(scan, module, inputs),
            Op::View(view) => view::shape(view, module, inputs).map(one),
            Op::Gather { axis } => gather::shape(*axis, module, inputs).map(one),
            Op::ScatterAdd { axis, shape } => scatter_add::shape(*axis, shape, module, inputs).map(one),
            Op::After => after::shape(inputs).map(one),
            Op::Call { function, axes } => call::shapes(*function, axes, module, inputs),
        }
    }

    /// How the operation is called in texts.
    #[must_use]
    pub fn symbol(&self, module: &Module) -> String {
        match self {
            Op::Input => "input".into(),
            Op::Constant(value) => format!("{value:?}"),
            Op::Tensor(_) => "tensor".into(),
            Op::Iota(_) => "iota".into(),
            Op::Map(map) => map.symbol().into(),
            Op::Reduce(reduce, _) => reduce::symbol(*reduce).into(),
            Op::Contract(_) => "contract".into(),
            Op::Scan(_) => "scan".into(),
            Op::View(view) => view::symbol(view).into(),
            Op::Gather { .. } => "gather".into(),
            Op::ScatterAdd { .. } => "scatter_add".into(),
            Op::After => "after".into(),
            Op::Call { function, .. } => {
                module.functions.get(function.0 as usize).map_or_else(|| "call".into(), |f| f.name.clone())
            }
        }
    }

    /// Evaluates the operation in f64.
    ///
    /// # Errors
    /// If an index is out of range.
    pub(crate) fn eval(
        &self,
        sizes: Sizes,
        shapes: &[&Value],
        inputs: &[Arc<Tensor>],
        results: &[&Value],
    ) -> Result<Vec<Arc<Tensor>>, RunError> {
        let operands: Vec<Operand> = shapes
            .iter()
            .zip(inputs)
            .map(|(value, tensor)| Operand { shape: &value.shape, tensor })
            .collect();
        let tensor = match self {
            Op::Input => return Ok(Vec::new()),
            Op::Scan(scan) => return scan::eval(scan, sizes, shapes, inputs, results),
            Op::After => return Ok(vec![inputs[0].clone()]),
            Op::Call { function, .. } => return call::eval(*function, sizes, inputs),
            Op::Constant(value) => Tensor::scalar(*value),
            Op::Tensor(literal) => Tensor { dims: sizes.dims(&literal.shape), data: literal.data.clone() },
            Op::Iota(axis) => source::iota_eval(*axis, sizes),
            Op::Map(map) => map::eval(*map, sizes, &operands, &results[0].shape),
            Op::Reduce(reduce, _) => reduce::eval(*reduce, sizes, operands[0], &results[0].shape),
            Op::Contract(axes) => contract::eval(axes, sizes, &operands, &results[0].shape),
            Op::View(view) => view::eval(view, sizes, &operands, &results[0].shape),
            Op::Gather { axis } => gather::eval(*axis, sizes, &operands, &results[0].shape)?,
            Op::ScatterAdd { axis, .. } => scatter_add::eval(*axis, sizes, &operands, &results[0].shape)?,
        };
        Ok(vec![Arc::new(tensor)])
    }

    /// The cotangent of one input, given that of the result, before it is summed over axes that the input
    /// lacks. Scans and calls are differentiated as a whole: see [`crate::grad`].
    pub(crate) fn gradient(&self, pullback: &mut Pullback, input: usize) -> Pulled {
        match self {
            Op::Input | Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => Ok(None),
            Op::Scan(_) | Op::Call { .. } | Op::After => Ok(None),
            Op::Map(map) => map::gradient(*map, pullback, input),
            Op::Reduce(reduce, axes) => reduce::gradient(*reduce, axes, pullback),
            Op::Contract(_) => contract::gradient(pullback, input),
            Op::View(view) => view::gradient(view, pullback, input),
            Op::Gather { axis } => gather::gradient(*axis, pullback, input),
            Op::ScatterAdd { axis, .. } => scatter_add::gradient(*axis, pullback, input),
        }
    }

    /// Multiply-accumulates of a contraction for one sample; other operations have none of their own.
    pub(crate) fn macs(&self, module: &Module, inputs: &[&Value]) -> u64 {
        match (self, inputs) {
            (Op::Contract(axes), [a, b]) => contract::macs(axes, module, [&a.shape, &b.shape]),
            _ => 0,
        }
    }
}
