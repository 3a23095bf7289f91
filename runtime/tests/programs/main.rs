//! Random well-typed programs with their gradients in all forms against the f64 interpreter. One that shows a fault is
//! made small and written to `tests/regressions/`, whose texts are replayed.
//!
//! `ARCHC_PROGRAMS=5000 ARCHC_SEED=1000 cargo test -p arch-runtime --test programs` tries others, and more of them.

mod compared;
#[path = "../executing/generator.rs"]
mod generator;
mod program;
mod shrink;
#[path = "../executing/tolerance.rs"]
mod tolerance;

use compared::{checked, fault};
use program::Program;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many programs a test run tries.
const PROGRAMS: u64 = 200;

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok().filter(|v| !v.is_empty());
    given.map_or(otherwise, |v| v.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{v}`")))
}

fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/regressions")
}

/// Makes a faulty program small, keeps it, and says what is wrong with it.
fn keep(program: Program, seed: u64) -> String {
    let small = program.shrunk(&|p| checked(&p.text()).is_ok() && fault(&p.text(), seed, true).is_some());
    let text = small.text();
    let said = fault(&text, seed, true).unwrap_or_default();
    let path = regressions().join(format!("seed_{seed}.arch"));
    let kept = format!("// Found with the seed {seed}.\n{text}");
    std::fs::write(&path, kept).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    format!("seed {seed}: {said}\n{text}kept as {}", path.display())
}

#[test]
fn random_programs_agree_with_the_interpreter_in_all_forms() {
    let (first, count) = (number("ARCHC_SEED", 0), number("ARCHC_PROGRAMS", PROGRAMS));
    let next = AtomicU64::new(first);
    let faults = std::sync::Mutex::new(Vec::new());
    let statements = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || !faults.lock().unwrap().is_empty() {
                        return;
                    }
                    let program = Program::random(seed);
                    let text = program.text();
                    statements.fetch_add(text.matches("\n    let ").count() as u64, Ordering::Relaxed);
                    checked(&text).unwrap_or_else(|said| panic!("seed {seed} is ill-typed:\n{text}\n{said}"));
                    if fault(&text, seed, false).is_some() {
                        faults.lock().unwrap().push(keep(program, seed));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(statements.into_inner() >= 3 * count, "programs have become short");
}

#[test]
fn what_was_wrong_once_is_right() {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(regressions()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 3, "the texts are there");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for seed in 0..3 {
            if let Some(said) = fault(&text, seed, true) {
                panic!("{}: {said}", path.display());
            }
        }
    }
}

/// A fault that is planted is found, and what is left of the program is small.
#[test]
fn a_faulty_program_is_made_small() {
    let has_fault = |p: &Program| p.text().contains("softmax");
    let faulty = (0..).map(Program::random).filter(|p| has_fault(p) && p.text().lines().count() > 14);
    for program in faulty.take(20) {
        let before = program.text();
        let small = program.shrunk(&|p| checked(&p.text()).is_ok() && has_fault(p));
        let after = small.text();
        assert!(after.matches("\n    let ").count() <= 2, "{before}\n{after}");
        assert!(after.contains("softmax") && checked(&after).is_ok());
    }
}
