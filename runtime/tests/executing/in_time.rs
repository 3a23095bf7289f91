//! Recurrences in chunks that run side by side, with their gradients.

use super::common::{Fill, Terms, compare};
use super::tolerance::SCANS;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::schedule::{Form, Machine, Setting};
use arch_compiler::{fuse, grad};

/// A block with its name, what it is given, its carries and its step.
fn text([arguments, results, along, carries, step]: [&str; 5]) -> String {
    format!(
        "edition 2026
block Recurrence(E, N) {{
  param k: [E] = 0.3
  param a: [E, N] = -0.5
  forward({arguments}) -> {results} {{
    scan t over {along} ({carries}) {{
      {step}
    }}
  }}
}}
"
    )
}

/// Holds the form to the interpreter, for so many channels and steps.
fn check(what: &str, text: &str, sizes: [usize; 2], with_gradients: bool) {
    let [channels, steps] = sizes;
    let dims = [("E", channels), ("N", 3), ("T", steps)].map(|(name, size)| (name.into(), size)).to_vec();
    let outcome = compile(&NoFiles, what, text, &Request { dims, ..Request::default() });
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let program = outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"));
    let mut module = program.module.clone();
    let (mut entry, _) = fuse::canonical(&mut module, program.entry).expect("the rules fit");
    if with_gradients {
        let floats = program.inputs.iter().map(|a| a.name.as_str()).chain(program.trained());
        let floats: Vec<&str> = floats.collect();
        entry = grad::value_and_grad(&mut module, entry, &floats).expect("floats have gradients");
    }
    // Long enough to be cut in earnest, or else in chunks of a length that depends on the number of steps.
    let setting = Setting { machine: Machine::Host { lanes: 8 }, batch: 1 };
    let (flat, chosen) = match steps {
        1000.. => fuse::flat(&mut module, entry, setting),
        _ => fuse::flat_in_chaos(&mut module, entry, steps as u64),
    }
    .expect("the forms fit");
    assert!(!chosen.is_empty());
    for one in &chosen {
        assert!(matches!(one.form, Form::InTime { .. }), "{what}: {one}");
    }
    let case = format!("{what} of {channels} channels and {steps} steps, {}", chosen[0]);
    let batch = if steps < 1000 { 2 } else { 1 };
    compare(&case, &module, flat, batch, &Terms::in_turn(&case, &SCANS, Fill::Signed, 4));
}

fn everywhere(what: &str, parts: [&str; 5]) {
    check(what, &text(parts), [3, 19], false);
    for sizes in [[1, 12], [3, 37], [17, 26]] {
        check(what, &text(parts), sizes, true);
    }
}

const CHANNELS: &str = "x: [T, E], g: [T, E], s: [E]";

#[test]
fn a_state_a_channel_in_chunks() {
    for along in ["T", "reverse T"] {
        let step = "h <- sigmoid(g[t]) * h + x[t]\n      yield h\n      final h";
        everywhere("a state", [CHANNELS, "(y: [T, E], last: [E])", along, "h: [E] = s", step]);
    }
}

#[test]
fn a_selective_scan_in_chunks() {
    let arguments = "x: [T, E], g: [T, E], b: [T, N], c: [T, N]";
    for along in ["T", "reverse T"] {
        let step = "h <- exp(a * g[t] * g[t]) * h + g[t] * b[t] * x[t]\n      yield sum(c[t] * h, over: N)";
        everywhere("a selective scan", [arguments, "[T, E]", along, "h: [E, N] = 0", step]);
    }
}

/// Gradients of what all channels share are sums over channels, and no lane may have the states of all.
#[test]
fn chunks_of_many_channels() {
    let arguments = "x: [T, E], g: [T, E], b: [T, N], c: [T, N]";
    let step = "h <- exp(a * g[t] * g[t]) * h + g[t] * b[t] * x[t]\n      yield sum(c[t] * h, over: N)";
    for steps in [7, 12] {
        let parts = [arguments, "[T, E]", "T", "h: [E, N] = 0", step];
        check("a wide selective scan", &text(parts), [352, steps], true);
    }
}

#[test]
fn states_that_mix_in_chunks() {
    let step = "p <- 0.9 * (cos(g[t]) * p - sin(g[t]) * q) + x[t]
      q <- 0.9 * (sin(g[t]) * p + cos(g[t]) * q) + x[t] * k
      yield p * q";
    for along in ["T", "reverse T"] {
        everywhere("a rotation", [CHANNELS, "[T, E]", along, "p: [E] = s, q: [E] = 0", step]);
    }
}

/// 1031 is a prime: the last of the chunks is not full.
#[test]
fn long_sequences_as_they_are_cut() {
    let step = "h <- sigmoid(g[t]) * h + x[t]\n      yield h\n      final h";
    for steps in [1024, 1031] {
        let parts = [CHANNELS, "(y: [T, E], last: [E])", "T", "h: [E] = s", step];
        check("a state", &text(parts), [3, steps], false);
    }
}
