//! The form that runs the f64 interpreter: slow, and right by construction.

use super::{Data, Execute, Prepare, RunError};
use arch_compiler::graph::{FuncId, Module};
use arch_compiler::interp::{self, Tensor};
use std::collections::BTreeMap;

/// Programs of one module over one set of tensors, run by the interpreter. Tensors begin as zeros.
pub struct Interpreter {
    module: Module,
    programs: Vec<(String, FuncId)>,
    batch: usize,
    tensors: BTreeMap<String, Tensor>,
    results: BTreeMap<String, Tensor>,
}

impl Interpreter {
    /// A session for a batch size. Programs are known by the names given with them.
    #[must_use]
    pub fn new(module: Module, programs: Vec<(String, FuncId)>, batch: usize) -> Self {
        let mut tensors = BTreeMap::new();
        for (_, id) in &programs {
            let function = module.function(*id);
            for input in &function.inputs {
                let dims = module.dims(&function.value(input.value).shape, batch);
                tensors.entry(input.name.clone()).or_insert_with(|| Tensor::filled(dims, 0.0));
            }
        }
        Interpreter { module, programs, batch, tensors, results: BTreeMap::new() }
    }

    /// A tensor in f64, where f32 would lose what a test looks for.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.results.get(name).or_else(|| self.tensors.get(name))
    }
}

impl Execute for Interpreter {
    fn batch(&self) -> usize {
        self.batch
    }

    fn write(&mut self, name: &str, data: Data<'_>) -> Result<(), RunError> {
        let tensor = self.tensors.get_mut(name).ok_or_else(|| RunError::UnknownTensor(name.into()))?;
        let given: Vec<f64> = match data {
            Data::Float(numbers) => numbers.iter().map(|x| f64::from(*x)).collect(),
            Data::Int(numbers) => numbers.iter().map(|x| f64::from(*x)).collect(),
        };
        if given.len() != tensor.data.len() {
            return Err(RunError::Length {
                name: name.into(),
                expected: tensor.data.len(),
                given: given.len(),
            });
        }
        tensor.data = given;
        Ok(())
    }

    fn run(&mut self, program: &str) -> Result<(), RunError> {
        let (_, id) = self
            .programs
            .iter()
            .find(|p| p.0 == program)
            .ok_or_else(|| RunError::Unsupported(format!("there is no program `{program}`")))?;
        let results =
            interp::run(&self.module, *id, &self.tensors, self.batch).map_err(|error| RunError::Kernel {
                kernel: program.into(),
                cause: error.to_string(),
                lines: "the whole program".into(),
            })?;
        self.results = results.outputs.into_iter().collect();
        self.tensors.extend(results.updates);
        Ok(())
    }

    fn read(&self, name: &str, into: &mut [f32]) -> Result<(), RunError> {
        let tensor = self.tensor(name).ok_or_else(|| RunError::UnknownTensor(name.into()))?;
        if tensor.data.len() != into.len() {
            return Err(RunError::Length {
                name: name.into(),
                expected: tensor.data.len(),
                given: into.len(),
            });
        }
        for (out, x) in into.iter_mut().zip(&tensor.data) {
            *out = *x as f32;
        }
        Ok(())
    }

    fn len(&self, name: &str) -> Option<usize> {
        self.tensor(name).map(|t| t.data.len())
    }
}

/// The form `--form interpreter`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interpreting;

impl Prepare for Interpreting {
    fn prepare(
        &self,
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
    ) -> Result<Box<dyn Execute>, RunError> {
        let programs = programs.iter().map(|(name, id)| ((*name).to_string(), *id)).collect();
        Ok(Box::new(Interpreter::new(module.clone(), programs, batch)))
    }
}
