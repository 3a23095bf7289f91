//! Where the noise of sampling comes from.

use crate::error::{Code, Problem};
use crate::random::Stream;
use arch_compiler::ops::source::Distribution;
use std::path::Path;

/// The noise of a sampling run.
#[derive(Clone, Debug, PartialEq)]
pub enum Noise {
    /// Drawn for a seed.
    Seed(u64),
    /// From a file, for comparing a run with other software number by number.
    Recorded(RecordedNoise),
}

/// Recorded noise.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedNoise {
    /// Samples.
    pub samples: usize,
    /// Steps.
    pub steps: usize,
    /// `[samples, ...]`: where sampling begins.
    pub initial: Vec<f32>,
    /// `[steps, samples, ...]`, in the order in which steps are taken.
    pub noises: Vec<f32>,
}

impl RecordedNoise {
    /// Reads a safetensors file with `initial` `[N, ...]` and `steps` `[K, N, ...]`.
    ///
    /// # Errors
    /// If it cannot be read or lacks a tensor.
    pub fn load(path: &Path) -> Result<Self, Problem> {
        let tensors = crate::checkpoint::load_weights(path)?;
        let take = |name: &str| {
            tensors.get(name).ok_or_else(|| {
                Problem::new(
                    Code::SampleNoise,
                    format!("{} has no tensor `{name}`", path.display()),
                    "a file of noise holds `initial` [N, C, H, W] and `steps` [K, N, C, H, W]",
                )
            })
        };
        let (initial, steps) = (take("initial")?, take("steps")?);
        Ok(RecordedNoise {
            samples: initial.shape.first().copied().unwrap_or(0),
            steps: steps.shape.first().copied().unwrap_or(0),
            initial: initial.data.clone(),
            noises: steps.data.clone(),
        })
    }
}

impl Noise {
    /// Checks that there is enough for `samples` of `length` elements over `steps`.
    ///
    /// # Errors
    /// If recorded noise has other sizes.
    pub fn check(&self, samples: usize, steps: usize, length: usize) -> Result<(), Problem> {
        let Noise::Recorded(r) = self else { return Ok(()) };
        let fits = r.samples == samples
            && r.steps == steps
            && r.initial.len() == samples * length
            && r.noises.len() == steps * samples * length;
        if fits {
            return Ok(());
        }
        Err(Problem::new(
            Code::SampleNoise,
            format!(
                "the file of noise is for {} samples and {} steps; {samples} samples of {length} elements over {steps} steps are wanted",
                r.samples, r.steps
            ),
            "set --count and --steps to what the file holds",
        ))
    }

    /// Fills what sampling begins with, for samples from `first` on, each of `length` elements.
    pub fn initial(&self, first: usize, into: &mut [f32], length: usize) {
        match self {
            Noise::Seed(seed) => fill(*seed, "initial noise", 0, first, into, length),
            Noise::Recorded(r) => into.copy_from_slice(&r.initial[first * length..][..into.len()]),
        }
    }

    /// Fills the noise of a step: `done` steps were taken before it.
    pub fn step(&self, done: usize, first: usize, into: &mut [f32], length: usize) {
        match self {
            Noise::Seed(seed) => fill(*seed, "step noise", done, first, into, length),
            Noise::Recorded(r) => {
                let at = (done * r.samples + first) * length;
                into.copy_from_slice(&r.noises[at..][..into.len()]);
            }
        }
    }
}

fn fill(seed: u64, purpose: &str, step: usize, first: usize, into: &mut [f32], length: usize) {
    let samples = into.len() / length.max(1);
    if samples > 0 {
        Stream::new(seed, purpose).fill_batch(Distribution::Normal, step as u32, first as u64, samples, into);
    }
}
