//! A training job: what goes in, what comes out.

use super::batches::{Batches, Drawn};
use super::replay::Replay;
use super::session::Programs;
use super::steps::Loop;
use crate::checkpoint::{Checkpoint, Sources, Stored};
use crate::data::Dataset;
use crate::diffusion::{Coefficients, Process};
use crate::error::{Code, Problem};
use crate::execute::{KernelProfile, Prepare};
use crate::interface::Interface;
use crate::recipe::{DiffusionRecipe, Recipe};
use crate::run::{Metric, RunFolder};
use arch_compiler::fuse::Incomplete;
use arch_compiler::program::Program;
use arch_compiler::train::Parts;
use std::collections::BTreeMap;

/// The checked programs of a job.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// The model with dropout active.
    pub training: &'a Program,
    /// The model without it, for samples on the way.
    pub inference: &'a Program,
    /// `NoisySample` of `std.losses` for the model's channels and size.
    pub noising: &'a Program,
    /// `GaussianLoss` of `std.losses` for the same, with the recipe's `predict`, `variance` and `loss`.
    pub loss: &'a Program,
    /// What they were built from.
    pub sources: &'a Sources,
}

/// Everything that a job needs.
pub struct Job<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The programs.
    pub model: Model<'a>,
    /// The data; none are needed for a replay.
    pub data: Option<&'a Dataset>,
    /// Recorded steps that replace data and random numbers; training stops where they end.
    pub replay: Option<&'a Replay>,
    /// The run.
    pub folder: &'a RunFolder,
    /// Where to go on.
    pub resume: Option<&'a Checkpoint>,
    /// Weights to begin with instead of the initialisers' (parameters and buffers by name).
    pub weights: Option<&'a BTreeMap<String, Stored>>,
    /// The form of execution.
    pub form: &'a dyn Prepare,
}

/// Who watches a job.
pub trait Observer {
    /// Sees every step's figures, logged or not.
    fn step(&mut self, metric: &Metric, steps: u64);
    /// Is told what a person should know.
    fn note(&mut self, _text: &str) {}
    /// Is told for which functions a limit of the canonical spelling was touched, before the first step.
    fn incomplete(&mut self, _functions: &[Incomplete]) {}
    /// Whether the job is to end after this step (Ctrl-C).
    fn stop(&self) -> bool {
        false
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Finished,
    /// It was stopped after finishing a step; a checkpoint was written.
    Interrupted,
}

/// What a job gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Weights, average and state after the last step, as in the last checkpoint.
    pub checkpoint: Checkpoint,
    /// The figures of the last step.
    pub last: Metric,
    /// What the kernels of training took, where their time was taken.
    pub profile: Vec<KernelProfile>,
}

impl DiffusionRecipe {
    /// The process of training.
    ///
    /// # Errors
    /// If the schedule cannot have that many timesteps.
    pub fn process(&self) -> Result<Process, Problem> {
        Process::new(self.schedule, self.timesteps, self.predict, self.variance)
    }

    /// The config of `GaussianLoss` for this recipe, as after `--set`.
    #[must_use]
    pub fn loss_settings(&self) -> Vec<(String, String)> {
        let word = |value: String| value.trim_matches('"').to_string();
        let json = |value: serde_json::Result<String>| word(value.unwrap_or_default());
        vec![
            ("predict".into(), json(serde_json::to_string(&self.predict))),
            ("variance".into(), json(serde_json::to_string(&self.variance))),
            ("loss".into(), json(serde_json::to_string(&self.loss))),
        ]
    }
}

/// Trains.
///
/// # Errors
/// If the parts do not fit each other, a number is not finite, or a file cannot be written.
pub fn train(job: &Job<'_>, observer: &mut dyn Observer) -> Result<Outcome, Problem> {
    let process = job.recipe.diffusion.process()?;
    let interface = Interface::new(job.model.training, job.recipe.train.null_label)?;
    interface.check(&process)?;
    if interface.timestep.is_none() {
        observer.note("the model takes no timestep: it cannot know how noisy its input is");
    }
    let coefficients = Coefficients::new(&process, job.recipe.diffusion.loss);
    let parts = Parts { model: job.model.training, noising: job.model.noising, loss: job.model.loss };
    let mut train = job.recipe.train.clone();
    let batches = match (job.replay, job.data) {
        (Some(replay), _) => {
            // A recorded step is a whole step.
            train.accumulate = 1;
            train.batch = replay.batch_size();
            train.steps = replay.len() as u64;
            Batches::Recorded(replay)
        }
        (None, Some(data)) => {
            data.check(interface.wanted())?;
            let drawn = Drawn::new(data, job.recipe.data.holdout, train.seed, process.len());
            Batches::Drawn(Box::new(drawn))
        }
        (None, None) => {
            return Err(Problem::new(
                Code::DataEmpty,
                "there is nothing to train on",
                "name data in the recipe's [data], or recorded steps with --replay",
            ));
        }
    };
    let programs = Programs::new(parts, &train, interface, coefficients, job.form.fuses())?;
    observer.incomplete(&programs.built.incomplete);
    if let Some(checkpoint) = job.resume {
        note_changes(job.recipe, checkpoint, observer);
    }
    Loop::new(job, train, process, programs, batches)?.run(observer)
}

/// Says which parts of the recipe differ from those of the checkpoint: going on with another learning rate is
/// legitimate, going on with another seed by mistake is not.
fn note_changes(recipe: &Recipe, checkpoint: &Checkpoint, observer: &mut dyn Observer) {
    let Ok(before) = toml::from_str::<toml::Table>(&checkpoint.contents.recipe) else { return };
    let Ok(now) = toml::Table::try_from(recipe) else { return };
    for (section, value) in &now {
        let (Some(value), Some(old)) = (value.as_table(), before.get(section).and_then(|v| v.as_table()))
        else {
            continue;
        };
        for (key, value) in value {
            let old = old.get(key);
            if old != Some(value) {
                let old = old.map_or_else(|| "unset".into(), ToString::to_string);
                observer.note(&format!("{section}.{key} was {old} in the checkpoint and is {value} now"));
            }
        }
    }
}
