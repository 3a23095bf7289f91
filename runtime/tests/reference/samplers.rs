//! Samplers against case `dit_sampling`, fed with what the recorded states say about the model's output.
//! The stand-in predicts the clean sample: a noise rounded to f32 would be magnified 150-fold at the first step.

use crate::fixture::{Fixture, assert_close32};
use arch_runtime::diffusion::{
    Backbone, Layout, Predict, Process, Respacing, Sampler, Schedule, State, Variance, run,
};

/// Stands in for the model: at every step it gives the recorded clean sample, and the variance that belongs to the recorded next state.
struct Recorded<'a> {
    process: &'a Process,
    sampler: Sampler,
    layout: Layout,
    starts: Vec<f32>,
    states: Vec<f32>,
    noises: Vec<f32>,
    timesteps: Vec<i32>,
    batch: usize,
    done: usize,
}

impl Recorded<'_> {
    fn of<'a>(&self, all: &'a [f32], done: usize) -> &'a [f32] {
        &all[done * self.batch * self.layout.sample_len()..][..self.layout.len()]
    }

    /// The share of the upper variance that turns the mean and the noise into the recorded state.
    fn range(&self, index: usize, x: f64, start: f64, state: f64, noise: f64) -> f64 {
        if index == 0 || self.sampler != Sampler::Ancestral {
            return 0.0;
        }
        let t = &self.process.tables;
        let mean = t.posterior_mean_coef1[index] * start + t.posterior_mean_coef2[index] * x;
        let log_variance = 2.0 * ((state - mean) / noise).abs().max(1e-12).ln();
        let (low, high) = (t.posterior_log_variance_clipped[index], t.betas[index].ln());
        2.0 * (log_variance - low) / (high - low) - 1.0
    }
}

impl Backbone for Recorded<'_> {
    type Error = ();

    fn predict(&mut self, x: &[f32], timestep: usize, output: &mut [f32]) -> Result<(), ()> {
        assert_eq!(
            timestep as i32,
            self.timesteps[self.done * self.batch],
            "the model is told training's timestep"
        );
        let index = self.process.len() - 1 - self.done;
        let length = self.layout.sample_len();
        for (i, x) in x.iter().enumerate() {
            let start = f64::from(self.of(&self.starts, self.done)[i]);
            let state = f64::from(self.of(&self.states, self.done)[i]);
            let noise = f64::from(self.of(&self.noises, self.done)[i]);
            let at = (i / length) * 2 * length + i % length;
            output[at] = start as f32;
            output[at + length] = self.range(index, f64::from(*x), start, state, noise) as f32;
        }
        Ok(())
    }

    fn noise(&mut self, done: usize, noise: &mut [f32]) -> Result<(), ()> {
        noise.copy_from_slice(self.of(&self.noises, done));
        Ok(())
    }

    fn observe(&mut self, state: State<'_>) {
        assert_eq!(state.done, self.done + 1);
        let (states, starts) = (self.of(&self.states, self.done), self.of(&self.starts, self.done));
        assert_close32(&format!("state {}", state.done), state.samples, states, 2e-5);
        assert_close32(&format!("clean sample {}", state.done), state.pred_xstart, starts, 2e-5);
        self.done += 1;
    }
}

/// Name of the run, respacing, sampler, clip.
pub const RUNS: [(&str, &str, Sampler, bool); 7] = [
    ("10/ancestral_noclip", "10", Sampler::Ancestral, false),
    ("10/ancestral_clip", "10", Sampler::Ancestral, true),
    ("10/ddim_eta0_noclip", "10", Sampler::Ddim { eta: 0.0 }, false),
    ("ddim10/ddim_eta0_clip", "ddim10", Sampler::Ddim { eta: 0.0 }, true),
    ("10/ddim_eta0.5_clip", "10", Sampler::Ddim { eta: 0.5 }, true),
    ("10/ancestral_noclip_cfg4", "10", Sampler::Ancestral, false),
    ("4-3-2/ancestral_clip", "4,3,2", Sampler::Ancestral, true),
];

#[test]
fn every_state_of_every_run() {
    let inputs = Fixture::open("dit_sampling", "inputs.safetensors");
    let outputs = Fixture::open("dit_sampling", "outputs.safetensors");
    let whole = Process::new(Schedule::Linear, 1000, Predict::XStart, Variance::LearnedRange).unwrap();
    for (name, respacing, sampler, clip) in RUNS {
        let process = whole.respaced(&Respacing::parse(respacing).unwrap()).unwrap();
        let batch = inputs.shape(&format!("{name}.initial_noise"))[0];
        let layout = Layout { samples: batch, channels: 4, pixels: 64 };
        let mut samples = inputs.f32(&format!("{name}.initial_noise"));
        let mut recorded = Recorded {
            process: &process,
            sampler,
            layout,
            starts: outputs.f32(&format!("{name}.pred_xstart")),
            states: outputs.f32(&format!("{name}.all_steps")),
            noises: inputs.f32(&format!("{name}.step_noises")),
            timesteps: outputs.int(&format!("{name}.model_t")),
            batch,
            done: 0,
        };
        run(&process, sampler, clip, layout, &mut samples, &mut recorded).unwrap();
        assert_eq!(recorded.done, process.len());
        assert_close32(name, &samples, &outputs.f32(&format!("{name}.sample")), 2e-5);
    }
}
