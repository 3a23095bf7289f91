//! `archc verify`: kernels against the interpreter, gradients against differences.

mod common;

use common::{archc, folder};

const BLOCK: &str = "edition 2026

block Gate(D) {
  param w: [D] = ones
  param unused_at_first: [D] = zeros
  forward(x: [T, D]) -> [T, D] {
    scan t over T (h: [D] = 0) {
      h <- sigmoid(w) * h + x[t] * (1 + unused_at_first)
      yield tanh(h)
    }
  }
}
";

#[test]
fn a_block_is_held_against_the_interpreter_and_differences() {
    let dir = folder();
    let file = dir.path().join("gate.arch");
    std::fs::write(&file, BLOCK).unwrap();
    let ran = archc("verify --dim D=5 --dim T=7 --json", &[("", &file)]).fine();
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["agrees"], true, "{report}");
    let tensors = report["tensors"].as_array().unwrap();
    let names: Vec<&str> = tensors.iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names, ["output", "grad.w", "grad.unused_at_first", "grad.x"]);
    for t in tensors {
        assert!(t["executing"].as_f64().unwrap() < 1e-5, "{t}");
        let gradient = t["name"].as_str().unwrap().starts_with("grad.");
        assert_eq!(t["differences"].as_f64().is_some_and(|d| d < 1e-6), gradient, "{t}");
        assert_eq!(t["zero"], false, "{t}");
    }
}

#[test]
fn a_gradient_that_is_not_that_of_the_values_is_named() {
    let dir = folder();
    let file = dir.path().join("stopped.arch");
    let text = BLOCK.replace("sigmoid(w) * h", "stop_gradient(sigmoid(w)) * h");
    std::fs::write(&file, text).unwrap();
    let ran = archc("verify --dim D=5 --dim T=7", &[("", &file)]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let line = ran.stdout.lines().find(|l| l.contains("grad.w")).unwrap_or_default().to_string();
    assert!(line.contains("WRONG"), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 of 4 tensors are apart: grad.w"), "{}", ran.stderr);
}

#[test]
fn what_is_too_large_for_the_interpreter_is_refused_with_numbers() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/dit.arch");
    let ran = archc("verify --preset XL/2", &[("", model)]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("237.2 G") && ran.stderr.contains("--set"), "{}", ran.stderr);
}
