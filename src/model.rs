//! Which item of which file a command means, and its program.

use crate::cli::ModelArgs;
use crate::failure::{Failure, show_warnings};
use crate::provider::Files;
use arch_compiler::check::{self, Request};
use arch_compiler::graph::Size;
use arch_compiler::program::Program;
use arch_grammar::Sources;
use arch_runtime::error::{Code, Problem, nearest};
use std::path::Path;

/// The text of a source file. Bytes that are no UTF-8 reach the parser, which says where they are.
pub fn read_source(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Problem::io("read", path, &e))?;
    let other = match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => {
            Some(("a recipe", "`archc train` takes recipes; the architecture is what it names under [model]"))
        }
        Some("safetensors") => Some(("a file of tensors", "`archc sample` takes checkpoints")),
        _ => None,
    };
    if let Some((what, help)) = other {
        let text = format!("{} is {what}, and an architecture (.arch) is wanted", path.display());
        return Err(Problem::new(Code::File, text, help).into());
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    })
}

impl ModelArgs {
    /// What to ask the checker for.
    pub fn request(&self) -> Result<Request, Failure> {
        let pair = |text: &String, what: &str| match text.split_once('=') {
            Some((k, v)) if !k.is_empty() => Ok((k.trim().to_string(), v.trim().to_string())),
            _ => Err(Failure::Misuse(format!("`{what} {text}` is not `name=value`"))),
        };
        let mut request =
            Request { item: self.item.clone(), preset: self.preset.clone(), ..Request::default() };
        for s in &self.set {
            request.set.push(pair(s, "--set")?);
        }
        for d in &self.dim {
            let (name, size) = pair(d, "--dim")?;
            let size = size.parse().ok().filter(|n| *n > 0);
            let size = size
                .ok_or_else(|| Failure::Misuse(format!("`--dim {d}`: a size is a whole number above 0")))?;
            request.dims.push((name, size));
        }
        Ok(request)
    }
}

/// A program that was checked.
pub struct Checked {
    /// The program.
    pub program: Program,
    /// The texts it was made from.
    pub sources: Sources,
    /// Warnings, as they go into the command's JSON.
    pub warnings: Vec<serde_json::Value>,
}

/// The program of a file. Errors end the command; warnings are shown, or left to the command's JSON.
pub fn program(path: &Path, request: &Request, output: &crate::cli::Output) -> Result<Checked, Failure> {
    let text = read_source(path)?;
    let outcome = check::compile(&Files, &path.to_string_lossy(), &text, request);
    match outcome.program {
        Some(program) => {
            let warnings = show_warnings(&outcome.diagnostics, &outcome.sources, output);
            check_dims(&program, request)?;
            Ok(Checked { program, sources: outcome.sources, warnings })
        }
        None => {
            let mut diagnostics = outcome.diagnostics;
            let given = request.dims.iter().map(|(n, size)| format!("--dim {n}={size}"));
            let given: Vec<String> = given.collect();
            for d in diagnostics.iter_mut().filter(|d| d.code == "A0210" && !given.is_empty()) {
                d.notes.push(format!("the command line gives {}", given.join(", ")));
            }
            Err(Failure::Diagnostics(diagnostics, outcome.sources))
        }
    }
}

/// A size for an axis that is not there, or that has its size from elsewhere, would be passed over in silence.
fn check_dims(program: &Program, request: &Request) -> Result<(), Failure> {
    for (name, size) in &request.dims {
        let module = &program.module;
        let sizes: Vec<usize> = module
            .axes
            .iter()
            .filter(|a| a.name == *name)
            .filter_map(|a| match a.size {
                Size::Fixed(n) => Some(n),
                Size::Batch => None,
            })
            .collect();
        if sizes.contains(size) {
            continue;
        }
        let why = match sizes.first() {
            Some(other) => format!("axis `{name}` is {other} long: its size follows from the config"),
            None => {
                let near = nearest(name, module.axes.iter().map(|a| a.name.as_str()));
                let near = near.map_or_else(String::new, |n| format!("; the nearest is `{n}`"));
                format!("`{}` has no axis `{name}`{near}", program.item)
            }
        };
        return Err(Failure::Misuse(format!("`--dim {name}={size}`: {why}")));
    }
    Ok(())
}
