//! CUDA text of the zoo at the sizes of papers, for one sample, with all gradients: there recurrences have few lanes and
//! many steps, so that they are cut over time. Models are two layers deep; what repeats is the same kernels.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_compiler::schedule::{Chosen, Form, Reason};
use arch_grammar::Sources;
use arch_kernels::build::{self, Gradients, PlanError, Planned, Spelling};
use arch_kernels::lower::LowerError;
use arch_kernels::plan::SlotKind;
use arch_kernels::print::{cuda, print_c};
use arch_kernels::{Options, Plan, Target};

/// An item with its settings and sizes.
struct Case<'a> {
    model: &'a str,
    item: &'a str,
    preset: Option<&'a str>,
    set: &'a [(&'a str, &'a str)],
    dims: &'a [(&'a str, usize)],
}

impl Case<'_> {
    /// The plan of one sample as commands have it, with or without gradients.
    fn planned(&self, target: Target, batch: usize, grad: bool) -> Planned {
        let text = library::ZOO.iter().find(|(name, _)| *name == self.model).expect("it is in the zoo").1;
        planned(text, self, (target, batch), grad).unwrap_or_else(|e| panic!("{}: {e:?}", self.item))
    }
}

fn planned(
    text: &str,
    case: &Case<'_>,
    (target, batch): (Target, usize),
    grad: bool,
) -> Result<Planned, PlanError> {
    let request = Request {
        item: Some(case.item.into()),
        preset: case.preset.map(Into::into),
        set: case.set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        dims: case.dims.iter().map(|(name, size)| ((*name).into(), *size)).collect(),
        ..Request::default()
    };
    let outcome = compile(&NoFiles, case.model, text, &request);
    let mut program = outcome.program.unwrap_or_else(|| panic!("{}: {:?}", case.item, outcome.diagnostics));
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gradients = grad.then_some(Gradients { of: &names, memory: Memory::Fast });
    let module = &mut program.module;
    let (entry, _) = build::entry(module, program.entry, Spelling::Canonical, gradients).expect("rules fit");
    let sources: &Sources = &outcome.sources;
    build::plan(module, entry, Spelling::Canonical, &Options { target, batch, sources: Some(sources) })
}

fn is_cut(scans: &[Chosen]) -> bool {
    scans.iter().any(|scan| matches!(scan.form, Form::InTime { .. }))
}

/// The largest buffer that is neither given nor a result.
fn largest(plan: &Plan) -> usize {
    plan.slots.iter().filter(|s| s.kind == SlotKind::Scratch).map(|s| s.len).max().unwrap_or(0)
}

const SHALLOW: (&str, &str) = ("depth", "2");

#[test]
fn recurrences_with_few_lanes_are_cut_with_their_gradients() {
    let zigma =
        |preset| Case { model: "zigma", item: "ZigMa", preset: Some(preset), set: &[SHALLOW], dims: &[] };
    let mixer =
        |dims| Case { model: "mamba", item: "MambaMixer", preset: None, set: &[("d_model", "384")], dims };
    let large = [SHALLOW, ("input_size", "64")];
    // With how many samples, and the numbers of all states of one: positions, channels, states.
    let cases = [
        (zigma("S"), 1, 1024 * 736 * 16),
        (mixer(&[("T", 1024)]), 1, 1024 * 768 * 16),
        (mixer(&[("T", 4096)]), 1, 4096 * 768 * 16),
        (mixer(&[("T", 4100)]), 1, 4100 * 768 * 16),
        (
            Case {
                model: "vim",
                item: "VimMixer",
                preset: None,
                set: &[("d_model", "192")],
                dims: &[("T", 1024)],
            },
            1,
            1024 * 384 * 16,
        ),
        (
            Case { model: "mamba", item: "DiMamba", preset: Some("S/2"), set: &large, dims: &[] },
            1,
            1024 * 768 * 16,
        ),
    ];
    for (case, batch, states) in cases {
        let Planned { plan, scans, .. } = case.planned(Target::Cuda, batch, true);
        assert!(is_cut(&scans), "{}: {scans:?}", case.item);
        let (largest, item) = (largest(&plan), case.item);
        assert!(4 * largest < batch * states, "{item}: {largest} elements beside {states} states\n{plan}");
        cuda::sources(&plan).unwrap_or_else(|e| panic!("{item}: {e}"));
    }
}

#[test]
fn all_families_have_text_for_one_sample() {
    let of = |model, item, preset, set| Case { model, item, preset, set, dims: &[] };
    let cases = [
        of("dit", "DiT", Some("XL/2"), &[SHALLOW][..]),
        of("sit", "SiT", Some("XL/2"), &[SHALLOW]),
        of("uvit", "UViT", Some("L"), &[SHALLOW]),
        of("mamba", "DiMamba", Some("S/2"), &[SHALLOW]),
        of("mamba", "DiMamba", Some("S/2"), &[SHALLOW, ("mixer", "mamba2")]),
        of("mamba", "DiMamba", Some("S/2"), &[SHALLOW, ("input_size", "64"), ("bidirectional", "true")]),
        of("zigma", "ZigMa", Some("L"), &[SHALLOW, ("scan_type", "zigzagN8")]),
        of("dis", "DiS", Some("S/2"), &[SHALLOW]),
        of("diffussm", "DiffuSSM", Some("XL256"), &[SHALLOW]),
        of("diffussm", "DiffuSSMLesson", Some("mnist"), &[("n_layers", "2")]),
        of("unet", "UNet", Some("cifar10"), &[]),
    ];
    for case in cases {
        let plan = case.planned(Target::Cuda, 1, true).plan;
        cuda::sources(&plan).unwrap_or_else(|e| panic!("{}: {e}", case.item));
    }
}

/// A step that sums over all of its states, which fit: beside what a chunk does to a state they do not.
const WHOLE: &str = "edition 2026
block Whole(E, N) {
  param a: [E, N] = 0.5
  forward(x: [T, E], w: [T, N]) -> [T] {
    scan t over T (h: [E, N] = 0) {
      h <- a * h + x[t] * w[t]
      yield sum(h * a, over: (E, N))
    }
  }
}
";

fn whole(channels: usize, target: Target) -> Result<Planned, PlanError> {
    let dims = [("E", channels), ("N", 401), ("T", 1024)];
    let case = Case { model: "whole.arch", item: "Whole", preset: None, set: &[], dims: &dims };
    planned(WHOLE, &case, (target, 1), false)
}

#[test]
fn what_fits_uncut_is_never_refused() {
    for target in [Target::Cuda, Target::Avx2, Target::Avx512] {
        let Planned { plan, scans, .. } = whole(103, target).expect("it lowers step by step");
        assert_eq!(scans[0].form, Form::Sequential(Reason::Room), "{target}");
        let text = match target {
            Target::Cuda => cuda::sources(&plan).expect("it has text").0.len(),
            _ => plan.kernels.iter().map(|k| print_c(k, target).len()).sum(),
        };
        assert!(text > 0);
    }
}

#[test]
fn a_state_that_fits_nowhere_is_refused_with_its_place_and_a_way_out() {
    for target in [Target::Cuda, Target::Avx2] {
        let error = whole(397, target).expect_err("four megabytes of states");
        let PlanError::Lower(error @ LowerError::ScanState { .. }) = error else { panic!("{error:?}") };
        let said = error.to_string();
        for part in ["the scan over T:1024 at whole.arch:5", "bytes", "and 1048576 fit", "blocks or groups"] {
            assert!(said.contains(part), "`{part}` is missing in: {said}");
        }
        assert!(!said.contains("host"), "{said}");
    }
}
