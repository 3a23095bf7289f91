//! `archc doctor`: what this machine has of what archc can use.

use crate::cli::Output;
use crate::failure::Failure;
use arch_runtime::device::host::{self, CCompiler, HostError, cache_dir};
use arch_runtime::device::nvrtc::Nvrtc;

/// Looks and tells.
pub fn run(output: &Output) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let compiler = CCompiler::find();
    let target = host::target();
    let supported: Vec<&str> = host::supported_targets().into_iter().map(|t| t.name()).collect();
    let cache = cache_dir();
    if output.json {
        let object = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"), "cores": cores,
            "instruction_set": target.as_ref().ok().map(|t| t.name()), "instruction_sets": supported,
            "c_compiler": compiler.as_ref().ok().map(|c| &c.version), "kernel_cache": cache, "cuda": false,
            "nvrtc": Nvrtc::find().ok().map(|n| n.path),
        });
        println!("{object}");
        return Ok(());
    }
    println!("archc            {}", env!("CARGO_PKG_VERSION"));
    println!("cores            {cores}");
    match &target {
        Ok(t) => println!("instructions     {} of {} (ARCHC_TARGET chooses)", t.name(), supported.join(", ")),
        Err(e) => println!("instructions     none: {e}"),
    }
    match &compiler {
        Ok(c) => println!("C compiler       {} ({})", c.command, c.version),
        Err(e) => println!("C compiler       none: {e}"),
    }
    println!("kernel cache     {}", cache.display());
    println!("CUDA             written by `archc kernels --target cuda`, not run");
    match Nvrtc::find() {
        Ok(nvrtc) => println!("NVRTC            {}", nvrtc.path.display()),
        Err(_) => {
            println!("NVRTC            none: `pip install nvidia-cuda-nvrtc` for `archc kernels --registers`")
        }
    }
    advise(compiler.err().as_ref(), target.err().as_ref())
}

/// What to do about what is missing.
fn advise(compiler: Option<&HostError>, target: Option<&HostError>) -> Result<(), Failure> {
    if compiler.is_some() {
        println!();
        println!("Without a C compiler, `archc run --form interpreter` still works, slowly.");
        println!(
            "Debian, Ubuntu: apt install gcc    Fedora: dnf install gcc    macOS: xcode-select --install"
        );
    }
    if let Some(error) = target {
        println!();
        println!("Instructions: {}.", error.help());
    }
    if compiler.is_some() || target.is_some() { Err(Failure::Shown) } else { Ok(()) }
}
