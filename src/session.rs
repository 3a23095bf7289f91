//! The three forms in which programs run.

use crate::cli::{Form, Fuse, Output};
use arch_compiler::graph::{AxisId, FuncId, Module};
use arch_grammar::Sources;
use arch_runtime::execute::interpreter::Interpreter;
use arch_runtime::execute::{Execute, Prepare, RunError};
use arch_runtime::luminal::primitive::Primitive;
use arch_runtime::luminal::{BuildError, Options, Session};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A form and what it needs to know.
pub struct Chosen<'a> {
    form: Form,
    threads: usize,
    output: &'a Output,
    fuse: Fuse,
    /// Whether sessions take the time of their kernels.
    profile: bool,
    /// The texts that spans point into, so that kernels name their lines.
    texts: Option<Arc<Sources>>,
    /// The warnings that were given: training makes several sessions.
    warned: RefCell<BTreeSet<String>>,
}

/// The options of the executing form.
pub fn options(threads: usize) -> Options {
    let mut options = Options::default();
    if threads > 0 {
        options.threads = threads;
    }
    options
}

/// The executing form itself, for those who ask it for more than running.
pub fn executing(
    module: &Module,
    programs: &[(&str, FuncId)],
    batch: usize,
    fuse: Fuse,
    output: &Output,
) -> Result<Session, RunError> {
    Chosen::new(Form::Executing, 1, output).fused(fuse).executing(module, programs, batch)
}

/// The same fault, as every form has it.
pub fn unbuilt(error: &BuildError) -> RunError {
    match error {
        BuildError::Host(host) => {
            RunError::Machine { message: host.to_string(), help: host.help().to_string() }
        }
        BuildError::Plan(_) | BuildError::Missing(_) => RunError::Fault {
            message: error.to_string(),
            help: "please report it; until then use `--form interpreter`".into(),
        },
        BuildError::Memory { .. } => RunError::Machine {
            message: error.to_string(),
            help: "lower the batch (`--batch`, or `train.batch` with more `train.accumulate`); `archc report FILE \
                   --kernels --batch N` says what a batch takes"
                .into(),
        },
        other => RunError::Unsupported(other.to_string()),
    }
}

/// Whether there is memory for the inputs and the largest value of each program, of so many bytes an element: forms
/// that allocate as they go would end the process halfway.
fn has_room(module: &Module, programs: &[(&str, FuncId)], batch: usize, width: u128) -> Result<(), RunError> {
    for (_, function) in programs {
        let function = module.function(*function);
        let elements = |shape: &[AxisId]| {
            module.dims(shape, batch).iter().fold(1, |n: u128, size| n.saturating_mul(*size as u128))
        };
        let inputs = function.inputs.iter().map(|i| elements(&function.value(i.value).shape));
        let largest = function.values.iter().map(|v| elements(&v.shape)).max().unwrap_or(0);
        let bytes = inputs.fold(largest, u128::saturating_add).saturating_mul(width);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
            return Err(unbuilt(&BuildError::Memory { bytes, batch }));
        }
    }
    Ok(())
}

impl<'a> Chosen<'a> {
    /// `threads` 0 takes as many as there are cores.
    pub fn new(form: Form, threads: usize, output: &'a Output) -> Self {
        Chosen {
            form,
            threads,
            output,
            fuse: Fuse::On,
            profile: false,
            texts: None,
            warned: RefCell::default(),
        }
    }

    /// Whether mathematics is respelled: only where kernels run, the other forms are references.
    pub fn fused(self, fuse: Fuse) -> Self {
        Chosen { fuse, ..self }
    }

    /// Kernels name lines of these texts.
    pub fn of(self, texts: Sources) -> Self {
        Chosen { texts: Some(Arc::new(texts)), ..self }
    }

    /// Takes the time of every kernel.
    pub fn profiled(self, profile: bool) -> Self {
        Chosen { profile, ..self }
    }

    fn executing(
        &self,
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
    ) -> Result<Session, RunError> {
        let options =
            Options { spelling: self.fuse.into(), sources: self.texts.clone(), ..options(self.threads) };
        let session = Session::new(module, programs, batch, options).map_err(|e| unbuilt(&e))?;
        for remark in session.remarks() {
            if remark.is_warning() {
                if !self.output.quiet && self.warned.borrow_mut().insert(remark.to_string()) {
                    eprintln!("warning: {remark}");
                }
            } else if self.output.verbose > 0 {
                eprintln!("note: {remark}");
            }
        }
        Ok(session)
    }
}

impl Prepare for Chosen<'_> {
    fn prepare(
        &self,
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
    ) -> Result<Box<dyn Execute>, RunError> {
        if self.form != Form::Executing {
            has_room(module, programs, batch, if self.form == Form::Interpreter { 8 } else { 4 })?;
        }
        let named = || programs.iter().map(|(n, f)| ((*n).to_string(), *f)).collect();
        let mut session: Box<dyn Execute> = match self.form {
            Form::Interpreter => Box::new(Interpreter::new(module.clone(), named(), batch)),
            Form::Executing => Box::new(self.executing(module, programs, batch)?),
            Form::Primitive => Box::new(Primitive::new(module, programs, batch)?),
        };
        session.set_profiling(self.profile);
        Ok(session)
    }

    fn fuses(&self) -> bool {
        self.form == Form::Executing && self.fuse == Fuse::On
    }
}
