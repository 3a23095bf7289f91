//! Whole models with their gradients and optimizer, small, against the interpreter.

use super::common::{Fill, Terms, compare};
use super::tolerance::{GRADIENTS, MODELS};
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{InputKind, Module};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_kernels::build::{self, Gradients, Spelling};

/// A model of the zoo with settings.
pub fn program(model: &str, item: &str, set: &[(&str, &str)]) -> Program {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = Request { item: Some(item.into()), set, ..Request::default() };
    let outcome = compile(&NoFiles, model, text, &request);
    outcome.program.unwrap_or_else(|| panic!("{model} does not check: {:?}", outcome.diagnostics))
}

fn check(model: &str, item: &str, set: &[(&str, &str)]) {
    compare_both(item, program(model, item, set), &[1, 3]);
}

/// Compares what a program gives, and then its gradients by all parameters: in the canonical spelling, which is what
/// commands make kernels of. `ops`, `scans` and `fuzz` hold operations as they are written.
pub fn compare_both(item: &str, program: Program, batches: &[usize]) {
    let Program { mut module, entry, .. } = program;
    let (entry, canonical) =
        build::entry(&mut module, entry, Spelling::Canonical, None).expect("the rules fit");
    assert_eq!(canonical.incomplete, [], "{item}");
    let compare_all = |what: &str, module: &Module, function, tolerance| {
        for batch in batches {
            let terms = Terms::everywhere(tolerance, Fill::Small, 4);
            compare(&format!("{item} {what}"), module, function, *batch, &terms);
        }
    };
    compare_all("forward", &module, entry, &MODELS);
    let function = module.function(entry).clone();
    let trained = function.inputs.iter().filter(|i| i.kind == InputKind::Parameter);
    let trained: Vec<&str> = trained.map(|i| i.name.as_str()).collect();
    let gradients = Some(Gradients { of: &trained, memory: Memory::Fast });
    let (both, _) =
        build::entry(&mut module, entry, Spelling::AsWritten, gradients).expect("parameters have gradients");
    compare_all("gradients", &module, both, &GRADIENTS);
}

#[test]
fn dit_with_all_gradients() {
    let set = [
        ("hidden_size", "24"),
        ("depth", "2"),
        ("input_size", "8"),
        ("num_classes", "5"),
        ("num_heads", "3"),
    ];
    check("dit", "DiT", &set);
}

#[test]
fn mamba_with_all_gradients() {
    let set =
        [("hidden_size", "24"), ("depth", "2"), ("input_size", "8"), ("num_classes", "5"), ("d_state", "4")];
    check("mamba", "DiMamba", &set);
    check("mamba", "DiMamba", &[&set[..], &[("bidirectional", "true")]].concat());
    // A width that does not fill vectors.
    let odd =
        [("hidden_size", "20"), ("depth", "1"), ("input_size", "4"), ("num_classes", "5"), ("d_state", "3")];
    check("mamba", "DiMamba", &odd);
}

#[test]
fn unet_with_all_gradients() {
    let set = [
        ("image_size", "6"),
        ("in_channels", "1"),
        ("model_channels", "64"),
        ("num_res_blocks", "1"),
        ("attention_resolutions", "[2]"),
        ("channel_mult", "[0.5, 1]"),
    ];
    check("unet", "UNet", &set);
    let more = [("resblock_updown", "true"), ("use_scale_shift_norm", "true"), ("num_res_blocks", "2")];
    check("unet", "UNet", &[&set[..], &more[..]].concat());
}

#[test]
fn diffussm_with_all_gradients() {
    let set =
        [("hidden_size", "20"), ("depth", "2"), ("input_size", "6"), ("num_classes", "5"), ("d_state", "6")];
    check("diffussm", "DiffuSSM", &set);
    // A long position that is three short ones, which fill no vector.
    check("diffussm", "DiffuSSM", &[&set[..], &[("M", "3"), ("hidden_size", "9")]].concat());
}
