//! The whole way of training: DiT and its loss compiled from text, interpreted, fed with the recorded steps,
//! against cases `dit_train_step` and `dit_train_step_wd`.

use crate::fixture::{Fixture, assert_close32};
use crate::programs::item;
use crate::whole_sampling::{DIT, weights};
use arch_runtime::checkpoint::{Checkpoint, Sources, Stored};
use arch_runtime::execute::interpreter::Interpreting;
use arch_runtime::interface::Interface;
use arch_runtime::recipe::{Recipe, parse};
use arch_runtime::run::{Metric, RunFolder};
use arch_runtime::train::{Ended, Job, Model, Observer, Replay, train};
use std::collections::BTreeMap;

#[derive(Default)]
struct Seen {
    metrics: Vec<Metric>,
}

impl Observer for Seen {
    fn step(&mut self, metric: &Metric, _: u64) {
        self.metrics.push(metric.clone());
    }
}

/// What a run must give.
struct Wanted {
    /// The mean loss of each step, and how near it must be.
    losses: Vec<f64>,
    tolerance: f64,
    /// The gradient's norm in each step.
    norms: Vec<f64>,
}

/// Trains on recorded steps and compares the figures.
fn check(
    case: &str,
    set: &[(&str, &str)],
    recipe: &str,
    recorded: &BTreeMap<String, Stored>,
    wanted: &Wanted,
) -> Checkpoint {
    let text = format!("[model]\nfile = \"dit.arch\"\n[data]\nkind = \"idx\"\nimages = \"none\"\n{recipe}");
    let recipe: Recipe = parse(&text, "recipe", &[]).unwrap();
    let dims = [("C", 4), ("H", 8), ("W", 8)];
    let settings = recipe.diffusion.loss_settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    // The reference ran in evaluation mode: no label is dropped.
    let program = item("dit.arch", "DiT", set, &[], false);
    let noising = item("std/losses.arch", "NoisySample", &[], &dims, true);
    let loss = item("std/losses.arch", "GaussianLoss", &settings, &dims, true);
    let interface = Interface::new(&program, None).unwrap();
    let replay = Replay::new(recorded, &interface, 1000).unwrap();
    let base = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&base.path().join("run")).unwrap();
    let sources = Sources::default();
    let initial = weights(case, "weights.safetensors");
    let job = Job {
        recipe: &recipe,
        model: Model {
            training: &program,
            inference: &program,
            noising: &noising,
            loss: &loss,
            sources: &sources,
        },
        data: None,
        replay: Some(&replay),
        folder: &folder,
        resume: None,
        weights: Some(&initial),
        form: &Interpreting,
    };
    let mut seen = Seen::default();
    let outcome = train(&job, &mut seen).unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(seen.metrics.len(), wanted.losses.len());
    for (metric, loss) in seen.metrics.iter().zip(&wanted.losses) {
        let near = (metric.loss - loss).abs() < wanted.tolerance * loss;
        assert!(near, "{case}: loss {} is not {loss}", metric.loss);
    }
    for (metric, norm) in seen.metrics.iter().zip(&wanted.norms) {
        assert!(
            (metric.grad_norm - norm).abs() < 1e-4 * norm,
            "{case}: norm {} is not {norm}",
            metric.grad_norm
        );
    }
    outcome.checkpoint
}

/// Compares what training changed: against the change itself, not against the weight.
fn compare(case: &str, file: &str, checkpoint: &Checkpoint, prefix: &str, before: &BTreeMap<String, Stored>) {
    let wanted = Fixture::open(case, file);
    let near_zero = near_zero_gradients();
    let mut compared = 0;
    for name in wanted.names() {
        let Some(got) = checkpoint.tensors.get(&format!("{prefix}{name}")) else {
            assert_eq!(name, "pos_embed", "only the buffer has no average");
            continue;
        };
        if near_zero.iter().any(|n| name.ends_with(n)) {
            continue;
        }
        let change = |after: &[f32]| -> Vec<f32> {
            after.iter().zip(&before[&name].data).map(|(a, b)| a - b).collect()
        };
        let wanted = change(&wanted.f32(&name));
        if wanted.iter().all(|x| *x == 0.0) {
            assert!(change(&got.data).iter().all(|x| *x == 0.0), "{name} is not trained");
        } else {
            // Weights of about 0.1 in f32 hold a change of 1e-4 to about four digits.
            assert_close32(&format!("{case} {prefix}{name}"), &change(&got.data), &wanted, 2e-2);
        }
        compared += 1;
    }
    assert!(compared > 15, "{compared} tensors were compared");
}

/// Adam divides a gradient by its own size, so where a gradient is rounding only, so is its step: the biases
/// of the keys, which softmax does not see, are a third of this tensor.
fn near_zero_gradients() -> [&'static str; 1] {
    ["attn.qkv.bias"]
}

/// At t = 0 the reference's likelihoods are saturated: in f32 shares of a distribution that differ by less than
/// 1e-7 are equal, which the interpreter's f64 tells apart. So three whole steps agree to a few percent.
#[test]
fn three_steps_with_learned_variance() {
    let set: Vec<(&str, &str)> = DIT.into_iter().chain([("depth", "2")]).collect();
    let wanted = Wanted {
        losses: vec![23.530_946_731_567_383, 9.771_894_454_956_055, 10.442_960_739_135_742],
        tolerance: 3e-2,
        norms: Vec::new(),
    };
    check("dit_train_step", &set, "", &weights("dit_train_step", "inputs.safetensors"), &wanted);
}

/// Without the sample at t = 0 the first step's loss is that of the reference, bound and all.
#[test]
fn one_step_with_learned_variance_and_no_saturation() {
    let set: Vec<(&str, &str)> = DIT.into_iter().chain([("depth", "2")]).collect();
    let mut recorded = weights("dit_train_step", "inputs.safetensors");
    recorded.retain(|name, _| name.starts_with("step0."));
    for stored in recorded.values_mut() {
        let sample = stored.data.len() / stored.shape[0];
        stored.data.drain(..sample);
        stored.shape[0] -= 1;
    }
    let outputs = Fixture::open("dit_train_step", "outputs.safetensors");
    let losses = outputs.f64("step0.loss");
    let mean = losses[1..].iter().sum::<f64>() / 3.0;
    let wanted = Wanted { losses: vec![mean], tolerance: 2e-5, norms: Vec::new() };
    check("dit_train_step", &set, "", &recorded, &wanted);
}

#[test]
fn three_steps_with_weight_decay_and_fixed_variance() {
    let mut set: Vec<(&str, &str)> =
        DIT.into_iter().filter(|s| !["hidden_size", "num_heads"].contains(&s.0)).collect();
    set.extend([("depth", "1"), ("hidden_size", "32"), ("num_heads", "2"), ("learn_sigma", "false")]);
    let recipe = "[diffusion]\nschedule = \"cosine\"\nvariance = \"fixed_large\"\n\
                  [train]\nlearning_rate = 1e-3\nweight_decay = 0.1\nema_decay = 0.99\n";
    let wanted = Wanted {
        losses: vec![2.983_152_389_526_367, 3.642_861_127_853_393_6, 3.134_549_379_348_755],
        tolerance: 2e-5,
        norms: vec![9.270_973_737_366_631, 12.098_018_505_352_186, 10.570_694_136_403_333],
    };
    let case = "dit_train_step_wd";
    let checkpoint = check(case, &set, recipe, &weights(case, "inputs.safetensors"), &wanted);
    let initial = weights(case, "weights.safetensors");
    compare(case, "weights_after.safetensors", &checkpoint, "", &initial);
    compare(case, "ema_after.safetensors", &checkpoint, "ema.", &initial);
}
