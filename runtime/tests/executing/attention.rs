//! Attention, whose scores are never written: sizes around those of tiles, spellings, and what stands between
//! the products. Forward and with gradients of queries, keys and values.

use super::common::{Fill, Terms, compare};
use super::tolerance::{ATTENTION, ATTENTION_MORE};
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::grad;
use arch_compiler::program::Program;

/// Queries, keys, heads, width of keys, width of values.
type Sizes = [usize; 5];

/// From queries, keys and values to probabilities; the sum of exponents is divided by before the values are
/// weighted.
const PLAIN: &str = "
    let w = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(w * v, over: S)";

fn program([t, s, h, k, v]: Sizes, members: &str, body: &str) -> Program {
    let text = format!(
        "edition 2026\nmodel A {{\n  dims T = {t}, S = {s}, H = {h}, K = {k}, V = {v}\n{members}
  forward(q: [H, T, K], k: [H, S, K], v: [H, S, V]) -> [H, T, V] {{{body}\n  }}\n}}\n"
    );
    let outcome = compile(&NoFiles, "attention", &text, &Request::default());
    outcome.program.unwrap_or_else(|| panic!("{text}\n{:?}", outcome.diagnostics))
}

fn check(sizes: Sizes, members: &str, body: &str, more: &[&str], terms: &Terms) {
    let Program { mut module, entry, .. } = program(sizes, members, body);
    let what = format!("{sizes:?}{body}");
    let trained = [&["q", "k", "v"], more].concat();
    let both = grad::value_and_grad(&mut module, entry, &trained).expect("all have gradients");
    for batch in [1, 2] {
        compare(&format!("{what}\nforward"), &module, entry, batch, terms);
        compare(&format!("{what}\ngradients"), &module, both, batch, terms);
    }
}

fn plain(sizes: Sizes) {
    check(sizes, "", PLAIN, &[], &Terms::in_turn(&format!("{sizes:?}"), &ATTENTION, Fill::Signed, 1));
}

#[test]
fn one_query_or_one_key() {
    plain([1, 1, 1, 1, 1]);
    plain([1, 7, 2, 3, 3]);
    plain([7, 1, 2, 3, 3]);
    plain([7, 2, 1, 4, 4]);
}

#[test]
fn sizes_around_vectors() {
    for n in [15, 16, 17, 31, 33] {
        plain([n, n, 1, 5, 5]);
    }
}

#[test]
fn sizes_around_tiles_of_keys() {
    for s in [63, 64, 65, 127, 129] {
        plain([5, s, 1, 8, 8]);
    }
}

#[test]
fn other_widths() {
    for k in [8, 16, 17, 24, 72] {
        plain([19, 21, 2, k, k]);
    }
    plain([13, 67, 1, 6, 33]);
}

#[test]
fn long_sequences_of_odd_lengths() {
    let terms = Terms::everywhere(&ATTENTION, Fill::Signed, 1);
    check([97, 149, 1, 32, 32], "", PLAIN, &[], &terms);
    check([131, 71, 2, 9, 20], "", PLAIN, &[], &terms);
}

fn spelled(body: &str) {
    for sizes in [[9, 70, 2, 5, 5], [33, 12, 1, 8, 8]] {
        check(sizes, "", body, &[], &Terms::in_turn(body, &ATTENTION_MORE, Fill::Signed, 1));
    }
}

#[test]
fn divided_after_the_values_are_weighted() {
    spelled(
        "
    let x = sum(q * k, over: K) / sqrt(K)
    let e = exp(x - stop_gradient(max(x, over: S)))
    sum(e * v, over: S) / sum(e, over: S)",
    );
}

#[test]
fn nothing_subtracted() {
    spelled(
        "
    let e = exp(sum(q * k, over: K) * 0.3)
    sum(e / sum(e, over: S) * v, over: S)",
    );
}

#[test]
fn a_gradient_through_the_largest_score() {
    spelled(
        "
    let x = sum(q * k, over: K)
    let e = exp(x - max(x, over: S))
    sum(e / sum(e, over: S) * v, over: S)",
    );
}

#[test]
fn scores_under_a_cap() {
    spelled(
        "
    let x = tanh(sum(q * k, over: K) / 3) * 3
    sum(softmax(x, over: S) * v, over: S)",
    );
}

#[test]
fn keys_of_the_future_are_hidden() {
    for hidden in ["-1e30", "log(0.0)"] {
        let body = format!(
            "
    let x = sum(q * k, over: K) / sqrt(K)
    let x = where(iota(S) <= broadcast(2 * iota(T), S), x, {hidden})
    sum(softmax(x, over: S) * v, over: S)"
        );
        spelled(&body);
    }
}

#[test]
fn a_bias_that_is_given_or_trained() {
    let members = "  param bias: [H, T, S] = normal(1.0)";
    let body = "
    let x = sum(q * k, over: K) / sqrt(K) + bias
    sum(softmax(x, over: S) * v, over: S)";
    let terms = Terms::in_turn("bias", &ATTENTION_MORE, Fill::Signed, 1);
    check([9, 70, 2, 5, 5], members, body, &[], &terms);
    check([9, 70, 2, 5, 5], members, body, &["bias"], &terms);
    let members = "  param slope: [H] = ones";
    let body = "
    let x = sum(q * k, over: K) / sqrt(K) - slope * abs(broadcast(iota(T), S) - iota(S))
    sum(softmax(x, over: S) * v, over: S)";
    check([20, 70, 2, 5, 5], members, body, &[], &terms);
}

#[test]
fn probabilities_with_factors() {
    let members = "  param keep: [T, S] = ones";
    spelled_with(
        members,
        "
    let w = softmax(sum(q * k, over: K) / sqrt(K), over: S) * keep
    sum(w * v, over: S)",
    );
}

fn spelled_with(members: &str, body: &str) {
    check([18, 70, 2, 5, 5], members, body, &[], &Terms::in_turn(body, &ATTENTION_MORE, Fill::Signed, 1));
}

#[test]
fn probabilities_that_something_else_reads() {
    spelled(
        "
    let w = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(w * v, over: S) + sum(w * w, over: S)",
    );
    spelled(
        "
    let w = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(w * v, over: S) + sum(w * w * v, over: S)",
    );
}
