//! Chunks side by side say what the scan says, with its gradients, and are refused where they cannot.

use crate::fuse;
use crate::grad;
use crate::graph::verify;
use crate::interp;
use crate::schedule::tests::{ROUNDING, Ran, floats, run, sized};
use crate::schedule::{Chosen, Form, Reason};

/// Lengths: one step, fewer than chunks, no whole number of chunks, and a whole one.
const STEPS: [usize; 5] = [1, 2, 7, 12, 13];
const DIRECTIONS: [&str; 2] = ["T", "reverse T"];

/// A block of which the states, the step and what is read are filled in.
fn block(along: &str, carries: &str, lines: &[&str], results: &str) -> String {
    format!(
        "edition 2026
block Recurrence(H, N) {{
  param a: [H, N] = -0.5 - 0.1 * iota(N)
  param k: [H] = 0.3 + 0.2 * iota(H)
  forward(x: [T, H], u: [T, H], g: [T, H], w: [T, H, N], s: [H], r: [H], start: [H, N]) -> {results} {{
    scan t over {along} ({carries}) {{
      {}
    }}
  }}
}}
",
        lines.join("\n      ")
    )
}

/// Runs a program with its gradients in chunks, and gives which scans were cut.
fn in_chunks(text: &str, steps: usize, seed: u64) -> (Vec<Chosen>, Vec<(String, f64)>) {
    let program = sized(text, &[("T", steps), ("H", 3), ("N", 2)]);
    let Ran { given, results: wanted, .. } = run(&program, None, None);
    let mut module = program.module.clone();
    let names = floats(&module, program.entry);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (entry, _) = fuse::canonical(&mut module, program.entry).expect("rules fit");
    let both = grad::value_and_grad(&mut module, entry, &names).expect("floats have gradients");
    let (flat, chosen) = fuse::flat_in_chaos(&mut module, both, seed).expect("the forms fit");
    verify(&module).expect("the graph keeps its rules");
    let found = interp::run(&module, flat, &given, 2).expect("the program runs").outputs;
    assert_eq!(wanted.len(), found.len());
    let apart = wanted.iter().zip(&found).map(|((name, old), (other, new))| {
        assert_eq!((name, &old.dims), (other, &new.dims));
        let size = old.data.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        let pairs = old.data.iter().zip(&new.data);
        (name.clone(), pairs.map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max))
    });
    let apart = apart.collect();
    (chosen, apart)
}

/// Holds chunks side by side, in several numbers, to the scan, with its gradients.
fn holds(text: &str) {
    for steps in STEPS {
        for seed in 0..6 {
            let (chosen, apart) = in_chunks(text, steps, seed);
            for one in &chosen {
                assert!(matches!(one.form, Form::InTime { .. }), "{one}\n{text}");
            }
            for (name, apart) in apart {
                assert!(
                    apart < ROUNDING,
                    "{name} of {steps} steps, {}: differs by {apart:e}\n{text}",
                    chosen[0]
                );
            }
        }
    }
}

#[test]
fn a_state_a_channel() {
    for along in DIRECTIONS {
        let step = ["h <- sigmoid(g[t]) * h + u[t]", "yield h", "final h"];
        holds(&block(along, "h: [H] = s", &step, "(y: [T, H], last: [H])"));
        let one = ["h <- 0.5 * h + sum(u[t], over: H)", "yield h"];
        holds(&block(along, "h: [] = 0", &one, "(y: [T])"));
    }
}

/// States with an axis that results are summed over, and constants with axes of the state.
#[test]
fn a_state_with_axes() {
    for along in DIRECTIONS {
        let step = ["h <- exp(a * g[t]) * h + w[t] * u[t]", "yield sum(w[t] * h, over: N)", "final h"];
        holds(&block(along, "h: [H, N] = start", &step, "(y: [T, H], last: [H, N])"));
        holds(&block(along, "h: [H, N] = 0", &step, "(y: [T, H], last: [H, N])"));
    }
}

/// Decays that are zero, negative, larger than one, and none at all.
#[test]
fn decays_of_any_kind() {
    for decay in ["0 * g[t]", "-0.7", "-sigmoid(g[t])", "floor(sigmoid(g[t]))", "g[t]", "k", "(1 + k)", "1"] {
        let step = format!("h <- {decay} * h + u[t]");
        for along in DIRECTIONS {
            let step = [step.as_str(), "yield h * x[t]", "final h"];
            holds(&block(along, "h: [H] = s", &step, "(y: [T, H], last: [H])"));
        }
    }
}

/// Two states of which each depends on both: what a chunk does to them is a matrix.
#[test]
fn states_that_mix() {
    for along in DIRECTIONS {
        let turn = [
            "let c = cos(g[t])",
            "let d = sin(g[t])",
            "p <- 0.9 * (c * p - d * q) + u[t]",
            "q <- 0.9 * (d * p + c * q) + x[t] * k",
            "yield p * q + x[t] * p",
            "final (p, q)",
        ];
        holds(&block(along, "p: [H] = s, q: [H] = 0", &turn, "(y: [T, H], p: [H], q: [H])"));
        // A momentum reads the new value of the other state.
        let momentum = ["let v = k * p + u[t]", "p <- v - g[t] * q", "q <- q + 0.1 * v", "yield q"];
        holds(&block(along, "p: [H] = s, q: [H] = r", &momentum, "(y: [T, H])"));
        let one_way = ["p <- 0.8 * p + u[t]", "q <- g[t] * q + p * x[t]", "yield q"];
        holds(&block(along, "p: [H] = 0, q: [H] = s", &one_way, "(y: [T, H])"));
        let three =
            ["p <- k * q + u[t]", "q <- 0.5 * h - p * g[t]", "h <- p / (2 + g[t] * g[t]) + q", "yield h - p"];
        holds(&block(along, "p: [H] = s, q: [H] = r, h: [H] = 0", &three, "(y: [T, H])"));
    }
}

/// Steps that read their neighbours, that choose, and results that are no multiples of the state.
#[test]
fn steps_with_more_in_them() {
    for along in DIRECTIONS {
        let near = ["h <- k * h + u[t - 1 else 0] + u[t + 1 else 1]", "yield tanh(h) * exp(-h * h)"];
        holds(&block(along, "h: [H] = s", &near, "(y: [T, H])"));
        let chosen = ["h <- where(g[t] > 0, 0.5 * h, u[t] - h)", "yield h", "final h"];
        holds(&block(along, "h: [H] = s", &chosen, "(y: [T, H], last: [H])"));
        let before = ["yield h * x[t]", "h <- g[t] * h + u[t]"];
        holds(&block(along, "h: [H] = s", &before, "(y: [T, H])"));
    }
}

#[test]
fn says_why_a_scan_is_not_cut() {
    let reasons = |carries: &str, lines: &[&str]| {
        let (chosen, apart) = in_chunks(&block("T", carries, lines, "(y: [T, H])"), 7, 1);
        assert!(apart.iter().all(|a| a.1 < ROUNDING));
        chosen.into_iter().map(|c| c.form).collect::<Vec<_>>()
    };
    let not_affine = Form::Sequential(Reason::NotAffine);
    for step in [
        "tanh(h) + u[t]",
        "h * h * g[t] + u[t]",
        "u[t] / (2 + h * h)",
        "max(h, u[t])",
        "sum(h, over: H) * u[t]",
    ] {
        let forms = reasons("h: [H] = s", &[&format!("h <- {step}"), "yield h"]);
        assert!(forms.contains(&not_affine), "{step}: {forms:?}");
        assert!(!forms.iter().any(|f| matches!(f, Form::InTime { .. })), "{step}: {forms:?}");
    }
    // One state that is none of the others' business is cut by itself.
    let both = reasons("p: [H] = s, q: [H] = r", &["p <- k * p + u[t]", "q <- tanh(q * p)", "yield q"]);
    assert!(!both.is_empty());
}
