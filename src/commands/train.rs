//! `archc train RECIPE.toml`

use crate::build;
use crate::cli::{Output, TrainArgs};
use crate::failure::Failure;
use crate::lowered;
use crate::profile;
use crate::session::Chosen;
use crate::warnings::Warnings;
use arch_compiler::cost;
use arch_compiler::fuse::Incomplete;
use arch_runtime::checkpoint::{self, Checkpoint};
use arch_runtime::data::{self, Dataset, Split};
use arch_runtime::error::{Code, Problem};
use arch_runtime::execute::Prepare;
use arch_runtime::interface::Interface;
use arch_runtime::recipe::{self, Recipe};
use arch_runtime::run::{Metric, RunFolder};
use arch_runtime::sample::Request;
use arch_runtime::train::{Ended, Job, Model, Observer, Outcome, Replay, train};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C. A signal handler can reach nothing but a static.
static STOP: AtomicBool = AtomicBool::new(false);

/// Trains.
pub fn run(args: &TrainArgs, output: &Output) -> Result<(), Failure> {
    profile::check(args.form, args.profile)?;
    let recipe = recipe::load(&args.recipe, &args.set)?;
    let mut built = build::from_recipe(&recipe, output)?;
    let data = if args.replay.is_some() { None } else { Some(open_data(&recipe, &built.interface)?) };
    // Whatever can be found wrong is found before there is a folder.
    let process = recipe.diffusion.process()?;
    built.interface.check(&process)?;
    if recipe.train.sample_every > 0 {
        process.respaced(&Request::new(&recipe.sample, &built.interface)?.respacing)?;
    }
    let timesteps = recipe.diffusion.timesteps;
    let replay = args.replay.as_ref().map(|p| Replay::load(p, &built.interface, timesteps)).transpose()?;
    let weights = args.weights.as_ref().map(|p| checkpoint::load_weights(p)).transpose()?;
    let (folder, resumed) = folder(args)?;
    if !args.resume {
        folder.write_recipe(&recipe.to_toml())?;
    }
    announce(&recipe, &built, &folder, data.as_ref(), output);
    // Recorded steps take the place of random numbers, and none are recorded for dropout.
    let training = if replay.is_some() { &built.inference } else { &built.training };
    let form = Chosen::new(args.form, args.threads, output)
        .fused(args.fuse)
        .profiled(args.profile)
        .of(built.texts.clone());
    let mut inference = built.inference.clone();
    let mut said = Warnings::new(std::mem::take(&mut built.warnings), &built.texts, output);
    if form.fuses() {
        lowered::respell(&mut inference, &mut said)?;
    }
    let model = Model {
        training,
        inference: &inference,
        noising: &built.noising,
        loss: &built.loss,
        sources: &built.sources,
    };
    let job = Job {
        recipe: &recipe,
        model,
        data: data.as_ref(),
        replay: replay.as_ref(),
        folder: &folder,
        resume: resumed.as_ref(),
        weights: weights.as_ref(),
        form: &form,
    };
    // A second Ctrl-C finds the flag set and ends at once.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nfinishing this step and writing a checkpoint; Ctrl-C again stops at once");
    });
    let mut watcher = Watcher::new(output, said);
    let outcome = train(&job, &mut watcher)?;
    watcher.bar.finish_and_clear();
    finish(&folder, &outcome, watcher.said.json(), output);
    if outcome.ended == Ended::Interrupted { Err(Failure::Interrupted) } else { Ok(()) }
}

fn open_data(recipe: &Recipe, interface: &Interface) -> Result<Dataset, Failure> {
    Ok(data::open(&recipe.data, interface.wanted())?)
}

/// The run's folder, and the checkpoint to go on from.
fn folder(args: &TrainArgs) -> Result<(RunFolder, Option<Checkpoint>), Failure> {
    let stem = args.recipe.file_stem().map_or_else(|| "run".into(), |s| s.to_string_lossy().into_owned());
    let path = args.run.clone().unwrap_or_else(|| PathBuf::from("runs").join(stem));
    if args.resume {
        let folder = RunFolder::resume(&path)?;
        let last = checkpoint::load(&folder.last_checkpoint())?;
        return Ok((folder, Some(last)));
    }
    Ok((RunFolder::create(&path)?, None))
}

fn announce(
    recipe: &Recipe,
    built: &build::Built,
    folder: &RunFolder,
    data: Option<&Dataset>,
    output: &Output,
) {
    if output.quiet {
        return;
    }
    let params = built.inference.layers.first().map_or(0, |l| l.params);
    let macs = cost::macs(&built.inference.module, built.inference.entry);
    eprintln!(
        "{}: {} parameters, {:.1} M multiply-accumulates per sample",
        built.inference.item,
        arch_compiler::cost::grouped(params as u64),
        macs as f64 / 1e6,
    );
    if let Some(data) = data {
        let held_out = Split::new(data.len(), recipe.data.holdout).held_out.len();
        eprintln!("data: {} images, {held_out} of them held out", data.len());
        for skipped in data.skipped.iter().take(10) {
            eprintln!("warning: skipped {skipped}");
        }
        if data.skipped.len() > 10 {
            eprintln!("warning: and {} more", data.skipped.len() - 10);
        }
    }
    eprintln!("run: {}", folder.path().display());
}

fn finish(folder: &RunFolder, outcome: &Outcome, warnings: Vec<serde_json::Value>, output: &Output) {
    let Outcome { ended, last, .. } = outcome;
    let newest = newest(&folder.samples());
    let kernels = profile::as_json(&outcome.profile);
    if output.json {
        let object = serde_json::json!({
            "run": folder.path(), "step": last.step, "loss": last.loss,
            "validation_loss": last.validation_loss, "seconds": last.seconds,
            "checkpoint": folder.last_checkpoint(), "samples": newest,
            "finished": *ended == Ended::Finished, "kernels": kernels, "diagnostics": warnings,
        });
        println!("{object}");
        return;
    }
    profile::print(&outcome.profile);
    if output.quiet {
        return;
    }
    let word = if *ended == Ended::Finished { "done" } else { "stopped" };
    let held_out =
        last.validation_loss.map_or_else(String::new, |v| format!(", validation loss {}", figure(v)));
    eprintln!("{word} at step {}: loss {}{held_out}, {:.0} s", last.step, figure(last.loss), last.seconds);
    eprintln!("checkpoint: {}", folder.last_checkpoint().display());
    if let Some(samples) = newest {
        eprintln!("samples:    {}", samples.display());
    }
}

/// A loss as people read it: a run that went astray has large ones.
fn figure(loss: f64) -> String {
    if loss.abs() < 1e4 { format!("{loss:.4}") } else { format!("{loss:.3e}") }
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path());
    files.filter(|p| p.extension().is_some_and(|e| e == "png")).max()
}

/// Draws the bar; without a terminal, a line a minute.
struct Watcher<'a> {
    bar: ProgressBar,
    bars: bool,
    quiet: bool,
    told: std::time::Instant,
    /// Images per second when they were last measured: not every step is.
    speed: f64,
    said: Warnings<'a>,
}

impl<'a> Watcher<'a> {
    fn new(output: &Output, said: Warnings<'a>) -> Self {
        let bar = if output.bars() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let quiet = output.quiet || output.json;
        Watcher { bar, bars: output.bars(), quiet, told: std::time::Instant::now(), speed: 0.0, said }
    }
}

impl Observer for Watcher<'_> {
    fn step(&mut self, metric: &Metric, steps: u64) {
        self.bar.set_length(steps);
        self.bar.set_position(metric.step);
        if metric.images_per_second > 0.0 {
            self.speed = metric.images_per_second;
        }
        let text = format!("loss {}  {:.0} images/s", figure(metric.loss), self.speed);
        self.bar.set_message(text.clone());
        if !self.bars && !self.quiet && self.told.elapsed().as_secs() >= 60 {
            self.told = std::time::Instant::now();
            eprintln!("step {}/{steps}  {text}", metric.step);
        }
    }

    fn note(&mut self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("note: {text}"));
        }
    }

    fn incomplete(&mut self, functions: &[Incomplete]) {
        self.said.incomplete(functions);
    }

    fn stop(&self) -> bool {
        STOP.load(Ordering::SeqCst)
    }
}

/// A checkpoint's recipe as a value.
pub fn recipe_of(checkpoint: &Checkpoint, overrides: &[String]) -> Result<Recipe, Failure> {
    if checkpoint.contents.recipe.is_empty() {
        return Err(Problem::new(
            Code::CheckpointTensor,
            "this file holds tensors but no recipe",
            "give both: `archc sample --recipe RECIPE.toml --weights FILE`",
        )
        .into());
    }
    Ok(recipe::parse(&checkpoint.contents.recipe, "the checkpoint's recipe", overrides)?)
}
