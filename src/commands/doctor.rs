//! `archc doctor`: what this machine has of what archc can use.

use crate::cli::Output;
use crate::failure::Failure;
use arch_runtime::device::host::{CCompiler, cache_dir, native_target};

/// Looks and tells.
pub fn run(output: &Output) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let compiler = CCompiler::find();
    let cache = cache_dir();
    let found = compiler.as_ref().ok().map(|c| c.version.clone());
    if output.json {
        let object = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"), "cores": cores, "instruction_set": instruction_set(),
            "c_compiler": found, "kernel_cache": cache, "cuda": false,
        });
        println!("{object}");
        return Ok(());
    }
    println!("archc            {}", env!("CARGO_PKG_VERSION"));
    println!("cores            {cores}");
    println!("instructions     {}", instruction_set());
    match &compiler {
        Ok(c) => println!("C compiler       {} ({})", c.command, c.version),
        Err(e) => println!("C compiler       none: {e}"),
    }
    println!("kernel cache     {}", cache.display());
    println!("CUDA             not built in");
    if compiler.is_err() {
        println!();
        println!("Without a C compiler, `archc run --form interpreter` still works, slowly.");
        println!(
            "Debian, Ubuntu: apt install gcc    Fedora: dnf install gcc    macOS: xcode-select --install"
        );
        return Err(Failure::Shown);
    }
    Ok(())
}

fn instruction_set() -> &'static str {
    native_target().name()
}
