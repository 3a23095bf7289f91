//! Going back from noise to a sample.

use super::process::{Layout, Moments, Process};

/// How a reverse step is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// Drawn from the model's reverse step (DDPM, algorithm 2).
    Ancestral,
    /// Song, Meng and Ermon 2021, equation 12; `eta = 0` is deterministic.
    Ddim {
        /// The share of noise.
        eta: f64,
    },
}

/// Where a sampling run stands after a step.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// How many steps are done, from 1.
    pub done: usize,
    /// How many there are in all.
    pub steps: usize,
    /// The step of the process that was taken: it counts down to 0.
    pub index: usize,
    /// The timestep that the model was told.
    pub timestep: usize,
    /// The samples after the step.
    pub samples: &'a [f32],
    /// The clean samples that the model had in mind.
    pub pred_xstart: &'a [f32],
}

/// What a sampling run needs from outside.
pub trait Backbone {
    /// What its failures are.
    type Error;
    /// Runs the model on `x` (`[samples, channels, pixels]`) at a timestep of training and fills `output`
    /// (`[samples, output channels, pixels]`).
    ///
    /// # Errors
    /// Whatever keeps the model from running.
    fn predict(&mut self, x: &[f32], timestep: usize, output: &mut [f32]) -> Result<(), Self::Error>;
    /// Fills `noise` for the `done + 1`-th step taken.
    ///
    /// # Errors
    /// Whatever keeps the numbers from being found.
    fn noise(&mut self, done: usize, noise: &mut [f32]) -> Result<(), Self::Error>;
    /// Sees every state.
    fn observe(&mut self, _state: State<'_>) {}
}

/// Runs all steps of a process, from noise in `samples` to samples in `samples`.
///
/// # Errors
/// Those of the backbone.
pub fn run<B: Backbone>(
    process: &Process,
    sampler: Sampler,
    clip: bool,
    layout: Layout,
    samples: &mut [f32],
    backbone: &mut B,
) -> Result<(), B::Error> {
    let mut output = vec![0.0; layout.samples * process.output_channels(layout.channels) * layout.pixels];
    let mut noise = vec![0.0; layout.len()];
    for (done, index) in (0..process.len()).rev().enumerate() {
        let timestep = process.timestep_map[index];
        backbone.predict(samples, timestep, &mut output)?;
        let moments = process.moments(index, layout, samples, &output, clip);
        backbone.noise(done, &mut noise)?;
        step(process, sampler, index, &moments, &noise, samples);
        backbone.observe(State {
            done: done + 1,
            steps: process.len(),
            index,
            timestep,
            samples,
            pred_xstart: &moments.pred_xstart,
        });
    }
    Ok(())
}

/// One step: `samples` go from `index` to the one before.
pub fn step(
    process: &Process,
    sampler: Sampler,
    index: usize,
    moments: &Moments,
    noise: &[f32],
    samples: &mut [f32],
) {
    // The last step adds no noise: what it gives is the sample.
    let last = index == 0;
    match sampler {
        Sampler::Ancestral => {
            for (i, x) in samples.iter_mut().enumerate() {
                let spread = if last { 0.0 } else { (0.5 * f64::from(moments.log_variance[i])).exp() };
                *x = (f64::from(moments.mean[i]) + spread * f64::from(noise[i])) as f32;
            }
        }
        Sampler::Ddim { eta } => {
            let signal = process.tables.alphas_cumprod[index];
            let before = process.tables.alphas_cumprod_prev[index];
            let sigma = eta * ((1.0 - before) / (1.0 - signal)).sqrt() * (1.0 - signal / before).sqrt();
            let direction = (1.0 - before - sigma * sigma).max(0.0).sqrt();
            let spread = if last { 0.0 } else { sigma };
            for (i, x) in samples.iter_mut().enumerate() {
                let start = f64::from(moments.pred_xstart[i]);
                // From the clipped clean sample, so that both parts of the step agree.
                let epsilon = process.noise_of(index, f64::from(*x), start);
                *x = (start * before.sqrt() + direction * epsilon + spread * f64::from(noise[i])) as f32;
            }
        }
    }
}
