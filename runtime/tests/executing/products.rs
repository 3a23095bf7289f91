//! Matrix products with what follows them: sizes around those of tiles, panels and blocks, spellings of what follows,
//! and what may not be computed with a product. Forward and with gradients.

use super::common::{Fill, Terms, compare};
use super::tolerance::PRODUCTS;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::grad;
use arch_compiler::program::Program;

/// Tokens, width before, width after.
type Sizes = [usize; 3];

const MEMBERS: &str = "
  param w: [O, I] = normal(0.3)
  param bias: [O] = normal(1.0)";

fn program([t, i, o]: Sizes, members: &str, inputs: &str, body: &str) -> Program {
    let text = format!(
        "edition 2026\nmodel A {{\n  dims T = {t}, I = {i}, O = {o}{members}
  forward(x: [T, I]{inputs}) -> [T, O] {{{body}\n  }}\n}}\n"
    );
    let outcome = compile(&NoFiles, "products", &text, &Request::default());
    outcome.program.unwrap_or_else(|| panic!("{text}\n{:?}", outcome.diagnostics))
}

fn check(sizes: Sizes, inputs: &str, body: &str, batch: usize, targets: &Terms) {
    let Program { mut module, entry, .. } = program(sizes, MEMBERS, inputs, body);
    let what = format!("{sizes:?}{body}");
    let both = grad::value_and_grad(&mut module, entry, &["x", "w", "bias"]).expect("all have gradients");
    compare(&format!("{what}\nforward"), &module, entry, batch, targets);
    compare(&format!("{what}\ngradients"), &module, both, batch, targets);
}

fn terms(case: &str) -> Terms {
    Terms::in_turn(case, &PRODUCTS, Fill::Signed, 1)
}

/// Bias, activation, gate for each sample and residual.
const FOLLOWED: &str = "
    let y = gelu_tanh(sum(w * x, over: I) + bias)
    r + gate * y";
const BESIDE: &str = ", r: [T, O], gate: [O]";

#[test]
fn rows_around_tiles_and_blocks() {
    for t in [1, 4, 127, 128, 129, 131, 191, 193] {
        check([t, 16, 32], BESIDE, FOLLOWED, 1, &terms(&format!("{t} rows")));
    }
}

#[test]
fn columns_around_vectors_and_panels() {
    for o in [1, 7, 15, 16, 17, 31, 33, 47, 63, 64, 65, 80, 97, 131] {
        check([16, 16, o], BESIDE, FOLLOWED, 8, &terms(&format!("{o} columns")));
    }
}

#[test]
fn sums_of_any_length() {
    for i in [1, 2, 15, 16, 17, 33, 97] {
        check([16, i, 48], BESIDE, FOLLOWED, 8, &terms(&format!("{i} terms")));
    }
}

#[test]
fn rows_of_many_samples() {
    for (t, batch) in [(1, 130), (3, 43), (5, 27), (17, 8), (64, 3), (100, 2)] {
        check([t, 24, 40], BESIDE, FOLLOWED, batch, &terms(&format!("{t} tokens")));
    }
}

#[test]
fn whole_rows_are_normalised_where_they_are_made() {
    for o in [16, 37, 64, 130] {
        let body = "
    let y = r + gate * (sum(w * x, over: I) + bias)
    let middle = mean(y, over: O)
    (y - middle) / sqrt(mean((y - middle) * (y - middle), over: O) + 1e-5) * (1 + gate)";
        check([33, 20, o], BESIDE, body, 4, &terms(&format!("{o} in a row")));
        let both = format!("{body} + y");
        check([33, 20, o], BESIDE, &both, 4, &terms(&format!("{o} in a row and beside")));
    }
}

#[test]
fn what_reads_the_result_elsewhere_comes_later() {
    for body in [
        // Another place along the rows, along the columns, and a sum over rows.
        "
    let y = sum(w * x, over: I) + bias
    y + flip(y, T)",
        "
    let y = sum(w * x, over: I)
    y * bias + flip(y, O)",
        "
    let y = sum(w * x, over: I) + bias
    y + mean(y, over: T)",
        // Two products that wait for each other's readers.
        "
    let y = sum(w * x, over: I) + bias
    let z = sum(w * (x * sum(y * w, over: O)), over: I)
    y * sigmoid(z)",
    ] {
        check([32, 24, 40], "", body, 4, &terms(body));
    }
}

#[test]
fn a_sum_of_two_products_is_computed_with_the_later_one() {
    let body = "
    let y = sum(w * x, over: I)
    let z = sum(w * (x * x), over: I)
    silu(y + z + bias)";
    check([32, 24, 40], "", body, 4, &terms(body));
}

/// A model of these dims, parameters and statements, forward and with gradients of `w` and `bias`.
fn check_text(dims: &str, params: &str, forward: &str, batch: usize, targets: &Terms) {
    let text = format!("edition 2026\nmodel A {{\n  dims {dims}\n{params}\n  forward{forward}\n}}\n");
    let outcome = compile(&NoFiles, "products", &text, &Request::default());
    let Program { mut module, entry, .. } =
        outcome.program.unwrap_or_else(|| panic!("{text}\n{:?}", outcome.diagnostics));
    compare(&format!("{text}\nforward"), &module, entry, batch, targets);
    // Gradients are those of one result.
    if module.function(entry).outputs.len() == 1 {
        let both = grad::value_and_grad(&mut module, entry, &["w", "bias"]).expect("all have gradients");
        compare(&format!("{text}\ngradients"), &module, both, batch, targets);
    }
}

#[test]
fn columns_and_rows_of_several_axes() {
    for (h, k, batch) in [(3, 16, 8), (4, 5, 9), (2, 40, 8)] {
        let dims = format!("R = 5, T = 4, I = 20, H = {h}, K = {k}");
        let params = "
  param w: [H, K, I] = normal(0.3)
  param bias: [H, K] = normal(1.0)
  param scale: [R, K] = ones";
        let forward = "(x: [R, T, I]) -> [R, T, H, K] {
    let y = sum(w * x, over: I) + bias
    y * sigmoid(scale * y)\n  }";
        let terms = Terms::everywhere(&PRODUCTS, Fill::Signed, 1);
        check_text(&dims, params, forward, batch, &terms);
    }
}

/// A product for each head, and one whose columns lie apart from one another.
#[test]
fn what_follows_products_that_are_repeated() {
    for (h, k, batch) in [(3, 16, 3), (4, 5, 1), (2, 33, 2)] {
        let dims = format!("T = 19, I = 20, H = {h}, K = {k}");
        let params = "
  param w: [H, I, K] = normal(0.3)
  param bias: [H, K] = normal(1.0)";
        let forward = "(x: [H, T, I], gate: [H]) -> [T, H, K] {
    let y = sum(w * x, over: I) + bias
    gate * silu(y)\n  }";
        check_text(&dims, params, forward, batch, &terms(&format!("{h} heads of {k}")));
    }
}

#[test]
fn a_result_that_is_asked_for_is_stored_beside_what_follows() {
    for (t, o, batch) in [(1, 1, 1), (63, 65, 1), (29, 31, 3)] {
        let dims = format!("T = {t}, I = 20, O = {o}");
        let params = "
  param w: [O, I] = normal(0.3)
  param bias: [O] = normal(1.0)";
        let forward = "(x: [T, I], r: [T, O]) -> (sums: [T, O], y: [T, O]) {
    let y = sum(w * x, over: I)
    (y, r + gelu(y + bias))\n  }";
        check_text(&dims, params, forward, batch, &terms(&format!("{t} by {o}")));
    }
}
