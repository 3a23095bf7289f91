//! `archc report FILE`: parameters, operations and memory.

use crate::cli::{Output, ReportArgs};
use crate::failure::Failure;
use crate::model;
use arch_compiler::cost;
use arch_compiler::program::{Layer, Program};

/// Prints the report.
pub fn run(args: &ReportArgs, output: &Output) -> Result<(), Failure> {
    let (program, _) = model::program(&args.file, &args.model.request()?, output)?;
    let total = &program.layers[0];
    let macs = cost::macs(&program.module, program.entry);
    let activations = cost::activation_bytes(&program.module, program.entry) * args.batch as u64;
    if output.json {
        let layers: Vec<serde_json::Value> = program.layers.iter().map(|l| row_json(&program, l)).collect();
        let report = serde_json::json!({
            "item": program.item,
            "config": program.config.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "params": total.params, "params_with_buffers": total.params_with_buffers,
            "macs": macs, "activation_bytes": activations, "batch": args.batch, "layers": layers,
        });
        println!("{report:#}");
        return Ok(());
    }
    println!("{}", program.item);
    println!("  parameters              {:>16}", grouped(total.params as u64));
    println!("  with buffers            {:>16}", grouped(total.params_with_buffers as u64));
    println!(
        "  multiply-accumulates    {:>16}   per sample, forward ({:.2} G)",
        grouped(macs),
        macs as f64 / 1e9
    );
    println!(
        "  activations             {:>16}   bytes for a batch of {}, unfused",
        grouped(activations),
        args.batch
    );
    println!();
    println!("  {:<36} {:<22} {:>14} {:>18}", "layer", "block", "parameters", "MACs");
    for layer in &program.layers {
        let level = if layer.path.is_empty() { 0 } else { layer.path.split('.').count() };
        if level > args.depth {
            continue;
        }
        let macs = layer.function.map_or_else(String::new, |f| grouped(cost::macs(&program.module, f)));
        let name = if layer.path.is_empty() { "(all)" } else { &layer.path };
        println!("  {:<36} {:<22} {:>14} {:>18}", name, layer.block, grouped(layer.params as u64), macs);
    }
    Ok(())
}

fn row_json(program: &Program, layer: &Layer) -> serde_json::Value {
    serde_json::json!({
        "path": layer.path, "block": layer.block, "params": layer.params,
        "params_with_buffers": layer.params_with_buffers,
        "macs": layer.function.map(|f| cost::macs(&program.module, f)),
    })
}

/// `674,834,720`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}
