//! Training runs from end to end on the digits, with a small model and the interpreter.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::program::Program;
use arch_runtime::checkpoint::{Checkpoint, Sources, load};
use arch_runtime::data::{Dataset, open};
use arch_runtime::error::{Code, Problem};
use arch_runtime::execute::interpreter::Interpreting;
use arch_runtime::interface::Interface;
use arch_runtime::recipe::{Recipe, parse};
use arch_runtime::run::{Metric, RunFolder};
use arch_runtime::train::{Ended, Job, Model, Observer, Outcome, train};
use std::path::Path;

const TINY: &str = r"
edition 2026

model Tiny {
  config num_classes: int = 10
  config scale: float = 0.1
  config p: float = 0.0
  dims C = 1, H = 8, W = 8, K = num_classes + 1
  param weight: [C, H, W] = 0.5
  param table: [K, C, H, W] = normal(0.02)

  forward(x: [C, H, W], t: [], y: [] int null num_classes) -> [C, H, W] {
    let y = drop_label(y, 0.3, to: num_classes)
    dropout(x * weight, p) + table[K: y] + scale * t / 1000 * x
  }
}
";

fn program(text: &str, item: &str, set: &[(String, String)], training: bool) -> Program {
    let dims = if item == "Tiny" { Vec::new() } else { vec![("C", 1), ("H", 8), ("W", 8)] };
    let request = Request {
        item: Some(item.into()),
        set: set.to_vec(),
        dims: dims.into_iter().map(|(n, v)| (n.to_string(), v)).collect(),
        training,
        ..Request::default()
    };
    let outcome = compile(&NoFiles, item, text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}"))
}

struct Watcher {
    stop_at: Option<u64>,
    losses: Vec<f64>,
    notes: Vec<String>,
    done: u64,
}

impl Observer for Watcher {
    fn step(&mut self, metric: &Metric, _: u64) {
        self.losses.push(metric.loss);
        self.done = metric.step;
    }
    fn note(&mut self, text: &str) {
        self.notes.push(text.into());
    }
    fn stop(&self) -> bool {
        self.stop_at.is_some_and(|at| self.done + 1 >= at)
    }
}

struct Setting {
    recipe: Recipe,
    data: Dataset,
    base: tempfile::TempDir,
}

fn setting(overrides: &[&str]) -> Setting {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    let text = format!(
        "[model]\nfile = \"tiny.arch\"\n\
         [data]\nkind = \"idx\"\nimages = '{0}/digits-images-idx3-ubyte'\nlabels = '{0}/digits-labels-idx1-ubyte'\nholdout = 0.01\n\
         [diffusion]\nvariance = \"fixed_small\"\ntimesteps = 100\n\
         [train]\nsteps = 6\nbatch = 4\nlearning_rate = 1e-2\nlog_every = 1\nseed = 3\n\
         [sample]\nsteps = 3\ncount = 4\n",
        data.display()
    );
    let overrides: Vec<String> = overrides.iter().map(|s| (*s).to_string()).collect();
    let recipe = parse(&text, "recipe", &overrides).unwrap();
    let interface = Interface::new(&program(TINY, "Tiny", &[], true), None).unwrap();
    let data = open(&recipe.data, interface.wanted()).unwrap();
    Setting { recipe, data, base: tempfile::tempdir().unwrap() }
}

fn go(
    setting: &Setting,
    folder: &RunFolder,
    resume: Option<&Checkpoint>,
    watcher: &mut Watcher,
) -> Result<Outcome, Problem> {
    let losses =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/std/losses.arch"))
            .unwrap();
    let training = program(TINY, "Tiny", &setting.recipe.model.settings(), true);
    let inference = program(TINY, "Tiny", &setting.recipe.model.settings(), false);
    let noising = program(&losses, "NoisySample", &[], true);
    let loss = program(&losses, "GaussianLoss", &setting.recipe.diffusion.loss_settings(), true);
    let sources = Sources { main: "tiny".into(), ..Sources::default() };
    let job = Job {
        recipe: &setting.recipe,
        model: Model {
            training: &training,
            inference: &inference,
            noising: &noising,
            loss: &loss,
            sources: &sources,
        },
        data: Some(&setting.data),
        replay: None,
        folder,
        resume,
        weights: None,
        form: &Interpreting,
    };
    train(&job, watcher)
}

fn watcher(stop_at: Option<u64>) -> Watcher {
    Watcher { stop_at, losses: Vec::new(), notes: Vec::new(), done: 0 }
}

fn new_folder(setting: &Setting) -> RunFolder {
    RunFolder::create(&setting.base.path().join("run")).unwrap()
}

#[test]
fn held_out_samples_lose_nothing() {
    // The weights stay as they are, whatever training drops.
    let validation = |p: &str| {
        let setting = setting(&["train.learning_rate=1e-12", p]);
        let folder = new_folder(&setting);
        go(&setting, &folder, None, &mut watcher(None)).unwrap();
        folder.read_metrics().last().unwrap().validation_loss.unwrap()
    };
    let (none, half) = (validation("model.set.p=0.0"), validation("model.set.p=0.5"));
    assert!((none - half).abs() < 1e-6 * none, "{half} with dropout, {none} without");
}

#[test]
fn an_interrupted_run_goes_on_as_if_nothing_had_happened() {
    let setting = setting(&["train.sample_every=3", "train.checkpoint_every=2"]);
    let whole = new_folder(&setting);
    let mut seen = watcher(None);
    let finished = go(&setting, &whole, None, &mut seen).unwrap();
    assert_eq!(finished.ended, Ended::Finished);
    assert_eq!(seen.losses.len(), 6);
    for path in
        ["recipe.toml", "report.html", "samples/step-0000003.png", "checkpoints/step-0000004.safetensors"]
    {
        assert!(whole.path().join(path).is_file(), "{path}");
    }
    assert!(whole.read_metrics().last().unwrap().validation_loss.is_some_and(f64::is_finite));

    let parted = new_folder(&setting);
    let mut first = watcher(Some(3));
    let stopped = go(&setting, &parted, None, &mut first).unwrap();
    assert_eq!((stopped.ended, first.done), (Ended::Interrupted, 3));
    let checkpoint = load(&parted.last_checkpoint()).unwrap();
    assert_eq!(checkpoint, stopped.checkpoint);
    let mut second = watcher(None);
    let resumed = go(&setting, &parted, Some(&checkpoint), &mut second).unwrap();
    assert_eq!([first.losses, second.losses].concat(), seen.losses);
    assert!(second.notes.is_empty(), "{:?}", second.notes);
    let steps: Vec<u64> = parted.read_metrics().iter().map(|m| m.step).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
    assert_eq!(load(&parted.last_checkpoint()).unwrap(), resumed.checkpoint);
    // The session keeps f64, the checkpoint f32: equal to rounding.
    for (name, stored) in &finished.checkpoint.tensors {
        for (a, b) in stored.data.iter().zip(&resumed.checkpoint.tensors[name].data) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1e-3), "{name}: {a} {b}");
        }
    }
}

#[test]
fn batches_in_parts_are_the_same_step() {
    let whole = setting(&["train.steps=3"]);
    let parts = setting(&["train.steps=3", "train.batch=2", "train.accumulate=2"]);
    let mut losses = Vec::new();
    for setting in [&whole, &parts] {
        let mut seen = watcher(None);
        go(setting, &new_folder(setting), None, &mut seen).unwrap();
        losses.push(seen.losses);
    }
    for (a, b) in losses[0].iter().zip(&losses[1]) {
        assert!((a - b).abs() < 1e-6 * a, "{losses:?}");
    }
}

#[test]
fn seeds_matter_and_training_learns() {
    let run = |overrides: &[&str]| {
        let setting = setting(overrides);
        let mut seen = watcher(None);
        go(&setting, &new_folder(&setting), None, &mut seen).unwrap();
        seen.losses
    };
    let losses = run(&["train.steps=60", "train.learning_rate=0.05"]);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[40..]) < 0.8 * mean(&losses[..10]), "{losses:?}");
    assert_ne!(run(&["train.seed=4"])[0], run(&["train.seed=5"])[0]);
}

#[test]
fn numbers_that_are_not_finite_stop_the_run_and_keep_the_checkpoint() {
    let mut setting = setting(&["train.checkpoint_every=1", "train.steps=2"]);
    let folder = new_folder(&setting);
    go(&setting, &folder, None, &mut watcher(None)).unwrap();
    let good = load(&folder.last_checkpoint()).unwrap();
    setting.recipe.train.steps = 4;
    setting.recipe.model.set.insert("scale".into(), toml::Value::Float(1e308));
    let mut seen = watcher(None);
    let problem = go(&setting, &folder, Some(&good), &mut seen).unwrap_err();
    assert_eq!(problem.code, Code::NotFinite);
    assert!(problem.message.contains("step 3") && problem.message.contains("prediction"), "{problem}");
    assert!(seen.notes.iter().any(|n| n.contains("train.steps was 2")), "{:?}", seen.notes);
    assert_eq!(load(&folder.last_checkpoint()).unwrap(), good);
}
