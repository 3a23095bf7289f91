//! What the backward pass computes again changes no gradient: in f64 all settings agree.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{DType, FuncId, InputKind, Module, inline, verify};
use arch_compiler::interp::{Results, Tensor, run};
use arch_compiler::memory::Memory;
use arch_compiler::ops::Op;
use arch_compiler::program::Program;
use arch_compiler::schedule::{Machine, Setting};
use arch_compiler::{fuse, grad, library};
use std::collections::BTreeMap;

const BATCH: usize = 2;

/// Config values by name.
type Settings<'a> = &'a [(&'a str, &'a str)];

fn program(model: &str, item: &str, set: Settings) -> Program {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = Request { item: Some(item.into()), set, ..Request::default() };
    let outcome = compile(&NoFiles, model, text, &request);
    outcome.program.unwrap_or_else(|| panic!("{model} does not check: {:?}", outcome.diagnostics))
}

/// Numbers that no formula maps to themselves.
fn inputs(module: &Module, function: FuncId) -> BTreeMap<String, Tensor> {
    let mut state = 1u32;
    let function = module.function(function);
    let tensors = function.inputs.iter().map(|input| {
        let value = function.value(input.value);
        let dims = module.dims(&value.shape, BATCH);
        let data = (0..dims.iter().product()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = f64::from(state >> 8) / f64::from(1 << 24);
            if value.storage == DType::Int { (number * 4.0).floor() } else { (number - 0.5) * 0.5 }
        });
        (input.name.clone(), Tensor { data: data.collect(), dims: dims.clone() })
    });
    tensors.collect()
}

/// The results and gradients of a program, and how many of its values wait for a gradient. Without `calls` all is one
/// function, which keeps whatever its gradients read.
fn gradients(program: &Program, memory: Memory, canonical: bool, calls: bool) -> (Results, usize) {
    let Program { mut module, mut entry, .. } = program.clone();
    if canonical {
        entry = fuse::canonical(&mut module, entry).expect("the rules fit").0;
    }
    if !calls {
        entry = inline(&mut module, entry);
    }
    let function = module.function(entry).clone();
    let trained = function.inputs.iter().filter(|i| i.kind == InputKind::Parameter);
    let trained: Vec<&str> = trained.map(|i| i.name.as_str()).collect();
    let both =
        grad::value_and_grad_within(&mut module, entry, &trained, memory).expect("there are gradients");
    verify(&module).expect("the rules are kept");
    let setting = Setting { machine: Machine::Host { lanes: 8 }, batch: BATCH };
    let (flat, _) = fuse::flat(&mut module, both, setting).expect("the clean-ups fit");
    let later = module.function(flat).nodes.iter().filter(|n| n.op == Op::After).count();
    (run(&module, flat, &inputs(&module, flat), BATCH).expect("it runs"), later)
}

fn check(model: &str, item: &str, set: Settings) {
    let program = program(model, item, set);
    for canonical in [false, true] {
        let (wanted, none) = gradients(&program, Memory::Fast, canonical, false);
        assert_eq!(none, 0, "{item}: nothing is computed again");
        for memory in Memory::ALL {
            let (got, later) = gradients(&program, memory, canonical, true);
            assert!(later > 2 || memory == Memory::Fast, "{item} {memory:?}: nothing is computed again");
            for ((name, got), (_, wanted)) in got.outputs.iter().zip(&wanted.outputs) {
                let largest = wanted.data.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
                for (g, w) in got.data.iter().zip(&wanted.data) {
                    assert!((g - w).abs() <= 1e-12 * largest, "{item} {memory:?}: {name} is {g}, not {w}");
                }
            }
        }
    }
}

const DIT: [(&str, &str); 6] = [
    ("hidden_size", "8"),
    ("depth", "3"),
    ("input_size", "4"),
    ("in_channels", "1"),
    ("num_classes", "5"),
    ("num_heads", "2"),
];
const VIT: [(&str, &str); 3] = [("embed_dim", "8"), ("depth", "4"), ("num_classes", "5")];

#[test]
fn diffusion_transformers() {
    check("dit", "DiT", &DIT);
    check("dit", "DiTAdaLN", &DIT);
    check("dit", "DiTInContext", &DIT);
    check("dit", "DiTCrossAttention", &DIT);
    check("sit", "SiT", &DIT);
    let uvit = [("img_size", "4"), ("in_chans", "1"), ("num_heads", "2")];
    check("uvit", "UViT", &[&VIT[..], &uvit].concat());
}

#[test]
fn state_space_models() {
    let mamba = [&DIT[..5], &[("d_state", "3")]].concat();
    check("mamba", "DiMamba", &mamba);
    check("mamba", "DiMamba", &[&mamba[..], &[("bidirectional", "true")]].concat());
    check("diffussm", "DiffuSSM", &mamba);
    check("dis", "DiS", &[&VIT[..], &[("img_size", "4"), ("channels", "1")]].concat());
    let zigma = [("img_dim", "4"), ("in_channels", "1"), ("scan_type", "zigzagN8")];
    check("zigma", "ZigMa", &[&VIT[..], &zigma].concat());
}
