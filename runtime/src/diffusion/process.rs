//! A Gaussian diffusion process: what the model's output means.

use super::respace::Respacing;
use super::schedule::{Schedule, Tables};
use crate::error::{Code, Problem};
use serde::{Deserialize, Serialize};

/// What the model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predict {
    /// The noise (DDPM, equation 14).
    Epsilon,
    /// The clean sample.
    XStart,
    /// `sqrt(alphas_cumprod) * noise - sqrt(1 - alphas_cumprod) * x_start` (Salimans and Ho 2022, appendix D).
    Velocity,
}

/// Where the variance of a reverse step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// The model interpolates between the two fixed ones, in logarithms
    /// (Nichol and Dhariwal 2021, equation 15). The model then has twice the channels.
    LearnedRange,
    /// That of the posterior.
    FixedSmall,
    /// That of the forward step.
    FixedLarge,
}

/// A process over some timesteps, all of training's or fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Its tables.
    pub tables: Tables,
    /// The timestep of training that each of its steps stands for: what the model is told.
    pub timestep_map: Vec<usize>,
    /// What the model predicts.
    pub predict: Predict,
    /// Where the variance comes from.
    pub variance: Variance,
}

/// How a batch of samples lies in memory: `[samples, channels, pixels]`, row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Samples in the batch.
    pub samples: usize,
    /// Channels of a sample; a model that learns the variance gives twice as many.
    pub channels: usize,
    /// Pixels of a channel.
    pub pixels: usize,
}

impl Layout {
    /// Elements of one sample.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.channels * self.pixels
    }

    /// Elements of the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples * self.sample_len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known of `x_{t-1}` after the model has seen `x_t`. All of the layout's length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// The mean of the reverse step.
    pub mean: Vec<f32>,
    /// The logarithm of its variance.
    pub log_variance: Vec<f32>,
    /// The clean sample that the model has in mind, clipped if wanted.
    pub pred_xstart: Vec<f32>,
}

impl Process {
    /// The process of training: every timestep.
    ///
    /// # Errors
    /// If the schedule cannot have that many timesteps.
    pub fn new(
        schedule: Schedule,
        timesteps: usize,
        predict: Predict,
        variance: Variance,
    ) -> Result<Self, Problem> {
        let tables = Tables::new(schedule.betas(timesteps)?);
        if variance == Variance::LearnedRange && tables.posterior_log_variance_clipped.is_empty() {
            return Err(Problem::new(
                Code::Schedule,
                "a learned variance needs at least 2 timesteps",
                "raise `diffusion.timesteps` or use a fixed variance",
            ));
        }
        Ok(Process { tables, timestep_map: (0..timesteps).collect(), predict, variance })
    }

    /// The process that visits fewer timesteps. It may be one: the last step adds no noise, so that it needs no
    /// variance.
    ///
    /// # Errors
    /// If the respacing does not fit.
    pub fn respaced(&self, respacing: &Respacing) -> Result<Self, Problem> {
        let kept = respacing.timesteps(self.len())?;
        let timestep_map = kept.iter().map(|i| self.timestep_map[*i]).collect();
        Ok(Process { tables: self.tables.respaced(&kept), timestep_map, ..self.clone() })
    }

    /// The number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Channels that the model gives for samples of `channels` channels.
    #[must_use]
    pub fn output_channels(&self, channels: usize) -> usize {
        if self.variance == Variance::LearnedRange { 2 * channels } else { channels }
    }

    /// A noisy sample: `q(x_t | x_0)`, DDPM equation 4, for one sample at step `index`.
    pub fn add_noise(&self, index: usize, x_start: &[f32], noise: &[f32], into: &mut [f32]) {
        let signal = self.tables.sqrt_alphas_cumprod[index];
        let spread = self.tables.sqrt_one_minus_alphas_cumprod[index];
        for ((out, x), n) in into.iter_mut().zip(x_start).zip(noise) {
            *out = (signal * f64::from(*x) + spread * f64::from(*n)) as f32;
        }
    }

    /// Mean and variance of the reverse step at `index`, from `x` and the model's `output` for it
    /// (`[samples, output channels, pixels]`). `clip` keeps the predicted clean sample within [-1, 1].
    ///
    /// # Panics
    /// If the slices do not have the layout's length.
    #[must_use]
    pub fn moments(&self, index: usize, layout: Layout, x: &[f32], output: &[f32], clip: bool) -> Moments {
        let per_output = self.output_channels(layout.channels) * layout.pixels;
        assert_eq!(x.len(), layout.len(), "x has the layout's length");
        assert_eq!(output.len(), layout.samples * per_output, "output has the model's length");
        let t = &self.tables;
        let (coef1, coef2) = (t.posterior_mean_coef1[index], t.posterior_mean_coef2[index]);
        let mut moments = Moments {
            mean: Vec::with_capacity(x.len()),
            log_variance: Vec::with_capacity(x.len()),
            pred_xstart: Vec::with_capacity(x.len()),
        };
        let length = layout.sample_len();
        for (x, output) in x.chunks(length).zip(output.chunks(per_output)) {
            let (prediction, range) = output.split_at(length);
            for (i, (x, prediction)) in x.iter().zip(prediction).enumerate() {
                let (x, mut start) = (f64::from(*x), self.x_start(index, *x, *prediction));
                if clip {
                    start = start.clamp(-1.0, 1.0);
                }
                moments.mean.push((coef1 * start + coef2 * x) as f32);
                moments.log_variance.push(self.log_variance(index, range.get(i).copied()) as f32);
                moments.pred_xstart.push(start as f32);
            }
        }
        moments
    }

    /// The clean sample that a prediction amounts to.
    fn x_start(&self, index: usize, x: f32, prediction: f32) -> f64 {
        let (t, x, prediction) = (&self.tables, f64::from(x), f64::from(prediction));
        match self.predict {
            Predict::XStart => prediction,
            Predict::Epsilon => {
                t.sqrt_recip_alphas_cumprod[index] * x - t.sqrt_recipm1_alphas_cumprod[index] * prediction
            }
            Predict::Velocity => {
                t.sqrt_alphas_cumprod[index] * x - t.sqrt_one_minus_alphas_cumprod[index] * prediction
            }
        }
    }

    /// The noise that a clean sample amounts to: the inverse of the epsilon prediction.
    #[must_use]
    pub fn noise_of(&self, index: usize, x: f64, x_start: f64) -> f64 {
        (self.tables.sqrt_recip_alphas_cumprod[index] * x - x_start)
            / self.tables.sqrt_recipm1_alphas_cumprod[index]
    }

    fn log_variance(&self, index: usize, range: Option<f32>) -> f64 {
        match self.variance {
            Variance::FixedSmall => self.tables.log_variance_small(index),
            Variance::FixedLarge => self.tables.log_variance_large(index),
            Variance::LearnedRange => {
                // The model's value is in [-1, 1] by habit but not by force: the public code does not clamp.
                let share = (f64::from(range.unwrap_or(0.0)) + 1.0) / 2.0;
                let large = self.tables.betas[index].ln();
                share * large + (1.0 - share) * self.tables.log_variance_small(index)
            }
        }
    }
}
