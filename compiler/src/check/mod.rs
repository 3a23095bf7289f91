//! Checks a program: names, config, sizes, axes. What passes is a [`Program`]: functions of a graph whose
//! shapes cannot fail.
//!
//! Checking and building are one walk. An item is evaluated with its sizes known; every expression gives
//! both its axes (for the messages) and its node (for the graph). A block with the same sizes and config is
//! walked once, however often it is repeated.

mod affine;
mod alone;
mod arguments;
mod arith;
mod asked;
mod axes;
mod block;
mod builtin;
mod call;
mod choice;
mod conditional;
mod config;
mod configurations;
mod context;
mod events;
mod existence;
mod expr;
mod foreign;
mod forward;
mod function_call;
mod index;
mod init;
mod inlined;
mod lacking;
mod layer_call;
mod layers;
mod made_up;
mod matching;
mod pairs;
mod parameters;
mod parts;
mod permute;
mod program;
mod rearrange;
mod report;
mod reshape;
mod scan;
mod scope;
mod settings;
mod shape;
mod source;
mod statement;
mod static_names;
mod structure;
pub mod tests;
mod transposed;
mod value;
mod variants;
mod whole;
mod writing;

pub use source::{NoFiles, Provider};
pub use value::Scalar;

use crate::graph::{AxisId, FuncId, Module};
use crate::ops::ShapeError;
use crate::program::Program;
use arch_grammar::{Diagnostic, Sources, Span};
use axes::AxisInfo;
use block::Template;
use context::Context;
use rustc_hash::{FxHashMap, FxHashSet};
use source::Loaded;
use std::collections::BTreeMap;

/// What to make of a file.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The model or block; may be left out where the file has one model, or no model and one block.
    pub item: Option<String>,
    /// `XL/2`: a preset, and after the slash the value of the config marked `@preset_suffix`.
    pub preset: Option<String>,
    /// `--set name=value`.
    pub set: Vec<(String, String)>,
    /// `--dim T=1024`: sizes of open axes.
    pub dims: Vec<(String, usize)>,
    /// Sizes of the inputs that will come, by name and without the batch: they give open axes their sizes.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Whether dropout is active.
    pub training: bool,
}

/// A program, if there were no errors, and all that is to be said.
pub struct Outcome {
    /// The program.
    pub program: Option<Program>,
    /// The texts that messages point into.
    pub sources: Sources,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What is worth knowing and asks for nothing: whether a recurrence can run in parallel.
    pub notes: Vec<Diagnostic>,
}

/// The state of one walk.
pub(crate) struct Session<'p> {
    provider: &'p dyn Provider,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    /// Errors reported so far, repeated ones included, and values that an error made unknown.
    errors: usize,
    /// How many there were when the walk of the item at hand began.
    errors_before: usize,
    /// Unknown names that were reported: the file, the item and the name.
    unknown: FxHashSet<(usize, Option<usize>, String)>,
    /// The calls and declarations that the walk is inside of, innermost last.
    sites: Vec<report::Site>,
    /// What is left of the steps that one item may take.
    fuel: u32,
    notes: Vec<Diagnostic>,
    /// Set while the body of a test is walked.
    test: Option<tests::State<'p>>,
    files: Vec<Loaded>,
    module: Module,
    /// What messages know of each axis of `module`.
    axes: Vec<AxisInfo>,
    /// What is left of an axis of which so many positions are cut off, so that two shifts by as many are one.
    cut_axes: BTreeMap<(AxisId, usize), AxisId>,
    templates: Vec<Template>,
    template_keys: FxHashMap<String, block::TemplateId>,
    /// Items that are being declared, outermost first: a cycle is endless recursion.
    declaring: Vec<(String, Span)>,
    /// Functions under construction, innermost last.
    contexts: Vec<Context>,
    training: bool,
    /// `--dim` for the item asked for.
    dims: BTreeMap<String, usize>,
    request: Request,
    /// Sizes for axes that nobody gave one, where a block is only checked.
    made_up: Option<made_up::MadeUp>,
    /// Products and sums, by place, whose axes would stand in another order with their sides exchanged.
    exchanged: FxHashMap<Span, transposed::Exchanged>,
}

impl<'p> Session<'p> {
    fn new(provider: &'p dyn Provider, request: &Request) -> Self {
        let mut session = Session {
            provider,
            sources: Sources::default(),
            diagnostics: Vec::new(),
            errors: 0,
            errors_before: 0,
            unknown: FxHashSet::default(),
            sites: Vec::new(),
            fuel: report::FUEL,
            notes: Vec::new(),
            test: None,
            files: Vec::new(),
            module: Module::default(),
            axes: Vec::new(),
            cut_axes: BTreeMap::new(),
            templates: Vec::new(),
            template_keys: FxHashMap::default(),
            declaring: Vec::new(),
            contexts: Vec::new(),
            training: request.training,
            dims: request.dims.iter().cloned().collect(),
            request: request.clone(),
            made_up: None,
            exchanged: FxHashMap::default(),
        };
        session.axes.push(AxisInfo::batch());
        session
    }

    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Checks one item of a file and makes its program.
pub fn compile(provider: &dyn Provider, name: &str, text: &str, request: &Request) -> Outcome {
    let mut session = Session::new(provider, request);
    let file = session.load(name, text);
    session.asked_dims(file);
    let program = if session.has_errors() { None } else { session.program(file) };
    let mut program = program.filter(|_| !session.has_errors());
    if let Some(p) = &mut program
        && let Err(e) = clean_up(p)
    {
        session.fault(&e.0);
        program = None;
    }
    let diagnostics = session.ordered();
    Outcome { program, sources: session.sources, diagnostics, notes: session.notes }
}

/// Cleans up what runs more than once. Initial values are computed once, if at all, by the interpreter: cleaning
/// them up would compute a table of positions to no end.
fn clean_up(program: &mut Program) -> Result<(), ShapeError> {
    let mut once = vec![false; program.module.functions.len()];
    program.parameters.iter().for_each(|p| once[p.init.0 as usize] = true);
    let rest = (0..once.len() as u32).filter(|id| !once[*id as usize]);
    rest.map(FuncId).try_for_each(|id| crate::canon::run(&mut program.module, id))
}

/// What checking a whole file found.
pub struct FileOutcome {
    /// The texts that messages point into.
    pub sources: Sources,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What is worth knowing and asks for nothing: whether a recurrence can run in parallel.
    pub notes: Vec<Diagnostic>,
    /// What was checked: item and preset.
    pub checked: Vec<String>,
}

/// Checks every item of a file: models with their defaults and each preset, blocks with the sizes at hand
/// or, where none are known, with sizes made up for the purpose (axes do not depend on them). What did not parse
/// or could not be imported hides nothing else; only what depends on it is not looked at.
pub fn check_file(provider: &dyn Provider, name: &str, text: &str, request: &Request) -> FileOutcome {
    let mut session = Session::new(provider, request);
    let file = session.load(name, text);
    let mut checked = Vec::new();
    if session.asked_dims(file) {
        session.check_conditions();
        session.check_items(file, &mut checked);
        session.check_names();
    }
    let diagnostics = session.ordered();
    FileOutcome { sources: session.sources, diagnostics, notes: session.notes, checked }
}
