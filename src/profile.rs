//! The table of kernels after `--profile`.

use crate::cli::Form;
use crate::failure::Failure;
use arch_runtime::execute::KernelProfile;

/// Only one form has kernels whose time can be taken.
pub fn check(form: Form, wanted: bool) -> Result<(), Failure> {
    if wanted && form != Form::Executing {
        return Err(Failure::Misuse(format!(
            "--profile takes the time of kernels, and `--form {}` has none: leave one of them out",
            form.word()
        )));
    }
    Ok(())
}

/// The rows as JSON.
pub fn as_json(profile: &[KernelProfile]) -> Vec<serde_json::Value> {
    let row = |k: &KernelProfile| {
        serde_json::json!({
            "name": k.name, "calls": k.calls, "seconds": k.seconds, "bytes": k.bytes, "flops": k.flops,
            "lines": k.lines,
        })
    };
    profile.iter().map(row).collect()
}

/// Prints the table, slowest first.
pub fn print(profile: &[KernelProfile]) {
    if profile.is_empty() {
        return;
    }
    let total: f64 = profile.iter().map(|k| k.seconds).sum();
    println!();
    println!(
        "  {:<44} {:>7} {:>10} {:>6} {:>9} {:>9} {:>9}",
        "kernel", "calls", "ms", "%", "MB", "GB/s", "GFLOP/s"
    );
    for k in profile.iter().take(30) {
        println!(
            "  {:<44} {:>7} {:>10.3} {:>6.1} {:>9.1} {:>9.1} {:>9.1}",
            k.name,
            k.calls,
            1e3 * k.seconds,
            100.0 * k.seconds / total,
            k.bytes as f64 / 1e6,
            k.bytes as f64 / k.seconds / 1e9,
            k.flops as f64 / k.seconds / 1e9,
        );
    }
    if profile.len() > 30 {
        let rest: f64 = profile[30..].iter().map(|k| k.seconds).sum();
        println!("  {:<44} {:>7} {:>10.3} {:>6.1}", "(the rest)", "", 1e3 * rest, 100.0 * rest / total);
    }
}
