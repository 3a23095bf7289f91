//! `archc test`: what a file states of its own kernels, and what is said where it does not hold.

mod common;

use common::{Ran, archc, folder};

const GATE: &str = "edition 2026

import std.{linear}

model Gate {
  config width: int in 1.. = 8
  dims D = width
  gate = linear(D -> D)
  forward(x: [D]) -> [D] { x * silu(gate(x)) }
}
";

/// Runs a test of `Gate` whose body this is, on the lines from the twelfth on.
fn test(body: &str) -> Ran {
    let base = folder();
    let file = base.path().join("gate.arch");
    std::fs::write(&file, format!("{GATE}\ntest \"s\" of Gate {{\n{body}\n}}\n")).unwrap();
    archc("test", &[("", &file)])
}

/// The number that is found where another is stated.
fn found(measure: &str) -> String {
    let ran = test(&format!("  assert {measure} == 0"));
    ran.fails(1, &["A0601", "gate.arch:13:3", &format!("note: {measure} = ")]);
    let said = ran.stderr.split(&format!("note: {measure} = ")).nth(1).unwrap();
    said.lines().next().unwrap().to_string()
}

#[test]
fn kernels_products_and_bytes_are_counted() {
    for measure in ["kernels", "gemms", "bytes_moved"] {
        let numbers = ["forward", "train"].map(|pass| {
            let measure = format!("{measure}({pass})");
            let number = found(&measure);
            test(&format!("  assert {measure} == {number}\n  assert {measure} < {number} + 1")).fine();
            test(&format!("  assert {measure} < {number}")).fails(1, &["A0601", &measure, &number]);
            number.replace('_', "").parse::<u64>().unwrap()
        });
        assert!(numbers[0] < numbers[1], "{measure}: gradients take more, {numbers:?}");
    }
    let bytes: u64 = found("bytes_moved(forward)").replace('_', "").parse().unwrap();
    // Input, weights, bias and result at least, each once.
    assert!(bytes >= 4 * (8 + 64 + 8 + 8), "{bytes}");
}

#[test]
fn a_misspelt_measure_or_pass_is_answered_with_the_nearest() {
    for (wrong, right) in [("kernles", "kernels"), ("gems", "gemms"), ("bytes_move", "bytes_moved")] {
        test(&format!("  assert {wrong}(forward) == 2"))
            .fails(1, &["A0101", "gate.arch:13:10", wrong, &format!("did you mean `{right}`?")]);
    }
    for measure in ["kernels", "gemms", "bytes_moved"] {
        test(&format!("  assert {measure}(forwards) == 2"))
            .fails(1, &["A0101", "`forwards`", "did you mean `forward`?"]);
    }
}

#[test]
fn other_spellings_are_answered_with_the_one_that_works() {
    let cases = [
        ("kernels: 5", "A0026", "write `assert kernels(forward) == 5`"),
        ("gemms: 4", "A0026", "write `assert gemms(forward) == 4`"),
        ("bytes_moved: 1e6", "A0026", "write `assert bytes_moved(forward) == 1e6`"),
        ("kernels(train): 5", "A0026", "write `assert kernels(train) == 5`"),
        ("params: 72", "A0026", "write `assert params == 72`"),
        ("bytes_moved <= 123", "A0409", "`assert bytes_moved(forward) <= 123`"),
        ("bytes_moved(train) <= 123", "A0409", "`assert bytes_moved(train) <= 123`"),
        ("assert kernels == 5", "A0602", "write `kernels(forward)` or `kernels(train)`"),
        ("assert 5 >= gemms", "A0602", "write `gemms(forward)` or `gemms(train)`"),
        ("assert macs == 5", "A0602", "write `macs(forward)`"),
    ];
    for (body, code, way_out) in cases {
        test(&format!("  {body}")).fails(1, &[code, "gate.arch:13:", way_out]);
        // Not only where it stands last.
        test(&format!("  {body}\n  assert params == 72")).fails(1, &[code, "gate.arch:13:", way_out]);
    }
}
