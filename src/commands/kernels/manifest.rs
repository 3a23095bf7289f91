//! `manifest.json`: what was written, and how it is called.

use super::{Printed, schedule};
use arch_compiler::program::Program;
use arch_kernels::Plan;
use arch_kernels::plan::{Action, Gemm, Step};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The manifest of a plan and its texts.
pub fn of(program: &Program, plan: &Plan, printed: &[Printed]) -> Value {
    let (kernels, products) = plan.counts();
    let mut manifest = json!({
        "item": program.item,
        "target": plan.target.to_string(),
        "batch": plan.batch,
        "config": program.config.iter().cloned().collect::<BTreeMap<_, _>>(),
        "header": plan.target.header_name(),
        "kernel_steps": kernels,
        "matrix_products": products,
        "scratch_bytes": plan.arena_bytes,
        "bytes_moved": plan.bytes_moved(),
        "hash": hash(plan, printed),
        "kernels": printed.iter().map(|k| kernel(plan, k)).collect::<Vec<_>>(),
    });
    manifest["buffers"] = schedule::buffers(program, plan).into();
    manifest["steps"] = schedule::steps(plan, printed).into();
    if printed.iter().all(|k| k.launch.is_none()) {
        manifest["products"] = products_of(plan).into();
    }
    manifest
}

/// The lines of a text that are run: all but the comments above it, which are for readers.
pub fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("/*") && !line.starts_with("//"))
}

/// One hash of everything that is run: the texts without their comments, and the steps. What changes it changes
/// what a GPU or a CPU does.
fn hash(plan: &Plan, printed: &[Printed]) -> String {
    let mut hasher = blake3::Hasher::new();
    for line in printed.iter().flat_map(|k| code(&k.text)) {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    }
    for step in schedule::steps(plan, printed) {
        hasher.update(step.to_string().as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_string()
}

/// Lines, bytes and operations are those of all calls together.
fn kernel(plan: &Plan, kernel: &Printed) -> Value {
    let steps: Vec<&Step> = kernel.steps.iter().map(|s| &plan.steps[*s]).collect();
    let launch = match (&kernel.launch, steps.first().map(|s| &s.action)) {
        (Some(l), _) => json!({
            "grid": l.grid, "block": l.block, "shared_bytes": l.shared, "dynamic_shared_bytes": l.dynamic,
            "local_bytes": l.local,
        }),
        (None, Some(Action::Kernel { pieces, grain, .. })) => json!({ "pieces": pieces, "grain": grain }),
        (None, _) => Value::Null,
    };
    let mut row = json!({
        "name": kernel.name,
        "file": kernel.file,
        "family": kernel.family,
        "sources": lines(&steps),
        "arguments": kernel.shapes,
        "values": kernel.values,
        "calls": steps.len(),
        "bytes": steps.iter().map(|s| s.bytes).sum::<u64>(),
        "flops": steps.iter().map(|s| s.flops).sum::<u64>(),
        "launch": launch,
    });
    if let Some(used) = &kernel.usage {
        row["sm_90"] = json!({
            "registers": used.registers, "stack_bytes": used.stack, "spilled_bytes": used.spilled,
        });
    }
    row
}

/// Matrix products that a library runs, by shape.
fn products_of(plan: &Plan) -> Vec<Value> {
    let mut by_shape: BTreeMap<(usize, usize, usize, usize), Vec<&Step>> = BTreeMap::new();
    for step in &plan.steps {
        if let Action::Gemm(Gemm { m, n, k, repeats, .. }) = &step.action {
            let times = repeats.iter().map(|r| r.count).product();
            by_shape.entry((*m, *n, *k, times)).or_default().push(step);
        }
    }
    let row = |((m, n, k, times), steps): (_, Vec<&Step>)| {
        json!({
            "m": m, "n": n, "k": k, "times": times,
            "sources": lines(&steps),
            "calls": steps.len(),
            "bytes": steps.iter().map(|s| s.bytes).sum::<u64>(),
            "flops": steps.iter().map(|s| s.flops).sum::<u64>(),
        })
    };
    by_shape.into_iter().map(row).collect()
}

/// The source lines of steps, each once.
fn lines(steps: &[&Step]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in steps.iter().flat_map(|s| &s.origins) {
        if !lines.contains(line) {
            lines.push(line.clone());
        }
    }
    lines
}
