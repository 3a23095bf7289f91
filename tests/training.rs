//! Training by the command line: recorded steps of the reference code, and runs that end in every way.

mod common;

use common::recipes::{DIT48, TINY, digits};
use common::{Ran, Tensors, command, difference, fixture, folder, manifest, read, run};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DIT32: &str = "input_size = 8, patch_size = 2, in_channels = 4, num_classes = 10, hidden_size = 32, \
     num_heads = 2, depth = 1, learn_sigma = false";

const LEARNED: &str = "[train]\nlearning_rate = 1e-4\nema_decay = 0.9999\nlog_every = 1\n";

const DECAY: &str = "[diffusion]\nschedule = \"cosine\"\nvariance = \"fixed_large\"\n\
     [train]\nlearning_rate = 1e-3\nweight_decay = 0.1\nema_decay = 0.99\nlog_every = 1\n";

/// Replays recorded steps and gives the run's folder.
fn replay(case: &str, recipe: &Path, form: &str) -> PathBuf {
    let dir = recipe.with_file_name(form);
    let mut command = command(&format!("train --form {form}"));
    command.arg(recipe).arg("--run").arg(&dir);
    command.arg("--replay").arg(fixture(case, "inputs.safetensors"));
    command.arg("--weights").arg(fixture(case, "weights.safetensors"));
    run(&mut command).fine();
    dir
}

/// The lines of `metrics.jsonl`.
fn metrics(dir: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// A figure of every step.
fn figures(dir: &Path, key: &str) -> Vec<f64> {
    metrics(dir).iter().map(|m| m[key].as_f64().unwrap_or_else(|| panic!("no {key} in {m}"))).collect()
}

fn checkpoint(dir: &Path) -> Tensors {
    read(&dir.join("checkpoints/last.safetensors"))
}

/// Figures against those that are wanted, relative.
fn near(what: &str, got: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (g, w) in got.iter().zip(wanted) {
        assert!((g - w).abs() <= tolerance * w.abs(), "{what}: {got:?} are not {wanted:?}");
    }
}

fn scalars(case: &str, key: &str) -> Vec<f64> {
    manifest(case)["scalars"][key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Compares what training changed with the exact changes: a weight of 0.1 would hide a step of 1e-4. Weights are
/// kept in f32, so that a change is known to half a unit in the last place of its weight.
/// Adam divides a gradient by its own size, so where a gradient is rounding only, so is its step: the biases of
/// the keys, which softmax does not see, are a third of `qkv.bias` and left out. For the same reason changes are
/// less exact than gradients, and one gradient of ten thousand may be so small that the rounding of the timestep's
/// sinusoids turns it: one element of a large tensor may be off by more. `exact/dit.py` with nothing but these
/// sinusoids in f32 is off by 1.05e-3 with weight decay, by 1.8e-3 with learned variance, and there has the same two
/// elements that are off by 0.66 and 0.018.
fn changes(case: &str, average: bool, after: &Tensors, tolerance: f64) {
    let (ours, theirs) = if average { ("ema.", "ema_change.") } else { ("", "change.") };
    let before = read(&fixture(case, "weights.safetensors"));
    let mut compared = 0;
    for (name, wanted) in exact(case) {
        let Some(name) = name.strip_prefix(theirs) else { continue };
        let (before, after) = (&before[name].data, &after[&format!("{ours}{name}")].data);
        let keys = match before.len() / 3 {
            third if name.ends_with("attn.qkv.bias") => third..2 * third,
            _ => 0..0,
        };
        let mut apart: Vec<f64> = (0..before.len())
            .filter(|i| !keys.contains(i))
            .map(|i| {
                assert!(after[i].is_finite(), "{name} has {}", after[i]);
                let rounding = f64::from(f32::EPSILON) / 2.0 * after[i].abs();
                ((after[i] - before[i] - wanted.data[i]).abs() - rounding) / wanted.largest()
            })
            .collect();
        apart.sort_by(f64::total_cmp);
        let most = apart[apart.len() - if apart.len() > 10_000 { 2 } else { 1 }];
        assert!(most <= tolerance, "{case}: the change of {ours}{name} is off by {most:.1e}");
        compared += 1;
    }
    assert!(compared > 15, "{compared} tensors were compared");
}

/// The moments of Adam that the reference kept, against those of a run. A step of Adam turns what rounding does to
/// a small gradient into a step of full size, so that after three of them gradients agree to a few in 1e5.
fn moments(case: &str, after: &Tensors, tolerance: f64) {
    let wanted = read(&fixture(case, "adam_state.safetensors"));
    assert_eq!(wanted.len(), 16, "two moments of eight parameters");
    for (name, wanted) in &wanted {
        let own = name.replace("exp_avg_sq.", "adam.v.").replace("exp_avg.", "adam.m.");
        assert!(wanted.largest() > 0.0, "{name} says something");
        let apart = difference(&own, &after[&own], wanted, 0.0);
        assert!(apart <= tolerance, "{case}: {own} is off by {apart:.1e}");
    }
}

/// What the recorded steps give in f64, by `tests/fixtures/exact/dit.py`.
fn exact(case: &str) -> Tensors {
    read(&fixture("exact", &format!("{case}.safetensors")))
}

#[test]
fn recorded_steps_with_weight_decay() {
    let case = "dit_train_step_wd";
    let base = folder();
    let recipe = digits(base.path(), DIT32, DECAY);
    let dir = replay(case, &recipe, "executing");
    let exact = exact(case);
    near("losses", &figures(&dir, "loss"), &exact["losses"].data, 3e-6);
    near("norms", &figures(&dir, "grad_norm"), &exact["norms"].data, 2e-5);
    near("losses of the reference", &figures(&dir, "loss"), &scalars(case, "losses"), 5e-6);
    let norms = scalars(case, "grad_total_l2_norm_per_step");
    near("norms of the reference", &figures(&dir, "grad_norm"), &norms, 2e-5);
    let after = checkpoint(&dir);
    changes(case, false, &after, 1.2e-3);
    changes(case, true, &after, 1.2e-3);
    moments(case, &after, 1e-4);
    let interpreted = checkpoint(&replay(case, &recipe, "interpreter"));
    moments(case, &interpreted, 1e-4);
    same_state(&after, &interpreted, 6e-5);
}

/// Four samples a step, of which some are at t = 0, 1 and 999.
#[test]
fn recorded_steps_with_learned_variance() {
    let case = "dit_train_step";
    let base = folder();
    let recipe = digits(base.path(), DIT48, LEARNED);
    let dir = replay(case, &recipe, "executing");
    let exact = exact(case);
    // The rounding of the timestep's sinusoids alone makes up 1.8e-5.
    near("losses", &figures(&dir, "loss"), &exact["losses"].data, 3e-5);
    near("norms", &figures(&dir, "grad_norm"), &exact["norms"].data, 3e-5);
    for part in ["mse", "vb"] {
        let mean = |k: usize| {
            let all = &exact[&format!("step{k}.{part}")].data;
            all.iter().sum::<f64>() / all.len() as f64
        };
        near(part, &figures(&dir, part), &[mean(0), mean(1), mean(2)], 3e-5);
    }
    changes(case, false, &checkpoint(&dir), 2.5e-3);
}

/// All moments of Adam, of which the reference kept some, in two forms.
fn same_state(got: &Tensors, wanted: &Tensors, tolerance: f64) {
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    let moments = |prefix: &'static str| wanted.iter().filter(move |(n, _)| n.starts_with(prefix));
    for prefix in ["adam.m.", "adam.v."] {
        let largest = moments(prefix).fold(0.0f64, |m, (_, t)| m.max(t.largest()));
        assert!(largest > 0.0);
        for (name, wanted) in moments(prefix) {
            let apart = difference(name, &got[name], wanted, 1e-4 * largest);
            assert!(apart <= tolerance, "{name} is off by {apart:.1e}");
        }
    }
}

/// Quick runs on the digits.
const QUICK: &str = "[diffusion]\ntimesteps = 50\n\
     [train]\nsteps = 12\nbatch = 8\nlearning_rate = 1e-2\nlog_every = 1\ncheckpoint_every = 4\nsample_every = 0\nseed = 5\nschedule = \"constant\"\n\
     [sample]\nsteps = 2\ncount = 4\n";

/// `archc train` on a recipe into a folder.
fn train(recipe: &Path, dir: &Path, words: &str) -> Command {
    let mut command = command(&format!("train {words}"));
    command.arg(recipe).arg("--run").arg(dir);
    command
}

#[test]
fn a_resumed_run_gives_what_an_uninterrupted_one_gives() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let (whole, parted) = (base.path().join("whole"), base.path().join("parted"));
    let said = run(&mut train(&recipe, &whole, "--json")).fine().json();
    assert_eq!((said["step"].as_u64(), said["finished"].as_bool()), (Some(12), Some(true)));
    run(&mut train(&recipe, &parted, "--set train.steps=5")).fine();
    run(&mut train(&recipe, &parted, "--resume --threads 1")).fine();
    assert_eq!(figures(&whole, "loss"), figures(&parted, "loss"));
    assert_eq!(figures(&whole, "step"), (1..=12).map(f64::from).collect::<Vec<_>>());
    assert_eq!(figures(&parted, "step"), figures(&whole, "step"));
    assert_eq!(checkpoint(&whole), checkpoint(&parted));
}

/// Waits until the run has logged so many steps.
fn wait(dir: &Path, steps: usize, child: &mut Child) {
    let began = Instant::now();
    loop {
        let lines = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap_or_default().lines().count();
        if lines >= steps {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended after {lines} steps");
        assert!(began.elapsed() < Duration::from_secs(120), "{lines} steps in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(recipe: &Path, dir: &Path, words: &str) -> Child {
    let mut command = train(recipe, dir, words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// So many steps that no machine ends them before it is stopped.
const LONG: &str = "--set train.steps=1000000 --set train.checkpoint_every=5";

/// Steps that are logged, each once and in order.
fn in_order(dir: &Path, steps: usize) {
    assert_eq!(figures(dir, "step"), (1..=steps).map(|s| s as f64).collect::<Vec<_>>());
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let dir = base.path().join("run");
    let mut child = start(&recipe, &dir, LONG);
    wait(&dir, 23, &mut child);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "a signal ended it");
    let logged = metrics(&dir).len();
    // The file must be whole whenever the kill came.
    let steps = logged + 10;
    run(&mut train(&recipe, &dir, &format!("--resume --set train.steps={steps}"))).fine();
    in_order(&dir, steps);
    // An uninterrupted run of the same recipe gives the same losses.
    let whole = base.path().join("whole");
    run(&mut train(&recipe, &whole, &format!("--set train.steps={steps}"))).fine();
    assert_eq!(figures(&whole, "loss"), figures(&dir, "loss"));
}

#[cfg(unix)]
#[test]
fn interrupted_a_run_finishes_its_step_and_keeps_it() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let dir = base.path().join("run");
    let mut child = start(&recipe, &dir, &format!("{LONG} --set train.checkpoint_every=100000"));
    wait(&dir, 7, &mut child);
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.fails(130, &["finishing this step", "stopped at step"]);
    let last = metrics(&dir).len();
    assert!(ran.stderr.contains(&format!("stopped at step {last}:")), "{}", ran.stderr);
    let steps = last + 3;
    run(&mut train(&recipe, &dir, &format!("--resume --set train.steps={steps}"))).fine();
    in_order(&dir, steps);
}

#[test]
fn two_runs_never_share_a_folder() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let dir = base.path().join("run");
    let words = "--set train.steps=6";
    let mut children =
        [start(&recipe, &dir, words), start(&recipe, &dir, words), start(&recipe, &dir, words)];
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    for name in ["run", "run-2", "run-3"] {
        in_order(&base.path().join(name), 6);
    }
    assert!(!base.path().join("run-4").exists());
}

#[test]
fn numbers_that_are_none_stop_the_run_with_the_step_and_keep_the_checkpoint() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let dir = base.path().join("run");
    run(&mut train(&recipe, &dir, "--set train.steps=4")).fine();
    let before = checkpoint(&dir);
    let ran = run(&mut train(&recipe, &dir, "--resume --set train.learning_rate=1e30"));
    ran.fails(1, &["error[R0501]", "step 6", "train.learning_rate was", "help: "]);
    assert_eq!(checkpoint(&dir), before);
    run(&mut train(&recipe, &dir, "--resume --set train.steps=6")).fine();
    in_order(&dir, 6);
}

#[test]
fn a_parameter_that_nothing_uses_is_kept_as_it_began() {
    let base = folder();
    let project = base.path().join("project");
    run(command("new").arg(&project)).fine();
    let file = project.join("backbone.arch");
    let text = std::fs::read_to_string(&file).unwrap();
    let unused = "  param spare: [D] = uniform(1)\n  norm    = layer_norm";
    std::fs::write(&file, text.replace("  norm    = layer_norm", unused)).unwrap();
    let recipe = project.join("recipe.toml");
    let small = "--set model.set.depth=1 --set model.set.hidden_size=8 --set train.batch=2 \
                 --set train.accumulate=2 --set data.holdout=0.002 --set sample.steps=1 --set sample.count=1";
    for form in ["executing", "interpreter"] {
        let dir = base.path().join(form);
        let first = format!("{small} --form {form} --set train.steps=1 --set train.sample_every=1");
        assert!(run(&mut train(&recipe, &dir, &first)).fine().stderr.contains("spare"));
        let before = checkpoint(&dir);
        assert!(before["spare"].largest() > 0.0, "the parameter was drawn");
        run(&mut train(&recipe, &dir, &format!("{small} --form {form} --resume --set train.steps=2"))).fine();
        let after = checkpoint(&dir);
        assert_eq!(after["spare"], before["spare"]);
        assert!(!after.contains_key("adam.m.spare") && !after.contains_key("ema.spare"));
        assert_ne!(after["patches.weight"], before["patches.weight"]);
    }
}

#[test]
fn resuming_what_is_not_there_says_so() {
    let base = folder();
    let recipe = digits(base.path(), TINY, QUICK);
    let ran = run(&mut train(&recipe, &base.path().join("none"), "--resume"));
    ran.fails(1, &["error[R0502]", "none", "--resume", "--run"]);
}

/// What the backward pass computes again is what it would have kept.
#[test]
fn runs_with_less_memory_give_the_same_losses() {
    let base = folder();
    let three = TINY.replace("depth = 1", "depth = 3");
    let recipe = digits(base.path(), &three, QUICK);
    let dir = |name: &str| base.path().join(name);
    run(&mut train(&recipe, &dir("fast"), "")).fine();
    for memory in ["balanced", "small"] {
        run(&mut train(&recipe, &dir(memory), &format!("--set train.memory={memory}"))).fine();
        near(memory, &figures(&dir(memory), "loss"), &figures(&dir("fast"), "loss"), 2e-6);
        near(memory, &figures(&dir(memory), "grad_norm"), &figures(&dir("fast"), "grad_norm"), 2e-5);
    }
    // A run that was begun with one setting goes on with another, and says so.
    run(&mut train(&recipe, &dir("parted"), "--set train.steps=5 --set train.memory=small")).fine();
    let ran = run(&mut train(&recipe, &dir("parted"), "--resume --set train.memory=fast"));
    assert!(ran.fine().stderr.contains("train.memory was \"small\" in the checkpoint and is \"fast\" now"));
    near("parted", &figures(&dir("parted"), "loss"), &figures(&dir("fast"), "loss"), 2e-6);
}
