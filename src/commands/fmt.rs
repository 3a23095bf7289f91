//! `archc fmt FILE...`

use crate::arch_files::arch_files;
use crate::cli::{FmtArgs, Output};
use crate::failure::Failure;
use crate::model::read_source;
use arch_grammar::Sources;
use arch_runtime::error::Problem;
use arch_runtime::files::replace;
use std::io::Read;
use std::path::Path;

/// Formats files in place, or says which are not formatted.
pub fn run(args: &FmtArgs, output: &Output) -> Result<(), Failure> {
    let mut unformatted = Vec::new();
    for path in &arch_files(&args.files)? {
        let stdin = path == Path::new("-");
        let text = if stdin {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|e| Problem::io("read", path, &e))?;
            text
        } else {
            read_source(path)?
        };
        let formatted = arch_grammar::format(&text).map_err(|diagnostics| {
            let mut sources = Sources::default();
            sources.add(path.to_string_lossy(), &text);
            Failure::Diagnostics(diagnostics, sources)
        })?;
        if stdin && !args.check {
            print!("{formatted}");
        } else if formatted != text {
            unformatted.push(path.display().to_string());
            if !args.check {
                replace(path, formatted.as_bytes()).map_err(|e| Problem::io("write", path, &e))?;
            }
        }
    }
    if output.json {
        println!("{}", serde_json::json!({ "changed": unformatted }));
    } else if !output.quiet {
        for name in &unformatted {
            eprintln!("{} {name}", if args.check { "not formatted:" } else { "formatted" });
        }
    }
    if args.check && !unformatted.is_empty() { Err(Failure::Shown) } else { Ok(()) }
}
