//! `archc dev FILE --stage fused [--why]`: the canonical spelling, and what led to it.

use super::why;
use crate::cli::{DevArgs, Fuse};
use crate::commands::kernels;
use crate::failure::Failure;
use crate::lowered;
use crate::warnings::Warnings;
use arch_compiler::graph;
use arch_compiler::program::Program;
use arch_compiler::schedule::Chosen;
use arch_grammar::Sources;
use arch_kernels::plan::{Plan, SlotId};
use arch_kernels::{Options, Target};

/// Prints the canonical graph, or with `--why` what became of it.
pub fn run(
    args: &DevArgs,
    mut program: Program,
    sources: &Sources,
    said: &mut Warnings<'_>,
) -> Result<(), Failure> {
    let unfused = args.why.then(|| planned(args, &mut program.clone(), (sources, &mut *said), Fuse::Written));
    let unfused = unfused.transpose()?;
    let canonical = lowered::respell(&mut program, said)?;
    let Some((before, _)) = unfused else {
        for function in graph::reached(&program.module, program.entry) {
            println!("{}", graph::print_function(&program.module, function));
        }
        return Ok(());
    };
    let (after, in_time) = planned(args, &mut program, (sources, said), Fuse::On)?;
    why::print(&canonical, (&before, &after), &in_time, sources);
    Ok(())
}

/// The plan of a program that is canonical already, if it is to be, and which of its scans are in parallel over time.
fn planned(
    args: &DevArgs,
    program: &mut Program,
    (sources, said): (&Sources, &mut Warnings<'_>),
    fuse: Fuse,
) -> Result<(Plan, Vec<Chosen>), Failure> {
    let entry = lowered::entry(program, args.grad, Fuse::Off, args.memory, said)?;
    let target = args.target.as_deref().map_or(Ok(Target::PINNED), kernels::target)?;
    let options = Options { target, batch: args.batch, sources: Some(sources) };
    let (mut plan, scans) = lowered::plan_and_scans(program, entry, &options, fuse)?;
    // In training weights change with every run, and nothing of them is kept; nor does a text for a GPU keep anything.
    if !args.grad && target != Target::Cuda {
        let named = program.parameters.iter().filter_map(|p| plan.inputs.get(&p.name));
        let fixed: Vec<SlotId> = named.map(|named| named.slot).collect();
        arch_kernels::plan::prepare(&mut plan, &fixed);
    }
    Ok((plan, scans))
}
