//! Recipes: one TOML file that says what is trained on what, how, and how samples are drawn.

mod keys;
mod read;
mod steps;

pub use keys::SECTIONS;
pub use read::{MOST_SAMPLES, load, parse};
pub use steps::{Label, Labels, Steps};

use crate::diffusion::{Loss, Predict, Schedule, Variance};
use arch_compiler::memory::Memory;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A recipe with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What is trained.
    pub model: ModelRecipe,
    /// On what.
    pub data: DataRecipe,
    /// By which process.
    #[serde(default)]
    pub diffusion: DiffusionRecipe,
    /// How.
    #[serde(default)]
    pub train: TrainRecipe,
    /// How samples are drawn.
    #[serde(default)]
    pub sample: SampleRecipe,
}

/// `[model]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// The `.arch` file, relative to the recipe.
    pub file: PathBuf,
    /// The model in it; may be left out where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// A preset, `S` or `XL/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Config values, as after `--set` on the command line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, toml::Value>,
}

impl ModelRecipe {
    /// The config values as text.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let text = |value: &toml::Value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.set.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

/// The kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// IDX files as of MNIST, plain or `.gz`.
    Idx,
    /// A folder of PNG or JPEG files with one subfolder per class.
    Folder,
    /// A `.npz` file with `images` (or `arr_0`) and perhaps `labels` (or `arr_1`).
    Npz,
    /// `.npy` files.
    Npy,
}

/// What happens on an image that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Reading stops and names it.
    #[default]
    Stop,
    /// It is left out and named.
    Skip,
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// What lies at `images`.
    pub kind: DataKind,
    /// The file or folder, relative to the recipe.
    pub images: PathBuf,
    /// The file of labels, where it is a file of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The share that is not trained on, for the validation loss. 0 to below 1.
    #[serde(default = "defaults::holdout")]
    pub holdout: f64,
    /// What happens on an image that cannot be read.
    #[serde(default)]
    pub on_error: OnError,
}

/// The kinds of process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessKind {
    /// Gaussian diffusion in discrete time.
    #[default]
    Gaussian,
}

/// `[diffusion]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffusionRecipe {
    /// The kind of process.
    pub process: ProcessKind,
    /// The noise schedule.
    pub schedule: Schedule,
    /// How many timesteps training knows.
    pub timesteps: usize,
    /// What the model predicts.
    pub predict: Predict,
    /// Where the variance comes from.
    pub variance: Variance,
    /// What is minimised.
    pub loss: Loss,
}

/// How the learning rate goes after its warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateSchedule {
    /// It stays.
    #[default]
    Constant,
    /// Half a cosine down to zero at the last step.
    Cosine,
}

/// How [`Memory`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Memory", rename_all = "snake_case")]
enum MemoryWord {
    Fast,
    Balanced,
    Small,
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainRecipe {
    /// Optimizer steps in all.
    pub steps: u64,
    /// Samples of one run.
    pub batch: usize,
    /// Runs of one step.
    pub accumulate: usize,
    /// The learning rate after the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 1/warmup of it; 0 for none.
    pub warmup: u64,
    /// How it goes on.
    pub schedule: RateSchedule,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// The decays of AdamW's moments.
    pub betas: (f64, f64),
    /// AdamW's epsilon.
    pub eps: f64,
    /// The decay of the moving average of the weights.
    pub ema_decay: f64,
    /// The largest global norm of the gradient; left out, there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_grad_norm: Option<f64>,
    /// The seed of everything random in training.
    pub seed: u64,
    /// Steps between lines in `metrics.jsonl`.
    pub log_every: u64,
    /// Steps between grids of samples; 0 for none.
    pub sample_every: u64,
    /// Steps between numbered checkpoints; 0 for none but the last.
    pub checkpoint_every: u64,
    /// How much memory may be taken for speed.
    #[serde(with = "MemoryWord")]
    pub memory: Memory,
    /// The label that stands for no label, for models that do not say so themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_label: Option<i64>,
}

/// The samplers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// Ancestral.
    #[default]
    Ddpm,
    /// Song, Meng and Ermon 2021.
    Ddim,
}

/// `[sample]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleRecipe {
    /// The sampler.
    pub sampler: SamplerKind,
    /// How many steps.
    pub steps: Steps,
    /// The share of noise in DDIM.
    pub eta: f64,
    /// Whether the predicted clean sample is kept within [-1, 1]: for pixels, not for latents.
    pub clip: bool,
    /// How far predictions are pushed away from those without a label; 1 for not at all.
    pub guidance_scale: f64,
    /// How many channels are guided; left out, all of the prediction. The public DiT code guides 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_channels: Option<usize>,
    /// How many samples.
    pub count: usize,
    /// Which labels, `null` for none; they are repeated until there are `count`.
    pub labels: Labels,
    /// The seed of the noise.
    pub seed: u64,
}

impl Default for DiffusionRecipe {
    fn default() -> Self {
        DiffusionRecipe {
            process: ProcessKind::Gaussian,
            schedule: Schedule::Linear,
            timesteps: 1000,
            predict: Predict::Epsilon,
            variance: Variance::LearnedRange,
            loss: Loss::Mse,
        }
    }
}

/// Optimizer, rate and average as DiT was trained (Peebles and Xie 2023, section 4).
impl Default for TrainRecipe {
    fn default() -> Self {
        TrainRecipe {
            steps: 1000,
            batch: 64,
            accumulate: 1,
            learning_rate: 1e-4,
            warmup: 0,
            schedule: RateSchedule::Constant,
            weight_decay: 0.0,
            betas: (0.9, 0.999),
            eps: 1e-8,
            ema_decay: 0.9999,
            clip_grad_norm: None,
            seed: 0,
            log_every: 10,
            sample_every: 0,
            checkpoint_every: 0,
            memory: Memory::Fast,
            null_label: None,
        }
    }
}

impl Default for SampleRecipe {
    fn default() -> Self {
        SampleRecipe {
            sampler: SamplerKind::Ddpm,
            steps: Steps::Number(250),
            eta: 0.0,
            clip: true,
            guidance_scale: 1.0,
            guidance_channels: None,
            count: 16,
            labels: Labels::All,
            seed: 0,
        }
    }
}

mod defaults {
    pub fn holdout() -> f64 {
        0.1
    }
}
