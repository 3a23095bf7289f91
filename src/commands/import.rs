//! `archc import CHECKPOINT --model FILE --out X.safetensors`

use crate::cli::{ImportArgs, Output};
use crate::failure::Failure;
use crate::model::{self, Checked};
use arch_runtime::exchange::{Archive, BUILT_IN, Mapping, Match};

/// Imports.
pub fn run(args: &ImportArgs, output: &Output) -> Result<(), Failure> {
    let mapping = args.mapping.as_deref().map(Mapping::load).transpose()?.unwrap_or_default();
    let Checked { program, warnings, .. } = model::program(&args.file, &args.model.request()?, output)?;
    let archive = Archive::open(&args.checkpoint)?;
    let of =
        |mapping: &Mapping| Match::new(&archive, &program, mapping, args.key.as_deref(), args.allow_extra);
    let matched = of(&mapping).map_err(|mut problem| {
        let fits = |(_, text): &&(&str, &str)| Mapping::parse(text, "").is_ok_and(|m| of(&m).is_ok());
        if let Some((name, _)) = BUILT_IN.iter().find(fits) {
            problem.help = format!("these are the names of another program: with `--mapping {name}` all fit");
        }
        problem
    })?;
    let (tensors, elements) = matched.write(&args.out)?;
    if output.json {
        let object = serde_json::json!({
            "out": args.out, "item": program.item, "layout": archive.layout, "part": matched.part,
            "other_parts": matched.others, "tensors": tensors, "elements": elements,
            "computed": matched.computed, "extra": matched.extra, "diagnostics": warnings,
        });
        println!("{object}");
    } else if !output.quiet {
        say(args, &archive, &matched);
        let elements = arch_compiler::cost::grouped(elements as u64);
        eprintln!("{}: `{}`, {tensors} tensors, {elements} numbers", args.out.display(), program.item);
    }
    Ok(())
}

/// What was taken, and what was not.
fn say(args: &ImportArgs, archive: &Archive, matched: &Match<'_>) {
    let part = match matched.part.as_str() {
        "" => String::new(),
        part => format!(", `{part}` of it"),
    };
    eprintln!("{}: {}{part}", args.checkpoint.display(), archive.layout);
    let named = |names: &[String]| {
        let first: Vec<String> = names.iter().take(8).map(|n| format!("`{n}`")).collect();
        let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
        format!("{}{more}", first.join(", "))
    };
    if !matched.others.is_empty() {
        eprintln!("note: the model is also in {}; `--key` takes it", named(&matched.others));
    }
    if !matched.computed.is_empty() {
        eprintln!("note: {} is not in the checkpoint and was computed", named(&matched.computed));
    }
    if !matched.extra.is_empty() {
        eprintln!("warning: left out, not in the model: {}", named(&matched.extra));
    }
}
