//! `models/std/losses.arch`, interpreted, against case `diffusion_losses`: values and gradients.

use crate::fixture::{Fixture, assert_close};
use crate::moments::{RUNS, noisy};
use crate::programs::item;
use arch_compiler::grad::value_and_grad;
use arch_compiler::interp::{Tensor, run};
use arch_runtime::diffusion::{COEFFICIENTS, Coefficients, Loss, Predict, Process, Variance};
use arch_runtime::recipe::DiffusionRecipe;
use std::collections::BTreeMap;

const DIMS: [(&str, usize); 3] = [("C", 3), ("H", 4), ("W", 4)];
const SAMPLES: usize = 6;
/// How many of them are at t = 0: the first.
const AT_ZERO: usize = 2;

fn loss_of(run: &str) -> Loss {
    match run {
        "rescaled_mse" => Loss::RescaledMse,
        _ if run.starts_with("rescaled_kl") => Loss::RescaledKl,
        _ => Loss::Mse,
    }
}

fn tensor(dims: Vec<usize>, data: Vec<f64>) -> Tensor {
    Tensor { dims, data }
}

#[test]
fn every_loss_and_its_gradient() {
    let inputs = Fixture::open("diffusion_losses", "inputs.safetensors");
    let outputs = Fixture::open("diffusion_losses", "outputs.safetensors");
    for (name, schedule, predict, variance) in RUNS {
        let recipe = DiffusionRecipe {
            schedule,
            predict,
            variance,
            loss: loss_of(name),
            ..DiffusionRecipe::default()
        };
        let settings = recipe.loss_settings();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut program = item("std/losses.arch", "GaussianLoss", &settings, &DIMS, true);
        let entry = value_and_grad(&mut program.module, program.entry, &["output"]).unwrap();

        let process = recipe.process().unwrap();
        let coefficients = Coefficients::new(&process, recipe.loss);
        let timesteps = inputs.int("t");
        let mut given = BTreeMap::new();
        for (which, coefficient) in COEFFICIENTS.iter().enumerate() {
            let values = coefficients.gather(which, &timesteps).into_iter().map(f64::from).collect();
            given.insert((*coefficient).to_string(), tensor(vec![SAMPLES], values));
        }
        for sample in ["x_start", "noise"] {
            given.insert(sample.into(), tensor(vec![SAMPLES, 3, 4, 4], inputs.f64(sample)));
        }
        let output = format!("{name}.model_output");
        given.insert("output".into(), tensor(inputs.shape(&output), inputs.f64(&output)));
        // The reference differentiates the mean over samples.
        for (result, cotangent) in [("loss", 1.0 / SAMPLES as f64), ("mse", 0.0), ("vb", 0.0)] {
            let value = program.module.function(entry).input(&format!("{result}.grad")).unwrap().value;
            let shape = program.module.dims(&program.module.function(entry).value(value).shape, SAMPLES);
            given.insert(format!("{result}.grad"), Tensor::filled(shape, cotangent));
        }
        let results = run(&program.module, entry, &given, SAMPLES).unwrap();
        assert_eq!(timesteps.iter().filter(|t| **t == 0).count(), AT_ZERO, "the first samples are at t = 0");
        // With the small fixed variance the likelihoods at t = 0 are saturated in the reference's f32: shares of
        // a distribution that differ by less than 1e-7 are equal there, and their logarithm is cut off.
        let saturated = variance == Variance::FixedSmall;
        let got = |what: &str| results.output(what).unwrap().data.clone();
        let key = |what: &str| format!("{name}.{what}");
        for part in ["loss", "mse", "vb"] {
            if outputs.names().contains(&key(part)) {
                let (got, wanted) = (got(part), outputs.f64(&key(part)));
                let at_zero = if saturated { 3e-2 } else { 5e-4 };
                assert_close(&key(part), &got[..AT_ZERO], &wanted[..AT_ZERO], at_zero);
                assert_close(&key(part), &got[AT_ZERO..], &wanted[AT_ZERO..], 2e-5);
            } else if loss_of(name) == Loss::Mse {
                assert!(got(part).iter().all(|x| *x == 0.0), "{name}: a part that is not used is zero");
            }
        }
        let (got, wanted) = (got("grad.output"), outputs.f64(&key("grad_model_output")));
        let at_zero = AT_ZERO * wanted.len() / SAMPLES;
        if !saturated {
            // Single bins of nearly no probability are rounding in the reference; the others must agree.
            let (got, wanted) = (&got[..at_zero], &wanted[..at_zero]);
            let largest = wanted.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            let off = got.iter().zip(wanted).filter(|(g, w)| (*g - *w).abs() > 1e-4 * largest).count();
            assert!(off <= got.len() / 20, "{name}: {off} of {} gradients at t = 0 differ", got.len());
            assert_close(&key("gradient at t = 0"), got, wanted, 2e-2);
        }
        assert_close(&key("gradient"), &got[at_zero..], &wanted[at_zero..], 1e-4);
    }
}

#[test]
fn noising_is_that_of_the_process() {
    let inputs = Fixture::open("diffusion_losses", "inputs.safetensors");
    let program = item("std/losses.arch", "NoisySample", &[], &DIMS, true);
    let process = DiffusionRecipe::default().process().unwrap();
    let coefficients = Coefficients::new(&process, Loss::Mse);
    let mut given = BTreeMap::new();
    for (which, name) in COEFFICIENTS.iter().enumerate().take(2) {
        let values = coefficients.gather(which, &inputs.int("t")).into_iter().map(f64::from).collect();
        given.insert((*name).to_string(), tensor(vec![SAMPLES], values));
    }
    for sample in ["x_start", "noise"] {
        given.insert(sample.into(), tensor(vec![SAMPLES, 3, 4, 4], inputs.f64(sample)));
    }
    let results = run(&program.module, program.entry, &given, SAMPLES).unwrap();
    let wanted: Vec<f64> = noisy(&inputs, &process).into_iter().map(f64::from).collect();
    assert_close("x_t", &results.outputs[0].1.data, &wanted, 1e-6);
}

/// The reference has no velocity prediction: a velocity that says the same as a noise has the same bound.
#[test]
fn a_velocity_has_the_bound_of_the_noise_it_stands_for() {
    let inputs = Fixture::open("diffusion_losses", "inputs.safetensors");
    let bound = |predict: Predict| {
        let recipe = DiffusionRecipe {
            predict,
            variance: Variance::FixedSmall,
            loss: Loss::Kl,
            ..DiffusionRecipe::default()
        };
        let settings = recipe.loss_settings();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let program = item("std/losses.arch", "GaussianLoss", &settings, &DIMS, true);
        let process: Process = recipe.process().unwrap();
        let coefficients = Coefficients::new(&process, Loss::Kl);
        let timesteps = vec![5, 100, 300, 500, 700, 900];
        let (start, epsilon) = (inputs.f64("x_start"), inputs.f64("mse_fixed_small.model_output"));
        let t = &process.tables;
        let output: Vec<f64> = (0..start.len())
            .map(|i| {
                let step = timesteps[i / 48] as usize;
                let (signal, spread) = (t.sqrt_alphas_cumprod[step], t.sqrt_one_minus_alphas_cumprod[step]);
                let x = signal * start[i] + spread * inputs.f64("noise")[i];
                let clean = (x - spread * epsilon[i]) / signal;
                if predict == Predict::Velocity { signal * epsilon[i] - spread * clean } else { epsilon[i] }
            })
            .collect();
        let mut given = BTreeMap::new();
        for (which, name) in COEFFICIENTS.iter().enumerate() {
            let values = coefficients.gather(which, &timesteps).into_iter().map(f64::from).collect();
            given.insert((*name).to_string(), tensor(vec![SAMPLES], values));
        }
        given.insert("x_start".into(), tensor(vec![SAMPLES, 3, 4, 4], start));
        given.insert("noise".into(), tensor(vec![SAMPLES, 3, 4, 4], inputs.f64("noise")));
        given.insert("output".into(), tensor(vec![SAMPLES, 3, 4, 4], output));
        run(&program.module, program.entry, &given, SAMPLES).unwrap().output("vb").unwrap().data.clone()
    };
    assert_close("vb", &bound(Predict::Velocity), &bound(Predict::Epsilon), 1e-4);
}
