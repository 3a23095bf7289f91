//! Composing the programs of training from a model and its loss.

use super::gradients::gradients;
use super::optimizer::OptimizerOptions;
use super::programs::{Kind, step_program};
use crate::fuse::{self, Incomplete};
use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module, ValueId, inline_some, link};
use crate::memory::Memory;
use crate::ops::{Map, Op, Reduce, ShapeError, View};
use crate::program::{Parameter, Program, Role};

/// The checked programs that a training step is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The model, compiled for training. Its first output is the prediction.
    pub model: &'a Program,
    /// `NoisySample` of `models/std/losses.arch`, or anything with inputs `x_start` and `noise`.
    pub noising: &'a Program,
    /// `GaussianLoss`, or anything with inputs `output` and `x_start` and an output `loss` without axes.
    pub loss: &'a Program,
}

/// How a step is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainOptions {
    /// The optimizer's.
    pub optimizer: OptimizerOptions,
    /// How many runs make one step. With 1 there is no accumulator.
    pub accumulate: usize,
    /// Whether model and loss are brought into their canonical spelling before they are differentiated.
    pub fuse: bool,
    /// How much memory may be taken for speed.
    pub memory: Memory,
}

/// The programs of training, over one set of tensors.
///
/// All take the model's inputs except the noisy sample, then `x_start`, `noise`, the coefficients of noising
/// and loss (a number per sample each), and the scalar `loss_scale`, which is 1 / (batch * accumulate).
/// All give the sums over the batch of the loss's outputs times `loss_scale`: over the runs of one step they
/// add up to means. Those outputs keep their names: `loss`, `mse`, `vb`.
#[derive(Clone, Debug)]
pub struct TrainPrograms {
    /// Everything.
    pub module: Module,
    /// The loss alone.
    pub forward: FuncId,
    /// Adds the gradients to `grad.NAME`; only where several runs make one step.
    pub accumulate: Option<FuncId>,
    /// The step: also gives `grad_norm`.
    pub update: FuncId,
    /// For finding out what went wrong: also gives `x_t`, `output` and every `grad.NAME`, and changes nothing.
    pub diagnose: FuncId,
    /// The coefficients that have to be given per sample, by name.
    pub coefficients: Vec<String>,
    /// The functions of model and loss for which a limit of the canonical spelling was touched.
    pub incomplete: Vec<Incomplete>,
}

/// Why a training step cannot be composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainError {
    /// A model without a noisy input cannot be trained by noising.
    NoNoisyInput,
    /// A program lacks an input or output that the step needs.
    Missing {
        /// Whose.
        item: String,
        /// Which.
        name: String,
    },
    /// Two parts do not fit each other.
    Shapes(String),
}

impl std::fmt::Display for TrainError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TrainError::NoNoisyInput => {
                write!(f, "the model has no noisy input: call it `x` or mark it with @noisy")
            }
            TrainError::Missing { item, name } => write!(f, "{item} has no `{name}`"),
            TrainError::Shapes(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<ShapeError> for TrainError {
    fn from(error: ShapeError) -> Self {
        TrainError::Shapes(error.0)
    }
}

/// Composes the programs of training.
///
/// # Errors
/// If the parts do not fit each other.
pub fn build(parts: Parts<'_>, options: &TrainOptions) -> Result<TrainPrograms, TrainError> {
    let mut module = parts.model.module.clone();
    let noising = link(&mut module, &parts.noising.module).function(parts.noising.entry);
    let loss = link(&mut module, &parts.loss.module).function(parts.loss.entry);
    let linked = Joined { model: parts.model, noising: (parts.noising, noising), loss: (parts.loss, loss) };
    let (mut inner, coefficients) = loss_of_batch(&mut module, &linked, true)?;
    let (mut forward, _) = loss_of_batch(&mut module, &linked, false)?;
    let mut incomplete = Vec::new();
    if options.fuse {
        for function in [&mut inner, &mut forward] {
            let (canonical, done) = fuse::canonical(&mut module, *function)?;
            *function = canonical;
            for mut one in done.incomplete {
                // The model became a part of it, under a name that nobody wrote.
                if one.name == COMPOSED {
                    one.name.clone_from(&parts.model.item);
                }
                if !incomplete.contains(&one) {
                    incomplete.push(one);
                }
            }
        }
    }
    let trained: Vec<&Parameter> = parts.model.parameters.iter().filter(|p| p.trained).collect();
    let differentiated = gradients(&mut module, inner, &trained, options.memory)?;
    let accumulate = (options.accumulate > 1)
        .then(|| step_program(&mut module, differentiated, &trained, &Kind::Accumulate))
        .transpose()?;
    let update = step_program(
        &mut module,
        differentiated,
        &trained,
        &Kind::Update { optimizer: options.optimizer, accumulated: options.accumulate > 1 },
    )?;
    let diagnose = step_program(&mut module, differentiated, &trained, &Kind::Diagnose)?;
    Ok(TrainPrograms { module, forward, accumulate, update, diagnose, coefficients, incomplete })
}

/// The name of the function from a batch to the loss.
const COMPOSED: &str = "loss_of_batch";

/// The parts after they came into one module.
struct Joined<'a> {
    model: &'a Program,
    noising: (&'a Program, FuncId),
    loss: (&'a Program, FuncId),
}

/// Adds the function from a batch to the outputs of the loss, each summed over the batch and scaled.
/// With `inner` it also gives the noisy sample and the prediction.
fn loss_of_batch(
    module: &mut Module,
    linked: &Joined<'_>,
    inner: bool,
) -> Result<(FuncId, Vec<String>), TrainError> {
    let model = linked.model;
    let noisy =
        model.inputs.iter().position(|a| a.role == Some(Role::Noisy)).ok_or(TrainError::NoNoisyInput)?;
    let sample_shape: Vec<AxisId> =
        std::iter::once(AxisId::BATCH).chain(model.inputs[noisy].shape.iter().copied()).collect();
    let mut coefficients = Vec::new();
    for (program, _) in [linked.noising, linked.loss] {
        for input in &program.inputs {
            let given = ["x_start", "noise", "output"].contains(&input.name.as_str());
            if !given && !coefficients.contains(&input.name) {
                coefficients.push(input.name.clone());
            }
        }
    }
    let b = &mut Builder::new(module, COMPOSED);
    let x_start = b.input("x_start", InputKind::Argument, sample_shape.clone(), DType::F32);
    let noise = b.input("noise", InputKind::Argument, sample_shape, DType::F32);
    let scale = b.input("loss_scale", InputKind::Argument, Vec::new(), DType::F32);
    let mut known = vec![("x_start".to_string(), x_start), ("noise".to_string(), noise)];
    for name in &coefficients {
        let value = b.input(name, InputKind::Argument, vec![AxisId::BATCH], DType::F32);
        known.push((name.clone(), value));
    }

    let x_t = call_part(b, linked.noising, &known)?[0].1;
    let mut arguments = Vec::new();
    for (at, input) in b.module.function(model.entry).inputs.clone().into_iter().enumerate() {
        if at == noisy {
            arguments.push(x_t);
            continue;
        }
        let value = b.module.function(model.entry).value(input.value).clone();
        arguments.push(b.input(input.name, input.kind, value.shape, value.storage));
    }
    let output = call(b, model.entry, &arguments)?[0].1;
    known.push(("output".to_string(), output));
    let results = call_part(b, linked.loss, &known)?;
    for (name, value) in &results {
        let total = scaled_sum(b, *value, scale)?;
        b.output(name, total);
    }
    if !results.iter().any(|(name, _)| name == "loss") {
        return Err(TrainError::Missing { item: linked.loss.0.item.clone(), name: "loss".into() });
    }
    if inner {
        b.output("x_t", x_t);
        b.output("output", output);
    }
    let function = std::mem::take(&mut b.function);
    let calling = module.add_function(function);
    let parts = [model.entry, linked.noising.1, linked.loss.1];
    // The parts become one function, so that the loss is fused with the model's end; blocks stay calls.
    Ok((inline_some(module, calling, &|callee| parts.contains(&callee)), coefficients))
}

/// The sum over the batch times `scale`. A number that does not depend on the sample (a term that a loss does
/// not use) is passed on as it is.
fn scaled_sum(b: &mut Builder<'_>, value: ValueId, scale: ValueId) -> Result<ValueId, ShapeError> {
    if !b.shape(value).contains(&AxisId::BATCH) {
        return Ok(value);
    }
    let scaled = b.add1(Op::Map(Map::Mul), &[value, scale])?;
    b.add1(Op::Reduce(Reduce::Sum, vec![AxisId::BATCH]), &[scaled])
}

/// Calls a function whose axes are those of the caller.
pub(super) fn call(
    b: &mut Builder<'_>,
    function: FuncId,
    arguments: &[ValueId],
) -> Result<Vec<(String, ValueId)>, ShapeError> {
    let callee = b.module.function(function);
    let mut axes: Vec<AxisId> = Vec::new();
    let ends = callee.inputs.iter().map(|i| i.value).chain(callee.outputs.iter().map(|o| o.1));
    for value in ends {
        for axis in &callee.value(value).shape {
            if *axis != AxisId::BATCH && !axes.contains(axis) {
                axes.push(*axis);
            }
        }
    }
    let names: Vec<String> = callee.outputs.iter().map(|o| o.0.clone()).collect();
    let axes = axes.into_iter().map(|a| (a, a)).collect();
    let values = b.add(Op::Call { function, axes }, arguments)?;
    Ok(names.into_iter().zip(values).collect())
}

/// Calls the noising or the loss: its inputs are found by name, and its axes are those of the values given,
/// position by position. Where two axes of the part would be one, or one would be two, the value is renamed.
fn call_part(
    b: &mut Builder<'_>,
    (program, function): (&Program, FuncId),
    known: &[(String, ValueId)],
) -> Result<Vec<(String, ValueId)>, TrainError> {
    let mut axes: Vec<(AxisId, AxisId)> = Vec::new();
    let mut arguments = Vec::new();
    for input in b.module.function(function).inputs.clone() {
        let missing = || TrainError::Missing { item: program.item.clone(), name: input.name.clone() };
        let mut value = known.iter().find(|k| k.0 == input.name).ok_or_else(missing)?.1;
        let wanted = b.module.function(function).value(input.value).shape.clone();
        let given = b.shape(value).to_vec();
        if given.len() != wanted.len() {
            return Err(TrainError::Shapes(format!(
                "`{}` of {} has {} axes, but {} are given",
                input.name,
                program.item,
                wanted.len(),
                given.len()
            )));
        }
        for (theirs, ours) in wanted.into_iter().zip(given) {
            if theirs == AxisId::BATCH {
                continue;
            }
            let same_size = b.module.axis(theirs).size == b.module.axis(ours).size;
            if !same_size {
                return Err(TrainError::Shapes(format!(
                    "axis {} of `{}` has another size than {} of {}",
                    b.module.axis(ours).name,
                    input.name,
                    b.module.axis(theirs).name,
                    program.item
                )));
            }
            let taken = axes.iter().any(|a| a.1 == ours);
            let to = match axes.iter().find(|a| a.0 == theirs) {
                Some((_, to)) => *to,
                None if taken => fresh(b, ours),
                None => ours,
            };
            if to != ours {
                value = b.add1(Op::View(View::Rename { from: ours, to }), &[value])?;
            }
            if !axes.contains(&(theirs, to)) {
                axes.push((theirs, to));
            }
        }
        arguments.push(value);
    }
    let names: Vec<String> = b.module.function(function).outputs.iter().map(|o| o.0.clone()).collect();
    let values = b.add(Op::Call { function, axes }, &arguments)?;
    Ok(names.into_iter().zip(values).collect())
}

/// A new axis like another.
fn fresh(b: &mut Builder<'_>, like: AxisId) -> AxisId {
    let axis = b.module.axis(like).clone();
    b.module.axes.push(axis);
    AxisId((b.module.axes.len() - 1) as u32)
}
