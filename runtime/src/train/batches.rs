//! What a step is given: samples, noise, timesteps, labels.

use super::replay::Replay;
use crate::data::{Dataset, Split};
use crate::interface::Interface;
use crate::random::{Order, Place, Stream};
use arch_compiler::ops::source::Distribution;

/// A batch on its way into the session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[batch, C, H, W]`, in the model's range.
    pub x_start: Vec<f32>,
    /// `[batch, C, H, W]`.
    pub noise: Vec<f32>,
    /// `[batch]`, from 0 to below the number of timesteps.
    pub timesteps: Vec<i32>,
    /// `[batch]`.
    pub labels: Vec<i32>,
    /// The number of the first sample in the run: random inputs of the model are drawn for it.
    pub first: u64,
}

/// Where batches come from.
pub enum Batches<'a> {
    /// Data and random numbers.
    Drawn(Box<Drawn<'a>>),
    /// A file of recorded steps.
    Recorded(&'a Replay),
}

/// Batches of a data set in the order of a seed.
pub struct Drawn<'a> {
    dataset: &'a Dataset,
    split: Split,
    order: Order,
    seed: u64,
    timesteps: u32,
}

impl<'a> Drawn<'a> {
    /// Batches of the samples that are not held out.
    pub fn new(dataset: &'a Dataset, holdout: f64, seed: u64, timesteps: usize) -> Self {
        let split = Split::new(dataset.len(), holdout);
        let order = split.order(seed);
        Drawn { dataset, split, order, seed, timesteps: timesteps as u32 }
    }

    /// The samples that are held out.
    pub fn held_out(&self) -> &[usize] {
        &self.split.held_out
    }

    /// The batch that begins with the sample of this number.
    pub fn batch(&mut self, first: u64, size: usize, interface: &Interface) -> Batch {
        let positions: Vec<u64> = (first..first + size as u64).collect();
        let samples: Vec<usize> = positions.iter().map(|p| self.split.train[self.order.at(*p)]).collect();
        self.of(&samples, self.seed, "", first, interface)
    }

    /// A batch of held-out samples, beginning with the `first`-th; beyond the last it goes on with the first.
    /// Noise and timesteps are the same whenever it is asked for, and in every run of one seed.
    pub fn held_out_batch(&self, first: usize, size: usize, interface: &Interface) -> Batch {
        let held = &self.split.held_out;
        let samples: Vec<usize> = (first..first + size).map(|i| held[i % held.len()]).collect();
        self.of(&samples, self.seed, "held out ", first as u64, interface)
    }

    /// Noise and timestep belong to the number of the sample in the run, so that they do not depend on how
    /// samples are grouped into batches and steps.
    fn of(&self, samples: &[usize], seed: u64, purpose: &str, first: u64, interface: &Interface) -> Batch {
        let length = interface.layout(1).len();
        let mut batch = Batch { first, ..Batch::default() };
        batch.x_start.resize(samples.len() * length, 0.0);
        for (sample, into) in samples.iter().zip(batch.x_start.chunks_mut(length)) {
            self.dataset.read(*sample, into);
        }
        batch.labels = samples.iter().map(|s| self.dataset.label(*s)).collect();
        batch.noise.resize(samples.len() * length, 0.0);
        let stream = |what: &str| Stream::new(seed, &format!("{purpose}{what}"));
        stream("noise").fill_batch(Distribution::Normal, 0, first, samples.len(), &mut batch.noise);
        let timesteps = stream("timestep");
        batch.timesteps = (first..first + samples.len() as u64)
            .map(|sample| timesteps.integer(Place { step: 0, sample }, self.timesteps) as i32)
            .collect();
        batch
    }
}
