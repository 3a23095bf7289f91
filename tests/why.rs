//! `archc dev --stage fused --why`: what a person reads about a block of their own.

mod common;

use common::{archc, folder};

const GATED: &str = "edition 2026

import std.{layer_norm, linear}

block Gated(D) {
  norm = layer_norm(D, affine: false, eps: 1e-6)
  fc   = linear(D -> D)

  forward(x: [T, D], scale: [D], gate: [D]) -> [T, D] {
    let z = fc(norm(x) * (1 + scale))
    x + gate * (z / (1 + exp(-z)))
  }
}
";

#[test]
fn each_kernel_says_what_is_in_it_and_what_is_not_and_why() {
    let base = folder();
    std::fs::write(base.path().join("gated.arch"), GATED).unwrap();
    let mut dev = common::command("dev gated.arch --dim T=16 --dim D=32 --batch 2 --stage fused --why");
    let ran = common::run(dev.current_dir(base.path())).fine();
    insta::assert_snapshot!(format!("{GATED}\n{}", ran.stdout));
}

#[test]
fn on_a_gpu_norms_say_why_they_are_not_in_the_product() {
    let base = folder();
    let file = base.path().join("after.arch");
    std::fs::write(
        &file,
        "edition 2026\n\nblock After(D, O) {\n  param w: [O, D] = normal(0.3)\n  forward(x: [T, D]) -> [T, O] {\n    \
         let y = sum(w * x, over: D)\n    y / sqrt(mean(y * y, over: O) + 1e-5)\n  }\n}\n",
    )
    .unwrap();
    let words = "dev --dim T=32 --dim D=16 --dim O=24 --stage fused --why --target cuda";
    let said = archc(words, &[("", &file)]).fine().stdout;
    assert!(said.contains("not in it   gemm_32x24x16"), "{said}");
    assert!(said.contains("on a GPU no block computes whole rows"), "{said}");
    assert!(!said.contains("predicted  "), "{said}");
    assert!(said.contains("No GPU is predicted."), "{said}");
    // The times are the bytes at 2 TB/s: 32 x 16 and 24 x 16 numbers in, 32 x 24 out.
    assert!(said.contains("the bytes at 2 TB/s, the memory of an A100 (80 GB)"), "{said}");
    let bytes = 4 * (32 * 16 + 24 * 16 + 32 * 24);
    assert_eq!(bytes, 6_656);
    assert!(kernel(&said, "gemm_").contains("bytes       6,656\n  at 2 TB/s   3 ns\n"), "{said}");
}

/// What is said of the first kernel of a kind.
fn kernel(said: &str, kind: &str) -> String {
    let kernels = said.split("\n\n").find(|kernel| kernel.starts_with(kind));
    format!("{}\n", kernels.unwrap_or_else(|| panic!("no {kind} in\n{said}")))
}

fn why(text: &str, options: &str) -> String {
    let base = folder();
    let file = base.path().join("text.arch");
    std::fs::write(&file, format!("edition 2026\n\n{text}")).unwrap();
    archc(&format!("dev {options} --stage fused --why"), &[("", &file)]).fine().stdout
}

#[test]
fn bytes_are_those_of_a_count_by_hand() {
    let text = "block Half {\n  forward(x: [T, D], y: [A]) -> [T, A] {\n    \
                let a = x[D: 4.. -> A]\n    a * a * y + exp(a)\n  }\n}\n";
    let said = why(text, "--dim T=8 --dim D=8 --dim A=4");
    // Of 8 x 8 numbers a half, and 4 more in; 8 x 4 out.
    let fused = 4 * (32 + 4 + 32);
    // Squares, their products with y, exponentials, and the sum of both.
    let apart = 4 * ((32 + 32) + (32 + 4 + 32) + (32 + 32) + (32 + 32 + 32));
    assert_eq!(apart, 1_168);
    let bytes = format!("bytes       {fused}, in place of 1,168 for its 4 operations one by one\n");
    assert!(said.contains(&bytes), "{said}");
}

#[test]
fn places_that_data_say_are_a_reason() {
    let text = "block Look(D) {\n  forward(x: [T, D], y: [] int) -> [D] {\n    \
                let r = x / sqrt(mean(x * x, over: D) + 1e-5)\n    r[T: y]\n  }\n}\n";
    let said = why(text, "--dim T=64 --dim D=64");
    let last = said.split("\n\n").last().unwrap();
    assert!(last.contains("it is looked up at places that are known only when the program runs"), "{said}");
    // Of 64 rows one is read, and the place; one is written.
    assert!(last.contains("bytes       516\n"), "{said}");
    let text = "block Look(D, N, O) {\n  param table: [N, D] = normal(0.3)\n  param w: [O, D] = normal(0.3)\n  \
                forward(y: [T] int) -> [T, O] {\n    sum(w * table[N: y], over: D)\n  }\n}\n";
    let said = why(text, "--dim T=64 --dim D=64 --dim N=64 --dim O=64");
    let said = kernel(&said, "gemm_");
    assert!(said.contains("it looks up places that are known only when the program runs"), "{said}");
}

#[test]
fn what_a_product_replaces_stands_at_the_product() {
    let said = why(
        "block Wide(D, O) {\n  param w: [O, D] = normal(0.3)\n  forward(x: [T, D], y: [O]) -> [T, O] {\n    \
         exp(sum(w * x, over: D) * y)\n  }\n}\n",
        "--dim T=32 --dim D=64 --dim O=64",
    );
    let copy = kernel(&said, "pack_");
    assert!(copy.contains("a copy of `w` in the order in which a matrix product reads it"), "{said}");
    assert!(copy.contains("bytes       32,768, once: it is kept until the weights change\n"), "{said}");
    assert!(!copy.contains("in place of") && !copy.contains("rules"), "{said}");
    assert!(kernel(&said, "gemm_").contains("for its 3 operations one by one"), "{said}");
}

#[test]
fn only_rules_are_named_that_changed_a_kernel() {
    let text = "import std.{linear}\n\nblock Two(D) {\n  first  = linear(D -> D, bias: false)\n  second = linear(D -> D, bias: false)\n  \
         forward(x: [T, D]) -> [T, D] {\n    let y = first(x - mean(x, over: D)) * 0.5 * (x * x)\n    \
         second(y / (1 + exp(-y)))\n  }\n}\n";
    let said = why(text, "--dim T=32 --dim D=64");
    // Both products stand in one line of `std`; the rule made what the second reads.
    let named: Vec<&str> = said.split("\n\n").filter(|k| k.contains("\n  rules")).collect();
    assert!(said.contains("nothing is computed differently for them: center\n"), "{said}");
    assert!(matches!(named.as_slice(), [one] if one.contains("rules       sigmoid\n")), "{said}");
}

#[test]
fn what_a_form_moved_is_named() {
    let text = "block Decay(E, N) {\n  param w: [E, N] = normal(0.7)\n  forward(x: [T, E]) -> [T, E] {\n    \
                scan t over T (h: [E, N] = 0) {\n      h <- 0.5 * h + w * x[t]\n      yield sum(h, over: N)\n    }\n  }\n}\n";
    let said = why(text, "--dim T=32 --dim E=16 --dim N=4");
    assert!(said.contains("     1  weights of a state       h <- a * h + b * x"), "{said}");
    assert!(kernel(&said, "scan_").contains("rules       weights of a state\n"), "{said}");
}

/// A shift of each channel times a factor of each token has no order of its own: rows are stored as they are read, also where
/// there are more tokens than channels.
#[test]
fn rows_are_stored_as_they_are_read() {
    let base = folder();
    let file = base.path().join("rows.arch");
    let text = "edition 2026\n\nimport std.{layer_norm}\n\nblock Rows(D) {\n  norm = layer_norm(D, affine: false)\n  \
                forward(x: [T, D], shift: [D], scale: [D]) -> [T, D] { norm(x) * (1 + scale) + shift }\n}\n";
    std::fs::write(&file, text).unwrap();
    for tokens in [8, 64] {
        let words = format!("dev --dim T={tokens} --dim D=16 --stage kernels --target c");
        let said = archc(&words, &[("", &file)]).fine().stdout;
        assert!(said.contains("void row_") && !said.contains("EACH_LANE a"), "{said}");
    }
}

#[test]
fn neighbors_with_one_reason_stand_together() {
    let said = why(
        "block Sum(D, O) {\n  param w: [O, D] = normal(0.3)\n  param v: [O, D] = normal(0.3)\n  \
         forward(x: [T, D]) -> [T, D] {\n    let a = exp(sum(w * x, over: D))\n    let b = sin(sum(v * x, over: D))\n    \
         sum(a * b, over: O) * x\n  }\n}\n",
        "--dim T=32 --dim D=64 --dim O=64",
    );
    let reasons: Vec<&str> = said.lines().filter_map(|l| l.strip_prefix("  not in it   ")).collect();
    assert!(!reasons.is_empty(), "{said}");
    for kernel in said.split("\n\n") {
        let reasons = kernel.lines().filter_map(|l| l.strip_prefix("  not in it   "));
        let mut said_so: Vec<&str> = reasons.filter_map(|r| Some(r.split_once(": ")?.1)).collect();
        let count = said_so.len();
        said_so.sort_unstable();
        said_so.dedup();
        assert_eq!(said_so.len(), count, "{kernel}");
    }
}

#[test]
fn a_softmax_that_is_no_attention_kernel_says_why() {
    let base = folder();
    let file = base.path().join("scores.arch");
    std::fs::write(
        &file,
        "edition 2026\n\nblock Scores(K) {\n  forward(q: [T, K], k: [S, K], v: [S, K]) -> (mixed: [T, K], weights: [T, S]) {\n    \
         let weights = softmax(sum(q * k, over: K), over: S)\n    (sum(weights * v, over: S), weights)\n  }\n}\n",
    )
    .unwrap();
    let said =
        archc("dev --dim T=32 --dim S=32 --dim K=16 --stage fused --why", &[("", &file)]).fine().stdout;
    assert!(said.contains("std/functions.arch:22 is no attention kernel"), "{said}");
    assert!(said.contains("are a result that is asked for"), "{said}");
}

#[test]
fn recurrences_that_are_alike_share_a_line() {
    let text = "block Two {\n  forward(u: [T, E]) -> (a: [T, E], b: [T, E]) {\n    \
                (decay(u, 0.5), decay(u, 0.25))\n  }\n}\n\n\
                fn decay(u: [T, E], k: []) -> [T, E] {\n  scan t over T (h: [E] = 0) {\n    \
                h <- k * h + u[t]\n    yield h\n  }\n}\n";
    let said = why(text, "--dim T=32 --dim E=16");
    assert_eq!(said.matches("step by step along").count(), 1, "{said}");
    assert!(said.contains("   (2 alike)\n"), "{said}");
}

#[test]
fn rules_of_costs_are_named_and_what_was_written_is_compared() {
    let text = "block Linear(K) {\n  forward(q: [T, K], k: [S, K], v: [S, K]) -> [T, K] {\n    \
                let w = sum(q * k, over: K)\n    sum(w * v, over: S)\n  }\n}\n";
    let said = why(text, "--dim T=64 --dim S=64 --dim K=8");
    assert_eq!(said.matches("  rules       order of products\n").count(), 2, "{said}");
    // The scores of all positions are written and read again as it is written, and no kernel has them.
    let (ends, scores) = (4 * 4 * 64 * 8, 2 * 4 * 64 * 64);
    assert_eq!(ends + scores, 40_960);
    assert!(said.contains("as written, one by one                 40,960 bytes"), "{said}");
}
