//! The commands, one a file.

mod bench;
mod check;
mod completions;
mod dev;
mod doctor;
mod eval;
mod explain;
mod export;
mod fmt;
mod import;
mod kernels;
mod new;
mod orders;
mod report;
mod run;
mod sample;
mod test;
mod train;
mod verify;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Runs a command.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    let output = &cli.output;
    match &cli.command {
        Command::Check(args) => check::run(args, output),
        Command::Fmt(args) => fmt::run(args, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Report(args) => report::run(args, output),
        Command::Dev(args) => dev::run(args, output),
        Command::Kernels(args) => kernels::run(args, output),
        Command::Run(args) => run::run(args, output),
        Command::Train(args) => train::run(args, output),
        Command::Sample(args) => sample::run(args, output),
        Command::Eval(args) => eval::run(args, output),
        Command::Import(args) => import::run(args, output),
        Command::Export(args) => export::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::New(args) => new::run(args, output),
        Command::Test(args) => test::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::Doctor => doctor::run(output),
        Command::Completions(args) => completions::run(args),
    }
}
