//! `archc dev FILE --stage fused [--why]`: the canonical spelling, and what led to it.

use crate::cli::{DevArgs, Fuse};
use crate::failure::Failure;
use crate::lowered;
use arch_compiler::graph;
use arch_compiler::program::Program;
use arch_grammar::Sources;
use arch_kernels::Target;
use arch_kernels::plan::{Plan, Step};

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
    println!("Rules that found another way to say a value, and how often:");
    if canonical.fired.is_empty() {
        println!("  none: the text is its own canonical spelling");
    }
    for fired in &canonical.fired {
        let guard = if fired.guard.is_empty() { String::new() } else { format!("   ({})", fired.guard) };
        println!("  {:>4}  {:<24} {}{guard}", fired.count, fired.rule, fired.algebra);
    }
    let after = planned(args, &mut program, sources, Fuse::On)?;
    println!("\nBytes read and written, batch {}:", args.batch);
    println!(
        "  as written   {:>14}   {} kernels, {} matrix products",
        before.bytes_moved(),
        before.counts().0,
        before.counts().1
    );
    println!(
        "  canonical    {:>14}   {} kernels, {} matrix products",
        after.bytes_moved(),
        after.counts().0,
        after.counts().1
    );
    println!("\nWhat is run, in order:");
    after.steps.iter().for_each(show);
    Ok(())
}

fn planned(args: &DevArgs, program: &mut Program, sources: &Sources, fuse: Fuse) -> Result<Plan, Failure> {
    let entry = lowered::entry(program, args.grad, fuse)?;
    lowered::plan(program, entry, args.batch, Target::PINNED, sources, fuse)
}

fn show(step: &Step) {
    println!("  {:<40} {:>12} bytes {:>14} operations", step.name, step.bytes, step.flops);
    for origin in &step.origins {
        println!("      {origin}");
    }
}
