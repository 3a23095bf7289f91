//! `archc report FILE`: parameters, operations and memory.

use crate::cli::{Fuse, Output, ReportArgs};
use crate::failure::Failure;
use crate::model::Checked;
use crate::{lowered, model};
use arch_compiler::cost::{self, grouped};
use arch_compiler::memory::Memory;
use arch_compiler::program::{Layer, Program};
use arch_grammar::Sources;
use arch_runtime::device::host;

/// Prints the report.
pub fn run(args: &ReportArgs, output: &Output) -> Result<(), Failure> {
    let checked = model::program(&args.file, &args.model.request()?, output)?;
    let Checked { program, sources, warnings } = checked;
    let kernels = if args.kernels {
        Some(counted(&mut program.clone(), args.batch, &sources, args.fuse)?)
    } else {
        None
    };
    let trained = cost::trained_macs(&program).map_err(|e| Failure::Misuse(format!("no gradient: {e}")))?;
    let total = &program.layers[0];
    let macs = cost::macs(&program.module, program.entry);
    let activations = cost::activation_bytes(&program.module, program.entry) * args.batch as u64;
    if output.json {
        let layers: Vec<serde_json::Value> = program.layers.iter().map(|l| row_json(&program, l)).collect();
        let mut report = serde_json::json!({
            "item": program.item,
            "config": program.config.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "params": total.params, "params_with_buffers": total.params_with_buffers,
            "macs": macs, "macs_trained": trained, "activation_bytes": activations, "batch": args.batch, "layers": layers,
            "diagnostics": warnings,
        });
        if let (Some(k), Some(object)) = (kernels, report.as_object_mut()) {
            let pair = |f: fn(&Counted) -> u64| serde_json::json!({ "forward": f(&k[0]), "train": f(&k[1]) });
            object.insert("kernels".into(), pair(|c| c.kernels));
            object.insert("gemms".into(), pair(|c| c.gemms));
            object.insert("bytes_moved".into(), pair(|c| c.bytes_moved));
            object.insert("arena_bytes".into(), pair(|c| c.arena));
            object.insert("arena_lower_bound".into(), pair(|c| c.bound));
        }
        println!("{report:#}");
        return Ok(());
    }
    println!("{}", program.item);
    println!("  parameters              {:>16}", grouped(total.params as u64));
    println!("  with buffers            {:>16}", grouped(total.params_with_buffers as u64));
    println!("  multiply-accumulates    {:>16}   per sample, forward ({})", grouped(macs), short(macs));
    let once = "per sample in training, with all gradients";
    println!("  {:<23} {:>16}   {once} ({})", "", grouped(trained), short(trained));
    println!(
        "  activations             {:>16}   bytes for a batch of {}, unfused",
        grouped(activations),
        args.batch
    );
    if let Some(k) = &kernels {
        println!();
        println!(
            "  {:<24} {:>16} {:>16}",
            "batch of ".to_string() + &args.batch.to_string(),
            "forward",
            "with gradients"
        );
        let row = |name: &str, f: fn(&Counted) -> u64| {
            println!("  {name:<24} {:>16} {:>16}", grouped(f(&k[0])), grouped(f(&k[1])));
        };
        row("kernels", |c| c.kernels);
        row("matrix products", |c| c.gemms);
        row("bytes moved", |c| c.bytes_moved);
        row("peak of the arena", |c| c.arena);
        row("  alive at once", |c| c.bound);
    }
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

/// What a plan takes.
#[derive(Clone, Copy)]
struct Counted {
    kernels: u64,
    gemms: u64,
    bytes_moved: u64,
    arena: u64,
    bound: u64,
}

/// Counts the forward pass, and the forward pass with gradients of all parameters.
fn counted(
    program: &mut Program,
    batch: usize,
    sources: &Sources,
    fuse: Fuse,
) -> Result<[Counted; 2], Failure> {
    let both = lowered::with_gradients(program, fuse, Memory::Fast)?;
    let forward = program.entry;
    let mut out = Vec::new();
    for entry in [forward, both] {
        let plan = lowered::plan(program, entry, batch, host::target()?, sources, fuse)?;
        let (kernels, gemms) = plan.counts();
        out.push(Counted {
            kernels: kernels as u64,
            gemms: gemms as u64,
            bytes_moved: plan.bytes_moved(),
            arena: plan.arena_bytes as u64,
            bound: plan.live_lower_bound as u64,
        });
    }
    Ok([out[0], out[1]])
}

/// A count in the units of the papers' tables.
fn short(n: u64) -> String {
    let n = n as f64;
    if n < 1e8 { format!("{:.2} M", n / 1e6) } else { format!("{:.2} G", n / 1e9) }
}

fn row_json(program: &Program, layer: &Layer) -> serde_json::Value {
    serde_json::json!({
        "path": layer.path, "block": layer.block, "params": layer.params,
        "params_with_buffers": layer.params_with_buffers,
        "macs": layer.function.map(|f| cost::macs(&program.module, f)),
    })
}
