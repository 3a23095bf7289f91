//! `archc test FILE...`: the tests that a file states of itself.

use crate::arch_files::arch_files;
use crate::cli::{Fuse, Output, TestArgs};
use crate::failure::{Failure, as_json};
use crate::lowered;
use crate::model::read_source;
use crate::provider::Files;
use crate::warnings::Warnings;
use arch_compiler::check::tests::{self, Counts, Uncounted};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_grammar::Sources;
use arch_kernels::{Options, Target};

/// Counts kernels and matrix products by lowering for one sample.
struct Lowered;

impl Counts for Lowered {
    fn count(&self, program: &Program, what: &str, pass: &str) -> Result<u64, Uncounted> {
        let refused = |f: Failure| Uncounted::Refused(f.text());
        let mut program = program.clone();
        // What is counted is the same whatever there is to say, and commands that make these kernels say it. Numbers have
        // no lines, so nobody asks for the texts here.
        let (texts, silent) = (Sources::default(), Output { json: false, quiet: true, verbose: 0 });
        let mut said = Warnings::new(Vec::new(), &texts, &silent);
        let entry = lowered::entry(&mut program, pass == "train", Fuse::On, Memory::Fast, &mut said);
        let entry = entry.map_err(refused)?;
        let options = Options { target: Target::PINNED, batch: 1, sources: None };
        let (plan, _) = lowered::plan_and_scans(&mut program, entry, &options, Fuse::On).map_err(refused)?;
        let (kernels, gemms) = plan.counts();
        match what {
            "kernels" => Ok(kernels as u64),
            "gemms" => Ok(gemms as u64),
            "bytes_moved" => Ok(plan.bytes_moved()),
            _ => Err(Uncounted::NotHere),
        }
    }
}

/// Runs the tests of every file.
pub fn run(args: &TestArgs, output: &Output) -> Result<(), Failure> {
    let (mut passed, mut failed) = (0, 0);
    let mut json = Vec::new();
    for path in &arch_files(&args.files)? {
        let text = read_source(path)?;
        let results = tests::run(&Files, &path.to_string_lossy(), &text, args.filter.as_deref(), &Lowered);
        for r in results {
            if r.passed {
                passed += 1
            } else {
                failed += 1
            }
            if output.json {
                let messages: Vec<serde_json::Value> =
                    r.diagnostics.iter().map(|d| as_json(d, &r.sources)).collect();
                json.push(serde_json::json!({
                    "file": path, "name": r.name, "passed": r.passed, "diagnostics": messages,
                }));
                continue;
            }
            if !output.quiet || !r.passed {
                eprintln!("{} {}: {}", if r.passed { "ok  " } else { "FAIL" }, path.display(), r.name);
            }
            if !r.passed {
                eprint!("{}", arch_grammar::render(&r.diagnostics, &r.sources, output.color()));
            }
        }
    }
    if output.json {
        println!("{}", serde_json::json!({ "passed": passed, "failed": failed, "tests": json }));
    } else if passed + failed == 0 {
        eprintln!("there are no tests here; `test \"name\" {{ … }}` states one");
    } else {
        eprintln!("{passed} passed, {failed} failed");
    }
    if failed > 0 { Err(Failure::Shown) } else { Ok(()) }
}
