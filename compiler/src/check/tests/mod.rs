//! `test` items: properties and structure that a file states of its own blocks and models.
//!
//! The body of a test becomes one function, as the body of a `forward` does: layers are declared where `let`
//! names them, `normal(T, D)` makes inputs, calls are calls. The interpreter runs it with freshly made
//! parameters, and every `assert` looks at what came out.

mod assertion;
mod measure;
mod run;

use super::source::Provider;
use super::{Request, Session};
use crate::program::Program;
use arch_grammar::ast::Item;
use arch_grammar::{Diagnostic, Sources};
use assertion::Pending;

pub(super) use measure::NAMES;

/// Counts that the compiler alone cannot know: how much a program does once its operations share kernels.
pub trait Counts {
    /// The number of `what` (`kernels`, `gemms` or `bytes_moved`) in one pass of `pass` (`forward` or `train`).
    ///
    /// # Errors
    /// Why it is not known.
    fn count(&self, program: &Program, what: &str, pass: &str) -> Result<u64, Uncounted>;
}

/// Why a count is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// No kernels are made here.
    NotHere,
    /// Kernels are made here, but not of this program; with the reason.
    Refused(String),
}

/// For whoever has no kernels at hand: no count is known.
pub struct NoCounts;

impl Counts for NoCounts {
    fn count(&self, _: &Program, _: &str, _: &str) -> Result<u64, Uncounted> {
        Err(Uncounted::NotHere)
    }
}

/// What became of one test.
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// Whether all that it asserts holds.
    pub passed: bool,
    /// Why not; empty if it passed.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the messages point into.
    pub sources: Sources,
}

/// What a test knows while its body is walked.
pub(super) struct State<'p> {
    counts: &'p dyn Counts,
    /// The program of the item that the test is `of`.
    program: Option<Program>,
    /// Comparisons that wait for the run.
    pending: Vec<Pending>,
}

/// Runs the tests of a file whose names contain `filter`; all of them without one. A file that does not parse
/// or import gives one result, named after the file.
pub fn run(
    provider: &dyn Provider,
    name: &str,
    text: &str,
    filter: Option<&str>,
    counts: &dyn Counts,
) -> Vec<TestResult> {
    let mut session = Session::new(provider, &Request::default());
    let file = session.load(name, text);
    if session.has_errors() {
        let diagnostics = session.ordered();
        let sources = session.sources;
        return vec![TestResult { name: name.to_string(), passed: false, diagnostics, sources }];
    }
    let ast = session.files[file].ast.clone();
    let tests = ast.items.iter().filter_map(|item| match item {
        Item::Test(t) => Some(t),
        _ => None,
    });
    let wanted = tests.filter(|t| filter.is_none_or(|f| t.name.value.contains(f)));
    let one = |test| {
        let mut session = Session::new(provider, &Request::default());
        let file = session.load(name, text);
        session.test = Some(State { counts, program: None, pending: Vec::new() });
        session.run_test(file, test);
        let diagnostics: Vec<Diagnostic> =
            session.ordered().into_iter().filter(Diagnostic::is_error).collect();
        let name = test.name.value.clone();
        TestResult { name, passed: diagnostics.is_empty(), diagnostics, sources: session.sources }
    };
    wanted.map(one).collect()
}
