//! `archc bench TASK FILE`: how long things take, measured so that a peer can be measured beside it.

use crate::build::loss_programs;
use crate::cli::{BenchArgs, Output, Task};
use crate::failure::Failure;
use crate::measure::{Others, Times, peak_rss_mib};
use crate::model::{self, Checked};
use crate::provider::Files;
use crate::session;
use arch_compiler::graph::{AxisId, DType, FuncId, Module};
use arch_compiler::program::{Program, Role};
use arch_compiler::train::{OptimizerOptions, Parts, TrainOptions, build};
use arch_runtime::execute::{Data, Execute};
use arch_runtime::interface::Interface;
use arch_runtime::luminal::{KernelProfile, Session};
use arch_runtime::recipe::DiffusionRecipe;
use std::time::Instant;

/// Measures a task.
pub fn run(args: &BenchArgs, output: &Output) -> Result<(), Failure> {
    if args.task == Task::Startup {
        return startup(args, output);
    }
    let mut request = args.model.request()?;
    request.training = args.task == Task::TrainStep;
    let Checked { program, warnings, .. } = model::program(&args.file, &request, output)?;
    let began = Instant::now();
    let (mut session, name) = match args.task {
        Task::TrainStep => (train_session(args, &program, output)?, "update"),
        _ => {
            let programs = [("forward", program.entry)];
            (session::executing(&program.module, &programs, args.batch, args.threads, output)?, "forward")
        }
    };
    let compile_seconds = began.elapsed().as_secs_f64();
    if args.task == Task::Forward || args.task == Task::Sample {
        fill(&mut session, &program.module, program.entry, &program, args.batch)?;
    }
    let runs = if args.task == Task::Sample { 2 * args.steps } else { 1 };
    for _ in 0..args.warmup {
        session.run(name)?;
    }
    session.set_profiling(args.profile);
    let others = Others::begin();
    let mut times = Times::default();
    for _ in 0..args.repeats.max(1) {
        let began = Instant::now();
        for _ in 0..runs {
            session.run(name)?;
        }
        times.add(began.elapsed());
    }
    let others_cores = others.end();
    let profile = if args.profile { session.profile() } else { Vec::new() };
    let median = times.median();
    let threads = session::options(args.threads).threads;
    let report = serde_json::json!({
        "task": args.task.word(), "file": args.file, "item": program.item, "batch": args.batch,
        "median_s": median, "min_s": times.min(), "max_s": times.max(),
        "images_per_second": args.batch as f64 / median, "peak_rss_mib": peak_rss_mib(),
        "compile_seconds": compile_seconds, "threads": threads, "dtype": "f32", "device": "cpu",
        "others_cores": others_cores, "repeats": times.len(),
        "params": program.layers.first().map_or(0, |l| l.params), "arena_bytes": session.bytes(),
        "kernels": profile.iter().map(kernel_json).collect::<Vec<_>>(),
        "diagnostics": warnings,
    });
    if output.json {
        println!("{report}");
        return Ok(());
    }
    println!("{} of {}, batch {}, {threads} threads", args.task.word(), program.item, args.batch);
    println!(
        "  median {:.4} s   min {:.4}   max {:.4}   of {}",
        median,
        times.min(),
        times.max(),
        times.len()
    );
    println!("  {:.0} images/s, compiled in {compile_seconds:.2} s", args.batch as f64 / median);
    println!("  peak memory {:.0} MiB, other processes took {others_cores:.2} cores", peak_rss_mib());
    if others_cores > 0.1 {
        println!("  the machine was busy: measure again");
    }
    print_profile(&profile);
    Ok(())
}

fn kernel_json(k: &KernelProfile) -> serde_json::Value {
    serde_json::json!({
        "name": k.name, "calls": k.calls, "seconds": k.seconds, "bytes": k.bytes, "flops": k.flops, "lines": k.lines,
    })
}

/// The table of kernels, slowest first.
pub fn print_profile(profile: &[KernelProfile]) {
    if profile.is_empty() {
        return;
    }
    let total: f64 = profile.iter().map(|k| k.seconds).sum();
    println!();
    println!("  {:<44} {:>7} {:>10} {:>6} {:>9} {:>9}", "kernel", "calls", "ms", "%", "GB/s", "GFLOP/s");
    for k in profile.iter().take(30) {
        println!(
            "  {:<44} {:>7} {:>10.3} {:>6.1} {:>9.1} {:>9.1}",
            k.name,
            k.calls,
            1e3 * k.seconds,
            100.0 * k.seconds / total,
            k.bytes as f64 / k.seconds / 1e9,
            k.flops as f64 / k.seconds / 1e9,
        );
    }
    if profile.len() > 30 {
        let rest: f64 = profile[30..].iter().map(|k| k.seconds).sum();
        println!("  {:<44} {:>7} {:>10.3} {:>6.1}", "(the rest)", "", 1e3 * rest, 100.0 * rest / total);
    }
}

/// A training step with AdamW and a moving average on random data, as the recipe's defaults have it.
fn train_session(args: &BenchArgs, program: &Program, output: &Output) -> Result<Session, Failure> {
    let interface = Interface::new(program, None)?;
    let learned = interface.output_channels == 2 * interface.channels;
    let mut diffusion = DiffusionRecipe::default();
    if !learned {
        diffusion.variance = arch_runtime::diffusion::Variance::FixedSmall;
    }
    let (noising, loss, _) = loss_programs(&Files, &interface, &diffusion)?;
    let parts = Parts { model: program, noising: &noising, loss: &loss };
    let optimizer = OptimizerOptions {
        betas: (0.9, 0.999),
        eps: 1e-8,
        weight_decay: 0.0,
        ema_decay: Some(0.9999),
        clip_grad_norm: None,
    };
    let built = build(parts, &TrainOptions { optimizer, accumulate: 1 })
        .map_err(|e| Failure::Misuse(format!("no training step can be made: {e}")))?;
    let mut session =
        session::executing(&built.module, &[("update", built.update)], args.batch, args.threads, output)?;
    fill(&mut session, &built.module, built.update, program, args.batch)?;
    session.write("loss_scale", Data::Float(&[1.0 / args.batch as f32]))?;
    Ok(session)
}

/// Small pseudo-random numbers in every input: zeros would let denormals or skipped work flatter the result.
fn fill(
    session: &mut dyn Execute,
    module: &Module,
    function: FuncId,
    program: &Program,
    batch: usize,
) -> Result<(), Failure> {
    let f = module.function(function);
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    for input in &f.inputs {
        let value = f.value(input.value);
        let n: usize = module.dims(&value.shape, batch).iter().product();
        if value.storage == DType::Int {
            let label = program.inputs.iter().find(|a| a.name == input.name);
            let below = label.and_then(|a| a.below).unwrap_or(1).max(1);
            let data: Vec<i32> = (0..n).map(|_| (next() * below as f32) as i32).collect();
            session.write(&input.name, Data::Int(&data))?;
            continue;
        }
        let timestep = program.inputs.iter().any(|a| a.name == input.name && a.role == Some(Role::Timestep));
        let batched = value.shape.first() == Some(&AxisId::BATCH);
        let scale = if timestep {
            1000.0
        } else if batched {
            1.0
        } else {
            0.1
        };
        let data: Vec<f32> = (0..n).map(|_| next() * scale).collect();
        session.write(&input.name, Data::Float(&data))?;
    }
    Ok(())
}

/// Whole processes: checking a file, and the first forward pass with a warm and with a cold kernel cache.
fn startup(args: &BenchArgs, output: &Output) -> Result<(), Failure> {
    let own =
        std::env::current_exe().map_err(|e| Failure::Misuse(format!("cannot find this program: {e}")))?;
    let cold = std::env::temp_dir().join(format!("archc-bench-{}", std::process::id()));
    let measure =
        |words: &[String], cache: Option<&std::path::Path>, repeats: usize| -> Result<Times, Failure> {
            let mut times = Times::default();
            for _ in 0..repeats {
                let mut command = std::process::Command::new(&own);
                command.args(words).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                if let Some(cache) = cache {
                    let _ = std::fs::remove_dir_all(cache);
                    command.env("ARCHC_CACHE_DIR", cache);
                }
                let began = Instant::now();
                let status =
                    command.status().map_err(|e| Failure::Misuse(format!("cannot run this program: {e}")))?;
                if !status.success() {
                    return Err(Failure::Misuse(format!("`archc {}` failed", words.join(" "))));
                }
                times.add(began.elapsed());
            }
            Ok(times)
        };
    let file = args.file.display().to_string();
    let check = measure(&["check".into(), file.clone()], None, args.repeats)?;
    let mut words: Vec<String> =
        vec!["bench".into(), "train-step".into(), file, "--repeats=1".into(), "--warmup=0".into()];
    words.push(format!("--batch={}", args.batch));
    let pass = |words: &mut Vec<String>, flag: &str, value: &Option<String>| {
        if let Some(v) = value {
            words.push(format!("--{flag}={v}"));
        }
    };
    pass(&mut words, "item", &args.model.item);
    pass(&mut words, "preset", &args.model.preset);
    words.extend(args.model.set.iter().map(|s| format!("--set={s}")));
    let first_cold = measure(&words, Some(&cold), 1)?;
    let _ = std::fs::remove_dir_all(&cold);
    let warmup = measure(&words, None, 1)?;
    let first_warm = measure(&words, None, args.repeats.min(3))?;
    let _ = warmup;
    let report = serde_json::json!({
        "task": "startup", "check_s": check.median(),
        "first_train_step_cold_s": first_cold.median(), "first_train_step_warm_s": first_warm.median(),
    });
    if output.json {
        println!("{report}");
    } else {
        println!("check                                  {:.3} s", check.median());
        println!("first training step, all kernels cold  {:.3} s", first_cold.median());
        println!("first training step, kernels cached    {:.3} s", first_warm.median());
    }
    Ok(())
}
