//! Recurrences in chunks that run side by side, with their gradients: lengths of chunks are chosen by seeds.

use super::common::{Fill, Terms, compare};
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::schedule::Form;
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
    for seed in [1, 4] {
        let mut module = program.module.clone();
        let (mut entry, _) = fuse::canonical(&mut module, program.entry).expect("the rules fit");
        if with_gradients {
            let floats = program.inputs.iter().map(|a| a.name.as_str()).chain(program.trained());
            let floats: Vec<&str> = floats.collect();
            entry = grad::value_and_grad(&mut module, entry, &floats).expect("floats have gradients");
        }
        let (flat, chosen) = fuse::flat_in_chaos(&mut module, entry, seed).expect("the forms fit");
        assert!(!chosen.is_empty());
        for one in &chosen {
            assert!(matches!(one.form, Form::InTime { .. }), "{what}: {one}");
        }
        let case = format!("{what} of {channels} channels and {steps} steps, seed {seed}, {}", chosen[0]);
        compare(&case, &module, flat, 2, &Terms::in_turn(&case, 2e-5, Fill::Signed, 4));
    }
}

fn everywhere(what: &str, parts: [&str; 5]) {
    for sizes in [[1, 12], [3, 37], [17, 26]] {
        for gradients in [false, true] {
            check(what, &text(parts), sizes, gradients);
        }
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

#[test]
fn states_that_mix_in_chunks() {
    let step = "p <- 0.9 * (cos(g[t]) * p - sin(g[t]) * q) + x[t]
      q <- 0.9 * (sin(g[t]) * p + cos(g[t]) * q) + x[t] * k
      yield p * q";
    for along in ["T", "reverse T"] {
        everywhere("a rotation", [CHANNELS, "[T, E]", along, "p: [E] = s, q: [E] = 0", step]);
    }
}
