//! The language page: every example is checked, its tests are run, and what is marked wrong is refused.

use arch_compiler::check::tests::{NoCounts, run};
use arch_compiler::check::{NoFiles, Request, check_file};
use arch_grammar::Diagnostic;

const PAGE: &str = include_str!("../../../docs/language.md");

/// An example: where it stands, what stands behind `arch`, and its text.
struct Example {
    line: usize,
    mark: &'static str,
    text: String,
}

fn examples() -> Vec<Example> {
    let mut out: Vec<Example> = Vec::new();
    let mut open = false;
    for (i, line) in PAGE.lines().enumerate() {
        match line.strip_prefix("```") {
            Some("") if open => open = false,
            Some(mark) => {
                let mark = mark.strip_prefix("arch").unwrap_or_else(|| panic!("line {}: `{mark}`", i + 1));
                out.push(Example { line: i + 1, mark: mark.trim(), text: "edition 2026\n".into() });
                open = true;
            }
            None if open => {
                let example = out.last_mut().unwrap();
                example.text.push_str(line);
                example.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "the last example is never closed");
    out
}

/// What is said of an example: checking it, then running its tests.
fn messages(example: &Example) -> (Vec<Diagnostic>, String) {
    let name = "example.arch";
    let outcome = check_file(&NoFiles, name, &example.text, &Request::default());
    let mut said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let mut all = outcome.diagnostics;
    if all.is_empty() {
        for result in run(&NoFiles, name, &example.text, None, &NoCounts) {
            said += &arch_grammar::render(&result.diagnostics, &result.sources, false);
            all.extend(result.diagnostics);
        }
    }
    (all, said)
}

#[test]
fn every_example_is_what_it_says() {
    let all = examples();
    assert!(all.len() >= 20, "{} examples", all.len());
    let mut wrong = String::new();
    for example in &all {
        let (messages, said) = messages(example);
        let first = messages.first().map(|d| d.code);
        let wanted = example.mark.strip_prefix("wrong ");
        assert!(wanted.is_some() || example.mark.is_empty(), "line {}: `{}`", example.line, example.mark);
        if first != wanted {
            wrong += &format!("line {}: {wanted:?} was expected\n{said}\n", example.line);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_page_stays_short() {
    assert!(PAGE.lines().count() < 560);
    let headings: Vec<&str> = PAGE.lines().filter(|l| l.starts_with("## ")).collect();
    assert_eq!(headings.len(), 13, "{headings:?}");
}

#[test]
fn examples_are_formatted() {
    for example in examples().iter().filter(|e| e.mark.is_empty()) {
        match arch_grammar::format(&example.text) {
            Ok(text) => {
                let shown = text.strip_prefix("edition 2026\n").unwrap_or(&text).trim_start();
                let written = example.text.strip_prefix("edition 2026\n").unwrap_or(&example.text);
                assert!(shown == written, "line {}:\n{shown}", example.line);
            }
            Err(_) => panic!("line {} does not parse", example.line),
        }
    }
}
