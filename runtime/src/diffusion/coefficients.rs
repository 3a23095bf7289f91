//! The numbers that the losses of `models/std/losses.arch` need of each sample's timestep.

use super::process::{Process, Variance};

/// The names of the coefficients, as the inputs of the loss and of the noising are called.
/// Every one is a scalar per sample, gathered from the f64 tables and rounded once.
///
/// | name | value at timestep t |
/// | --- | --- |
/// | `signal` | `sqrt_alphas_cumprod` |
/// | `spread` | `sqrt_one_minus_alphas_cumprod` |
/// | `noise_to_signal` | `sqrt_recipm1_alphas_cumprod` |
/// | `sharpness` | `posterior_mean_coef1 / exp(0.5 * posterior_log_variance_clipped)`: how many standard deviations of the posterior its mean moves when the clean sample moves by 1 |
/// | `log_variance_range` | how far the log variance that the model's is measured in lies above `posterior_log_variance_clipped`: `log(betas)` where it is learned, otherwise the fixed one itself |
/// | `first` | 1 where t = 0, otherwise 0 |
/// | `vb_weight` | what multiplies the variational bound: timesteps / 1000 in `rescaled_mse`, timesteps in `rescaled_kl`, otherwise 1 |
pub const COEFFICIENTS: [&str; 7] =
    ["signal", "spread", "noise_to_signal", "sharpness", "log_variance_range", "first", "vb_weight"];

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Squared error; where the variance is learned also the variational bound, with its mean detached.
    Mse,
    /// The same with the bound times timesteps / 1000.
    RescaledMse,
    /// The variational bound in bits per dimension, the mean not detached.
    Kl,
    /// The same times the number of timesteps: an estimate of the whole bound.
    RescaledKl,
}

/// The coefficients of a process, by timestep.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients {
    rows: Vec<[f32; COEFFICIENTS.len()]>,
}

impl Coefficients {
    /// The table for a process of training and a loss.
    #[must_use]
    pub fn new(process: &Process, loss: Loss) -> Self {
        let t = &process.tables;
        let vb_weight = match loss {
            Loss::Mse | Loss::Kl => 1.0,
            Loss::RescaledMse => process.len() as f64 / 1000.0,
            Loss::RescaledKl => process.len() as f64,
        };
        let row = |i: usize| {
            let posterior = t.log_variance_small(i);
            let upper = match process.variance {
                Variance::LearnedRange => t.betas[i].ln(),
                Variance::FixedSmall => posterior,
                Variance::FixedLarge => t.log_variance_large(i),
            };
            [
                t.sqrt_alphas_cumprod[i],
                t.sqrt_one_minus_alphas_cumprod[i],
                t.sqrt_recipm1_alphas_cumprod[i],
                t.posterior_mean_coef1[i] / (0.5 * posterior).exp(),
                upper - posterior,
                if i == 0 { 1.0 } else { 0.0 },
                vb_weight,
            ]
            .map(|x| x as f32)
        };
        Coefficients { rows: (0..process.len()).map(row).collect() }
    }

    /// One coefficient for a batch of timesteps: `which` is an index of [`COEFFICIENTS`].
    ///
    /// # Panics
    /// If a timestep is beyond the process.
    #[must_use]
    pub fn gather(&self, which: usize, timesteps: &[i32]) -> Vec<f32> {
        timesteps.iter().map(|t| self.rows[*t as usize][which]).collect()
    }
}
