//! Gradients for which the backward pass computes again what was not kept, against the interpreter.

use super::common::{Fill, Terms, compare};
use super::models::program;
use super::tolerance::GRADIENTS;
use arch_compiler::graph::InputKind;
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_kernels::build::{self, Gradients, Spelling};

fn check(model: &str, item: &str, set: &[(&str, &str)]) {
    for memory in [Memory::Balanced, Memory::Small] {
        let Program { mut module, entry, .. } = program(model, item, set);
        let function = module.function(entry).clone();
        let trained = function.inputs.iter().filter(|i| i.kind == InputKind::Parameter);
        let trained: Vec<&str> = trained.map(|i| i.name.as_str()).collect();
        let gradients = Some(Gradients { of: &trained, memory });
        let (both, _) = build::entry(&mut module, entry, Spelling::Canonical, gradients)
            .expect("parameters have gradients");
        let case = format!("{item}, {}", memory.word());
        compare(&case, &module, both, 3, &Terms::in_turn(&case, &GRADIENTS, Fill::Small, 4));
    }
}

const SIZES: [(&str, &str); 5] =
    [("hidden_size", "24"), ("depth", "3"), ("input_size", "6"), ("in_channels", "2"), ("num_classes", "5")];

#[test]
fn blocks_of_attention_that_are_computed_again() {
    check("dit", "DiT", &[&SIZES[..], &[("num_heads", "3")]].concat());
}

#[test]
fn blocks_of_scans_that_are_computed_again() {
    check("mamba", "DiMamba", &[&SIZES[..], &[("d_state", "4"), ("bidirectional", "true")]].concat());
}
