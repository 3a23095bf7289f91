//! The architecture that ARCHITECTURE.md describes holds, and what README.md shows runs.

mod common;

use common::{archc, root, run};
use std::path::{Path, PathBuf};

/// The crates from the bottom up: each may use those before it.
const CRATES: [&str; 5] = ["arch-grammar", "arch-compiler", "arch-kernels", "arch-runtime", "archc"];

#[test]
fn crates_depend_downwards_only() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.args(["metadata", "--offline", "--no-deps", "--format-version=1"]).current_dir(root());
    let metadata: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for name in CRATES {
        assert!(names.contains(&name), "there is no crate {name} among {names:?}");
    }
    assert_eq!(names.len(), CRATES.len(), "the order of {names:?} must be given here");
    let level = |name: &str| CRATES.iter().position(|c| *c == name);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            // A test may look at what is above it.
            if dependency["kind"] == "dev" {
                continue;
            }
            if let Some(other_level) = level(other) {
                assert!(Some(other_level) < level(name), "{name} must not use {other}");
            }
        }
    }
}

/// All files below a folder whose names end so, but for what is built.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|e| e.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "runs" {
                found.extend(files(&path, suffix));
            }
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The path from the repository's root.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// A line of Rust without its comment; texts with `//` in them are cut too, which loses nothing here.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether a line has the word, not as a part of another.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

/// Lines of Rust in which a word stands outside the folders where it may.
fn strays(word: &str, allowed: &[&str], folders: &[&str]) -> Vec<String> {
    let mut strays = Vec::new();
    for folder in folders {
        for path in files(&root().join(folder), ".rs") {
            let name = short(&path);
            if allowed.iter().any(|a| name.starts_with(a)) {
                continue;
            }
            let text = text(&path);
            let found = text.lines().enumerate().filter(|(_, l)| has_word(code(l), word));
            strays.extend(found.map(|(i, l)| format!("{name}:{}: {}", i + 1, l.trim())));
        }
    }
    strays
}

const SOURCES: [&str; 5] = ["grammar/src", "compiler/src", "kernels/src", "runtime/src", "src"];

#[test]
fn only_the_parser_knows_its_generator() {
    let strays = [
        strays("pest", &["grammar/src/parse"], &SOURCES),
        strays("Rule", &["grammar/src/parse"], &["grammar/src"]),
    ];
    assert!(strays.concat().is_empty(), "{:#?}", strays.concat());
    assert!(
        !strays_of_the_scan_itself("pest", "grammar/src/parse").is_empty(),
        "the scan finds what is there"
    );
}

#[test]
fn only_one_folder_names_egg() {
    let strays = strays("egg", &["compiler/src/fuse"], &SOURCES);
    assert!(strays.is_empty(), "{strays:#?}");
    assert!(!strays_of_the_scan_itself("egg", "compiler/src/fuse").is_empty());
}

#[test]
fn only_one_folder_names_luminal() {
    let crates = strays_in_paths("luminal::", &["runtime/src/luminal", "src"]);
    assert!(crates.is_empty(), "{crates:#?}");
    assert!(!strays_of_the_scan_itself("luminal", "runtime/src/luminal").is_empty());
}

/// Uses of the crate luminal; our own module of that name is `crate::luminal` or `arch_runtime::luminal`.
fn strays_in_paths(path: &str, allowed: &[&str]) -> Vec<String> {
    let own = ["crate::luminal::", "arch_runtime::luminal::", "super::luminal::", "self::luminal::"];
    let mut found = strays("luminal", allowed, &SOURCES);
    found.retain(|line| {
        let line = own.iter().fold(line.clone(), |l, o| l.replace(o, ""));
        line.contains(path) || line.contains("extern crate luminal")
    });
    found
}

/// What the scan finds where it must find something: a scan that finds nothing anywhere proves nothing.
fn strays_of_the_scan_itself(word: &str, folder: &str) -> Vec<String> {
    strays(word, &[], &[folder])
}

#[test]
fn unsafe_code_stands_in_two_folders() {
    let allowed = ["runtime/src/device", "runtime/src/luminal"];
    let strays = strays("unsafe", &allowed, &SOURCES);
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn no_file_is_longer_than_800_lines() {
    for folder in
        SOURCES.iter().chain(&["tests", "grammar/tests", "compiler/tests", "kernels/tests", "runtime/tests"])
    {
        for path in files(&root().join(folder), ".rs") {
            let lines = text(&path).lines().count();
            assert!(lines <= 800, "{} has {lines} lines", short(&path));
        }
    }
}

#[test]
fn every_program_is_formatted_and_right() {
    let mut programs = Vec::new();
    for folder in ["models", "templates", "examples", "src/templates"] {
        programs.extend(files(&root().join(folder), ".arch"));
    }
    assert!(programs.len() >= 10, "{programs:?}");
    let paths: Vec<(&str, &PathBuf)> = programs.iter().map(|p| ("", p)).collect();
    archc("fmt --check", &paths).fine();
    archc("check", &paths).fine();
}

#[test]
fn the_papers_of_the_house_are_there() {
    for name in
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
    {
        assert!(root().join(name).is_file(), "{name}");
    }
    // What the pages point at is there, too.
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = text(&root().join(page));
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(root().join(target).exists(), "{page} points at {target}");
            }
        }
    }
}

/// The lines of fenced blocks of these kinds.
fn fenced(text: &str, kinds: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            inside = !inside && kinds.contains(&kind.trim());
        } else if inside {
            lines.push(line.to_string());
        }
    }
    lines
}

#[test]
fn what_the_readme_shows_runs() {
    let text = text(&root().join("README.md"));
    let shown = fenced(&text, &["sh", "console"]);
    assert!(shown.iter().any(|l| l.contains("archc")), "the README shows commands");
    for line in shown {
        let line = line.trim_start_matches("$ ");
        let line = line.split(" #").next().unwrap_or_default().trim();
        let Some(words) = line.strip_prefix("archc ") else { continue };
        let first = words.split_whitespace().next().unwrap_or_default();
        if ["check", "report", "explain"].contains(&first) && !line.contains("...") {
            run(&mut common::command(words)).fine();
        } else {
            // What takes longer must at least be a command that exists.
            run(&mut common::command(&format!("{first} --help"))).fine();
        }
    }
    // So must the table's.
    for row in text.lines().filter_map(|l| l.strip_prefix("| `archc ")) {
        let words = row.split('`').next().unwrap_or_default();
        let first = words.split_whitespace().next().unwrap_or_default();
        run(&mut common::command(&format!("{first} --help"))).fine();
        if first == "report" {
            run(&mut common::command(words)).fine();
        }
    }
}
