//! The programs of a recipe: the model with and without dropout, its noising and its loss.

use crate::failure::{Failure, show_warnings};
use crate::model::read_source;
use crate::provider::{Archive, Files};
use arch_compiler::check::{self, Provider, Request};
use arch_compiler::library;
use arch_compiler::program::Program;
use arch_grammar::{Diagnostic, Sources as Texts};
use arch_runtime::checkpoint::Sources;
use arch_runtime::interface::Interface;
use arch_runtime::recipe::{DiffusionRecipe, Recipe};

/// A model ready to train or sample, and what it was built from.
pub struct Built {
    /// The model with dropout active.
    pub training: Program,
    /// The model without it.
    pub inference: Program,
    /// `NoisySample` for the model's sizes.
    pub noising: Program,
    /// `GaussianLoss` for the model's sizes and the recipe.
    pub loss: Program,
    /// All texts.
    pub sources: Sources,
    /// The same, as the spans of all programs point into them.
    pub texts: Texts,
    /// Roles of the model's inputs.
    pub interface: Interface,
    /// Warnings, as they go into the command's JSON.
    pub warnings: Vec<serde_json::Value>,
}

/// Builds what a recipe names from the file system.
pub fn from_recipe(recipe: &Recipe, output: &crate::cli::Output) -> Result<Built, Failure> {
    let text = read_source(&recipe.model.file)?;
    let name = recipe.model.file.to_string_lossy().into_owned();
    let request = request(recipe);
    build(&Files, &name, &text, &request, recipe, output)
}

/// Builds from the texts of a checkpoint.
pub fn from_checkpoint(
    sources: &Sources,
    recipe: &Recipe,
    output: &crate::cli::Output,
) -> Result<Built, Failure> {
    let archive = Archive { files: sources.files.clone() };
    let text = sources.files.get(&sources.main).cloned().unwrap_or_default();
    let request = Request {
        item: Some(sources.item.clone()),
        preset: sources.preset.clone(),
        set: sources.settings.clone(),
        ..Request::default()
    };
    build(&archive, &sources.main, &text, &request, recipe, output)
}

fn request(recipe: &Recipe) -> Request {
    Request {
        item: recipe.model.item.clone(),
        preset: recipe.model.preset.clone(),
        set: recipe.model.settings(),
        ..Request::default()
    }
}

fn compile(
    provider: &dyn Provider,
    name: &str,
    text: &str,
    request: &Request,
) -> Result<(Program, Vec<Diagnostic>, Texts), Failure> {
    let outcome = check::compile(provider, name, text, request);
    match outcome.program {
        Some(program) => Ok((program, outcome.diagnostics, outcome.sources)),
        None => Err(Failure::Diagnostics(outcome.diagnostics, outcome.sources)),
    }
}

fn build(
    provider: &dyn Provider,
    name: &str,
    text: &str,
    request: &Request,
    recipe: &Recipe,
    output: &crate::cli::Output,
) -> Result<Built, Failure> {
    let (inference, diagnostics, texts) = compile(provider, name, text, request)?;
    let warnings = show_warnings(&diagnostics, &texts, output);
    let training = Request { training: true, ..request.clone() };
    let (training, ..) = compile(provider, name, text, &training)?;
    let interface = Interface::new(&inference, recipe.train.null_label)?;
    let mut texts = texts;
    let (noising, loss) = loss_programs(provider, &interface, &recipe.diffusion, &mut texts)?;
    let files = texts.iter().map(|(_, n, t)| (n.to_string(), t.to_string())).collect();
    let sources = Sources {
        main: name.to_string(),
        item: inference.item.clone(),
        preset: request.preset.clone(),
        settings: request.set.clone(),
        files,
    };
    Ok(Built { training, inference, noising, loss, sources, texts, interface, warnings })
}

/// A program whose texts now stand behind this many others.
fn move_spans(program: &mut Program, files: u32) {
    let nodes = program.module.functions.iter_mut().flat_map(|f| &mut f.nodes);
    nodes.for_each(|node| node.origin.span.file.0 += files);
}

/// `NoisySample` and `GaussianLoss` for a model's sizes and a process. Their texts are added to those of the model.
pub fn loss_programs(
    provider: &dyn Provider,
    interface: &Interface,
    diffusion: &DiffusionRecipe,
    texts: &mut Texts,
) -> Result<(Program, Program), Failure> {
    let own = library::STD.iter().find(|(n, _)| *n == LOSSES).map_or("", |(_, t)| *t);
    let text = provider.library(LOSSES).unwrap_or_else(|| own.to_string());
    let dims = vec![
        ("C".to_string(), interface.channels),
        ("H".to_string(), interface.height),
        ("W".to_string(), interface.width),
    ];
    let part = |item: &str, set: Vec<(String, String)>| {
        let request = Request { item: Some(item.into()), set, dims: dims.clone(), ..Request::default() };
        compile(provider, LOSSES, &text, &request)
    };
    let (mut noising, ..) = part("NoisySample", Vec::new())?;
    let (mut loss, _, own) = part("GaussianLoss", diffusion.loss_settings())?;
    let before = texts.iter().count() as u32;
    for (_, name, text) in own.iter() {
        texts.add(name, text);
    }
    for program in [&mut noising, &mut loss] {
        move_spans(program, before);
    }
    Ok((noising, loss))
}

/// The file of the losses.
const LOSSES: &str = "std/losses.arch";
