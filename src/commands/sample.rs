//! `archc sample CHECKPOINT --out PATH`

use crate::build::{self, Built};
use crate::cli::{DrawArgs, Output, SampleArgs};
use crate::commands::train::recipe_of;
use crate::failure::Failure;
use crate::lowered;
use crate::session::Chosen;
use crate::warnings::Warnings;
use arch_runtime::checkpoint::{self, AVERAGE, Part, Stored};
use arch_runtime::execute::Prepare;
use arch_runtime::interface::write_weights;
use arch_runtime::recipe::{self, Recipe};
use arch_runtime::sample::{self, Noise, PROGRAM, RecordedNoise, Request, Samples};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::path::Path;

/// Samples, and writes them.
pub fn run(args: &SampleArgs, output: &Output) -> Result<(), Failure> {
    let Drawn { samples, recipe, warnings } = draw(&args.source, Some(&args.out), output)?;
    sample::write(&samples, &args.out)?;
    if output.json {
        let object = serde_json::json!({
            "out": args.out, "count": samples.labels.len(), "channels": samples.channels,
            "height": samples.height, "width": samples.width, "seed": recipe.sample.seed,
            "diagnostics": warnings,
        });
        println!("{object}");
    } else if !output.quiet {
        eprintln!("{} samples: {}", samples.labels.len(), args.out.display());
    }
    Ok(())
}

/// Samples, and what they were drawn by.
pub struct Drawn {
    /// The samples.
    pub samples: Samples,
    /// The recipe with the options of the command line in it.
    pub recipe: Recipe,
    /// Warnings, as they go into the command's JSON.
    pub warnings: Vec<serde_json::Value>,
}

/// Draws samples, if they can be written where they are to go.
pub fn draw(args: &DrawArgs, out: Option<&Path>, output: &Output) -> Result<Drawn, Failure> {
    let (recipe, built, weights) = source(args, output)?;
    let request = Request::new(&recipe.sample, &built.interface)?;
    if let Some(out) = out {
        sample::check_output(out, request.labels.len())?;
    }
    let noise = match &args.noise {
        Some(path) => Noise::Recorded(RecordedNoise::load(path)?),
        None => Noise::Seed(recipe.sample.seed),
    };
    let batch = args.batch.clamp(1, request.labels.len().max(1));
    let form = Chosen::new(args.form, args.threads, output).fused(args.fuse).of(built.texts.clone());
    let mut inference = built.inference;
    let mut said = Warnings::new(built.warnings, &built.texts, output);
    if form.fuses() {
        lowered::respell(&mut inference, &mut said)?;
    }
    let programs = [(PROGRAM, inference.entry)];
    let mut session = form.prepare(&inference.module, &programs, batch)?;
    let prefix = if args.raw { "" } else { AVERAGE };
    write_weights(session.as_mut(), &inference, &weights, prefix)?;
    drop(weights);
    let bar = if output.bars() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("sampling {bar:30} {pos}/{len} steps {eta} left") {
        bar.set_style(style);
    }
    let process = recipe.diffusion.process()?;
    let samples = sample::draw(session.as_mut(), &built.interface, &process, &request, &noise, &mut |p| {
        let rounds = p.samples.div_ceil(batch) * p.steps;
        bar.set_length(rounds as u64);
        bar.set_position((p.samples_done.div_ceil(batch) * p.steps + p.step) as u64);
    })?;
    bar.finish_and_clear();
    Ok(Drawn { samples, recipe, warnings: said.json() })
}

/// Recipe, programs and weights: all from a checkpoint, or recipe and weights apart.
fn source(args: &DrawArgs, output: &Output) -> Result<(Recipe, Built, BTreeMap<String, Stored>), Failure> {
    let overrides = overrides(args);
    match (&args.checkpoint, &args.recipe, &args.weights) {
        (Some(path), None, None) => {
            let part = if args.raw { Part::Weights } else { Part::Averages };
            let checkpoint = checkpoint::load_part(path, part)?;
            let recipe = recipe_of(&checkpoint, &overrides)?;
            let built = build::from_checkpoint(&checkpoint.contents.sources, &recipe, output)?;
            Ok((recipe, built, checkpoint.tensors))
        }
        (None, Some(recipe), Some(weights)) => {
            let recipe = recipe::load(recipe, &overrides)?;
            let built = build::from_recipe(&recipe, output)?;
            Ok((recipe, built, checkpoint::load_weights(weights)?))
        }
        _ => Err(Failure::Misuse(
            "give a checkpoint, or both --recipe and --weights; see `archc sample --help`".into(),
        )),
    }
}

/// The options of the command line as settings of the recipe's `[sample]`.
fn overrides(args: &DrawArgs) -> Vec<String> {
    let mut out = args.set.clone();
    let mut set = |key: &str, value: Option<String>| out.extend(value.map(|v| format!("sample.{key}={v}")));
    let quoted = |text: &String| match text.parse::<i64>() {
        Ok(_) => text.clone(),
        Err(_) => format!("\"{text}\""),
    };
    set("labels", args.labels.as_ref().map(|l| format!("\"{}\"", l.trim())));
    set("count", args.count.map(|n| n.to_string()));
    set("sampler", args.sampler.as_ref().map(|s| format!("\"{s}\"")));
    set("steps", args.steps.as_ref().map(quoted));
    set("eta", args.eta.map(|x| format!("{x:?}")));
    set("guidance_scale", args.guidance_scale.map(|x| format!("{x:?}")));
    set("guidance_channels", args.guidance_channels.map(|n| n.to_string()));
    set("seed", args.seed.map(|s| s.to_string()));
    set("clip", args.clip.map(|c| c.to_string()));
    out
}
