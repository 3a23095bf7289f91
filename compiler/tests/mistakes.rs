//! The suite of mistakes: each file of `tests/mistakes` with what the checker says about it beside it.
//!
//! A file says at its top, in comments, how it is checked (`preset:`, `set:`, `item:`, `dim:`), which messages
//! come in which order (`expect: A0203 14:10`, errors and warnings) and what their text must contain
//! (`says:`). The whole text is in the `.txt` of the same name; `ARCH_BLESS=1` writes these anew.

use arch_compiler::check::{FileOutcome, Provider, Request, check_file};
use arch_grammar::{render, report};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Reads relative imports from the folder of the suite.
struct Folder(PathBuf);

impl Provider for Folder {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let name = folder.join(path.trim_start_matches("./")).with_extension("arch");
        let name = name.to_string_lossy().into_owned();
        match std::fs::read_to_string(self.0.join(&name)) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(format!("there is no file `{name}`")),
        }
    }
}

/// What the comments at the top of a file say.
#[derive(Default)]
struct Case {
    request: Request,
    expect: Vec<String>,
    says: Vec<String>,
}

fn case(text: &str) -> Case {
    let mut case = Case::default();
    for line in text.lines().map_while(|l| l.strip_prefix("// ")) {
        let Some((key, value)) = line.split_once(": ") else { continue };
        let pair = || value.split_once('=').map(|(k, v)| (k.to_string(), v.to_string()));
        match key {
            "preset" => case.request.preset = Some(value.to_string()),
            "item" => case.request.item = Some(value.to_string()),
            "set" => case.request.set.extend(pair()),
            "dim" => case.request.dims.extend(pair().map(|(k, v)| (k, v.parse().unwrap_or(0)))),
            "expect" => case.expect.push(value.to_string()),
            "says" => case.says.push(value.to_string()),
            _ => panic!("`{key}` says nothing"),
        }
    }
    case
}

/// `A0203 14:10`, with the file in front of the place if it is another one.
fn places(outcome: &FileOutcome, name: &str) -> Vec<String> {
    let shown = outcome.diagnostics.iter().map(|d| {
        let at = report(d, &outcome.sources);
        let p = &at.primary;
        let file = if p.file == name { String::new() } else { format!("{}:", p.file) };
        format!("{} {file}{}:{}", at.code, p.line, p.column)
    });
    shown.collect()
}

/// Everything that is wrong with one file of the suite.
fn faults(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(name)).expect("the file was listed");
    let case = case(&text);
    let check = || check_file(&Folder(folder.to_path_buf()), name, &text, &case.request);
    let outcome = check();
    let shown = render(&outcome.diagnostics, &outcome.sources, false);
    let again = check();
    let mut faults = String::new();
    if render(&again.diagnostics, &again.sources, false) != shown {
        let _ = writeln!(faults, "{name}: two runs say different things");
    }
    let found = places(&outcome, name);
    if found != case.expect {
        let _ = writeln!(faults, "{name}: expected {:?}, found {found:?}\n{shown}", case.expect);
    }
    if found.is_empty() {
        let _ = writeln!(faults, "{name}: nothing is wrong here");
    }
    for said in case.says.iter().filter(|s| !shown.contains(s.as_str())) {
        let _ = writeln!(faults, "{name}: does not say {said:?}\n{shown}");
    }
    for line in shown.lines().filter(|l| l.trim_start().starts_with("--> ")) {
        if line.contains("std/") || line.contains("zoo/") {
            let _ = writeln!(faults, "{name}: points into the library:{line}");
        }
    }
    let kept = folder.join(name).with_extension("txt");
    if std::env::var_os("ARCH_BLESS").is_some() {
        std::fs::write(&kept, &shown).expect("the folder can be written");
    } else if std::fs::read_to_string(&kept).unwrap_or_default() != shown {
        let _ = writeln!(faults, "{name}: the text changed (ARCH_BLESS=1 keeps it):\n{shown}");
    }
    faults
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the suite has a folder");
    let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|n| n.ends_with(".arch")).collect();
    names.sort();
    names
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_numbers() {
    let names = names();
    assert!(names.len() >= 100, "only {} mistakes were found", names.len());
    let faults: String = names.iter().map(|n| faults(&folder(), n)).collect();
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_code_of_the_checker_has_a_mistake_or_says_why_not() {
    let shown: Vec<String> = names()
        .iter()
        .map(|n| std::fs::read_to_string(folder().join(n)).expect("the file was listed"))
        .flat_map(|text| case(&text).expect)
        .map(|e| e[..5].to_string())
        .collect();
    // `compile` alone asks which item is meant; A0591 and A0592 are notes; A0909 shows when kernels are made; A0999 is a
    // fault of the compiler.
    // Those of `test` items show when tests run.
    let without = ["A0109", "A0591", "A0592", "A0601", "A0602", "A0603", "A0909", "A0999"];
    for (code, _) in arch_compiler::codes::code_docs() {
        assert!(without.contains(code) || shown.iter().any(|s| s == code), "{code} has no mistake");
    }
}
