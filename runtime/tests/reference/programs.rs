//! Compiling the programs that the tests run.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::program::Program;
use std::path::PathBuf;

/// One item of a file below `models/`.
pub fn item(file: &str, item: &str, set: &[(&str, &str)], dims: &[(&str, usize)], training: bool) -> Program {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let request = Request {
        item: Some(item.into()),
        set: set.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect(),
        dims: dims.iter().map(|(n, v)| ((*n).to_string(), *v)).collect(),
        training,
        ..Request::default()
    };
    let outcome = compile(&NoFiles, file, &text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}"))
}
