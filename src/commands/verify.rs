//! `archc verify FILE`: an item's kernels against the f64 interpreter, its gradients against differences.

use crate::cli::{Form, Fuse, Output, VerifyArgs};
use crate::failure::Failure;
use crate::lowered;
use crate::model::{self, Checked};
use crate::session::Chosen;
use crate::warnings::Warnings;
use arch_compiler::cost;
use arch_compiler::grad::{Difference, differences};
use arch_compiler::graph::FuncId;
use arch_compiler::interp::{self, Tensor, fresh_parameters, noise};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_runtime::execute::{Data, Prepare, RunError};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;

/// The most that f32 may be apart from the interpreter's f64, as a share of the largest element.
const KERNELS: f64 = 1e-3;
/// The most that a gradient may be apart from central differences, as a share of itself.
const GRADIENTS: f64 = 1e-5;
/// The most multiply-accumulates of one pass: the interpreter is thorough and slow.
const LARGEST: u64 = 200_000_000;

/// One result or gradient.
struct Row {
    name: String,
    /// Whether it is zero everywhere: nothing depends on it here.
    zero: bool,
    executing: f64,
    primitive: Option<f64>,
    gradient: Option<f64>,
}

/// Verifies one item.
pub fn run(args: &VerifyArgs, output: &Output) -> Result<(), Failure> {
    let Checked { mut program, sources, warnings } =
        model::program(&args.file, &args.model.request()?, output)?;
    let macs = cost::macs(&program.module, program.entry) * args.batch as u64;
    if macs > LARGEST {
        return Err(Failure::Misuse(format!(
            "a pass of {} with a batch of {} has {:.1} G multiply-accumulates, and the interpreter that it is held \
             against takes {:.1} G at most; choose smaller sizes with --set and --dim, what is right at 8 is right at \
             1024",
            program.item,
            args.batch,
            macs as f64 / 1e9,
            LARGEST as f64 / 1e9
        )));
    }
    let mut respelled = program.clone();
    let mut said = Warnings::new(warnings, &sources, output);
    let both = lowered::with_all_gradients(&mut program, Fuse::Off, Memory::Fast, &mut said)?;
    let fused = lowered::with_all_gradients(&mut respelled, Fuse::On, Memory::Fast, &mut said)?;
    let given = numbers(&program, both, &args.seed.to_string(), args.batch)
        .map_err(|e| Failure::Misuse(e.to_string()))?;
    let wanted = interp::run(&program.module, both, &given, args.batch)
        .map_err(|e| Failure::Misuse(e.to_string()))?
        .outputs;
    let executing = distances(&respelled, fused, &given, &wanted, args, Form::Executing, output)?;
    // Luminal's own operators cannot say everything.
    let primitive = match distances(&program, both, &given, &wanted, args, Form::Primitive, output) {
        Ok(found) => Some(found),
        Err(RunError::Unsupported(_)) => None,
        Err(other) => return Err(other.into()),
    };
    let gradients = held_against_differences(&program, both, &given, args.batch, output)?;
    let rows: Vec<Row> = wanted
        .iter()
        .enumerate()
        .map(|(i, (name, value))| Row {
            name: name.clone(),
            zero: value.data.iter().all(|x| *x == 0.0),
            executing: executing[i],
            primitive: primitive.as_ref().map(|p| p[i]),
            gradient: gradients.iter().find(|d| format!("grad.{}", d.name) == *name).map(|d| d.apart),
        })
        .collect();
    show(&program, &rows, args.batch, output, said.json())
}

/// Numbers for all inputs. Parameters are near their initial values, off enough that no gate stays closed.
fn numbers(
    program: &Program,
    both: FuncId,
    seed: &str,
    batch: usize,
) -> Result<BTreeMap<String, Tensor>, interp::RunError> {
    let mut given = fresh_parameters(program, seed)?;
    for p in program.parameters.iter().filter(|p| p.trained) {
        let Some(value) = given.get_mut(&p.name) else { continue };
        let off = noise(&format!("{seed} off {}", p.name), &value.dims);
        value.data.iter_mut().zip(off.data).for_each(|(x, n)| *x += 0.1 * n);
    }
    let f = program.module.function(both);
    for input in &f.inputs {
        if given.contains_key(&input.name) {
            continue;
        }
        let argument = program.inputs.iter().find(|a| a.name == input.name);
        let mut value = noise(
            &format!("{seed} {}", input.name),
            &program.module.dims(&f.value(input.value).shape, batch),
        );
        if let Some(below) = argument.filter(|a| a.integer).map(|a| a.below.unwrap_or(8)) {
            let whole = value.data.iter().enumerate().map(|(i, x)| ((x.abs() * 7.0) as usize + i) % below);
            value.data = whole.map(|n| n as f64).collect();
        }
        given.insert(input.name.clone(), value);
    }
    // Both sides compute with the same numbers.
    given.values_mut().flat_map(|t| &mut t.data).for_each(|x| *x = f64::from(*x as f32));
    given.retain(|name, _| f.input(name).is_some());
    Ok(given)
}

/// How far the results of a form are from those that are wanted, each as a share of its largest element. A gradient
/// below a hundredth of the largest one, as of what a norm takes away again, is held against that hundredth.
fn distances(
    program: &Program,
    both: FuncId,
    given: &BTreeMap<String, Tensor>,
    wanted: &[(String, Tensor)],
    args: &VerifyArgs,
    form: Form,
    output: &Output,
) -> Result<Vec<f64>, RunError> {
    let chosen = Chosen::new(form, args.threads, output);
    let mut session = chosen.prepare(&program.module, &[("grad", both)], args.batch)?;
    for (name, value) in given {
        // What no kernel reads has no place.
        if session.len(name).is_none() {
            continue;
        }
        if program.inputs.iter().any(|a| a.name == *name && a.integer) {
            let data: Vec<i32> = value.data.iter().map(|x| *x as i32).collect();
            session.write(name, Data::Int(&data))?;
        } else {
            let data: Vec<f32> = value.data.iter().map(|x| *x as f32).collect();
            session.write(name, Data::Float(&data))?;
        }
    }
    session.run("grad")?;
    let largest = |t: &Tensor| t.data.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let is_gradient = |name: &str| name.starts_with("grad.");
    let gradients = wanted.iter().filter(|(name, _)| is_gradient(name));
    let floor = 1e-2 * gradients.fold(0.0f64, |m, (_, t)| m.max(largest(t)));
    let mut out = Vec::new();
    for (name, value) in wanted {
        let mut data = vec![0.0; value.data.len()];
        session.read(name, &mut data)?;
        let floor = if is_gradient(name) { floor } else { 0.0 };
        let scale = largest(value).max(floor).max(f64::MIN_POSITIVE);
        let apart = data.iter().zip(&value.data).map(|(a, b)| (f64::from(*a) - b).abs());
        // A number that is none is as far away as can be.
        out.push(apart.fold(0.0, |m: f64, x| if x.is_finite() { m.max(x) } else { f64::INFINITY }) / scale);
    }
    Ok(out)
}

fn held_against_differences(
    program: &Program,
    both: FuncId,
    given: &BTreeMap<String, Tensor>,
    batch: usize,
    output: &Output,
) -> Result<Vec<Difference>, Failure> {
    let names = lowered::differentiable(program);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bar = if output.quiet || output.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(names.len() as u64)
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let found = differences(&program.module, (program.entry, both), given, &names, batch, &mut |d| {
        bar.set_message(d.name.clone());
        bar.inc(1);
    });
    bar.finish_and_clear();
    found.map_err(|e| Failure::Misuse(e.to_string()))
}

fn show(
    program: &Program,
    rows: &[Row],
    batch: usize,
    output: &Output,
    warnings: Vec<serde_json::Value>,
) -> Result<(), Failure> {
    let bad = |r: &&Row| {
        !(r.executing <= KERNELS
            && r.primitive.is_none_or(|p| p <= KERNELS)
            && r.gradient.is_none_or(|g| g <= GRADIENTS))
    };
    let wrong: Vec<&Row> = rows.iter().filter(bad).collect();
    if output.json {
        let tensors: Vec<serde_json::Value> = rows
            .iter()
            .map(|r| {
                serde_json::json!({
                    "name": r.name, "executing": r.executing, "primitive": r.primitive,
                    "differences": r.gradient, "zero": r.zero, "agrees": !bad(&r),
                })
            })
            .collect();
        let agrees = wrong.is_empty();
        println!(
            "{:#}",
            serde_json::json!({ "item": program.item, "agrees": agrees, "tensors": tensors, "diagnostics": warnings })
        );
        return if agrees { Ok(()) } else { Err(Failure::Shown) };
    }
    println!("{}, batch {batch}: shares of each tensor's largest element", program.item);
    println!("  {:<44} {:>10} {:>10} {:>12}", "", "kernels", "luminal", "differences");
    let shown = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.1e}"));
    for r in rows {
        let remark = match (bad(&r), r.zero) {
            (true, _) => "   WRONG",
            (false, true) => "   zero: nothing depends on it here",
            (false, false) => "",
        };
        println!(
            "  {:<44} {:>10} {:>10} {:>12}{remark}",
            r.name,
            shown(Some(r.executing)),
            shown(r.primitive),
            shown(r.gradient)
        );
    }
    let worst = |f: &dyn Fn(&Row) -> Option<f64>| rows.iter().filter_map(f).fold(0.0f64, f64::max);
    println!();
    if wrong.is_empty() {
        println!(
            "right: kernels within {:.1e} of the interpreter in f64, gradients within {:.1e} of central differences",
            worst(&|r| Some(r.executing)),
            worst(&|r| r.gradient)
        );
        return Ok(());
    }
    let names: Vec<&str> = wrong.iter().map(|r| r.name.as_str()).collect();
    eprintln!("{} of {} tensors are apart: {}", wrong.len(), rows.len(), names.join(", "));
    eprintln!(
        "help: a kernel or gradient that is wrong is a fault of archc: please report it with the file; numbers near \
               an overflow, or a kink exactly where the numbers lie, can look like one (try --seed), and so does what a \
               `stop_gradient` of yours holds back, which central differences see"
    );
    Err(Failure::Shown)
}
