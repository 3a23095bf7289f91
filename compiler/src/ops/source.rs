//! Where values come from: tensors known at compile time and random numbers.

use super::{ShapeError, shape};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Sizes, Tensor};

/// A tensor known at compile time.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Its axes, row-major.
    pub shape: Vec<AxisId>,
    /// Its elements.
    pub data: Vec<f64>,
    /// Whether they are integers.
    pub integer: bool,
}

/// Random numbers of one input: drawn by the runtime from a counter keyed by (run seed, purpose, step,
/// sample, position), so that they do not depend on the device, the threads or the batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// What they are for: `label_dropout`, or a parameter's name. Part of the key.
    pub purpose: String,
    /// How they are distributed.
    pub distribution: Distribution,
}

/// How random numbers are distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform in `[0, 1)`.
    Uniform,
    /// Normal with mean 0 and deviation 1.
    Normal,
    /// Normal, cut off at two deviations.
    TruncatedNormal,
}

/// The shape of a number.
pub(super) fn constant_shape(inputs: &[&Value]) -> Result<(Vec<AxisId>, DType), ShapeError> {
    shape::count("constant", 0, inputs)?;
    Ok((Vec::new(), DType::F32))
}

/// The shape of a tensor known at compile time.
pub(super) fn literal_shape(
    literal: &Literal,
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    shape::count("tensor", 0, inputs)?;
    shape::no_batch("tensor", &literal.shape)?;
    shape::distinct("tensor", module, &literal.shape)?;
    let elements: usize = module.dims(&literal.shape, 1).iter().product();
    if elements != literal.data.len() {
        return Err(ShapeError(format!(
            "tensor: {} has {elements} elements, but {} are given",
            module.shape_text(&literal.shape),
            literal.data.len()
        )));
    }
    Ok((literal.shape.clone(), if literal.integer { DType::Int } else { DType::F32 }))
}

/// The shape of `0, 1, 2, …`.
pub(super) fn iota_shape(axis: AxisId, inputs: &[&Value]) -> Result<(Vec<AxisId>, DType), ShapeError> {
    shape::count("iota", 0, inputs)?;
    shape::no_batch("iota", &[axis])?;
    Ok((vec![axis], DType::Int))
}

/// The elements of `0, 1, 2, …`.
pub(super) fn iota_eval(axis: AxisId, sizes: Sizes) -> Tensor {
    let size = sizes.elements(&[axis]);
    Tensor { dims: vec![size], data: (0..size).map(|i| i as f64).collect() }
}
