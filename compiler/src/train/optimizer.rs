//! Clipping by the global norm, AdamW and the moving average of the weights, as nodes.

use crate::graph::{AxisId, Builder, DType, InputKind, ValueId};
use crate::ops::{Map, Op, Reduce, ShapeError};

/// What the optimizer is told once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerOptions {
    /// The decays of the first and second moment.
    pub betas: (f64, f64),
    /// What is added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, for parameters that are not flagged.
    pub weight_decay: f64,
    /// The decay of the moving average of the weights; without one there is no average.
    pub ema_decay: Option<f64>,
    /// The largest global norm of the gradient.
    pub clip_grad_norm: Option<f64>,
}

/// The scalar inputs that the host sets before each update: the learning rate, and the bias corrections
/// `1 - beta1^s` and `sqrt(1 - beta2^s)` of step `s`, counted from 1.
pub const SCALARS: [&str; 3] = ["lr", "adam.correction1", "adam.correction2_sqrt"];

/// A gradient norm above this counts as infinite: the step is not taken.
const LARGEST_NORM: f64 = 3e38;

/// A trained tensor and its gradient, in the function being built.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The checkpoint's name.
    pub name: String,
    /// Its axes.
    pub shape: Vec<AxisId>,
    /// The input that holds it.
    pub value: ValueId,
    /// Its gradient.
    pub gradient: ValueId,
    /// Whether weight decay applies.
    pub decay: bool,
}

/// Adds one step of the optimizer for all parameters: state inputs, their updates and those of the
/// parameters. Gives the global norm of the gradients before clipping.
///
/// A step whose gradient is not finite changes nothing: weights, moments and average keep their values, so
/// that the state before the fault can be looked at.
///
/// AdamW is that of Loshchilov and Hutter 2019, algorithm 2, in the form of `torch.optim.AdamW`; clipping is
/// that of `torch.nn.utils.clip_grad_norm_`, which adds 1e-6 to the norm.
///
/// # Errors
/// If a gradient has not its parameter's shape.
pub fn apply_gradients(
    b: &mut Builder<'_>,
    parameters: &[Trained],
    options: &OptimizerOptions,
) -> Result<ValueId, ShapeError> {
    let [lr, correction1, correction2] =
        SCALARS.map(|name| b.input(name, InputKind::Argument, Vec::new(), DType::F32));
    let norm = global_norm(b, parameters)?;
    let finite = {
        let largest = b.add1(Op::Constant(LARGEST_NORM), &[])?;
        b.add1(Op::Map(Map::Le), &[norm, largest])?
    };
    let clip = options.clip_grad_norm.map(|limit| clip_factor(b, norm, limit)).transpose()?;
    let step_size = b.add1(Op::Map(Map::Div), &[lr, correction1])?;
    let keep = {
        let decayed = scaled(b, lr, options.weight_decay)?;
        let one = b.add1(Op::Constant(1.0), &[])?;
        b.add1(Op::Map(Map::Sub), &[one, decayed])?
    };
    let shared = Shared { step_size, keep, correction2, clip, finite };
    for parameter in parameters {
        step_of(b, parameter, options, &shared)?;
    }
    Ok(norm)
}

/// Scalars that every parameter's step uses.
struct Shared {
    step_size: ValueId,
    keep: ValueId,
    correction2: ValueId,
    clip: Option<ValueId>,
    finite: ValueId,
}

/// The square root of the sum of all gradients' squares.
fn global_norm(b: &mut Builder<'_>, parameters: &[Trained]) -> Result<ValueId, ShapeError> {
    let mut total = b.add1(Op::Constant(0.0), &[])?;
    for parameter in parameters {
        let g = parameter.gradient;
        let square = b.add1(Op::Map(Map::Mul), &[g, g])?;
        let sum = if parameter.shape.is_empty() {
            square
        } else {
            b.add1(Op::Reduce(Reduce::Sum, parameter.shape.clone()), &[square])?
        };
        total = b.add1(Op::Map(Map::Add), &[total, sum])?;
    }
    b.add1(Op::Map(Map::Sqrt), &[total])
}

/// `min(1, limit / (norm + 1e-6))`.
fn clip_factor(b: &mut Builder<'_>, norm: ValueId, limit: f64) -> Result<ValueId, ShapeError> {
    let tiny = b.add1(Op::Constant(1e-6), &[])?;
    let norm = b.add1(Op::Map(Map::Add), &[norm, tiny])?;
    let limit = b.add1(Op::Constant(limit), &[])?;
    let ratio = b.add1(Op::Map(Map::Div), &[limit, norm])?;
    let one = b.add1(Op::Constant(1.0), &[])?;
    b.add1(Op::Map(Map::Min), &[one, ratio])
}

/// One parameter's step.
fn step_of(
    b: &mut Builder<'_>,
    parameter: &Trained,
    options: &OptimizerOptions,
    shared: &Shared,
) -> Result<(), ShapeError> {
    let state = |b: &mut Builder<'_>, kind: &str| {
        b.input(format!("{kind}.{}", parameter.name), InputKind::State, parameter.shape.clone(), DType::F32)
    };
    let gradient = match shared.clip {
        Some(factor) => b.add1(Op::Map(Map::Mul), &[parameter.gradient, factor])?,
        None => parameter.gradient,
    };
    let (first, second) = (state(b, "adam.m"), state(b, "adam.v"));
    let square = b.add1(Op::Map(Map::Mul), &[gradient, gradient])?;
    let new_first = blend(b, first, gradient, options.betas.0)?;
    let new_second = blend(b, second, square, options.betas.1)?;

    let root = b.add1(Op::Map(Map::Sqrt), &[new_second])?;
    let root = b.add1(Op::Map(Map::Div), &[root, shared.correction2])?;
    let eps = b.add1(Op::Constant(options.eps), &[])?;
    let root = b.add1(Op::Map(Map::Add), &[root, eps])?;
    let direction = b.add1(Op::Map(Map::Div), &[new_first, root])?;
    let change = b.add1(Op::Map(Map::Mul), &[shared.step_size, direction])?;
    let kept = if parameter.decay && options.weight_decay != 0.0 {
        b.add1(Op::Map(Map::Mul), &[parameter.value, shared.keep])?
    } else {
        parameter.value
    };
    let new_value = b.add1(Op::Map(Map::Sub), &[kept, change])?;

    let mut updates = vec![(first, new_first), (second, new_second), (parameter.value, new_value)];
    if let Some(decay) = options.ema_decay {
        let average = state(b, "ema");
        updates.push((average, blend(b, average, new_value, decay)?));
    }
    for (old, new) in updates {
        let taken = b.add1(Op::Map(Map::Where), &[shared.finite, new, old])?;
        b.function.updates.push((old, taken));
    }
    Ok(())
}

/// `decay * old + (1 - decay) * new`.
fn blend(b: &mut Builder<'_>, old: ValueId, new: ValueId, decay: f64) -> Result<ValueId, ShapeError> {
    let old = scaled(b, old, decay)?;
    let new = scaled(b, new, 1.0 - decay)?;
    b.add1(Op::Map(Map::Add), &[old, new])
}

fn scaled(b: &mut Builder<'_>, value: ValueId, factor: f64) -> Result<ValueId, ShapeError> {
    let factor = b.add1(Op::Constant(factor), &[])?;
    b.add1(Op::Map(Map::Mul), &[value, factor])
}
