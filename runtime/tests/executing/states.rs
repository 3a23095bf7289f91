//! The states of a recurrence at every position, the largest values of a state-space model, never reach memory,
//! neither in the forward nor in the backward pass.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_compiler::schedule::Form;
use arch_kernels::build::{self, Gradients, Planned, Spelling};
use arch_kernels::plan::SlotKind;
use arch_kernels::{Options, Plan, Target};

const BATCH: usize = 2;
const TARGETS: [Target; 4] = [Target::Generic, Target::Avx2, Target::Avx512, Target::Cuda];

/// A layer of the standard library as an item of its own.
const LAYER: &str = "edition 2026

import std.{s4d}

block Layer(D) {
  config d_state: int in 2..
  config learned_b: bool = false

  layer = s4d(D, ..)

  forward(u: [T, D]) -> [T, D] {
    layer(u)
  }
}

block Outside(E) {
  config d_state: int in 1..
  dims N = d_state

  param a: [E, N] = -1.0 - iota(N)

  forward(u: [T, E], dt: [T, E], b: [T, N], c: [T, N]) -> [T, E] {
    let decay = exp(dt * a)
    let added = dt * u * b
    scan t over T (h: [E, N] = 0) {
      h <- decay[t] * h + added[t]
      yield sum(c[t] * h, over: N)
    }
  }
}
";

/// The plan of an item as commands have it, forward or with the gradients of all parameters and inputs.
fn plan(
    (file, item): (&str, &str),
    dims: &[(&str, usize)],
    set: &[(&str, &str)],
    target: Target,
    backward: bool,
) -> Planned {
    let text = library::ZOO.iter().find(|(name, _)| *name == file).map_or(LAYER, |(_, text)| text);
    let request = Request {
        item: Some(item.into()),
        dims: dims.iter().map(|(name, size)| ((*name).into(), *size)).collect(),
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Request::default()
    };
    let outcome = compile(&NoFiles, file, text, &request);
    let program = outcome.program.unwrap_or_else(|| panic!("{item}: {:?}", outcome.diagnostics));
    let Program { mut module, entry, .. } = program;
    let f = module.function(entry);
    let floats = f.inputs.iter().filter(|i| f.value(i.value).storage.is_float());
    let names: Vec<String> = floats.map(|i| i.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gradients = backward.then_some(Gradients { of: &names, memory: Memory::Fast });
    let (entry, _) =
        build::entry(&mut module, entry, Spelling::Canonical, gradients).expect("all have gradients");
    let options = Options { target, batch: BATCH, sources: None };
    build::plan(&mut module, entry, Spelling::Canonical, &options).unwrap_or_else(|e| panic!("{item}: {e:?}"))
}

/// Holds all scratch to less than a quarter of `states` elements a sample.
fn check(file: &str, item: &str, dims: &[(&str, usize)], set: &[(&str, &str)], states: usize) {
    // So many steps are cut over time where lanes are few.
    let long = states >= LONG_STATES;
    for target in TARGETS {
        for backward in [false, true] {
            let Planned { plan, scans, .. } = plan((file, item), dims, set, target, backward);
            let largest = largest(&plan);
            assert!(
                4 * largest < BATCH * states,
                "{item} {set:?} for {target}: scratch of {largest} elements beside {} states\n{plan}",
                BATCH * states
            );
            let is_cut = scans.iter().any(|scan| matches!(scan.form, Form::InTime { .. }));
            assert!(is_cut == (target == Target::Cuda && long), "{item} {set:?} for {target}: {scans:?}");
        }
    }
}

/// The largest buffer that is neither given nor a result.
fn largest(plan: &Plan) -> usize {
    plan.slots.iter().filter(|s| s.kind == SlotKind::Scratch).map(|s| s.len).max().unwrap_or(0)
}

/// 67 positions are no whole number of chunks; 96 channels fill vectors.
const DIMS: [(&str, usize); 2] = [("D", 48), ("T", 67)];
const STATES: usize = 67 * 96 * 40;

/// Long enough to be cut over time where that is done: on CUDA, since vectors of a CPU are full.
const LONG: [(&str, usize); 2] = [("D", 48), ("T", 1027)];
const LONG_STATES: usize = 1027 * 96 * 40;

#[test]
fn mamba_keeps_no_states() {
    check("mamba", "MambaMixer", &DIMS, &[("d_state", "40")], STATES);
    check("mamba", "MambaMixer", &DIMS, &[("d_state", "40"), ("bidirectional", "true")], STATES);
    check("mamba", "MambaMixer", &LONG, &[("d_state", "40")], LONG_STATES);
}

#[test]
fn mamba2_keeps_no_states() {
    let set = [("d_state", "40"), ("headdim", "16")];
    check("mamba", "Mamba2Mixer", &DIMS, &set, STATES);
    // In matrix form a head has as many scores a position as a chunk is long, 32 here, and a state a chunk; what is
    // largest is that, or what the projection gives.
    let dims = [("D", 96), ("T", 160)];
    for target in TARGETS {
        let set = [("d_state", "16"), ("headdim", "64")];
        let plan = plan(("mamba", "Mamba2Mixer"), &dims, &set, target, true).plan;
        let largest = largest(&plan);
        assert!(5 * largest < BATCH * 160 * 192 * 16, "{target}: scratch of {largest} elements\n{plan}");
    }
}

#[test]
fn s4d_keeps_no_states() {
    // The second carry is the other half of complex numbers.
    check("layer", "Layer", &[("D", 96), ("T", 67)], &[("d_state", "80")], STATES);
    check("layer", "Layer", &[("D", 96), ("T", 67)], &[("d_state", "80"), ("learned_b", "true")], STATES);
    check("layer", "Layer", &[("D", 96), ("T", 1027)], &[("d_state", "80")], LONG_STATES);
}

#[test]
fn what_is_computed_before_a_scan_keeps_no_states() {
    check("layer", "Outside", &[("E", 96), ("T", 67)], &[("d_state", "40")], STATES);
}

#[test]
fn vision_mamba_keeps_no_states() {
    for kind in ["v1", "v2"] {
        check("vim", "VimMixer", &DIMS, &[("d_state", "40"), ("bimamba_type", kind)], STATES);
        check("vim", "VimMixer", &LONG, &[("d_state", "40"), ("bimamba_type", kind)], LONG_STATES);
    }
}

#[test]
fn zigma_keeps_no_states() {
    let set =
        [("d_state", "40"), ("img_dim", "8"), ("embed_dim", "48"), ("depth", "2"), ("num_classes", "5")];
    for kind in ["v2", "zigzagN8", "hilbertN2"] {
        check("zigma", "ZigMa", &[], &[&set[..], &[("scan_type", kind)]].concat(), 64 * 96 * 40);
    }
    let long =
        [("d_state", "40"), ("img_dim", "33"), ("embed_dim", "48"), ("depth", "2"), ("num_classes", "5")];
    check("zigma", "ZigMa", &[], &[&long[..], &[("scan_type", "v2")]].concat(), 33 * 33 * 96 * 40);
}
