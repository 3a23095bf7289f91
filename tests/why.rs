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
    assert!(!said.contains("predicted"), "{said}");
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
