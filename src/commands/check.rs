//! `archc check FILE...`

use crate::arch_files::arch_files;
use crate::cli::{CheckArgs, Output};
use crate::failure::{Failure, as_json, show_diagnostics};
use crate::model::read_source;
use crate::provider::Files;
use arch_compiler::check;

/// Checks every file and says what it found.
pub fn run(args: &CheckArgs, output: &Output) -> Result<(), Failure> {
    let mut errors = 0;
    let mut json = Vec::new();
    for path in &arch_files(&args.files)? {
        let text = read_source(path)?;
        let outcome = check::check_file(&Files, &path.to_string_lossy(), &text, &args.model.request()?);
        let bad = outcome.diagnostics.iter().filter(|d| d.is_error()).count();
        errors += bad;
        if output.json {
            json.extend(outcome.diagnostics.iter().map(|d| as_json(d, &outcome.sources)));
            continue;
        }
        show_diagnostics(&outcome.diagnostics, &outcome.sources, output);
        if output.verbose > 0 {
            show_diagnostics(&outcome.notes, &outcome.sources, output);
        }
        if bad == 0 && !output.quiet {
            let checked = outcome.checked.join(", ");
            let what = if checked.is_empty() { "no blocks or models" } else { &checked };
            eprintln!("{}: fine ({what})", path.display());
        } else if bad > 0 {
            eprintln!("{}: {bad} error{}", path.display(), if bad == 1 { "" } else { "s" });
        }
    }
    if output.json {
        println!("{}", serde_json::json!({ "diagnostics": json }));
    }
    if errors > 0 { Err(Failure::Shown) } else { Ok(()) }
}
