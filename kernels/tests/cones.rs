//! What only a kernel of the backward pass reads is computed there, not beside what it is computed from.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target};

/// A diffusion transformer of some blocks, 64 tokens, 96 wide and four times that inside of its perceptrons.
fn plan(depth: usize) -> Plan {
    let text = library::ZOO.iter().find(|(name, _)| *name == "dit").expect("it is in the zoo").1;
    let depth = depth.to_string();
    let set = [("hidden_size", "96"), ("depth", &depth), ("input_size", "16"), ("num_heads", "3")];
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = Request { item: Some("DiT".into()), set, ..Request::default() };
    let outcome = compile(&NoFiles, "dit", text, &request);
    let mut program = outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gradients = Some(Gradients { of: &names, memory: Memory::Fast });
    let (both, _) = build::entry(&mut program.module, program.entry, Spelling::Canonical, gradients)
        .expect("there are gradients");
    let options = Options { target: Target::Avx2, batch: 4, sources: None };
    build::plan(&mut program.module, both, Spelling::Canonical, &options).expect("it can be lowered").plan
}

/// Of the hidden layer, the kernel of the forward pass writes what comes before the activation, the activation, and two
/// things that both passes need; the backward pass writes a gradient. The derivative is computed where it is read.
#[test]
fn derivatives_of_activations_are_not_written() {
    for depth in [1, 2] {
        let plan = plan(depth);
        let hidden = plan.slots.iter().filter(|s| s.len == 4 * 64 * 384).count();
        assert_eq!(hidden, 5 * depth, "{plan}");
    }
}
