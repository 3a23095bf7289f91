//! Tensor types and arithmetic by axis.

use crate::support::{assert_close, case};

#[test]
fn a_product_has_the_axes_of_both_sides() {
    let text = "block B(E, N) { forward(x: [E], b: [N]) -> [E, N] { x * b } }";
    let found = case(text).dim("E", 2).dim("N", 3).run(&[("x", &[1.0, 2.0]), ("b", &[3.0, 4.0, 5.0])]);
    assert_close(&found, &[3.0, 4.0, 5.0, 6.0, 8.0, 10.0]);
}

#[test]
fn a_sum_broadcasts_only_what_one_side_lacks() {
    let text = "block B(D) { forward(x: [T, D], b: [D]) -> [T, D] { x + b - 1 } }";
    let found = case(text).dim("D", 2).dim("T", 2).run(&[("x", &[1.0, 2.0, 3.0, 4.0]), ("b", &[10.0, 20.0])]);
    assert_close(&found, &[10.0, 21.0, 12.0, 23.0]);
}

#[test]
fn the_outer_sum_is_asked_for_with_broadcast() {
    let text = "block B { forward(x: [T]) -> [T, S] { dims S = 3
        where(iota(T) >= broadcast(iota(S), T), x, 0.0) } }";
    let found = case(text).dim("T", 2).run(&[("x", &[5.0, 7.0])]);
    assert_close(&found, &[5.0, 0.0, 0.0, 7.0, 7.0, 0.0]);
    let wrong = "block B(T, S) { forward(x: [T]) -> [T, S] { where(iota(T) >= iota(S), x, 0.0) } }";
    assert_eq!(case(wrong).dim("T", 2).dim("S", 2).codes(), ["A0301"]);
}

#[test]
fn precedence_is_that_of_arithmetic() {
    let text = "block B { forward(x: []) -> (a: [], b: [], c: [], d: []) {
        (1 + 2 * x ^ 2 ^ 0.5, -x ^ 2, 7 % 4 * x, x |> exp |> log) } }";
    let found = case(text).compiled().run(&[("x", &[3.0])]);
    let two: f64 = 2.0;
    assert_close(&found.output("a").unwrap().data, &[1.0 + 2.0 * 3f64.powf(two.powf(0.5))]);
    assert_close(&found.output("b").unwrap().data, &[-9.0]);
    assert_close(&found.output("c").unwrap().data, &[9.0]);
    assert_close(&found.output("d").unwrap().data, &[3.0]);
}

#[test]
fn a_division_is_exact_in_a_size_and_a_fraction_in_a_value() {
    let text = "block B(D) { dims K = D / 2  forward(x: [D]) -> [D] { x * (1 / K) * (K / 2) } }";
    assert_close(&case(text).dim("D", 6).run(&[("x", &[6.0; 6])]), &[3.0; 6]);
    assert_eq!(case(text).dim("D", 5).codes(), ["A0206"]);
}

#[test]
fn reductions_name_their_axes() {
    let text = "block B(H, W) { forward(x: [H, W]) -> (a: [W], b: [], c: [H], d: [], e: []) {
        (sum(x, over: H), mean(x, over: (H, W)), max(x, over: W), prod(x, over: (H, W)), min(x, over: (W, H))) } }";
    let found = case(text).dim("H", 2).dim("W", 2).compiled().run(&[("x", &[1.0, 2.0, 3.0, -4.0])]);
    assert_close(&found.output("a").unwrap().data, &[4.0, -2.0]);
    assert_close(&found.output("b").unwrap().data, &[0.5]);
    assert_close(&found.output("c").unwrap().data, &[2.0, 3.0]);
    assert_close(&found.output("d").unwrap().data, &[-24.0]);
    assert_close(&found.output("e").unwrap().data, &[-4.0]);
}

#[test]
fn comparisons_choose_elementwise() {
    let text = "block B(T) { forward(x: [T]) -> (a: [T], b: [T], c: [T]) {
        (where(x > 0 and not (x >= 2), x, -1.0), where(x == 2 or x != x, 1.0, 0.0), max(min(x, 1), 0)) } }";
    let found = case(text).dim("T", 3).compiled().run(&[("x", &[-1.0, 1.0, 2.0])]);
    assert_close(&found.output("a").unwrap().data, &[-1.0, 1.0, -1.0]);
    assert_close(&found.output("b").unwrap().data, &[0.0, 0.0, 1.0]);
    assert_close(&found.output("c").unwrap().data, &[0.0, 1.0, 1.0]);
}

#[test]
fn every_scalar_function_computes_what_it_is_called() {
    let text = "block B { forward(x: []) -> (a: [], b: [], c: [], d: [], e: [], f: [], g: [], h: [], i: [], j: [], k: []) {
        (abs(-x), floor(x), exp(x), log(x), sqrt(x), rsqrt(x), sin(x), cos(x), tanh(x), sigmoid(x), softplus(x)) } }";
    let x: f64 = 1.3;
    let found = case(text).compiled().run(&[("x", &[x])]);
    let wanted = [
        x,
        1.0,
        x.exp(),
        x.ln(),
        x.sqrt(),
        1.0 / x.sqrt(),
        x.sin(),
        x.cos(),
        x.tanh(),
        1.0 / (1.0 + (-x).exp()),
        (1.0 + x.exp()).ln(),
    ];
    for ((name, tensor), wanted) in found.outputs.iter().zip(wanted) {
        assert!((tensor.data[0] - wanted).abs() < 1e-12, "{name}: {} is not {wanted}", tensor.data[0]);
    }
}

#[test]
fn integers_become_floats_where_floats_are_wanted() {
    let text = "block B { config n: int = 4  dims N = n
        forward(x: [N], y: [] int) -> [N] { x * iota(N) + y } }";
    assert_close(&case(text).run(&[("x", &[1.0; 4]), ("y", &[10.0])]), &[10.0, 11.0, 12.0, 13.0]);
}

#[test]
fn whole_numbers_divide_with_rounding_where_that_is_said() {
    let text = "block B(N) { forward(x: [N]) -> (a: [N], b: [N]) {
        (x * floor_div(iota(N), 2), x * (iota(N) % 2)) } }";
    let found = case(text).dim("N", 5).compiled().run(&[("x", &[1.0; 5])]);
    assert_close(&found.output("a").unwrap().data, &[0.0, 0.0, 1.0, 1.0, 2.0]);
    assert_close(&found.output("b").unwrap().data, &[0.0, 1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_parameter_may_be_stored_as_brain_floats() {
    let text = "block B(D) { param w: [D] = ones @bf16 @no_decay  param v: [D] = zeros @f32
        forward(x: [D]) -> [D] { x * w + v } }";
    let compiled = case(text).dim("D", 2).compiled();
    assert_eq!(compiled.parameter("w").dtype, arch_compiler::graph::DType::BF16);
    assert!(!compiled.parameter("w").decay && compiled.parameter("v").decay);
    assert_close(&compiled.run(&[("x", &[1.0, 2.0])]).outputs[0].1.data, &[1.0, 2.0]);
}
