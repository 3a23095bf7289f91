//! Noise schedules and the tables derived from them, all in f64.
//!
//! The names are those of the public DiT code (`gaussian_diffusion.py`) and the formulas those of
//! Ho, Jain and Abbeel 2020 (DDPM), equations 4 to 7, and of Nichol and Dhariwal 2021, section 3.

use crate::error::{Code, Problem};
use std::f64::consts::FRAC_PI_2;

/// How much noise each step adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Linear betas from 1e-4 to 0.02 at 1000 timesteps, scaled for other numbers (DDPM).
    Linear,
    /// A squared cosine for the signal's share, betas at most 0.999 (Nichol and Dhariwal 2021, equation 17);
    /// `squaredcos_cap_v2` in the public code.
    Cosine,
}

impl Schedule {
    /// The variance that each of `timesteps` steps adds.
    ///
    /// # Errors
    /// If a beta is not in `(0, 1]`: a linear schedule of fewer than 20 timesteps.
    pub fn betas(self, timesteps: usize) -> Result<Vec<f64>, Problem> {
        let betas = match self {
            Schedule::Linear => {
                let scale = 1000.0 / timesteps as f64;
                linspace(scale * 1e-4, scale * 0.02, timesteps)
            }
            Schedule::Cosine => {
                let signal = |u: f64| ((u + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
                let n = timesteps as f64;
                (0..timesteps)
                    .map(|i| (1.0 - signal((i + 1) as f64 / n) / signal(i as f64 / n)).min(0.999))
                    .collect()
            }
        };
        let usable = !betas.is_empty() && betas.iter().all(|b| *b > 0.0 && *b <= 1.0);
        usable.then_some(betas).ok_or_else(|| {
            Problem::new(
                Code::Schedule,
                format!("a {self:?} schedule of {timesteps} timesteps would need betas outside (0, 1]"),
                "use at least 20 timesteps with the linear schedule, or schedule = \"cosine\"",
            )
        })
    }
}

/// `count` numbers from `start` to `stop`, both included.
fn linspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let step = (stop - start) / (count.max(2) - 1) as f64;
    let mut numbers: Vec<f64> = (0..count).map(|i| start + i as f64 * step).collect();
    if count > 1 {
        numbers[count - 1] = stop;
    }
    numbers
}

/// Everything that a step's formulas need, one element per timestep.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Tables {
    pub betas: Vec<f64>,
    pub alphas_cumprod: Vec<f64>,
    /// Begins with 1: before the first step there is only signal.
    pub alphas_cumprod_prev: Vec<f64>,
    /// Ends with 0.
    pub alphas_cumprod_next: Vec<f64>,
    pub sqrt_alphas_cumprod: Vec<f64>,
    pub sqrt_one_minus_alphas_cumprod: Vec<f64>,
    pub log_one_minus_alphas_cumprod: Vec<f64>,
    pub sqrt_recip_alphas_cumprod: Vec<f64>,
    pub sqrt_recipm1_alphas_cumprod: Vec<f64>,
    /// The variance of `q(x_{t-1} | x_t, x_0)`; 0 at the first timestep.
    pub posterior_variance: Vec<f64>,
    /// Its logarithm, with the first element taken from the second. Empty if there is one timestep only.
    pub posterior_log_variance_clipped: Vec<f64>,
    /// What multiplies `x_0` in the mean of `q(x_{t-1} | x_t, x_0)`.
    pub posterior_mean_coef1: Vec<f64>,
    /// What multiplies `x_t` there.
    pub posterior_mean_coef2: Vec<f64>,
}

impl Tables {
    /// The tables for some betas.
    #[must_use]
    pub fn new(betas: Vec<f64>) -> Self {
        let alphas_cumprod: Vec<f64> = betas
            .iter()
            .scan(1.0, |product, beta| {
                *product *= 1.0 - beta;
                Some(*product)
            })
            .collect();
        let n = betas.len();
        let previous: Vec<f64> = std::iter::once(1.0).chain(alphas_cumprod.iter().copied()).take(n).collect();
        let next: Vec<f64> = alphas_cumprod.iter().copied().skip(1).chain([0.0]).take(n).collect();
        let of = |f: &dyn Fn(f64) -> f64| alphas_cumprod.iter().map(|a| f(*a)).collect::<Vec<f64>>();
        let by_step = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<f64>>();
        let posterior_variance = by_step(&|i| betas[i] * (1.0 - previous[i]) / (1.0 - alphas_cumprod[i]));
        let posterior_log_variance_clipped =
            if n > 1 { (0..n).map(|i| posterior_variance[i.max(1)].ln()).collect() } else { Vec::new() };
        Tables {
            sqrt_alphas_cumprod: of(&f64::sqrt),
            sqrt_one_minus_alphas_cumprod: of(&|a| (1.0 - a).sqrt()),
            log_one_minus_alphas_cumprod: of(&|a| (1.0 - a).ln()),
            sqrt_recip_alphas_cumprod: of(&|a| (1.0 / a).sqrt()),
            sqrt_recipm1_alphas_cumprod: of(&|a| (1.0 / a - 1.0).sqrt()),
            posterior_mean_coef1: by_step(&|i| betas[i] * previous[i].sqrt() / (1.0 - alphas_cumprod[i])),
            posterior_mean_coef2: by_step(&|i| {
                (1.0 - previous[i]) * (1.0 - betas[i]).sqrt() / (1.0 - alphas_cumprod[i])
            }),
            posterior_variance,
            posterior_log_variance_clipped,
            alphas_cumprod_prev: previous,
            alphas_cumprod_next: next,
            betas,
            alphas_cumprod,
        }
    }

    /// The number of timesteps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.betas.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.betas.is_empty()
    }

    /// The tables of a process that keeps only some timesteps: `kept` in ascending order.
    /// The new betas are `1 - alphas_cumprod[i] / alphas_cumprod[i - 1]` over the kept ones.
    #[must_use]
    pub fn respaced(&self, kept: &[usize]) -> Tables {
        let mut last = 1.0;
        let betas = kept
            .iter()
            .map(|i| {
                let beta = 1.0 - self.alphas_cumprod[*i] / last;
                last = self.alphas_cumprod[*i];
                beta
            })
            .collect();
        Tables::new(betas)
    }

    /// The log variance of `fixed_large`: that of the betas, the first element taken from the posterior's
    /// second, as its own would be too small.
    #[must_use]
    pub fn log_variance_large(&self, index: usize) -> f64 {
        if index == 0 && self.len() > 1 { self.posterior_variance[1].ln() } else { self.betas[index].ln() }
    }

    /// The log variance of `fixed_small`.
    #[must_use]
    pub fn log_variance_small(&self, index: usize) -> f64 {
        self.posterior_log_variance_clipped.get(index).copied().unwrap_or_else(|| self.betas[index].ln())
    }
}
