//! Drawing samples from a model.

mod noise;
mod output;
mod request;

pub use noise::{Noise, RecordedNoise};
pub use output::{Samples, check_output, write};
pub use request::{Request, labels_for};

use crate::diffusion::{Backbone, Process, State, run};
use crate::error::Problem;
use crate::execute::{Data, Execute};
use crate::interface::Interface;

/// The name under which the model is known in the session that samples.
pub const PROGRAM: &str = "forward";

/// What is told of a sampling run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Samples that are done.
    pub samples_done: usize,
    /// Samples in all.
    pub samples: usize,
    /// Steps done for the samples under way.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
}

/// Draws samples. `session` runs the model's program under the name [`PROGRAM`] and has its weights. Sample
/// `k` depends on the seed and `k`, not on the batch.
///
/// # Errors
/// If the model fails, or the request does not fit it.
pub fn draw(
    session: &mut dyn Execute,
    interface: &Interface,
    process: &Process,
    request: &Request,
    noise: &Noise,
    progress: &mut dyn FnMut(Progress),
) -> Result<Samples, Problem> {
    interface.check(process)?;
    request.check(interface)?;
    let process = process.respaced(&request.respacing)?;
    let batch = session.batch();
    let layout = interface.layout(batch);
    let length = layout.sample_len();
    noise.check(request.labels.len(), process.len(), length)?;
    let mut data = Vec::with_capacity(request.labels.len() * length);
    for first in (0..request.labels.len()).step_by(batch) {
        let count = batch.min(request.labels.len() - first);
        let mut samples = vec![0.0; layout.len()];
        noise.initial(first, &mut samples[..count * length], length);
        // The last batch may have room to spare; what is computed there is thrown away.
        let mut labels = request.labels[first..first + count].to_vec();
        labels.resize(batch, request.labels[first]);
        let mut model = Model {
            session,
            interface,
            request,
            noise,
            labels,
            first,
            count,
            unconditional: Vec::new(),
            report: &mut |step| {
                progress(Progress {
                    samples_done: first,
                    samples: request.labels.len(),
                    step,
                    steps: process.len(),
                });
            },
        };
        run(&process, request.sampler, request.clip, layout, &mut samples, &mut model)?;
        data.extend_from_slice(&samples[..count * length]);
    }
    Ok(Samples {
        data,
        labels: request.labels.clone(),
        channels: interface.channels,
        height: interface.height,
        width: interface.width,
    })
}

/// The model in its session, as the sampler sees it.
struct Model<'a> {
    session: &'a mut dyn Execute,
    interface: &'a Interface,
    request: &'a Request,
    noise: &'a Noise,
    labels: Vec<i32>,
    first: usize,
    count: usize,
    unconditional: Vec<f32>,
    report: &'a mut dyn FnMut(usize),
}

impl Backbone for Model<'_> {
    type Error = Problem;

    fn predict(&mut self, x: &[f32], timestep: usize, output: &mut [f32]) -> Result<(), Problem> {
        self.session.write(&self.interface.noisy, Data::Float(x))?;
        let timesteps = vec![timestep as i32; self.labels.len()];
        self.interface.write_timesteps(self.session, &timesteps)?;
        self.interface.write_labels(self.session, &self.labels)?;
        self.session.run(PROGRAM)?;
        self.session.read(&self.interface.output, output)?;
        let null = self.interface.label.as_ref().and_then(|l| l.null);
        if let (Some(guidance), Some(null)) = (self.request.guidance, null) {
            self.interface.write_labels(self.session, &vec![null; self.labels.len()])?;
            self.session.run(PROGRAM)?;
            self.unconditional.resize(output.len(), 0.0);
            self.session.read(&self.interface.output, &mut self.unconditional)?;
            let layout = self.interface.layout(self.labels.len());
            guidance.combine(layout, self.interface.output_channels, output, &self.unconditional);
        }
        Ok(())
    }

    fn noise(&mut self, done: usize, noise: &mut [f32]) -> Result<(), Problem> {
        let length = noise.len() / self.labels.len();
        self.noise.step(done, self.first, &mut noise[..self.count * length], length);
        Ok(())
    }

    fn observe(&mut self, state: State<'_>) {
        (self.report)(state.done);
    }
}

#[cfg(test)]
mod tests;
