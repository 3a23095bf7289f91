//! `archc bench TASK FILE`: how long things take, measured so that a peer can be measured beside it.

mod startup;

use crate::build::loss_programs;
use crate::cli::{BenchArgs, Fuse, Output, Task};
use crate::failure::Failure;
use crate::lowered;
use crate::measure::{Others, Times, peak_rss_mib};
use crate::model::{self, Checked};
use crate::profile;
use crate::provider::Files;
use crate::session::{self, Chosen};
use crate::warnings::Warnings;
use arch_compiler::graph::{AxisId, DType, FuncId, Module};
use arch_compiler::memory::Memory;
use arch_compiler::program::{Program, Role};
use arch_compiler::train::{OptimizerOptions, Parts, TrainOptions, TrainPrograms, build};
use arch_grammar::Sources;
use arch_runtime::diffusion::Variance;
use arch_runtime::execute::{Data, Execute, Prepare};
use arch_runtime::interface::Interface;
use arch_runtime::recipe::DiffusionRecipe;
use std::time::{Duration, Instant};

/// How long one sample of an operation's time lasts at least, as in the peers' measurements.
const SAMPLE: Duration = Duration::from_millis(20);

/// Measures a task.
pub fn run(args: &BenchArgs, output: &Output) -> Result<(), Failure> {
    profile::check(args.form, args.profile)?;
    if args.task == Task::Startup {
        return startup::run(args, output);
    }
    if args.checkpoint.is_some() {
        return Err(Failure::Misuse(
            "--checkpoint belongs to `bench startup`; the other tasks draw weights".into(),
        ));
    }
    if args.backward && args.task != Task::Op {
        return Err(Failure::Misuse(
            "--backward belongs to `bench op`; `bench train-step` has its own".into(),
        ));
    }
    let form = Chosen::new(args.form, args.threads, output).fused(args.fuse);
    let mut request = args.model.request()?;
    request.training = args.task == Task::TrainStep;
    let Checked { mut program, mut sources, warnings } = model::program(&args.file, &request, output)?;
    let began = Instant::now();
    let step = match args.task {
        Task::TrainStep => Some(train_programs(&program, &mut sources, form.fuses(), args.memory)?),
        _ => None,
    };
    let mut said = Warnings::new(warnings, &sources, output);
    let Ready { mut session, name, compile_seconds, setup_seconds } =
        ready(args, &mut program, step.as_ref(), &form, &mut said, began)?;
    let runs = if args.task == Task::Sample { 2 * args.steps } else { 1 };
    for _ in 0..args.warmup {
        session.run(name)?;
    }
    // An operation alone may take microseconds: a sample of its time is many runs.
    let inner = match args.task {
        Task::Op => inner_runs(session.as_mut(), name)?,
        _ => 1,
    };
    session.set_profiling(args.profile);
    let others = Others::begin();
    let mut times = Times::default();
    for _ in 0..args.repeats.max(1) {
        let began = Instant::now();
        for _ in 0..runs * inner {
            session.run(name)?;
        }
        times.add(began.elapsed() / inner as u32);
    }
    let others_cores = others.end();
    let profile = session.profile();
    let median = times.median();
    let threads = session::options(args.threads).threads;
    let report = serde_json::json!({
        "task": args.task.word(), "form": args.form.word(), "file": args.file, "item": program.item,
        "batch": args.batch,
        "median_s": median, "min_s": times.min(), "max_s": times.max(),
        "images_per_second": args.batch as f64 / median, "peak_rss_mib": peak_rss_mib(),
        "compile_seconds": compile_seconds, "setup_seconds": setup_seconds, "threads": threads, "memory": args.memory.word(), "dtype": "f32",
        "device": "cpu", "others_cores": others_cores, "repeats": times.len(), "runs_per_repeat": inner,
        "params": program.layers.first().map_or(0, |l| l.params), "arena_bytes": session.bytes(),
        "kernels": profile::as_json(&profile),
        "diagnostics": said.json(),
    });
    if output.json {
        println!("{report}");
        return Ok(());
    }
    let (task, form) = (args.task.word(), args.form.word());
    println!("{task} of {}, batch {}, {threads} threads, {form} form", program.item, args.batch);
    let (min, max) = (times.min(), times.max());
    println!("  median {median:.4} s   min {min:.4}   max {max:.4}   of {}", times.len());
    let compiled = compile_seconds.map_or_else(String::new, |s| format!(", kernels compiled in {s:.2} s"));
    println!("  {:.0} images/s, set up in {setup_seconds:.2} s{compiled}", args.batch as f64 / median);
    println!("  peak memory {:.0} MiB, other processes took {others_cores:.2} cores", peak_rss_mib());
    if others_cores > 0.1 {
        println!("  the machine was busy: measure again");
    }
    profile::print(&profile);
    Ok(())
}

/// A program that can run, and how long that took.
struct Ready {
    session: Box<dyn Execute>,
    name: &'static str,
    /// Compiling and loading kernels, in a form that has kernels.
    compile_seconds: Option<f64>,
    /// All else since `began`: respelling, gradients, planning, memory. Drawing weights is not in it.
    setup_seconds: f64,
}

/// The session of a task. Training and operations are respelled as a whole when they are made; what is canonical
/// already, with its scans in their forms, must not be respelled again.
fn ready(
    args: &BenchArgs,
    program: &mut Program,
    step: Option<&TrainPrograms>,
    form: &Chosen<'_>,
    said: &mut Warnings<'_>,
    began: Instant,
) -> Result<Ready, Failure> {
    let (name, function) = match (step, args.task) {
        (Some(step), _) => {
            said.incomplete(&step.incomplete);
            ("update", step.update)
        }
        (None, Task::Op) => ("op", op_function(args, program, form, said)?),
        (None, _) => {
            if form.fuses() {
                lowered::respell(program, said)?;
            }
            ("forward", program.entry)
        }
    };
    let module = step.map_or(&program.module, |step| &step.module);
    let mut session = form.prepare(module, &[(name, function)], args.batch)?;
    let took = began.elapsed().as_secs_f64();
    let compile_seconds = session.compile_time().map(|t| t.as_secs_f64());
    fill(session.as_mut(), module, function, program, args.batch)?;
    if step.is_some() {
        session.write("loss_scale", Data::Float(&[1.0 / args.batch as f32]))?;
    }
    Ok(Ready { session, name, compile_seconds, setup_seconds: took - compile_seconds.unwrap_or(0.0) })
}

/// How many runs last at least [`SAMPLE`].
fn inner_runs(session: &mut dyn Execute, name: &str) -> Result<usize, Failure> {
    let began = Instant::now();
    session.run(name)?;
    Ok((SAMPLE.as_secs_f64() / began.elapsed().as_secs_f64().max(1e-7)).ceil().max(1.0) as usize)
}

/// The function of an item by itself, or of its gradients.
fn op_function(
    args: &BenchArgs,
    program: &mut Program,
    form: &Chosen<'_>,
    said: &mut Warnings<'_>,
) -> Result<FuncId, Failure> {
    let fuse = if form.fuses() { Fuse::On } else { Fuse::Off };
    let function = match args.backward {
        true => lowered::with_all_gradients(program, fuse, args.memory, said)?,
        false => lowered::entry(program, false, fuse, args.memory, said)?,
    };
    // What is canonical is made flat where it is lowered.
    if fuse == Fuse::On { Ok(function) } else { lowered::flat(program, function) }
}

/// The programs of training with AdamW and a moving average, as the recipe's defaults have it. The texts of the losses
/// are added to those of the model.
fn train_programs(
    program: &Program,
    texts: &mut Sources,
    fuse: bool,
    memory: Memory,
) -> Result<TrainPrograms, Failure> {
    let interface = Interface::new(program, None)?;
    let diffusion = diffusion(&interface);
    let (noising, loss) = loss_programs(&Files, &interface, &diffusion, texts)?;
    let parts = Parts { model: program, noising: &noising, loss: &loss };
    let optimizer = OptimizerOptions {
        betas: (0.9, 0.999),
        eps: 1e-8,
        weight_decay: 0.0,
        ema_decay: Some(0.9999),
        clip_grad_norm: None,
    };
    build(parts, &TrainOptions { optimizer, accumulate: 1, fuse, memory })
        .map_err(|e| Failure::Misuse(format!("no training step can be made: {e}")))
}

/// The process whose variance the model's channels are for.
fn diffusion(interface: &Interface) -> DiffusionRecipe {
    let learned = interface.output_channels == 2 * interface.channels;
    let variance = if learned { Variance::LearnedRange } else { Variance::FixedSmall };
    DiffusionRecipe { variance, ..DiffusionRecipe::default() }
}

/// Small pseudo-random numbers in every input, cotangents as well: zeros would let denormals or skipped work flatter the result.
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
