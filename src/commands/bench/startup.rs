//! `archc bench startup FILE`: how long a person waits before anything happens.
//!
//! Whole processes are measured, from their start to their end: checking the file, sampling a checkpoint for one
//! step and training for one step, both with all kernels cached. Compiling all kernels of the model is measured
//! in this process, with an empty cache.

use super::{diffusion, train_programs};
use crate::cli::{BenchArgs, Fuse, Output};
use crate::failure::Failure;
use crate::measure::{Others, Times, peak_rss_mib};
use crate::model::{self, Checked};
use crate::warnings::Warnings;
use crate::{session, tensors};
use arch_compiler::cost::counted;
use arch_compiler::program::Program;
use arch_compiler::train::TrainPrograms;
use arch_runtime::diffusion::Variance;
use arch_runtime::error::Problem;
use arch_runtime::interface::Interface;
use arch_runtime::luminal::{Options, Session};
use arch_runtime::recipe::DiffusionRecipe;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measures and prints.
pub fn run(args: &BenchArgs, output: &Output) -> Result<(), Failure> {
    let mut request = args.model.request()?;
    let Checked { program: inference, warnings, .. } = model::program(&args.file, &request, output)?;
    request.training = true;
    let quiet = Output { json: false, quiet: true, verbose: 0 };
    let Checked { program: training, mut sources, .. } = model::program(&args.file, &request, &quiet)?;
    let built = train_programs(&training, &mut sources, args.fuse == Fuse::On, args.memory)?;
    let mut said = Warnings::new(warnings, &sources, output);
    said.incomplete(&built.incomplete);
    let others = Others::begin();
    let place =
        tempfile::tempdir().map_err(|e| Problem::io("make a folder in", &std::env::temp_dir(), &e))?;
    let cache = place.path().join("kernels");
    let Compiled { all: compile, own: compiled, kernels } = compile(args, &inference, &built, &cache)?;
    let check = measure(args.repeats, |own| {
        own.arg("check").arg(&args.file).args(words(args));
    })?;
    let recipe = place.path().join("recipe.toml");
    let replay = place.path().join("step.safetensors");
    let interface = Interface::new(&training, None)?;
    write_recipe(args, &diffusion(&interface), &recipe)?;
    write_step(args.batch, &interface, &replay)?;
    let run = place.path().join("run");
    let train = |own: &mut Command| {
        own.arg("train").arg(&recipe).arg("--replay").arg(&replay).arg("--run").arg(&run);
        own.args(settings(args)).arg(format!("--threads={}", args.threads)).env("ARCHC_CACHE_DIR", &cache);
    };
    // The first run finds whatever compiling in this process left to be done.
    measure(1, train)?;
    let train = measure(args.repeats, train)?;
    let own = run.join("checkpoints/last.safetensors");
    let checkpoint = args.checkpoint.as_ref().unwrap_or(&own);
    let sample = |own: &mut Command| {
        own.arg("sample").arg(checkpoint).arg("--out").arg(place.path().join("sample.png"));
        own.args(["--steps=1", "--count=1"]).arg(format!("--threads={}", args.threads));
        own.env("ARCHC_CACHE_DIR", &cache);
    };
    measure(1, sample)?;
    let sample = measure(args.repeats, sample)?;
    let others_cores = others.end();
    let rows = [
        ("check_s", "check", check.median()),
        ("first_sample_step_s", "sample, one step, kernels cached", sample.median()),
        ("first_train_step_s", "train, one step, kernels cached", train.median()),
        ("cold_compile_s", "compiling all kernels anew", compile.as_secs_f64()),
    ];
    if output.json {
        let mut report = serde_json::json!({
            "task": "startup", "file": args.file, "item": inference.item, "batch": args.batch,
            "threads": session::options(args.threads).threads, "repeats": args.repeats, "kernels": kernels,
            // Each of the times below is a median of its own; images are not what they are of.
            "median_s": null, "min_s": null, "max_s": null, "images_per_second": null,
            "peak_rss_mib": peak_rss_mib(), "compile_seconds": compiled.as_secs_f64(),
            "setup_seconds": (compile - compiled).as_secs_f64(),
            "dtype": "f32", "device": "cpu", "others_cores": others_cores, "diagnostics": said.json(),
        });
        for (key, _, seconds) in rows {
            report[key] = serde_json::json!(seconds);
        }
        println!("{report}");
        return Ok(());
    }
    println!("startup of {}, batch {}, median of {}", inference.item, args.batch, args.repeats);
    for (_, what, seconds) in rows {
        println!("  {what:<34} {seconds:>8.3} s");
    }
    let kernels = counted(kernels, "kernel");
    println!("  {kernels}, other processes took {others_cores:.2} cores");
    if others_cores > 0.1 {
        println!("  the machine was busy: measure again");
    }
    Ok(())
}

/// What making everything that training and sampling run took.
struct Compiled {
    /// Planning and compiling.
    all: Duration,
    /// Compiling and loading alone.
    own: Duration,
    /// How many kernels there are.
    kernels: usize,
}

/// Compiles everything that training and sampling run, into an empty cache.
fn compile(
    args: &BenchArgs,
    inference: &Program,
    built: &TrainPrograms,
    cache: &Path,
) -> Result<Compiled, Failure> {
    let options = || Options { cache: cache.to_path_buf(), ..session::options(args.threads) };
    let began = Instant::now();
    let step = [("forward", built.forward), ("update", built.update)];
    let step = Session::new(&built.module, &step, args.batch, options()).map_err(|e| session::unbuilt(&e))?;
    let sample = [("forward", inference.entry)];
    let sample = Session::new(&inference.module, &sample, 1, options()).map_err(|e| session::unbuilt(&e))?;
    let (a, b) = (step.compilation(), sample.compilation());
    Ok(Compiled { all: began.elapsed(), own: a.0 + b.0, kernels: a.1 + b.1 })
}

/// Runs this program again and again, with what `arguments` adds, and takes the time of the whole process.
fn measure(repeats: usize, arguments: impl Fn(&mut Command)) -> Result<Times, Failure> {
    let own = std::env::current_exe();
    let own = own.map_err(|e| Failure::Misuse(format!("cannot find this program: {e}")))?;
    let mut times = Times::default();
    for _ in 0..repeats.max(1) {
        let mut command = Command::new(&own);
        arguments(&mut command);
        command.stdin(Stdio::null());
        let began = Instant::now();
        let ended = command.output().map_err(|e| Problem::io("start", &own, &e))?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            let name = command.get_args().next().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Failure::Misuse(format!("`archc {name}` could not be measured; it said:\n{said}")));
        }
        times.add(began.elapsed());
    }
    Ok(times)
}

/// The options that choose the item and its sizes.
fn words(args: &BenchArgs) -> Vec<String> {
    let of = |flag: &str, values: &[String]| -> Vec<String> {
        values.iter().map(|v| format!("--{flag}={v}")).collect()
    };
    let model = &args.model;
    let (item, preset) = (Vec::from_iter(model.item.clone()), Vec::from_iter(model.preset.clone()));
    [of("item", &item), of("preset", &preset), of("set", &model.set), of("dim", &model.dim)].concat()
}

/// A recipe that trains the model for as long as recorded steps last.
fn write_recipe(args: &BenchArgs, diffusion: &DiffusionRecipe, path: &Path) -> Result<(), Failure> {
    let file = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
    let variance = match diffusion.variance {
        Variance::LearnedRange => "learned_range",
        _ => "fixed_small",
    };
    let text = format!(
        "[model]\nfile = {file:?}\n[data]\nkind = \"idx\"\nimages = \"none\"\n[diffusion]\nvariance = \"{variance}\"\n"
    );
    std::fs::write(path, text).map_err(|e| Problem::io("write", path, &e))?;
    Ok(())
}

/// The same choice of item and sizes as settings of the recipe.
fn settings(args: &BenchArgs) -> Vec<String> {
    let model = &args.model;
    let item = model.item.iter().map(|i| format!("--set=model.item={i}"));
    let preset = model.preset.iter().map(|p| format!("--set=model.preset={p}"));
    item.chain(preset).chain(model.set.iter().map(|s| format!("--set=model.set.{s}"))).collect()
}

/// One recorded step.
fn write_step(batch: usize, interface: &Interface, path: &Path) -> Result<(), Failure> {
    let image = vec![batch, interface.channels, interface.height, interface.width];
    let elements: usize = image.iter().product();
    let waves = |scale: f32| (0..elements).map(|i| (scale * i as f32).sin()).collect::<Vec<f32>>();
    let mut tensors = BTreeMap::from([
        ("step0.x_start".to_string(), (image.clone(), waves(0.7))),
        ("step0.noise".to_string(), (image, waves(1.3))),
        ("step0.t".to_string(), (vec![batch], vec![500.0; batch])),
    ]);
    if interface.label.is_some() {
        tensors.insert("step0.y".into(), (vec![batch], vec![0.0; batch]));
    }
    tensors::write(path, &tensors)
}
