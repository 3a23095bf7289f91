//! What a model's output means, against case `diffusion_losses`.

use crate::fixture::{Fixture, assert_close32};
use arch_runtime::diffusion::{Layout, Predict, Process, Schedule, Variance};

/// The runs of the case: name, schedule, prediction, variance.
pub const RUNS: [(&str, Schedule, Predict, Variance); 8] = [
    ("mse_learned_range", Schedule::Linear, Predict::Epsilon, Variance::LearnedRange),
    ("rescaled_mse", Schedule::Linear, Predict::Epsilon, Variance::LearnedRange),
    ("rescaled_kl", Schedule::Linear, Predict::Epsilon, Variance::LearnedRange),
    ("mse_fixed_large", Schedule::Linear, Predict::Epsilon, Variance::FixedLarge),
    ("mse_fixed_small", Schedule::Linear, Predict::Epsilon, Variance::FixedSmall),
    ("rescaled_kl_fixed_small", Schedule::Linear, Predict::Epsilon, Variance::FixedSmall),
    ("xstart_learned_range", Schedule::Linear, Predict::XStart, Variance::LearnedRange),
    ("cosine_learned_range", Schedule::Cosine, Predict::Epsilon, Variance::LearnedRange),
];

const LAYOUT: Layout = Layout { samples: 1, channels: 3, pixels: 16 };

/// The noisy samples of the case, made by our own process.
pub fn noisy(inputs: &Fixture, process: &Process) -> Vec<f32> {
    let (start, noise) = (inputs.f32("x_start"), inputs.f32("noise"));
    let mut noisy = vec![0.0; start.len()];
    let length = LAYOUT.len();
    for (sample, t) in inputs.int("t").into_iter().enumerate() {
        let range = sample * length..(sample + 1) * length;
        process.add_noise(t as usize, &start[range.clone()], &noise[range.clone()], &mut noisy[range]);
    }
    noisy
}

#[test]
fn noisy_samples() {
    let (inputs, outputs) = (
        Fixture::open("diffusion_losses", "inputs.safetensors"),
        Fixture::open("diffusion_losses", "outputs.safetensors"),
    );
    for (name, schedule) in [("linear", Schedule::Linear), ("squaredcos_cap_v2", Schedule::Cosine)] {
        let process = Process::new(schedule, 1000, Predict::Epsilon, Variance::FixedSmall).unwrap();
        assert_close32(name, &noisy(&inputs, &process), &outputs.f32(&format!("x_t.{name}")), 1e-6);
    }
}

#[test]
fn mean_variance_and_clean_sample_of_every_run() {
    let (inputs, outputs) = (
        Fixture::open("diffusion_losses", "inputs.safetensors"),
        Fixture::open("diffusion_losses", "outputs.safetensors"),
    );
    for (run, schedule, predict, variance) in RUNS {
        let process = Process::new(schedule, 1000, predict, variance).unwrap();
        let x = noisy(&inputs, &process);
        let output = inputs.f32(&format!("{run}.model_output"));
        for (clip, mode) in [(true, "clip"), (false, "noclip")] {
            let (mut mean, mut log_variance, mut start) = (Vec::new(), Vec::new(), Vec::new());
            let per_output = process.output_channels(3) * 16;
            for (sample, t) in inputs.int("t").into_iter().enumerate() {
                let x = &x[sample * LAYOUT.len()..][..LAYOUT.len()];
                let output = &output[sample * per_output..][..per_output];
                let moments = process.moments(t as usize, LAYOUT, x, output, clip);
                mean.extend(moments.mean);
                log_variance.extend(moments.log_variance);
                start.extend(moments.pred_xstart);
            }
            let key = |what: &str| format!("{run}.{mode}.{what}");
            assert_close32(&key("mean"), &mean, &outputs.f32(&key("mean")), 2e-6);
            assert_close32(&key("log_variance"), &log_variance, &outputs.f32(&key("log_variance")), 1e-6);
            assert_close32(&key("pred_xstart"), &start, &outputs.f32(&key("pred_xstart")), 2e-6);
            // The reference's fixed small variance is 0 at t = 0 where its logarithm is that of t = 1; samplers
            // use the logarithm only.
            if process.variance != Variance::FixedSmall {
                let variance: Vec<f32> = log_variance.iter().map(|l| l.exp()).collect();
                assert_close32(&key("variance"), &variance, &outputs.f32(&key("variance")), 5e-6);
            }
        }
    }
}

/// The reference has no velocity prediction; its definition ties it to the noise prediction.
#[test]
fn a_velocity_that_says_the_same_as_a_noise_gives_the_same_moments() {
    let of = |predict| Process::new(Schedule::Cosine, 100, predict, Variance::FixedSmall).unwrap();
    let (epsilon, velocity, start) = (of(Predict::Epsilon), of(Predict::Velocity), of(Predict::XStart));
    let (x_start, noise) = ([0.3f32, -0.7], [1.1f32, 0.2]);
    let layout = Layout { samples: 1, channels: 1, pixels: 2 };
    for index in [0, 1, 50, 98] {
        let mut x = [0.0; 2];
        epsilon.add_noise(index, &x_start, &noise, &mut x);
        let (a, b) =
            (epsilon.tables.sqrt_alphas_cumprod[index], epsilon.tables.sqrt_one_minus_alphas_cumprod[index]);
        let v: Vec<f32> =
            (0..2).map(|i| (a * f64::from(noise[i]) - b * f64::from(x_start[i])) as f32).collect();
        let moments = epsilon.moments(index, layout, &x, &noise, false);
        for (other, output) in [(&velocity, &v[..]), (&start, &x_start[..])] {
            let given = other.moments(index, layout, &x, output, false);
            assert_close32("mean", &given.mean, &moments.mean, 1e-4);
            assert_close32("pred_xstart", &given.pred_xstart, &x_start, 1e-5);
        }
    }
}
