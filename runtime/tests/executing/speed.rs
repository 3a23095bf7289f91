//! How fast whole training steps run, with the table of their kernels. Run by name, in release:
//! `cargo test --release -p arch-runtime --test executing -- --ignored --nocapture speed`

use super::common::Numbers;
use super::models::program;
use arch_compiler::grad;
use arch_compiler::graph::{DType, FuncId, InputKind, Module};
use arch_runtime::execute::{Data, Execute};
use arch_runtime::luminal::{Options, Session};
use std::time::Instant;

/// Runs a function and prints what its kernels take.
fn measure(what: &str, module: &Module, function: FuncId, batch: usize, below: usize) {
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let mut session = Session::new(module, &[("main", function)], batch, options).unwrap();
        let mut numbers = Numbers(7);
        let f = module.function(function);
        for input in &f.inputs {
            let len = session.len(&input.name).unwrap();
            if f.value(input.value).storage == DType::Int {
                let data: Vec<i32> = (0..len).map(|_| numbers.below(below) as i32).collect();
                session.write(&input.name, Data::Int(&data)).unwrap();
            } else {
                let data: Vec<f32> = (0..len).map(|_| numbers.float() * 0.05).collect();
                session.write(&input.name, Data::Float(&data)).unwrap();
            }
        }
        session.run("main").unwrap();
        let busy = || {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
            text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
        };
        let before = busy();
        let mut times: Vec<f64> = (0..15)
            .map(|_| {
                let start = Instant::now();
                session.run("main").unwrap();
                start.elapsed().as_secs_f64()
            })
            .collect();
        let busy = (busy() - before) / 15.0;
        times.sort_by(f64::total_cmp);
        session.set_profiling(true);
        for _ in 0..5 {
            session.run("main").unwrap();
        }
        let profile = session.profile();
        let plan = session.plan("main").unwrap();
        let (kernels, gemms) = plan.counts();
        let product: f64 =
            profile.iter().filter(|p| p.name.starts_with("gemm")).map(|p| p.seconds).sum::<f64>() / 5.0;
        println!(
            "{what}, batch {batch}, {threads} threads: best {:.1} ms, on the processor {:.1} ms (one thread of them), median {:.1} ms; products {:.1} ms, {:.2} GFLOP; {kernels} kernel steps, {gemms} products; arena {:.1} MB; compiled {} in {:.1} s",
            times[0] * 1e3,
            busy * 1e3,
            times[7] * 1e3,
            product * 1e3,
            plan.steps.iter().filter(|s| s.name.starts_with("gemm")).map(|s| s.flops).sum::<u64>() as f64
                * 1e-9,
            plan.arena_bytes as f64 * 1e-6,
            session.compilation().1,
            session.compilation().0.as_secs_f64(),
        );
        if threads == 2 {
            for row in profile.iter().take(28) {
                println!(
                    "  {:8.3} ms  {:4} calls  {:7.1} GB/s {:7.1} GFLOP/s  {}",
                    row.seconds * 200.0,
                    row.calls / 5,
                    row.bytes as f64 / row.seconds * 1e-9,
                    row.flops as f64 / row.seconds * 1e-9,
                    row.name
                );
            }
        }
    }
}

fn step(model: &str, item: &str, set: &[(&str, &str)], batch: usize) {
    let arch_compiler::program::Program { mut module, entry, .. } = program(model, item, set);
    measure(&format!("{item} forward"), &module, entry, batch, 4);
    let function = module.function(entry).clone();
    let trained = function.inputs.iter().filter(|i| i.kind == InputKind::Parameter);
    let trained: Vec<&str> = trained.map(|i| i.name.as_str()).collect();
    let both = grad::value_and_grad(&mut module, entry, &trained).expect("parameters have gradients");
    arch_compiler::canon::run_all(&mut module).unwrap();
    measure(&format!("{item} gradients"), &module, both, batch, 4);
}

#[test]
#[ignore = "takes long; run by name"]
fn speed_of_dit_digits() {
    let set = [
        ("hidden_size", "128"),
        ("depth", "6"),
        ("input_size", "8"),
        ("in_channels", "1"),
        ("num_classes", "10"),
        ("num_heads", "4"),
    ];
    step("dit", "DiT", &set, 128);
}

#[test]
#[ignore = "takes long; run by name"]
fn speed_of_mamba() {
    let set = [("hidden_size", "384"), ("depth", "2"), ("input_size", "16"), ("bidirectional", "true")];
    step("mamba", "DiMamba", &set, 16);
}
