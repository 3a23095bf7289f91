//! Every page of `archc explain`: its wrong example gives exactly its code first, its right one no error.

use arch_compiler::check::tests::{NoCounts, run};
use arch_compiler::check::{NoFiles, Request, check_file};
use arch_compiler::codes::{all, code_docs, explain};
use arch_grammar::Diagnostic;
use std::collections::BTreeSet;
use std::path::Path;

/// Codes that need a command line, kernels or a fault of the compiler to show, and notes, where nothing is wrong.
const WITHOUT_EXAMPLE: [&str; 8] = ["A0108", "A0109", "A0208", "A0210", "A0591", "A0592", "A0909", "A0999"];

/// The fenced block of the given language under the given heading.
fn example<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1)?;
    let section = section.split("\n## ").next()?;
    let code = section.split("```arch\n").nth(1)?;
    code.split("```").next()
}

/// What is said of a text: checking it, then running its tests.
fn check(text: &str) -> Vec<Diagnostic> {
    let mut said = check_file(&NoFiles, "example.arch", text, &Request::default()).diagnostics;
    for result in run(&NoFiles, "example.arch", text, None, &NoCounts) {
        said.extend(result.diagnostics);
    }
    said
}

#[test]
fn examples_do_what_their_page_says() {
    let mut faults = String::new();
    for (code, page) in code_docs() {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(page.lines().all(|l| l.chars().count() <= 120), "{code} has a long line");
        if WITHOUT_EXAMPLE.contains(code) {
            assert_eq!(example(page, "Wrong"), None, "{code}");
            continue;
        }
        let (wrong, right) = (example(page, "Wrong").expect(code), example(page, "Right").expect(code));
        let found: Vec<String> = check(wrong).iter().map(|p| format!("{} {}", p.code, p.title)).collect();
        if !found.first().is_some_and(|f| f.starts_with(code)) {
            faults += &format!("{code}: {found:?}\n{wrong}\n");
        }
        let left: Vec<Diagnostic> =
            check(right).into_iter().filter(|p| p.is_error() || p.code == *code).collect();
        if !left.is_empty() {
            faults += &format!("{code}: the right one has {left:#?}\n{right}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn pages_and_codes_in_the_source_are_the_same() {
    let mut used = BTreeSet::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let documented: BTreeSet<String> = code_docs().iter().map(|(code, _)| (*code).to_string()).collect();
    assert_eq!(used, documented);
}

/// Every `"A0…"` that occurs in Rust sources below a folder, but not the list of pages itself.
fn gather(folder: &Path, used: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("codes") {
                gather(&path, used);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).expect("it was listed");
            let codes = text.match_indices("\"A0").filter_map(|(at, _)| text.get(at + 1..at + 7));
            let codes = codes.filter_map(|c| c.strip_suffix('"'));
            used.extend(codes.filter(|c| c[1..].bytes().all(|b| b.is_ascii_digit())).map(str::to_string));
        }
    }
}

#[test]
fn a_code_is_found_in_either_spelling() {
    assert!(explain("a0203").is_some_and(|p| p.starts_with("# A0203: ")));
    assert!(explain("A0007").is_some_and(|p| p.starts_with("# A0007: ")));
    assert_eq!(explain("A1234"), None);
    assert!(all().is_sorted());
}
