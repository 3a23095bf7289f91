//! `archc run FILE --weights W --inputs I --outputs O [--grad]`

use crate::cli::{Fuse, Output, RunArgs};
use crate::failure::Failure;
use crate::lowered;
use crate::model::{self, Checked};
use crate::session::Chosen;
use crate::tensors::{self, Tensor};
use crate::warnings::Warnings;
use arch_compiler::memory::Memory;
use arch_compiler::program::{Argument, Program};
use arch_runtime::error::{Code, Problem, nearest};
use arch_runtime::execute::{Data, Execute, Prepare};
use std::collections::BTreeMap;

type Tensors = BTreeMap<String, Tensor>;

/// Runs an item once.
pub fn run(args: &RunArgs, output: &Output) -> Result<(), Failure> {
    let inputs = tensors::read(&args.inputs)?;
    let weights = tensors::read(&args.weights)?;
    let mut request = args.model.request()?;
    for (name, t) in &inputs {
        request.shapes.push((name.clone(), t.shape.get(1..).unwrap_or_default().to_vec()));
    }
    let checked = model::program(&args.file, &request, output).map_err(|f| name_inputs(f, &inputs))?;
    let Checked { mut program, sources, warnings } = checked;
    let batch = check_inputs(&program, &inputs)?;
    let wrt = if args.grad { lowered::differentiable(&program) } else { Vec::new() };
    let form = Chosen::new(args.form, args.threads, output).fused(args.fuse).of(sources.clone());
    let mut said = Warnings::new(warnings, &sources, output);
    let fuse = if form.fuses() { Fuse::On } else { Fuse::Off };
    let programs = if args.grad {
        let both = lowered::with_all_gradients(&mut program, fuse, Memory::Fast, &mut said)?;
        vec![("forward", program.entry), ("grad", both)]
    } else {
        vec![("forward", lowered::entry(&mut program, false, fuse, Memory::Fast, &mut said)?)]
    };
    let mut session = form.prepare(&program.module, &programs, batch)?;
    write_weights(&program, &weights, session.as_mut(), output)?;
    write_inputs(&program, &inputs, session.as_mut())?;
    let mut results = BTreeMap::new();
    session.run("forward")?;
    read_outputs(&program, session.as_ref(), batch, &mut results)?;
    if args.grad {
        seed(&program, &inputs, &results, session.as_mut(), output)?;
        session.run("grad")?;
        read_gradients(&program, &wrt, session.as_ref(), batch, &mut results)?;
    }
    tensors::write(&args.outputs, &results)?;
    if output.json {
        let names: Vec<&String> = results.keys().collect();
        let object = serde_json::json!({
            "outputs": args.outputs, "tensors": names, "batch": batch, "diagnostics": said.json(),
        });
        println!("{object}");
    }
    Ok(())
}

/// Says what the inputs hold where that might have told the size of an axis.
fn name_inputs(failure: Failure, inputs: &Tensors) -> Failure {
    let Failure::Diagnostics(mut diagnostics, sources) = failure else { return failure };
    let held: Vec<String> = inputs.iter().map(|(n, t)| format!("`{n}` {:?}", t.shape)).collect();
    for d in diagnostics.iter_mut().filter(|d| d.code == "A0210") {
        d.notes.push(format!("the inputs hold {}", held.join(", ")));
        d.help.push("a tensor is named after its parameter of `forward`; its first size is the batch".into());
    }
    Failure::Diagnostics(diagnostics, sources)
}

fn misfit(message: String, help: &str) -> Failure {
    Problem::new(Code::DataShape, message, help).into()
}

/// Every input must be there with the sizes of the signature; gives the batch.
fn check_inputs(program: &Program, inputs: &Tensors) -> Result<usize, Failure> {
    let mut batch: Option<(usize, &str)> = None;
    for a in &program.inputs {
        let Some(t) = inputs.get(&a.name) else {
            let near = nearest(&a.name, inputs.keys().map(String::as_str));
            let near = near.map_or_else(String::new, |n| format!("; it has `{n}`"));
            return Err(misfit(
                format!("the inputs have no tensor `{}`{near}", a.name),
                "inputs are named after the parameters of `forward`",
            ));
        };
        let wanted = program.module.dims(&a.shape, 1);
        if t.shape.len() != wanted.len() + 1 || t.shape[1..] != wanted[..] {
            return Err(misfit(
                format!("input `{}` is {:?}, but {} is wanted", a.name, t.shape, shown(program, a)),
                "the first size is the batch; the others are the axes of the signature in their order",
            ));
        }
        match batch {
            Some((n, other)) if n != t.shape[0] => {
                let text = format!("`{}` has {} samples, but `{other}` has {n}", a.name, t.shape[0]);
                return Err(misfit(text, "all inputs have the same batch"));
            }
            _ => batch = Some((t.shape[0], &a.name)),
        }
        check_integers(a, t)?;
    }
    match batch {
        Some((0, name)) => Err(misfit(format!("`{name}` has no samples"), "the batch is at least 1")),
        Some((n, _)) => Ok(n),
        None => Ok(1),
    }
}

fn shown(program: &Program, a: &Argument) -> String {
    let axes = a.shape.iter().map(|x| {
        let axis = program.module.axis(*x);
        format!("{} = {}", axis.name, program.module.size(*x, 1))
    });
    let parts: Vec<String> = std::iter::once("batch".to_string()).chain(axes).collect();
    format!("[{}]", parts.join(", "))
}

fn check_integers(a: &Argument, t: &Tensor) -> Result<(), Failure> {
    if !a.integer {
        return Ok(());
    }
    for (i, v) in t.data.iter().enumerate() {
        let below = a.below.map_or(f64::from(i32::MAX), |b| b as f64);
        if v.fract() != 0.0 || *v < 0.0 || *v >= below {
            let problem = Problem::new(
                Code::SampleLabel,
                format!(
                    "`{}` holds {v} at position {i}, but whole numbers from 0 to {} are wanted",
                    a.name,
                    below - 1.0
                ),
                "labels are counted from 0; the last row may stand for no label",
            );
            return Err(problem.into());
        }
    }
    Ok(())
}

fn write_weights(
    program: &Program,
    weights: &Tensors,
    session: &mut dyn Execute,
    output: &Output,
) -> Result<(), Failure> {
    let entry = program.module.function(program.entry);
    for p in &program.parameters {
        let Some(t) = weights.get(&p.name) else {
            // A misspelt name is one that no other parameter has.
            let spare = weights.keys().filter(|n| !program.parameters.iter().any(|p| p.name == **n));
            let near = nearest(&p.name, spare.map(String::as_str))
                .or_else(|| nearest(&p.name, weights.keys().map(String::as_str)));
            let near = near.map_or_else(String::new, |n| format!("; the nearest there is `{n}`"));
            return Err(Problem::new(
                Code::CheckpointTensor,
                format!("the weights have no tensor `{}`{near}", p.name),
                "`archc dev FILE --stage program` lists all names and sizes",
            )
            .into());
        };
        if t.shape != p.stored {
            return Err(Problem::new(
                Code::CheckpointTensor,
                format!("`{}` is {:?} in the weights, but {:?} in the model", p.name, t.shape, p.stored),
                "check the preset and the `--set` values against those the weights were made with",
            )
            .into());
        }
        if entry.input(&p.name).is_some() {
            let data: Vec<f32> = t.data.iter().map(|x| *x as f32).collect();
            session.write(&p.name, Data::Float(&data))?;
        }
    }
    let surplus: Vec<&String> =
        weights.keys().filter(|n| !program.parameters.iter().any(|p| p.name == **n)).collect();
    if !surplus.is_empty() && !output.quiet {
        let names: Vec<&str> = surplus.iter().take(5).map(|n| n.as_str()).collect();
        eprintln!("warning: {} tensors of the weights are not used: {}", surplus.len(), names.join(", "));
    }
    Ok(())
}

fn write_inputs(program: &Program, inputs: &Tensors, session: &mut dyn Execute) -> Result<(), Failure> {
    for a in &program.inputs {
        let t = &inputs[&a.name];
        if session.len(&a.name).is_none() {
            continue;
        }
        if a.integer {
            let data: Vec<i32> = t.data.iter().map(|x| *x as i32).collect();
            session.write(&a.name, Data::Int(&data))?;
        } else {
            let data: Vec<f32> = t.data.iter().map(|x| *x as f32).collect();
            session.write(&a.name, Data::Float(&data))?;
        }
    }
    Ok(())
}

fn read_outputs(
    program: &Program,
    session: &dyn Execute,
    batch: usize,
    results: &mut BTreeMap<String, (Vec<usize>, Vec<f32>)>,
) -> Result<(), Failure> {
    for (name, axes) in &program.outputs {
        let mut shape = vec![batch];
        shape.extend(program.module.dims(axes, batch));
        let mut data = vec![0.0; shape.iter().product()];
        session.read(name, &mut data)?;
        results.insert(name.clone(), (shape, data));
    }
    Ok(())
}

/// Where the gradient starts: what was given, else that of the mean square of the first result.
fn seed(
    program: &Program,
    inputs: &Tensors,
    results: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    session: &mut dyn Execute,
    output: &Output,
) -> Result<(), Failure> {
    let given = program.outputs.iter().any(|(n, _)| inputs.contains_key(&format!("{n}.grad")));
    if let [(first, _), (second, _), ..] = &program.outputs[..]
        && !given
        && !output.quiet
    {
        eprintln!(
            "note: gradients are those of mean({first}^2): `{first}` is the first of {} results",
            program.outputs.len()
        );
        eprintln!("help: to start from others, give `NAME.grad` among the inputs, such as `{second}.grad`");
    }
    for (i, (name, _)) in program.outputs.iter().enumerate() {
        let key = format!("{name}.grad");
        let (shape, data) = &results[name];
        let start: Vec<f32> = match inputs.get(&key) {
            Some(g) if g.shape != *shape => {
                let text = format!("`{key}` is {:?}, but the result is {shape:?}", g.shape);
                return Err(misfit(text, "a gradient has the sizes of its result, batch first"));
            }
            Some(g) => g.data.iter().map(|x| *x as f32).collect(),
            None if !given && i == 0 => data.iter().map(|x| 2.0 * x / data.len() as f32).collect(),
            None => vec![0.0; data.len()],
        };
        session.write(&key, Data::Float(&start))?;
    }
    Ok(())
}

fn read_gradients(
    program: &Program,
    wrt: &[String],
    session: &dyn Execute,
    batch: usize,
    results: &mut BTreeMap<String, (Vec<usize>, Vec<f32>)>,
) -> Result<(), Failure> {
    for name in wrt {
        let shape = match program.parameters.iter().find(|p| p.name == *name) {
            Some(p) => p.stored.clone(),
            None => {
                let axes = program.inputs.iter().find(|a| a.name == *name).map(|a| a.shape.clone());
                let mut shape = vec![batch];
                shape.extend(program.module.dims(&axes.unwrap_or_default(), batch));
                shape
            }
        };
        let key = format!("grad.{name}");
        let mut data = vec![0.0; shape.iter().product()];
        session.read(&key, &mut data)?;
        results.insert(key, (shape, data));
    }
    Ok(())
}
