//! `archc completions SHELL`

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Failure;
use clap::CommandFactory;

/// Prints the completions of a shell.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    clap_complete::generate(args.shell, &mut Cli::command(), "archc", &mut std::io::stdout());
    Ok(())
}
