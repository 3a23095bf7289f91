//! `archc dev FILE --stage fused [--why]`: the canonical spelling, and what led to it.

use super::why;
use crate::cli::{DevArgs, Fuse};
use crate::failure::Failure;
use crate::lowered;
use arch_compiler::graph;
use arch_compiler::program::Program;
use arch_grammar::Sources;
use arch_kernels::Target;
use arch_kernels::plan::Plan;

/// Prints the canonical graph, or with `--why` what became of it.
pub fn run(args: &DevArgs, mut program: Program, sources: &Sources) -> Result<(), Failure> {
    let unfused = args.why.then(|| planned(args, &mut program.clone(), sources, Fuse::Off)).transpose()?;
    let canonical = lowered::respell(&mut program)?;
    let Some(before) = unfused else {
        for function in graph::reached(&program.module, program.entry) {
            println!("{}", graph::print_function(&program.module, function));
        }
        return Ok(());
    };
    let after = planned(args, &mut program, sources, Fuse::On)?;
    why::print(&canonical, &before, &after, sources);
    Ok(())
}

/// The plan of a program that is canonical already, if it is to be.
fn planned(args: &DevArgs, program: &mut Program, sources: &Sources, fuse: Fuse) -> Result<Plan, Failure> {
    let entry = lowered::entry(program, args.grad, Fuse::Off, args.memory)?;
    lowered::plan(program, entry, args.batch, Target::PINNED, sources, fuse)
}
