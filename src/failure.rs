//! How a command ends when it does not end well: exit 1 for problems found, 2 for misuse, 101 for our faults.

use crate::cli::Output;
use arch_grammar::{Diagnostic, Sources};
use arch_runtime::device::host::HostError;
use arch_runtime::error::{Code, Problem};
use std::process::ExitCode;

/// What went wrong.
pub enum Failure {
    /// Problems in a program.
    Diagnostics(Vec<Diagnostic>, Sources),
    /// A problem outside the program.
    Problem(Problem),
    /// The command makes no sense as given.
    Misuse(String),
    /// Problems that were already shown.
    Shown,
    /// Stopped by Ctrl-C after everything was saved.
    Interrupted,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure::Problem(problem)
    }
}

impl From<arch_runtime::execute::RunError> for Failure {
    fn from(error: arch_runtime::execute::RunError) -> Self {
        Failure::Problem(error.into())
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Failure::Problem(Problem::new(Code::Machine, error.to_string(), error.help()))
    }
}

impl Failure {
    /// What went wrong, as part of another message.
    pub fn text(&self) -> String {
        match self {
            Failure::Diagnostics(all, _) => {
                all.iter().find(|d| d.is_error()).map_or_else(String::new, |d| d.title.clone())
            }
            Failure::Problem(p) => p.message.clone(),
            Failure::Misuse(text) => text.clone(),
            Failure::Shown => "it was said above".into(),
            Failure::Interrupted => "it was stopped".into(),
        }
    }

    /// Says what went wrong and gives the exit code.
    pub fn show(&self, output: &Output) -> ExitCode {
        match self {
            Failure::Diagnostics(diagnostics, sources) => {
                show_diagnostics(diagnostics, sources, output);
                ExitCode::from(1)
            }
            Failure::Problem(p) => {
                if output.json {
                    let object = serde_json::json!({
                        "error": { "code": p.code.text(), "message": p.message, "help": p.help }
                    });
                    println!("{object}");
                } else {
                    eprintln!("{p}\n      archc explain {}", p.code.text());
                }
                ExitCode::from(if p.code == Code::Fault { 101 } else { 1 })
            }
            Failure::Misuse(text) => {
                eprintln!("error: {text}");
                ExitCode::from(2)
            }
            Failure::Shown => ExitCode::from(1),
            Failure::Interrupted => ExitCode::from(130),
        }
    }
}

/// Warnings of a program that is fine, to stderr; or as JSON for the command's own object, which is all that
/// stdout has.
pub fn show_warnings(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    output: &Output,
) -> Vec<serde_json::Value> {
    if output.json {
        return diagnostics.iter().map(|d| as_json(d, sources)).collect();
    }
    show_diagnostics(diagnostics, sources, output);
    Vec::new()
}

/// Messages to stderr, or as JSON to stdout.
pub fn show_diagnostics(diagnostics: &[Diagnostic], sources: &Sources, output: &Output) {
    if output.json {
        let list: Vec<serde_json::Value> = diagnostics.iter().map(|d| as_json(d, sources)).collect();
        println!("{}", serde_json::json!({ "diagnostics": list }));
        return;
    }
    let shown: Vec<Diagnostic> = diagnostics
        .iter()
        .filter(|d| {
            d.is_error()
                || (!output.quiet && d.severity == arch_grammar::Severity::Warning)
                || output.verbose > 0
        })
        .cloned()
        .collect();
    eprint!("{}", arch_grammar::render(&shown, sources, output.color()));
}

/// One message with the keys that editors read.
pub fn as_json(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let r = arch_grammar::report(diagnostic, sources);
    let place = |l: &arch_grammar::Location| {
        serde_json::json!({
            "file": l.file, "line": l.line, "column": l.column,
            "end_line": l.end_line, "end_column": l.end_column, "label": l.label,
        })
    };
    let facts: Vec<serde_json::Value> =
        r.facts.iter().map(|(e, o)| serde_json::json!({ "equation": e, "origin": o })).collect();
    serde_json::json!({
        "code": r.code, "severity": r.severity, "title": r.title, "place": place(&r.primary),
        "also": r.secondary.iter().map(place).collect::<Vec<_>>(),
        "facts": facts, "notes": r.notes, "help": r.help,
    })
}
