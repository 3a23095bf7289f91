//! `archc kernels FILE --target c|cuda --out DIR | --check DIR`: the generated sources.

mod changes;
mod compare;
mod manifest;
mod pairing;
mod schedule;
mod snapshot;

use crate::cli::{KernelsArgs, Output};
use crate::failure::Failure;
use crate::model::Checked;
use crate::warnings::Warnings;
use crate::{lowered, model};
use arch_compiler::cost::counted;
use arch_kernels::print::cuda;
use arch_kernels::print::print_c;
use arch_kernels::{Plan, Target};
use arch_runtime::device::nvrtc::{Nvrtc, NvrtcError, Usage};
use arch_runtime::error::{Code, Problem};
use compare::Comparison;
use serde_json::json;
use snapshot::Snapshot;
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the kernels, or says how they differ from what was written.
pub fn run(args: &KernelsArgs, output: &Output) -> Result<(), Failure> {
    let target = target(&args.target)?;
    let checked = model::program(&args.file, &args.model.request()?, output)?;
    let Checked { mut program, sources, warnings } = checked;
    let mut said = Warnings::new(warnings, &sources, output);
    let entry = lowered::entry(&mut program, args.grad, args.fuse, args.memory, &mut said)?;
    let plan = lowered::plan(&mut program, entry, args.batch, target, &sources, args.fuse)?;
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    files.insert(target.header_name(), target.header());
    let mut printed = print(&plan)?;
    let include = format!("#include \"{}\"\n\n", target.header_name());
    for kernel in &printed {
        files.insert(kernel.file.clone(), include.clone() + &kernel.text);
    }
    if args.registers {
        compile(target, &mut printed)?;
    }
    let snapshot = Snapshot { manifest: manifest::of(&program, &plan, &printed), files };
    match (&args.out, &args.check) {
        (_, Some(dir)) => check(dir, &snapshot.reread(), said.json(), output),
        (Some(dir), None) => write(dir, &snapshot, said.json(), output),
        (None, None) => Err(Failure::Misuse("give --out DIR or --check DIR".into())),
    }
}

/// The target that `--target` names.
pub fn target(text: &str) -> Result<Target, Failure> {
    match text {
        "c" => return Ok(Target::PINNED),
        "cuda" => return Ok(Target::Cuda),
        _ => {}
    }
    Target::named(text.strip_prefix("c:").unwrap_or(text)).ok_or_else(|| {
        Failure::Misuse(format!(
            "there is no target `{text}`; there are c:generic, c:avx2, c:avx512 and cuda"
        ))
    })
}

/// A kernel as text.
pub struct Printed {
    /// Its function's name.
    pub name: String,
    /// The name of its file.
    pub file: String,
    /// What kind of kernel it is.
    pub family: String,
    /// The shapes of its buffers, by argument.
    pub shapes: Vec<String>,
    /// What its buffers are called in the text, by argument.
    pub values: Vec<Vec<String>>,
    /// The steps of the plan that call it.
    pub steps: Vec<usize>,
    /// How it is launched on a GPU.
    pub launch: Option<cuda::Launch>,
    /// What it takes of a GPU, where that was asked for.
    pub usage: Option<Usage>,
    /// The text.
    pub text: String,
}

/// The kernels of a plan as texts for its target. Matrix products have a text in CUDA only.
pub fn print(plan: &Plan) -> Result<Vec<Printed>, Failure> {
    if plan.target != Target::Cuda {
        let steps = |name: &str| (0..plan.steps.len()).filter(|s| plan.steps[*s].name == name).collect();
        let printed = plan.kernels.iter().map(|kernel| Printed {
            name: kernel.name.clone(),
            file: format!("{}.c", kernel.name),
            family: kernel.family.clone(),
            shapes: kernel.shapes.clone(),
            values: kernel.values.clone(),
            steps: steps(&kernel.name),
            launch: None,
            usage: None,
            text: print_c(kernel, plan.target),
        });
        return Ok(printed.collect());
    }
    let (sources, calls) =
        cuda::sources(plan).map_err(|e| Failure::Misuse(format!("this cannot be written for CUDA: {e}")))?;
    let printed = sources.into_iter().enumerate().map(|(i, source)| Printed {
        file: format!("{}.cu", source.name),
        name: source.name,
        family: source.family,
        shapes: source.shapes,
        values: source.values,
        steps: (0..calls.len()).filter(|s| calls[*s] == i).collect(),
        launch: Some(source.launch),
        usage: None,
        text: source.text,
    });
    Ok(printed.collect())
}

/// Has NVRTC compile the kernels.
fn compile(target: Target, printed: &mut [Printed]) -> Result<(), Failure> {
    if target != Target::Cuda {
        return Err(Failure::Misuse(format!("--registers is for --target cuda, not for {target}")));
    }
    let misuse = |e: NvrtcError| Failure::Misuse(e.to_string());
    let nvrtc = Nvrtc::find().map_err(misuse)?;
    for kernel in printed {
        kernel.usage = Some(nvrtc.usage(&kernel.name, &kernel.text).map_err(misuse)?);
    }
    Ok(())
}

/// Writes the kernels, and removes those of the last time that are no longer made.
fn write(
    dir: &Path,
    snapshot: &Snapshot,
    warnings: Vec<serde_json::Value>,
    output: &Output,
) -> Result<(), Failure> {
    let removed = snapshot.write(dir)?;
    // The manifest is a file, too.
    let files = snapshot.files.len() + 1;
    if output.json {
        let said = json!({ "out": dir, "files": files, "removed": removed, "diagnostics": warnings });
        println!("{said}");
    } else if !output.quiet {
        let removed = if removed > 0 { format!(", {removed} removed") } else { String::new() };
        eprintln!("{}{removed}: {}", counted(files, "file"), dir.display());
    }
    Ok(())
}

/// Says how the kernels differ from those in a folder.
fn check(
    dir: &Path,
    new: &Snapshot,
    warnings: Vec<serde_json::Value>,
    output: &Output,
) -> Result<(), Failure> {
    let old = Snapshot::read(dir)?.ok_or_else(|| {
        let text = format!("{} has no manifest.json to compare with", dir.display());
        Problem::new(Code::File, text, "the same command with --out in place of --check writes one")
    })?;
    let found = Comparison::of(&old, new);
    if output.json {
        let mut said = changes::data(&found, &old, new);
        said["diagnostics"] = warnings.into();
        println!("{said}");
    } else if !found.is_same() {
        print!("{}", changes::text(&found, &old, new));
    } else if found.moved && !output.quiet {
        eprintln!("source lines moved, no kernel changed; --out in place of --check writes the lines anew");
    }
    if found.is_same() { Ok(()) } else { Err(Failure::Shown) }
}
