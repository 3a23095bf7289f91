//! Plans made by bad decisions about groups, storage, chunks, tiles and grains: results and gradients stay right.
//!
//! `ARCHC_SEED=1000 ARCHC_PROGRAMS=500 cargo test -p arch-kernels --test evaluated chaos` tries other decisions, and more.

use super::common::hold;
use super::generator::Numbers;
use super::program::Program as Random;
use crate::tolerance::{MODELS_BADLY, RANDOM_BADLY, Tolerance};
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{DType, FuncId, Module};
use arch_compiler::interp::{self, Tensor};
use arch_compiler::program::Program;
use arch_compiler::{fuse, grad, library};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target, lower, lower_in_chaos};
use std::collections::{BTreeMap, BTreeSet};

const TARGETS: [Target; 3] = [Target::Generic, Target::Avx2, Target::Avx512];

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok().filter(|v| !v.is_empty());
    given.map_or(otherwise, |v| v.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{v}`")))
}

fn program(name: &str, text: &str, request: &Request) -> Program {
    let outcome = compile(&NoFiles, name, text, request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{name} does not check: {said}"))
}

/// A canonical program with its gradients, flat, what it is given, and what it must give.
struct Case {
    name: String,
    module: Module,
    function: FuncId,
    batch: usize,
    given: BTreeMap<String, Tensor>,
    wanted: Vec<(String, Tensor)>,
}

impl Case {
    /// With a seed, affine scans are cut into chunks of a length that depends on it.
    fn new(name: String, program: Program, (batch, size): (usize, f64), cut: Option<u64>) -> Case {
        let floats = program.inputs.iter().filter(|a| !a.integer).map(|a| a.name.clone());
        let trained = program.trained().into_iter().map(String::from);
        let names: Vec<String> = floats.chain(trained).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut written = program.module.clone();
        let both = grad::value_and_grad(&mut written, program.entry, &names).expect("floats have gradients");
        let mut numbers = Numbers(batch as u64 * 977 + names.len() as u64);
        let mut given = BTreeMap::new();
        for input in &written.function(both).inputs {
            let value = written.function(both).value(input.value);
            let dims = written.dims(&value.shape, batch);
            let integer = value.storage == DType::Int;
            let one = |_| if integer { numbers.below(3) as f64 } else { size * f64::from(numbers.float()) };
            let data = (0..dims.iter().product::<usize>()).map(one).collect();
            given.insert(input.name.clone(), Tensor { dims, data });
        }
        let wanted = interp::run(&written, both, &given, batch).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut module = program.module.clone();
        let (entry, _) = fuse::canonical(&mut module, program.entry).expect("rules fit");
        let both = grad::value_and_grad(&mut module, entry, &names).expect("floats have gradients");
        let (function, _) = match cut {
            Some(seed) => fuse::flat_in_chaos(&mut module, both, seed),
            None => fuse::flat(&mut module, both, Target::PINNED.setting(batch)),
        }
        .expect("calls fit");
        Case { name, module, function, batch, given, wanted: wanted.outputs }
    }

    fn plan(&self, target: Target, seed: Option<u64>) -> Plan {
        let options = Options { target, batch: self.batch, sources: None };
        let function = self.module.function(self.function);
        match seed {
            Some(seed) => lower_in_chaos(&self.module, function, &options, seed),
            None => lower(&self.module, function, &options),
        }
        .unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn holds(&self, seed: u64, tolerance: &'static Tolerance) {
        let target = TARGETS[seed as usize % TARGETS.len()];
        let what = format!("{}, chaos {seed}, {target}", self.name);
        hold(&what, &self.plan(target, Some(seed)), &self.given, &self.wanted, tolerance);
    }
}

/// A file of the zoo, an item of it, and settings.
type Item<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Blocks and small models of the zoo.
fn zoo(cut: Option<u64>) -> Vec<Case> {
    let items: [Item<'_>; 7] = [
        (
            "dit",
            "DiT",
            &[
                ("hidden_size", "12"),
                ("depth", "1"),
                ("input_size", "4"),
                ("num_classes", "5"),
                ("num_heads", "2"),
            ],
        ),
        (
            "uvit",
            "UViT",
            &[
                ("embed_dim", "12"),
                ("depth", "2"),
                ("img_size", "4"),
                ("num_classes", "5"),
                ("num_heads", "2"),
            ],
        ),
        (
            "mamba",
            "DiMamba",
            &[("hidden_size", "12"), ("depth", "1"), ("input_size", "4"), ("num_classes", "5")],
        ),
        // Wide enough for products in chunks, and longer than one of them: the last one is not full.
        ("mamba", "Mamba2Mixer", &[("d_model", "32"), ("headdim", "32"), ("d_state", "16")]),
        (
            "dis",
            "DiS",
            &[("embed_dim", "12"), ("depth", "1"), ("img_size", "4"), ("num_classes", "5"), ("d_state", "4")],
        ),
        (
            "diffussm",
            "DiffuSSM",
            &[("hidden_size", "12"), ("depth", "1"), ("input_size", "4"), ("num_classes", "5")],
        ),
        (
            "zigma",
            "ZigMa",
            &[
                ("embed_dim", "12"),
                ("depth", "1"),
                ("img_dim", "4"),
                ("in_channels", "1"),
                ("num_classes", "5"),
                ("scan_type", "zigzagN8"),
            ],
        ),
    ];
    let case = |(model, item, set): Item<'_>| {
        let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
        let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let dims = if item.ends_with("Mixer") { vec![("T".into(), 19)] } else { Vec::new() };
        let request = Request { item: Some(item.into()), set, dims, ..Request::default() };
        Case::new(item.into(), program(model, text, &request), (2, 0.25), cut)
    };
    items.into_iter().map(case).collect()
}

#[test]
fn models_of_the_zoo_under_bad_decisions() {
    let first = number("ARCHC_SEED", 0);
    for seed in first..first + 3 {
        // The plans of one function differ, and so do functions.
        for case in zoo((seed == first + 1).then_some(seed)) {
            case.holds(seed, &MODELS_BADLY);
        }
    }
}

#[test]
fn random_programs_under_bad_decisions() {
    let (first, count) = (number("ARCHC_SEED", 0), number("ARCHC_PROGRAMS", 200));
    for seed in first..first + count {
        let text = Random::random(seed).text();
        let program = program("random.arch", &text, &Request::default());
        let case =
            Case::new(format!("{text}\nseed {seed}"), program, (1 + (seed % 3) as usize, 1.0), Some(seed));
        case.holds(seed, &RANDOM_BADLY);
    }
}

/// Decisions are bad indeed: plans of one program differ in their kernels and in how these are cut.
#[test]
fn chaos_decides_otherwise() {
    let cases = zoo(None);
    for case in &cases {
        let shown = |seed: Option<u64>| -> String { case.plan(Target::Avx2, seed).to_string() };
        let plans: BTreeSet<String> = (0..5).map(|seed| shown(Some(seed))).chain([shown(None)]).collect();
        assert_eq!(plans.len(), 6, "{}", case.name);
        assert_eq!(shown(Some(1)), shown(Some(1)), "a seed decides");
    }
    let kernels = |case: &Case, seed| case.plan(Target::Avx2, seed).steps.len();
    assert!(cases.iter().all(|case| kernels(case, Some(0)) > kernels(case, None)), "groups fall apart");
}
