//! The command line of archc. One command is one file below `commands/`.

mod arch_files;
mod build;
mod cli;
mod commands;
mod failure;
mod lowered;
mod measure;
mod model;
mod profile;
mod provider;
mod session;
mod tensors;
mod warnings;

use clap::Parser;
use std::process::ExitCode;

/// Graphs are many small vectors: the system's allocator took almost half of the time of a report.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        // A reader that went away (`archc report … | head`) is no fault of anybody.
        if info.to_string().contains("Broken pipe") {
            std::process::exit(0);
        }
        eprintln!("archc met a fault of its own: {info}");
        eprintln!("please report it, with the file and the command that led here");
    }));
    let cli = cli::Cli::parse();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| commands::run(&cli)));
    match result {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.show(&cli.output),
        Err(_) => ExitCode::from(101),
    }
}
