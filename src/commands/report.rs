//! `archc report FILE`: parameters, operations and memory.

use crate::cli::{Output, ReportArgs};
use crate::failure::Failure;
use crate::model::Checked;
use crate::warnings::Warnings;
use crate::{lowered, model};
use arch_compiler::cost::{self, grouped};
use arch_compiler::memory::Memory;
use arch_compiler::program::{Layer, Program};
use arch_grammar::Sources;
use arch_kernels::plan::{Machine, Plan};
use arch_runtime::device::host;

/// Prints the report.
pub fn run(args: &ReportArgs, output: &Output) -> Result<(), Failure> {
    let checked = model::program(&args.file, &args.model.request()?, output)?;
    let Checked { program, sources, warnings } = checked;
    let mut said = Warnings::new(warnings, &sources, output);
    let kernels = args.kernels.then(|| Kernels::count(&program, args, &sources, &mut said)).transpose()?;
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
            "diagnostics": said.json(),
        });
        if let (Some(kernels), Some(object)) = (kernels, report.as_object_mut()) {
            object.extend(kernels.json());
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
    if let Some(kernels) = &kernels {
        kernels.print(args.batch);
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
    flops: u64,
    /// Predicted, on two cores.
    seconds: f64,
    kernels: u64,
    gemms: u64,
    bytes_moved: u64,
    arena: u64,
    bound: u64,
}

impl Counted {
    fn of(plan: &Plan) -> Self {
        let (kernels, gemms) = plan.counts();
        Counted {
            kernels: kernels as u64,
            gemms: gemms as u64,
            flops: plan.steps.iter().map(|s| s.flops).sum(),
            seconds: (0..plan.steps.len()).map(|at| plan.predicted_seconds(at, &Machine::TWO_CORES).0).sum(),
            bytes_moved: plan.bytes_moved(),
            arena: plan.arena_bytes as u64,
            bound: plan.live_lower_bound as u64,
        }
    }
}

/// The forward pass, and with gradients of all parameters for each setting of `train.memory`.
struct Kernels {
    forward: Counted,
    trained: Vec<(Memory, Counted)>,
}

impl Kernels {
    fn count(
        program: &Program,
        args: &ReportArgs,
        sources: &Sources,
        said: &mut Warnings<'_>,
    ) -> Result<Self, Failure> {
        let target = host::target()?;
        let mut of = |grad: bool, memory: Memory| {
            let program = &mut program.clone();
            let entry = lowered::entry(program, grad, args.fuse, memory, said)?;
            let plan = lowered::plan(program, entry, args.batch, target, sources, args.fuse)?;
            Ok::<_, Failure>(Counted::of(&plan))
        };
        let forward = of(false, Memory::Fast)?;
        let trained = Memory::ALL.into_iter().map(|memory| Ok((memory, of(true, memory)?)));
        Ok(Kernels { forward, trained: trained.collect::<Result<_, Failure>>()? })
    }

    fn json(&self) -> serde_json::Map<String, serde_json::Value> {
        let pair = |f: fn(&Counted) -> u64| serde_json::json!({ "forward": f(&self.forward), "train": f(&self.trained[0].1) });
        let points = self.trained.iter().map(|(memory, c)| {
            serde_json::json!({
                "memory": memory.word(), "arena_bytes": c.arena, "arena_lower_bound": c.bound,
                "bytes_moved": c.bytes_moved, "flops": c.flops, "predicted_seconds": c.seconds, "kernels": c.kernels, "gemms": c.gemms,
            })
        });
        serde_json::Map::from_iter([
            ("kernels".into(), pair(|c| c.kernels)),
            ("gemms".into(), pair(|c| c.gemms)),
            ("bytes_moved".into(), pair(|c| c.bytes_moved)),
            ("arena_bytes".into(), pair(|c| c.arena)),
            ("arena_lower_bound".into(), pair(|c| c.bound)),
            ("memory".into(), points.collect()),
        ])
    }

    fn print(&self, batch: usize) {
        let title = format!("batch of {batch}");
        print!(
            "\n  {title:<24} {:>18}   with gradients, by train.memory\n  {:<24} {:>18}",
            "forward", "", ""
        );
        self.trained.iter().for_each(|(memory, _)| print!(" {:>18}", memory.word()));
        println!();
        let row = |name: &str, f: fn(&Counted) -> u64| {
            print!("  {name:<24} {:>18}", grouped(f(&self.forward)));
            self.trained.iter().for_each(|(_, c)| print!(" {:>18}", grouped(f(c))));
            println!();
        };
        row("kernels", |c| c.kernels);
        row("matrix products", |c| c.gemms);
        row("operations", |c| c.flops);
        row("bytes moved", |c| c.bytes_moved);
        row("peak of the arena", |c| c.arena);
        row("  alive at once", |c| c.bound);
        row("microseconds, predicted", |c| (c.seconds * 1e6) as u64);
    }
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
