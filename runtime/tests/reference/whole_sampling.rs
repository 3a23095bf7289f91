//! The whole way of a sample: DiT compiled from its text, interpreted, sampled with the recorded noise,
//! against case `dit_sampling` and what `tests/fixtures/exact/dit.py` makes of it in f64.

use crate::fixture::{Fixture, assert_close};
use crate::programs::item;
use arch_runtime::checkpoint::Stored;
use arch_runtime::diffusion::{Guidance, Predict, Process, Respacing, Sampler, Schedule, Variance};
use arch_runtime::execute::Prepare;
use arch_runtime::execute::interpreter::Interpreting;
use arch_runtime::interface::{Interface, write_weights};
use arch_runtime::sample::{Noise, PROGRAM, RecordedNoise, Request, draw};
use std::collections::BTreeMap;

pub const DIT: [(&str, &str); 6] = [
    ("input_size", "8"),
    ("patch_size", "2"),
    ("in_channels", "4"),
    ("num_classes", "10"),
    ("hidden_size", "48"),
    ("num_heads", "4"),
];

/// All tensors of a file as weights.
pub fn weights(case: &str, file: &str) -> BTreeMap<String, Stored> {
    let file = Fixture::open(case, file);
    file.names()
        .into_iter()
        .map(|n| (n.clone(), Stored { shape: file.shape(&n), data: file.f32(&n) }))
        .collect()
}

/// Samples of the first `count` of the recorded ones.
fn check(name: &str, respacing: &str, sampler: Sampler, clip: bool, guidance: Option<Guidance>) {
    let inputs = Fixture::open("dit_sampling", "inputs.safetensors");
    let outputs = Fixture::open("dit_sampling", "outputs.safetensors");
    let set: Vec<(&str, &str)> = DIT.into_iter().chain([("depth", "2")]).collect();
    let program = item("dit.arch", "DiT", &set, &[], false);
    let interface = Interface::new(&program, None).unwrap();
    let mut session = Interpreting.prepare(&program.module, &[(PROGRAM, program.entry)], 2).unwrap();
    write_weights(session.as_mut(), &program, &weights("dit_sampling", "weights.safetensors"), "").unwrap();

    let process = Process::new(Schedule::Linear, 1000, Predict::Epsilon, Variance::LearnedRange).unwrap();
    let (samples, length) = (2, 256);
    let recorded = inputs.shape(&format!("{name}.initial_noise"))[0];
    let steps = inputs.shape(&format!("{name}.step_noises"))[0];
    // Where the reference doubles the batch for guidance, its second half is thrown away.
    let noises = inputs.f32(&format!("{name}.step_noises"));
    let noise = RecordedNoise {
        samples,
        steps,
        initial: inputs.f32(&format!("{name}.initial_noise"))[..samples * length].to_vec(),
        noises: noises.chunks(recorded * length).flat_map(|s| s[..samples * length].to_vec()).collect(),
    };
    let labels = inputs.int(&format!("{name}.y"))[..samples].to_vec();
    let respacing = Respacing::parse(respacing).unwrap();
    let request = Request { labels, sampler, respacing, clip, guidance };
    let drawn =
        draw(session.as_mut(), &interface, &process, &request, &Noise::Recorded(noise), &mut |_| ()).unwrap();
    let got: Vec<f64> = drawn.data.iter().map(|x| f64::from(*x)).collect();
    let exact = Fixture::open("exact", "dit_sampling.safetensors").f64(&format!("{name}.sample"));
    // States between steps are f32.
    assert_close(name, &got, &exact, 5e-7);
    // The reference has the timestep's sinusoids in f32, which alone makes up 4.7e-5 of this: see `exact/dit.py`.
    let reference = &outputs.f64(&format!("{name}.sample"))[..samples * length];
    assert_close(&format!("{name}, the reference"), &got, reference, 6e-5);
}

#[test]
fn ancestral_with_and_without_clipping() {
    check("10/ancestral_noclip", "10", Sampler::Ancestral, false, None);
    check("10/ancestral_clip", "10", Sampler::Ancestral, true, None);
    check("4-3-2/ancestral_clip", "4,3,2", Sampler::Ancestral, true, None);
}

#[test]
fn ddim() {
    check("10/ddim_eta0_noclip", "10", Sampler::Ddim { eta: 0.0 }, false, None);
    check("ddim10/ddim_eta0_clip", "ddim10", Sampler::Ddim { eta: 0.0 }, true, None);
    check("10/ddim_eta0.5_clip", "10", Sampler::Ddim { eta: 0.5 }, true, None);
}

#[test]
fn guidance_of_three_channels() {
    let guidance = Guidance { scale: 4.0, channels: Some(3) };
    check("10/ancestral_noclip_cfg4", "10", Sampler::Ancestral, false, Some(guidance));
}
