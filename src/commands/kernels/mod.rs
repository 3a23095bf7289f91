//! `archc kernels FILE --target c|cuda --out DIR | --check DIR`: the generated sources.

mod manifest;
mod schedule;

use crate::cli::{KernelsArgs, Output};
use crate::failure::Failure;
use crate::model::Checked;
use crate::warnings::Warnings;
use crate::{lowered, model};
use arch_kernels::print::cuda;
use arch_kernels::print::print_c;
use arch_kernels::{Plan, Target};
use arch_runtime::device::nvrtc::{Nvrtc, NvrtcError, Usage};
use arch_runtime::error::Problem;
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
        let text = if target == Target::Cuda { include.clone() + &kernel.text } else { kernel.text.clone() };
        files.insert(kernel.file.clone(), text);
    }
    if args.registers {
        compile(target, &mut printed)?;
    }
    let manifest = manifest::of(&program, &plan, &printed);
    files.insert("manifest.json".into(), format!("{manifest:#}\n"));
    match (&args.out, &args.check) {
        (_, Some(dir)) => compare(dir, &files, said.json(), output),
        (Some(dir), None) => write(dir, &files, said.json(), output),
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

fn write(
    dir: &Path,
    files: &BTreeMap<String, String>,
    warnings: Vec<serde_json::Value>,
    output: &Output,
) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|e| Problem::io("make the folder", dir, &e))?;
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| Problem::io("write", &path, &e))?;
    }
    if output.json {
        println!("{}", serde_json::json!({ "out": dir, "files": files.len(), "diagnostics": warnings }));
    } else if !output.quiet {
        eprintln!("{} files: {}", files.len(), dir.display());
    }
    Ok(())
}

fn compare(
    dir: &Path,
    files: &BTreeMap<String, String>,
    warnings: Vec<serde_json::Value>,
    output: &Output,
) -> Result<(), Failure> {
    let mut differences: Vec<String> = Vec::new();
    for (name, text) in files {
        match std::fs::read_to_string(dir.join(name)) {
            Err(_) => differences.push(format!("missing: {name}")),
            Ok(old) if old != *text => differences.push(changed(name, &old, text)),
            Ok(_) => {}
        }
    }
    let entries = std::fs::read_dir(dir).map_err(|e| Problem::io("read", dir, &e))?;
    let mut there: Vec<String> =
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    there.sort();
    differences
        .extend(there.into_iter().filter(|n| !files.contains_key(n)).map(|n| format!("no longer made: {n}")));
    if output.json {
        println!("{}", serde_json::json!({ "differences": differences, "diagnostics": warnings }));
    } else {
        for d in &differences {
            println!("{d}");
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(Failure::Shown) }
}

/// The first lines that differ.
fn changed(name: &str, old: &str, new: &str) -> String {
    let mut text = format!("changed: {name}");
    let pairs = old.lines().zip(new.lines()).enumerate().filter(|(_, (a, b))| a != b);
    for (i, (a, b)) in pairs.take(5) {
        text.push_str(&format!("\n  line {}\n  - {a}\n  + {b}", i + 1));
    }
    text
}
