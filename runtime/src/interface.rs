//! What a model takes and gives, as training and sampling see it.

use crate::checkpoint::{self, Stored};
use crate::data::Wanted;
use crate::diffusion::{Layout, Process};
use crate::error::{Code, Problem};
use crate::execute::{Data, Execute, RunError};
use arch_compiler::graph::{InputKind, Module};
use arch_compiler::interp::{Tensor, run};
use arch_compiler::program::{Argument, Parameter, Program, Role};
use std::collections::BTreeMap;

/// A label input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelInput {
    /// Its name.
    pub name: String,
    /// The label that stands for no label.
    pub null: Option<i32>,
    /// Real labels go from 0 to below this, where that is known.
    pub classes: Option<usize>,
}

impl LabelInput {
    /// Whether the model can be given a label: a class, or the one that stands for none.
    #[must_use]
    pub fn has(&self, label: i32) -> bool {
        let limit = self.classes.unwrap_or(i32::MAX as usize);
        self.null == Some(label) || usize::try_from(label).is_ok_and(|l| l < limit)
    }
}

/// A timestep input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestepInput {
    /// Its name.
    pub name: String,
    /// Whether it takes integers.
    pub integer: bool,
}

/// A model's inputs and outputs by their roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The noisy sample's name.
    pub noisy: String,
    /// The timestep.
    pub timestep: Option<TimestepInput>,
    /// The label.
    pub label: Option<LabelInput>,
    /// The prediction's name.
    pub output: String,
    /// Channels of a sample.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels of the prediction.
    pub output_channels: usize,
}

impl Interface {
    /// The roles of a program's inputs. `null_label` is the recipe's, for models that name none.
    ///
    /// # Errors
    /// If the program is no model of images: noisy input `[C, H, W]`, prediction `[O, H, W]`, and nothing
    /// else than timestep and label.
    pub fn new(program: &Program, null_label: Option<i64>) -> Result<Self, Problem> {
        let find = |role: Role| program.inputs.iter().find(|a| a.role == Some(role));
        let other = program
            .inputs
            .iter()
            .find(|a| !matches!(a.role, Some(Role::Noisy | Role::Timestep | Role::Label)));
        if let Some(other) = other {
            return Err(unfit(
                program,
                format!("nothing is known that could fill its input `{}`", other.name),
                "mark it with @noisy, @timestep or @label; other inputs can be tried with `archc run`",
            ));
        }
        let noisy = find(Role::Noisy).ok_or_else(|| {
            unfit(program, "it has no noisy input".into(), "call it `x` or mark it with @noisy")
        })?;
        let sizes = |axes: &[_]| program.module.dims(axes, 1);
        let [channels, height, width] = *sizes(&noisy.shape).as_slice() else {
            return Err(unfit(
                program,
                format!("its noisy input `{}` has {} axes", noisy.name, noisy.shape.len()),
                "samples are [channels, height, width]",
            ));
        };
        let Some((output, shape)) = program.outputs.first() else {
            return Err(unfit(program, "it gives nothing".into(), "give the prediction as the first result"));
        };
        let [output_channels, out_height, out_width] = *sizes(shape).as_slice() else {
            return Err(unfit(
                program,
                format!("its prediction has {} axes", shape.len()),
                "the prediction is [channels, height, width]",
            ));
        };
        if (height, width) != (out_height, out_width) {
            return Err(unfit(
                program,
                format!("it takes {height} x {width} pixels but gives {out_height} x {out_width}"),
                "the prediction must have the sample's height and width",
            ));
        }
        Ok(Interface {
            noisy: noisy.name.clone(),
            timestep: find(Role::Timestep)
                .map(|a| TimestepInput { name: a.name.clone(), integer: a.integer }),
            label: find(Role::Label).map(|a| label_input(a, null_label)),
            output: output.clone(),
            channels,
            height,
            width,
            output_channels,
        })
    }

    /// Checks that the prediction has the channels that the process reads.
    ///
    /// # Errors
    /// If it has not.
    pub fn check(&self, process: &Process) -> Result<(), Problem> {
        let wanted = process.output_channels(self.channels);
        if wanted == self.output_channels {
            return Ok(());
        }
        let help = if self.output_channels == 2 * self.channels {
            "set `diffusion.variance = \"learned_range\"`, or `learn_sigma = false` in `model.set`"
        } else if self.output_channels == self.channels {
            "set `diffusion.variance = \"fixed_small\"`, or `learn_sigma = true` in `model.set`"
        } else {
            "the prediction has the sample's channels, twice where the variance is learned"
        };
        Err(Problem::new(
            Code::ModelShape,
            format!(
                "the model gives {} channels for samples of {}, but the process reads {wanted}",
                self.output_channels, self.channels
            ),
            help,
        ))
    }

    /// What data must look like.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted {
            channels: self.channels,
            height: self.height,
            width: self.width,
            classes: self.label.as_ref().map(|l| l.classes.unwrap_or(usize::MAX)),
        }
    }

    /// How a batch lies in memory.
    #[must_use]
    pub fn layout(&self, samples: usize) -> Layout {
        Layout { samples, channels: self.channels, pixels: self.height * self.width }
    }

    /// Writes timesteps, one per sample.
    ///
    /// # Errors
    /// Those of the session.
    pub fn write_timesteps(&self, session: &mut dyn Execute, timesteps: &[i32]) -> Result<(), RunError> {
        let Some(input) = &self.timestep else { return Ok(()) };
        if input.integer {
            return session.write(&input.name, Data::Int(timesteps));
        }
        let floats: Vec<f32> = timesteps.iter().map(|t| *t as f32).collect();
        session.write(&input.name, Data::Float(&floats))
    }

    /// Writes labels, one per sample.
    ///
    /// # Errors
    /// Those of the session.
    pub fn write_labels(&self, session: &mut dyn Execute, labels: &[i32]) -> Result<(), RunError> {
        self.label.as_ref().map_or(Ok(()), |input| session.write(&input.name, Data::Int(labels)))
    }
}

/// Real labels lie below the null label where that is the last row of the table, and below the table's end
/// otherwise.
fn label_input(argument: &Argument, null_label: Option<i64>) -> LabelInput {
    // A null label may be declared for a table that has no row for it, where no labels are dropped.
    let row = |n: &i64| argument.below.is_none_or(|below| *n < below as i64);
    let null = argument.null.or(null_label).filter(row).and_then(|n| i32::try_from(n).ok());
    let classes = argument.below.map(|below| match null {
        Some(null) if null as usize + 1 == below => below - 1,
        _ => below,
    });
    LabelInput { name: argument.name.clone(), null, classes }
}

fn unfit(program: &Program, why: String, help: &str) -> Problem {
    Problem::new(Code::ModelShape, format!("`{}` cannot be trained or sampled: {why}", program.item), help)
}

/// Writes all parameters and buffers of a program from tensors, whose names begin with `prefix` where such
/// are there (`ema.`), otherwise from the plain ones.
///
/// # Errors
/// If a tensor is missing or has another shape.
pub fn write_weights(
    session: &mut dyn Execute,
    program: &Program,
    weights: &BTreeMap<String, Stored>,
    prefix: &str,
) -> Result<(), Problem> {
    for parameter in &program.parameters {
        let averaged = format!("{prefix}{}", parameter.name);
        let name = if weights.contains_key(&averaged) { &averaged } else { &parameter.name };
        let stored = checkpoint::tensor(weights, name, &parameter.stored)?;
        // What the program does not use has no tensor.
        if session.len(&parameter.name).is_some() {
            session.write(&parameter.name, Data::Float(&stored.data))?;
        }
    }
    Ok(())
}

/// The initial parameters and buffers of a program, drawn for a seed.
///
/// # Errors
/// If an initialiser cannot be evaluated: a fault of the compiler.
pub fn initial_weights(program: &Program, seed: u64) -> Result<BTreeMap<String, Stored>, Problem> {
    let value = |p: &Parameter| Ok((p.name.clone(), initial_value(program, p, seed)?));
    program.parameters.iter().map(value).collect()
}

/// Whether something is a buffer that is the same for every seed, such as a table of positions.
#[must_use]
pub fn is_computed(program: &Program, parameter: &Parameter) -> bool {
    let inputs = &program.module.function(parameter.init).inputs;
    !parameter.trained && !inputs.iter().any(|i| matches!(i.kind, InputKind::Random(_)))
}

/// The value of such a buffer.
///
/// # Errors
/// As [`initial_weights`].
pub fn computed_value(program: &Program, parameter: &Parameter) -> Result<Stored, Problem> {
    initial_value(program, parameter, 0)
}

fn initial_value(program: &Program, parameter: &Parameter, seed: u64) -> Result<Stored, Problem> {
    let function = program.module.function(parameter.init);
    let mut inputs = BTreeMap::new();
    for input in &function.inputs {
        let InputKind::Random(random) = &input.kind else { continue };
        let dims = program.module.dims(&function.value(input.value).shape, 1);
        let mut numbers = vec![0.0; dims.iter().product()];
        crate::random::fill_initial(seed, random, &mut numbers);
        let data = numbers.into_iter().map(f64::from).collect();
        inputs.insert(input.name.clone(), Tensor { dims, data });
    }
    let fault = |why: String| {
        Problem::new(
            Code::Execution,
            format!("the initial value of `{}` cannot be found: {why}", parameter.name),
            "please report this as a fault of the compiler",
        )
    };
    let results = run(&program.module, parameter.init, &inputs, 1).map_err(|e| fault(e.to_string()))?;
    let value = results.output("value").ok_or_else(|| fault("it gives no `value`".into()))?;
    let data = value.data.iter().map(|x| *x as f32).collect();
    Ok(Stored { shape: parameter.stored.clone(), data })
}

/// The elements of an input of a function, for a batch.
#[must_use]
pub fn input_len(
    module: &Module,
    function: &arch_compiler::graph::Function,
    name: &str,
    batch: usize,
) -> usize {
    function.input(name).map_or(0, |i| module.dims(&function.value(i.value).shape, batch).iter().product())
}
