//! A whole plan as CUDA: every kernel and every matrix product once, with its launch.

use super::product::Product;
use super::{Launch, Refusal, print_cuda};
use crate::plan::{Action, Plan, SlotId};
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
    /// What its buffers are called in the text, by argument.
    pub values: Vec<Vec<String>>,
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
            Action::Gemm(_) => unreachable!("on a GPU no library runs products"),
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
    Ok((found.into_values().collect(), calls))
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
            // Elements of a product have threads in common: not their number counts, but its sides.
            let many = match Product::of(&plan.kernels[kernel]) {
                Some(product) => product.is_long(),
                None => *pieces > NARROW / 32,
            };
            args.iter().any(large) || many
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
        values: kernel.values,
    })
}
