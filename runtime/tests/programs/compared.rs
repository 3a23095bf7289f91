//! A text in all forms: results and gradients of all float inputs and parameters.

use super::generator::Numbers;
use crate::tolerance::PROGRAMS;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{DType, FuncId, Module};
use arch_compiler::interp::{self, Tensor};
use arch_compiler::program::Program;
use arch_compiler::{fuse, grad};
use arch_kernels::Target;
use arch_kernels::build::Spelling;
use arch_runtime::execute::{Data, Execute, RunError};
use arch_runtime::luminal::primitive::Primitive;
use arch_runtime::luminal::{Options, Session};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a program is given, by name, and what it must give.
struct Case {
    given: BTreeMap<String, Tensor>,
    wanted: Vec<(String, Tensor)>,
    batch: usize,
}

/// The checked program of a text.
///
/// # Errors
/// What the checker says.
pub fn checked(text: &str) -> Result<Program, String> {
    let outcome = compile(&NoFiles, "random.arch", text, &Request::default());
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.ok_or_else(|| format!("the text does not check:\n{said}"))
}

fn names(program: &Program) -> Vec<String> {
    let floats = program.inputs.iter().filter(|a| !a.integer).map(|a| a.name.clone());
    let parameters = program.trained().into_iter().map(String::from);
    floats.chain(parameters).collect()
}

fn with_gradients(module: &mut Module, entry: FuncId, names: &[String]) -> FuncId {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    grad::value_and_grad(module, entry, &names).expect("all floats have gradients")
}

impl Case {
    fn new(module: &Module, both: FuncId, batch: usize, seed: u64) -> Result<Case, String> {
        let f = module.function(both);
        let mut numbers = Numbers(seed * 31 + batch as u64);
        let mut given = BTreeMap::new();
        for input in &f.inputs {
            let value = f.value(input.value);
            let dims = module.dims(&value.shape, batch);
            let integer = value.storage == DType::Int;
            let one = |_| if integer { numbers.below(3) as f64 } else { f64::from(numbers.float()) };
            let data = (0..dims.iter().product::<usize>()).map(one).collect();
            given.insert(input.name.clone(), Tensor { dims, data });
        }
        let wanted = interp::run(module, both, &given, batch).map_err(|e| format!("the interpreter: {e}"))?;
        Ok(Case { given, wanted: wanted.outputs, batch })
    }

    /// Writes what is given, runs, and compares.
    fn differs(&self, form: &str, session: &mut dyn Execute) -> Result<Option<String>, RunError> {
        for (name, tensor) in &self.given {
            // What nothing reads has no place.
            if session.len(name).is_none() {
                continue;
            }
            let data: Vec<f32> = tensor.data.iter().map(|x| *x as f32).collect();
            session.write(name, Data::Float(&data))?;
        }
        session.run("main")?;
        let largest = |t: &Tensor| t.data.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let floor = 1e-2 * self.wanted.iter().map(|w| largest(&w.1)).fold(0.0, f64::max);
        for (name, wanted) in &self.wanted {
            let mut got = vec![0f32; wanted.data.len()];
            session.read(name, &mut got)?;
            let unit = largest(wanted).max(floor).max(1e-3);
            // Relative to the largest element of a result, or to a hundredth of the largest of all.
            let scaled = wanted.data.iter().map(|w| w / unit).collect::<Vec<f64>>();
            let got = got.into_iter().map(|g| f64::from(g) / unit);
            if let Some((i, g, w)) = PROGRAMS.broken(got, &scaled) {
                let (batch, g, w) = (self.batch, g * unit, w * unit);
                return Ok(Some(format!("{form}, batch {batch}: {name}[{i}] is {g}, not {w}")));
            }
        }
        Ok(None)
    }
}

/// Kernels compiled by tests are kept beside the tests.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("programs")
}

/// What is wrong with a text in any form: compiled kernels of the canonical spelling and of the text as it stands, and
/// luminal's own operators. Instruction sets and the forms beside the first take turns.
pub fn fault(text: &str, seed: u64, all: bool) -> Option<String> {
    fault_or_error(text, seed, all).unwrap_or_else(Some)
}

fn fault_or_error(text: &str, seed: u64, all: bool) -> Result<Option<String>, String> {
    let program = checked(text)?;
    let names = names(&program);
    let mut module = program.module.clone();
    let written = with_gradients(&mut module, program.entry, &names);
    let mut respelled = program.module.clone();
    let (entry, _) =
        fuse::canonical(&mut respelled, program.entry).map_err(|e| format!("a rule: {}", e.0))?;
    let canonical = with_gradients(&mut respelled, entry, &names);
    let targets = arch_runtime::device::host::supported_targets();
    let target: Target = targets[seed as usize % targets.len()];
    let batches = if all { &[1, 3][..] } else { &[1, 3][seed as usize % 2..][..1] };
    for batch in batches.iter().copied() {
        let case = Case::new(&module, written, batch, seed)?;
        let (target, cache) = (Some(target), cache());
        let options =
            |spelling| Options { threads: 2, spelling, target, cache: cache.clone(), ..Options::default() };
        let session = |module: &Module, function, spelling| {
            Session::new(module, &[("main", function)], batch, options(spelling)).map_err(|e| e.to_string())
        };
        let mut fused = session(&respelled, canonical, Spelling::Canonical)?;
        let found = case.differs("fused kernels", &mut fused).map_err(|e| e.to_string())?;
        if found.is_some() {
            return Ok(found);
        }
        let others =
            [("kernels as written", Spelling::AsWritten, 5), ("kernels one by one", Spelling::OneByOne, 7)];
        for (form, spelling, turn) in others {
            if !all && !seed.is_multiple_of(turn) {
                continue;
            }
            let mut unfused = session(&module, written, spelling)?;
            let found = case.differs(form, &mut unfused).map_err(|e| e.to_string())?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if all || seed.is_multiple_of(3) {
            match Primitive::new(&module, &[("main", written)], batch) {
                Ok(mut primitive) => {
                    let found = case.differs("the primitive form", &mut primitive);
                    match found {
                        Ok(None) | Err(RunError::Unsupported(_)) => {}
                        Ok(found) => return Ok(found),
                        Err(error) => return Err(error.to_string()),
                    }
                }
                Err(RunError::Unsupported(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Ok(None)
}
