//! `archc export CHECKPOINT --out Y.safetensors`

use crate::cli::{ExportArgs, Output};
use crate::failure::Failure;
use arch_runtime::exchange::{Mapping, export};

/// Exports.
pub fn run(args: &ExportArgs, output: &Output) -> Result<(), Failure> {
    let mapping = args.mapping.as_deref().map(Mapping::load).transpose()?.unwrap_or_default();
    let exported = export(&args.checkpoint, &mapping, args.raw, &args.out)?;
    if output.json {
        let object = serde_json::json!({
            "out": args.out, "tensors": exported.tensors, "elements": exported.elements,
            "averaged": exported.averaged,
        });
        println!("{object}");
    } else if !output.quiet {
        let which = if exported.averaged { "the moving average" } else { "the weights" };
        let elements = arch_compiler::cost::grouped(exported.elements as u64);
        eprintln!("{}: {which}, {} tensors, {elements} numbers", args.out.display(), exported.tensors);
    }
    Ok(())
}
