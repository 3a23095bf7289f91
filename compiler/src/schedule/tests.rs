//! The matrix form says what the scan says, forward and backward, and is refused where it cannot.

use super::{Chosen, Form, Machine, Reason, Setting, schedule_in_chaos};
use crate::check::{NoFiles, Request, compile};
use crate::graph::{DType, FuncId, InputKind, Module, verify};
use crate::interp::{self, Tensor, fresh_inputs, noise};
use crate::program::Program;
use crate::{fuse, grad};
use std::collections::BTreeMap;

/// Larger differences than this are no rounding: the interpreter works in f64.
pub(super) const ROUNDING: f64 = 1e-9;

const SETTING: Setting = Setting { machine: Machine::Host { lanes: 8 }, batch: 2 };

/// A recurrence with one decay a head; `{step}`, `{yields}` and `{along}` are filled in.
const HEADS: &str = "edition 2026
block Heads(H, P, N) {
  param a: [H] = -1.0 - iota(H)
  param skip: [H] = ones
  forward(x: [T, H, P], dt: [T, H], b: [T, N], c: [T, N], d: [T, N], start: [H, P, N]) -> {results} {
    scan t over {along} (h: [H, P, N] = {start}) {
      h <- {step}
      {yields}
    }
  }
}
";

const STEP: &str = "exp(dt[t] * a) * h + dt[t] * b[t] * x[t]";
const YIELD: &str = "yield sum(c[t] * h, over: N)";
const FORWARD: &str = "T";
const ONE: &str = "(y: [T, H, P])";
const TWO: &str = "(y: [T, H, P], last: [H, P, N])";

fn heads([step, yields, along, start, results]: [&str; 5]) -> String {
    let text = HEADS.replace("{step}", step).replace("{yields}", yields).replace("{along}", along);
    text.replace("{start}", start).replace("{results}", results)
}

fn program(text: &str, steps: usize) -> Program {
    sized(text, &[("T", steps), ("H", 2), ("P", 3), ("N", 4)])
}

pub(super) fn sized(text: &str, sizes: &[(&str, usize)]) -> Program {
    let wanted = |name: &str| text.contains(&format!("{name},")) || text.contains(&format!("{name}]"));
    let dims = sizes.iter().filter(|(name, _)| wanted(name)).map(|(name, size)| ((*name).into(), *size));
    let request = Request { dims: dims.collect(), ..Request::default() };
    let outcome = compile(&NoFiles, "heads.arch", text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"))
}

pub(super) fn floats(module: &Module, entry: FuncId) -> Vec<String> {
    let f = module.function(entry);
    let known = |i: &&crate::graph::Input| matches!(i.kind, InputKind::Argument | InputKind::Parameter);
    let float = |i: &&crate::graph::Input| f.value(i.value).storage != DType::Int;
    f.inputs.iter().filter(known).filter(float).map(|i| i.name.clone()).collect()
}

/// What a program was given, what it gave with its gradients, and how its scans were computed.
pub(super) struct Ran {
    pub given: BTreeMap<String, Tensor>,
    pub results: Vec<(String, Tensor)>,
    chosen: Vec<Chosen>,
}

/// Runs a program with its gradients; with a seed in chunks that depend on it.
pub(super) fn run(program: &Program, given: Option<&BTreeMap<String, Tensor>>, seed: Option<u64>) -> Ran {
    let mut module = program.module.clone();
    let names = floats(&module, program.entry);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (entry, _) = fuse::canonical(&mut module, program.entry).expect("rules fit");
    let chosen = seed.map(|seed| schedule_in_chaos(&mut module, entry, seed).expect("the form fits"));
    verify(&module).expect("the graph keeps its rules");
    let both = grad::value_and_grad(&mut module, entry, &names).expect("floats have gradients");
    let (flat, _) = fuse::flat(&mut module, both, SETTING).expect("calls fit");
    let given = given.cloned().unwrap_or_else(|| {
        let mut all = fresh_inputs(&module, flat, "schedule", 2);
        for input in &module.function(flat).inputs {
            let value = module.function(flat).value(input.value);
            all.insert(input.name.clone(), noise(&input.name, &module.dims(&value.shape, 2)));
        }
        all
    });
    let results = interp::run(&module, flat, &given, 2).expect("the program runs");
    Ran { given, results: results.outputs, chosen: chosen.unwrap_or_default() }
}

/// Holds the matrix form, in chunks of several lengths, to the scan.
fn holds(text: &str) {
    for steps in [1, 2, 7, 12, 13] {
        let program = program(text, steps);
        let Ran { given, results: wanted, .. } = run(&program, None, None);
        for seed in 0..6 {
            let Ran { results: found, chosen, .. } = run(&program, Some(&given), Some(seed));
            assert!(matches!(chosen[0].form, Form::Matrix { .. }), "{}\n{text}", chosen[0]);
            assert_eq!(wanted.len(), found.len());
            for ((name, old), (other, new)) in wanted.iter().zip(&found) {
                assert_eq!((name, &old.dims), (other, &new.dims));
                let size = old.data.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
                let pairs = old.data.iter().zip(&new.data);
                let worst = pairs.map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max);
                let what = format!("{name} of {steps} steps, {}", chosen[0]);
                assert!(worst < ROUNDING, "{what}: differs by {worst:e}\n{text}");
            }
        }
    }
}

#[test]
fn in_both_directions() {
    holds(&heads([STEP, YIELD, FORWARD, "0", ONE]));
    holds(&heads([STEP, YIELD, "reverse T", "0", ONE]));
}

#[test]
fn from_a_state_to_a_state() {
    let yields = format!("{YIELD}\n      final h");
    holds(&heads([STEP, &yields, FORWARD, "start", TWO]));
    holds(&heads([STEP, &yields, "reverse T", "start", TWO]));
    holds(&heads([STEP, &yields, FORWARD, "0", TWO]));
}

#[test]
fn with_several_results_and_what_skips_the_state() {
    let yields = "yield (sum(c[t] * h, over: N) + skip * x[t], -dt[t] * sum(d[t] * h, over: N))";
    holds(&heads([STEP, yields, FORWARD, "0", "(y: [T, H, P], z: [T, H, P])"]));
}

/// Decays of any sign and size: none is divided by, and no logarithm is taken of one.
#[test]
fn with_decays_that_are_no_exponentials() {
    for decay in
        ["dt[t]", "floor(sigmoid(dt[t]))", "sigmoid(dt[t])", "a", "(dt[t] - 1000)", "exp(1000 * a)", "skip"]
    {
        let step = format!("{decay} * h - b[t] * x[t]");
        holds(&heads([&step, YIELD, FORWARD, "start", ONE]));
        holds(&heads([&step, YIELD, "reverse T", "start", ONE]));
    }
}

#[test]
fn with_weights_of_each_head() {
    let text = heads([STEP, YIELD, FORWARD, "0", ONE]);
    let text = text.replace("b: [T, N], c: [T, N], d: [T, N]", "b: [T, H, N], c: [T, H, N], d: [T, N]");
    holds(&text);
    let one_head =
        text.replace("[T, H, ", "[T, ").replace("[H, P, N]", "[P, N]").replace("dt: [T, H]", "dt: [T]");
    let one_head =
        one_head.replace("skip: [H] = ones", "skip: [] = 1").replace("a: [H] = -1.0 - iota(H)", "a: [] = -1");
    holds(&one_head.replace("Heads(H, ", "Heads("));
}

#[test]
fn says_why_a_scan_stays_one() {
    let reason = |text: &str| {
        let mut program = program(text, 7);
        let (entry, _) = fuse::canonical(&mut program.module, program.entry).expect("rules fit");
        let chosen = schedule_in_chaos(&mut program.module, entry, 1).expect("the form fits");
        match &chosen[0].form {
            Form::Sequential(reason) => reason.clone(),
            form => panic!("{form:?}\n{text}"),
        }
    };
    let step = |step: &str| reason(&heads([step, YIELD, FORWARD, "0", ONE]));
    assert_eq!(step("exp(dt[t] * a * b[t]) * h + b[t] * x[t]"), Reason::Decay);
    assert_eq!(step("tanh(h) + b[t] * x[t]"), Reason::Step);
    assert_eq!(step("dt[t] * h * h + b[t] * x[t]"), Reason::Step);
    assert_eq!(step("dt[t] * h + b[t] * x[t] + d[t] * x[t] * x[t]"), Reason::Terms(2));
    let yields = |yields: &str| reason(&heads([STEP, yields, FORWARD, "0", ONE]));
    assert_eq!(yields("yield sum(c[t] * h * h, over: N)"), Reason::Read);
    assert_eq!(yields("yield exp(sum(c[t] * tanh(h), over: N))"), Reason::Read);
}

#[test]
fn wide_states_are_products_and_narrow_ones_are_not() {
    let text = heads([STEP, YIELD, FORWARD, "0", ONE]);
    let form = |states: usize, steps: usize| {
        let mut program = sized(&text, &[("T", steps), ("H", 2), ("P", 64), ("N", states)]);
        let (_, canonical) = fuse::canonical(&mut program.module, program.entry).expect("rules fit");
        canonical.scans[0].form.clone()
    };
    assert_eq!(form(16, 256), Form::Matrix { chunk: 32, steps: 256 });
    assert_eq!(form(64, 256), Form::Matrix { chunk: 64, steps: 256 });
    assert_eq!(form(16, 7), Form::Matrix { chunk: 7, steps: 7 });
    assert_eq!(form(4, 256), Form::Sequential(Reason::Narrow(256, 512)));
}
