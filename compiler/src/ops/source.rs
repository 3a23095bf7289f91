//! Where values come from: tensors known at compile time and random numbers.

use crate::graph::AxisId;

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
