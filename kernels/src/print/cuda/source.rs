//! A whole plan as CUDA: every kernel and every matrix product once, with its launch.

use super::{Launch, Refusal, gemm, print_cuda};
use crate::plan::{Action, Gemm, Plan, SlotId};
use indexmap::IndexMap;

/// Buffers of more elements than this are indexed with 64 bits. Half of what 32 bits hold: sums on the way to an
/// index may be larger than the index.
pub(super) const NARROW: usize = 1 << 30;

/// One function of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of the function, by content.
    pub name: String,
    /// What kind of kernel it is.
    pub family: String,
    /// The source lines that it was made for.
    pub origins: Vec<String>,
    /// The shapes of its buffers, by argument.
    pub shapes: Vec<String>,
    /// Its text, without the prelude.
    pub text: String,
    /// Its launch for the batch of the plan.
    pub launch: Launch,
}

/// The functions of a plan, and the one that each step calls with the buffers of [`arguments`].
///
/// # Errors
/// If a kernel does not fit on a GPU.
pub fn sources(plan: &Plan) -> Result<(Vec<Source>, Vec<usize>), Refusal> {
    let wide: Vec<bool> = (0..plan.kernels.len()).map(|k| is_wide(plan, k)).collect();
    let mut found: IndexMap<String, Source> = IndexMap::new();
    let mut calls = Vec::new();
    for step in &plan.steps {
        let source = match &step.action {
            Action::Kernel { kernel, .. } => of_kernel(plan, *kernel, wide[*kernel])?,
            Action::Gemm(gemm) => of_gemm(plan, gemm)?,
        };
        let entry = found.entry(source.name.clone());
        calls.push(entry.index());
        let known = entry.or_insert(source);
        for origin in &step.origins {
            if !known.origins.contains(origin) {
                known.origins.push(origin.clone());
            }
        }
    }
    let mut sources: Vec<Source> = found.into_values().collect();
    for source in sources.iter_mut().filter(|s| s.family == "gemm") {
        let lines: String = source.origins.iter().map(|o| format!("// {o}\n")).collect();
        source.text = lines + &source.text;
    }
    Ok((sources, calls))
}

/// The buffers of a step in the order of its function's arguments.
#[must_use]
pub fn arguments(action: &Action) -> Vec<SlotId> {
    match action {
        Action::Kernel { args, .. } => args.clone(),
        Action::Gemm(g) => vec![g.left.slot, g.right.slot, g.out.slot],
    }
}

fn is_wide(plan: &Plan, kernel: usize) -> bool {
    let large = |s: &SlotId| plan.slot(*s).len > NARROW;
    plan.steps.iter().any(|step| match &step.action {
        Action::Kernel { kernel: k, args, pieces, .. } if *k == kernel => {
            args.iter().any(large) || *pieces > NARROW / 32
        }
        _ => false,
    })
}

fn of_kernel(plan: &Plan, at: usize, wide: bool) -> Result<Source, Refusal> {
    let mut kernel = plan.kernels[at].clone();
    if wide {
        kernel.name += "_wide";
    }
    Ok(Source {
        text: print_cuda(&kernel, wide)?,
        launch: Launch::of(&kernel, plan.batch)?,
        name: kernel.name,
        family: kernel.family,
        origins: kernel.origins,
        shapes: kernel.shapes,
    })
}

fn of_gemm(plan: &Plan, product: &Gemm) -> Result<Source, Refusal> {
    let slots = [product.left.slot, product.right.slot, product.out.slot];
    let wide = slots.iter().any(|s| plan.slot(*s).len > NARROW);
    let hash = blake3::hash(gemm::print("gemm", product, wide).as_bytes()).to_hex();
    let name = format!("gemm_{}x{}x{}_{}", product.m, product.n, product.k, &hash[..6]);
    Ok(Source {
        text: gemm::print(&name, product, wide),
        launch: gemm::launch(&name, product)?,
        name,
        family: "gemm".into(),
        origins: Vec::new(),
        shapes: slots.iter().map(|s| plan.slot(*s).shape.clone()).collect(),
    })
}
