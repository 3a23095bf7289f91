//! The three forms in which programs run.

use crate::cli::Form;
use crate::failure::Failure;
use arch_compiler::graph::{FuncId, Module};
use arch_runtime::execute::interpreter::Interpreter;
use arch_runtime::execute::{Execute, Prepare, RunError};
use arch_runtime::luminal::primitive::Primitive;
use arch_runtime::luminal::{BuildError, Options, Session};

/// A form and what it needs to know.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// The form.
    pub form: Form,
    /// Threads; 0 takes as many as there are cores.
    pub threads: usize,
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
    threads: usize,
) -> Result<Session, RunError> {
    Session::new(module, programs, batch, options(threads)).map_err(|e| unbuilt(&e))
}

fn unbuilt(error: &BuildError) -> RunError {
    match error {
        BuildError::Host(host) => {
            RunError::Machine { message: host.to_string(), help: host.help().to_string() }
        }
        other => RunError::Unsupported(other.to_string()),
    }
}

impl Prepare for Chosen {
    fn prepare(
        &self,
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
    ) -> Result<Box<dyn Execute>, RunError> {
        let named = || programs.iter().map(|(n, f)| ((*n).to_string(), *f)).collect();
        match self.form {
            Form::Interpreter => Ok(Box::new(Interpreter::new(module.clone(), named(), batch))),
            Form::Executing => Ok(Box::new(executing(module, programs, batch, self.threads)?)),
            Form::Primitive => Ok(Box::new(Primitive::new(module, programs, batch)?)),
        }
    }
}

/// A session for some programs of a module.
pub fn open(
    form: Form,
    module: &Module,
    programs: &[(&str, FuncId)],
    batch: usize,
    threads: usize,
) -> Result<Box<dyn Execute>, Failure> {
    Ok(Chosen { form, threads }.prepare(module, programs, batch)?)
}
