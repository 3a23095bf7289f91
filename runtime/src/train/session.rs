//! The programs of training in a session of execution.

use super::batches::Batch;
use crate::checkpoint::Stored;
use crate::diffusion::{COEFFICIENTS, Coefficients};
use crate::error::{Code, Problem};
use crate::execute::{Data, Execute, Prepare};
use crate::interface::Interface;
use crate::random::{Place, Stream};
use crate::recipe::TrainRecipe;
use arch_compiler::graph::{AxisId, FuncId, Function, InputKind};
use arch_compiler::ops::source::Distribution;
use arch_compiler::program::{Parameter, Program};
use arch_compiler::train::{OptimizerOptions, Parts, TrainOptions, TrainPrograms, build};
use std::collections::BTreeMap;

/// The composed programs and what is needed to feed them.
pub struct Programs<'a> {
    pub(super) model: &'a Program,
    pub(super) built: TrainPrograms,
    pub(super) interface: Interface,
    pub(super) coefficients: Coefficients,
    pub(super) seed: u64,
    pub(super) accumulate: usize,
}

/// The sums of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub loss: f64,
    pub mse: Option<f64>,
    pub vb: Option<f64>,
}

impl<'a> Programs<'a> {
    /// Composes the programs of training for a recipe.
    ///
    /// # Errors
    /// If the parts do not fit each other.
    pub fn new(
        parts: Parts<'a>,
        recipe: &TrainRecipe,
        interface: Interface,
        coefficients: Coefficients,
        fuse: bool,
    ) -> Result<Self, Problem> {
        let optimizer = OptimizerOptions {
            betas: recipe.betas,
            eps: recipe.eps,
            weight_decay: recipe.weight_decay,
            ema_decay: Some(recipe.ema_decay),
            clip_grad_norm: recipe.clip_grad_norm,
        };
        let built = build(
            parts,
            &TrainOptions { optimizer, accumulate: recipe.accumulate, fuse, memory: recipe.memory },
        )
        .map_err(|e| {
            Problem::new(
                Code::ModelShape,
                format!("no training step can be made of `{}`: {e}", parts.model.item),
                "the prediction must have the axes of the noisy sample",
            )
        })?;
        for name in &built.coefficients {
            if !COEFFICIENTS.contains(&name.as_str()) {
                return Err(Problem::new(
                    Code::ModelShape,
                    format!("the loss takes `{name}`, which the process does not give"),
                    format!("it gives {}", COEFFICIENTS.join(", ")),
                ));
            }
        }
        let accumulate = recipe.accumulate;
        Ok(Programs { model: parts.model, built, interface, coefficients, seed: recipe.seed, accumulate })
    }

    /// Compiles the programs of the loop.
    pub(super) fn prepare(&self, form: &dyn Prepare, batch: usize) -> Result<Box<dyn Execute>, Problem> {
        let mut programs = vec![("forward", self.built.forward), ("update", self.built.update)];
        if let Some(accumulate) = self.built.accumulate {
            programs.push(("accumulate", accumulate));
        }
        Ok(form.prepare(&self.built.module, &programs, batch)?)
    }

    pub(super) fn function(&self, id: FuncId) -> &Function {
        self.built.module.function(id)
    }

    /// The parameters and buffers that take part. One that nothing uses has no tensor in the programs.
    fn used(&self) -> impl Iterator<Item = &Parameter> {
        let function = self.function(self.built.update);
        self.model.parameters.iter().filter(|p| function.input(&p.name).is_some())
    }

    /// The weights that no program reads: they stay as they began.
    pub(super) fn idle(&self, weights: &BTreeMap<String, Stored>) -> BTreeMap<String, Stored> {
        let used: Vec<&str> = self.used().map(|p| p.name.as_str()).collect();
        let idle = self.model.parameters.iter().filter(|p| !used.contains(&p.name.as_str()));
        idle.filter_map(|p| Some((p.name.clone(), weights.get(&p.name)?.clone()))).collect()
    }

    /// The names of the accumulators of gradients, with the number of their elements.
    pub(super) fn accumulators(&self) -> Vec<(String, usize)> {
        let trained = self.used().filter(|p| p.trained);
        trained.map(|p| (format!("grad.{}", p.name), p.stored.iter().product())).collect()
    }

    /// The names of the optimizer's state (not the accumulators), with the sizes that are stored.
    pub(super) fn state(&self) -> Vec<(String, Vec<usize>)> {
        let trained = self.used().filter(|p| p.trained);
        trained
            .flat_map(|p| {
                ["adam.m", "adam.v", "ema"].map(|kind| (format!("{kind}.{}", p.name), p.stored.clone()))
            })
            .collect()
    }

    /// Reads weights and state out of a session, under the names of a checkpoint.
    pub(super) fn collect(&self, session: &dyn Execute) -> Result<BTreeMap<String, Stored>, Problem> {
        let mut tensors = BTreeMap::new();
        let weights = self.used().map(|p| (p.name.clone(), p.stored.clone()));
        for (name, shape) in weights.chain(self.state()) {
            let mut data = vec![0.0; shape.iter().product()];
            session.read(&name, &mut data)?;
            tensors.insert(name, Stored { shape, data });
        }
        Ok(tensors)
    }

    /// Writes a batch, the coefficients of its timesteps and the model's random inputs.
    /// `program` is the program that will run; `training` says whether labels are dropped.
    pub(super) fn write_batch(
        &self,
        session: &mut dyn Execute,
        program: FuncId,
        batch: &Batch,
        scale: f64,
        training: bool,
    ) -> Result<(), Problem> {
        session.write("x_start", Data::Float(&batch.x_start))?;
        session.write("noise", Data::Float(&batch.noise))?;
        session.write("loss_scale", Data::Float(&[scale as f32]))?;
        for (which, name) in COEFFICIENTS.iter().enumerate() {
            if self.built.coefficients.iter().any(|c| c == name) {
                session.write(name, Data::Float(&self.coefficients.gather(which, &batch.timesteps)))?;
            }
        }
        self.interface.write_timesteps(session, &batch.timesteps)?;
        self.interface.write_labels(session, &batch.labels)?;
        let function = self.function(program);
        for input in &function.inputs {
            let InputKind::Random(random) = &input.kind else { continue };
            let shape = &function.value(input.value).shape;
            let samples = batch.labels.len();
            let elements: usize = self.built.module.dims(shape, samples).iter().product();
            // Outside of training nothing is dropped, which is what a number that no draw gives says: 1.
            let mut numbers = vec![1.0; elements];
            if training {
                let stream = Stream::new(self.seed, &random.purpose);
                if shape.first() == Some(&AxisId::BATCH) {
                    stream.fill_batch(random.distribution, 0, batch.first, samples, &mut numbers);
                } else {
                    stream.fill(random.distribution, Place { step: 0, sample: batch.first }, &mut numbers);
                }
            } else if random.distribution != Distribution::Uniform {
                numbers.fill(0.0);
            }
            session.write(&input.name, Data::Float(&numbers))?;
        }
        Ok(())
    }
}

/// Reads the sums that a run gives.
pub(super) fn read_sums(session: &dyn Execute, function: &Function) -> Result<Sums, Problem> {
    let scalar = |name: &str| -> Result<Option<f64>, Problem> {
        if function.output(name).is_none() {
            return Ok(None);
        }
        let mut value = [0.0];
        session.read(name, &mut value)?;
        Ok(Some(f64::from(value[0])))
    };
    Ok(Sums { loss: scalar("loss")?.unwrap_or(f64::NAN), mse: scalar("mse")?, vb: scalar("vb")? })
}

impl Sums {
    pub(super) fn add(self, other: Sums) -> Sums {
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Sums { loss: self.loss + other.loss, mse: both(self.mse, other.mse), vb: both(self.vb, other.vb) }
    }
}
