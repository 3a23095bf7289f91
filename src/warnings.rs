//! What a command says of a program that is fine.

use crate::cli::Output;
use crate::failure::show_warnings;
use arch_compiler::fuse::Incomplete;
use arch_grammar::Sources;
use serde_json::Value;

/// Warnings that come up after a program was checked: shown at once, each once, or kept for the command's own object.
pub struct Warnings<'a> {
    sources: &'a Sources,
    output: &'a Output,
    known: Vec<Incomplete>,
    json: Vec<Value>,
}

impl<'a> Warnings<'a> {
    /// Goes on from those of the checker.
    pub fn new(checked: Vec<Value>, sources: &'a Sources, output: &'a Output) -> Self {
        Warnings { sources, output, known: Vec::new(), json: checked }
    }

    /// Functions for which a limit of the canonical spelling was touched. One that has several programs is said once.
    pub fn incomplete(&mut self, functions: &[Incomplete]) {
        for function in functions {
            if !self.known.contains(function) {
                self.known.push(function.clone());
                self.json.extend(show_warnings(&[function.warning()], self.sources, self.output));
            }
        }
    }

    /// All of them, for the command's JSON.
    pub fn json(self) -> Vec<Value> {
        self.json
    }
}
