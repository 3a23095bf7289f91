//! Compiles a text and runs it in the interpreter.

use arch_compiler::check::{Outcome, Provider, Request, check_file, compile};
use arch_compiler::graph::{inline, verify};
use arch_compiler::interp::{Results, Tensor, fresh_inputs, fresh_parameters, run};
use arch_compiler::program::{Parameter, Program};
use std::collections::BTreeMap;

/// A text and what is asked of it.
pub struct Case {
    text: String,
    request: Request,
    files: Files,
}

/// Relative imports by path.
#[derive(Default)]
struct Files(BTreeMap<String, String>);

impl Provider for Files {
    fn read(&self, _: &str, path: &str) -> Result<(String, String), String> {
        let text = self.0.get(path).ok_or_else(|| format!("there is no {path}.arch"))?;
        Ok((format!("{}.arch", path.trim_start_matches("./")), text.clone()))
    }
}

/// A text without its `edition 2026`.
pub fn case(text: &str) -> Case {
    Case { text: format!("edition 2026\n{text}"), request: Request::default(), files: Files::default() }
}

impl Case {
    pub fn item(mut self, name: &str) -> Self {
        self.request.item = Some(name.into());
        self
    }

    pub fn preset(mut self, name: &str) -> Self {
        self.request.preset = Some(name.into());
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.request.set.push((name.into(), value.into()));
        self
    }

    pub fn dim(mut self, name: &str, size: usize) -> Self {
        self.request.dims.push((name.into(), size));
        self
    }

    pub fn training(mut self) -> Self {
        self.request.training = true;
        self
    }

    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.0.insert(path.into(), format!("edition 2026\n{text}"));
        self
    }

    pub fn outcome(&self) -> Outcome {
        compile(&self.files, "test.arch", &self.text, &self.request)
    }

    /// The codes of all messages.
    pub fn codes(&self) -> Vec<&'static str> {
        self.outcome().diagnostics.iter().map(|d| d.code).collect()
    }

    /// The codes of what `archc check` says of the whole file, warnings about unused names among it.
    pub fn checked(&self) -> Vec<&'static str> {
        let outcome = check_file(&self.files, "test.arch", &self.text, &self.request);
        outcome.diagnostics.iter().map(|d| d.code).collect()
    }

    /// The program; panics with the messages if there is none, or if there are warnings.
    #[track_caller]
    pub fn compiled(&self) -> Compiled {
        let outcome = self.outcome();
        let heard: Vec<_> =
            outcome.diagnostics.iter().filter(|d| d.severity.word() != "note").cloned().collect();
        let said = arch_grammar::render(&heard, &outcome.sources, false);
        let Some(program) = outcome.program else { panic!("{said}") };
        assert!(heard.is_empty(), "{said}");
        if let Err(e) = verify(&program.module) {
            panic!("{e}");
        }
        let parameters = fresh_parameters(&program, "test").unwrap();
        Compiled { program, parameters }
    }

    /// The first result for inputs by name. Parameters have their first values unless they are given.
    #[track_caller]
    pub fn run(&self, inputs: &[(&str, &[f64])]) -> Vec<f64> {
        let results = self.compiled().run(inputs);
        results.outputs.into_iter().next().unwrap().1.data
    }
}

/// A program and first values of its parameters.
pub struct Compiled {
    pub program: Program,
    pub parameters: BTreeMap<String, Tensor>,
}

impl Compiled {
    /// Runs the entry on as many samples as the first input holds, in calls and in one flat function: the
    /// two must agree.
    #[track_caller]
    pub fn run(&self, inputs: &[(&str, &[f64])]) -> Results {
        let program = &self.program;
        let mut batch = 1;
        for a in &program.inputs {
            let given =
                inputs.iter().find(|(n, _)| *n == a.name).unwrap_or_else(|| panic!("no `{}`", a.name));
            let one: usize = program.module.dims(&a.shape, 1).iter().product();
            batch = given.1.len() / one;
        }
        let function = program.module.function(program.entry);
        let mut all = fresh_inputs(&program.module, program.entry, "run", batch);
        for input in &function.inputs {
            let dims = program.module.dims(&function.value(input.value).shape, batch);
            let tensor = match inputs.iter().find(|(n, _)| *n == input.name) {
                Some((_, data)) => Tensor { dims, data: data.to_vec() },
                None => match self.parameters.get(&input.name) {
                    Some(t) => t.clone(),
                    None => continue,
                },
            };
            all.insert(input.name.clone(), tensor);
        }
        let results = run(&program.module, program.entry, &all, batch).unwrap_or_else(|e| panic!("{e}"));
        let mut flat = program.module.clone();
        let id = inline(&mut flat, program.entry);
        assert_eq!(run(&flat, id, &all, batch).unwrap(), results, "calls and their bodies differ");
        results
    }

    #[track_caller]
    pub fn parameter(&self, name: &str) -> &Parameter {
        let names: Vec<&str> = self.program.parameters.iter().map(|p| p.name.as_str()).collect();
        let found = self.program.parameters.iter().find(|p| p.name == name);
        found.unwrap_or_else(|| panic!("no parameter {name} among {names:?}"))
    }

    pub fn names(&self) -> Vec<&str> {
        self.program.parameters.iter().map(|p| p.name.as_str()).collect()
    }

    /// The number of functions with a name: how often something was built.
    pub fn functions(&self, name: &str) -> usize {
        self.program.module.functions.iter().filter(|f| f.name == name).count()
    }

    /// The first value of a parameter.
    pub fn first(&self, name: &str) -> &[f64] {
        &self.parameters[name].data
    }
}

/// The numbers of a function of their place.
pub fn numbers(count: usize, f: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(f).collect()
}

/// Different numbers around zero.
pub fn wave(count: usize) -> Vec<f64> {
    numbers(count, |i| (1.7 * i as f64 + 0.4).sin())
}

#[track_caller]
pub fn assert_close(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{found:?} against {wanted:?}");
    for (i, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "at {i}: {a} is not {b}\n{found:?}\n{wanted:?}");
    }
}
