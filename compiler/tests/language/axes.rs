//! Axes: sizes, axis parameters, open axes, hygiene, counts, sums.

use crate::support::{assert_close, case, numbers, wave};

#[test]
fn sizes_are_integer_arithmetic() {
    let compiled = case(
        "block B {
           config a: int = 7
           config ratio: float = 2.5
           dims P = a + 1, Q = P * 2 - 4, R = Q / 4, S = a % 4, U = floor_div(a, 2), V = ceil_div(a, 2)
           dims W = min(a, 3), X = max(a, 3), Y = int(ratio * P), Z = if a > 5 { 2 } else { 3 }
           param w: [P, Q, R, S, U, V, W, X, Y, Z] = ones
           forward(x: [P]) -> [P] { x * sum(w, over: (Q, R, S, U, V, W, X, Y, Z)) / 1.0 }
         }",
    )
    .set("a", "7")
    .compiled();
    assert_eq!(compiled.parameter("w").stored, [8, 12, 3, 3, 3, 4, 3, 7, 20, 2]);
}

#[test]
fn config_values_and_axes_are_two_namespaces() {
    let case = case(
        "block B(D) {
           config M: int = 3
           dims M = M + 1
           param w: [M, D] = ones
           forward(x: [D]) -> [M, D] { x * w * M }
         }",
    )
    .dim("D", 2);
    assert_eq!(case.compiled().parameter("w").stored, [4, 2]);
    // In an expression the config value is looked up first.
    assert_close(&case.run(&[("x", &[1.0, 2.0])]), &[3.0, 6.0, 3.0, 6.0, 3.0, 6.0, 3.0, 6.0]);
}

#[test]
fn an_axis_may_be_tied_to_a_config_value() {
    let text = "block Inner(D = width) { config width: int in 1..  forward(x: [D]) -> [D] { x * width } }
      block Outer(E) { inner = Inner(E)  forward(x: [E]) -> [E] { inner(x) } }";
    let inner = || case(text).item("Inner");
    assert_close(&inner().set("width", "3").run(&[("x", &[1.0, 2.0, 3.0])]), &[3.0, 6.0, 9.0]);
    assert_close(&inner().dim("D", 2).run(&[("x", &[1.0, 2.0])]), &[2.0, 4.0]);
    assert_close(&case(text).item("Outer").dim("E", 4).run(&[("x", &[1.0; 4])]), &[4.0; 4]);
    assert_eq!(inner().dim("D", 2).set("width", "3").codes(), ["A0209"]);
}

#[test]
fn two_axes_of_one_size_are_two_axes() {
    let text = "block B(S, T) { forward(x: [S], y: [T]) -> [S] { x + y } }";
    assert_eq!(case(text).dim("S", 3).dim("T", 3).codes(), ["A0301"]);
}

#[test]
fn a_layer_may_be_given_one_axis_twice() {
    let text = "import std.{linear}
      block B(D) { f = linear(D -> D, bias: false)  forward(x: [T, D]) -> [T, D] { f(x) } }";
    let weight = [1.0, 2.0, 3.0, 4.0];
    let found =
        case(text).dim("D", 2).dim("T", 2).run(&[("x", &[1.0, 0.0, 0.5, 2.0]), ("f.weight", &weight)]);
    assert_close(&found, &[1.0, 3.0, 4.5, 9.5]);
}

#[test]
fn an_open_axis_of_a_call_may_be_given_twice() {
    // The scores have a key axis of their own, so `attend(x, x)` is legal though both are `[T, D]`.
    let text = "block attend(D) {
        forward(q: [T, D], k: [S, D]) -> [T, D] {
          let w = softmax(sum(q * k, over: D), over: S)
          sum(w * k, over: S)
        }
      }
      block B(D) { a = attend(D)  forward(x: [T, D]) -> [T, D] { a(x, x) } }";
    let x = [1.0, 0.0, 0.0, 2.0];
    let found = case(text).item("B").dim("D", 2).dim("T", 2).run(&[("x", &x)]);
    let share = |a: f64, b: f64| (a.exp() / (a.exp() + b.exp()), b.exp() / (a.exp() + b.exp()));
    let ((p, q), (r, s)) = (share(1.0, 0.0), share(0.0, 4.0));
    assert_close(&found, &[p, 2.0 * q, r, 2.0 * s]);
}

#[test]
fn a_result_with_one_axis_twice_is_an_error_at_the_call() {
    let text = "block scores(D) { forward(q: [T, D], k: [S, D]) -> [T, S] { sum(q * k, over: D) } }
      block B(D) { a = scores(D)  forward(x: [T, D]) -> [T, D] { sum(a(x, x) * x, over: T) } }";
    assert_eq!(case(text).item("B").dim("D", 2).dim("T", 2).codes(), ["A0307"]);
}

#[test]
fn counts_are_taken_apart() {
    let text = "import std.{linear}
      block B(D) {
        f = linear(D -> (3, D), bias: false)
        forward(x: [D]) -> [D] { let (a, b, c) = split(f(x)); a + 10 * b + 100 * c }
      }";
    let compiled = case(text).dim("D", 2).compiled();
    assert_eq!(compiled.parameter("f.weight").stored, [6, 2]);
    let weight = numbers(12, |i| i as f64);
    let found = compiled.run(&[("x", &[1.0, -1.0]), ("f.weight", &weight)]);
    assert_close(&found.outputs[0].1.data, &[-111.0, -111.0]);
    // Row 2i + d of the weight belongs to count i and position d.
    let found = compiled.run(&[("x", &[1.0, 0.0]), ("f.weight", &weight)]);
    assert_close(&found.outputs[0].1.data, &[0.0 + 40.0 + 800.0, 2.0 + 60.0 + 1000.0]);
}

#[test]
fn sums_are_taken_apart_into_their_parts() {
    let text = "block B(R, N) {
        dims S = R ++ N ++ N
        forward(x: [T, S]) -> (r: [T, R], n: [T, N]) { let (r, b, c) = split(x); (r, b - c) }
      }";
    let compiled = case(text).dim("R", 1).dim("N", 2).dim("T", 2).compiled();
    let found = compiled.run(&[("x", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 11.0])]);
    assert_close(&found.output("r").unwrap().data, &[1.0, 6.0]);
    assert_close(&found.output("n").unwrap().data, &[-2.0, -2.0, -2.0, -3.0]);
}

#[test]
fn a_linear_layer_may_go_to_a_sum() {
    let text = "import std.{linear}
      block B(D, N) {
        dims R = 1
        f = linear(D -> R ++ N ++ N, bias: false)
        forward(x: [D]) -> [N] { let (r, b, c) = split(f(x)); (b + c) * sum(r, over: R) }
      }";
    let weight = [1.0, 2.0, 3.0, 4.0, 5.0];
    let found = case(text).dim("D", 1).dim("N", 2).run(&[("x", &[2.0]), ("f.weight", &weight)]);
    assert_close(&found, &[2.0 * (4.0 + 8.0), 2.0 * (6.0 + 10.0)]);
}

#[test]
fn a_named_sum_in_a_sum_stays_one_part() {
    let text = "block B(D) {
        dims S = 1 ++ D, U = S ++ D
        forward(x: [U]) -> (s: [S], d: [D], first: []) {
          let (s, d) = split(x)
          let (first, _) = split(s)
          (s, d, first)
        }
      }";
    let found = case(text).dim("D", 2).compiled().run(&[("x", &[1.0, 2.0, 3.0, 4.0, 5.0])]);
    assert_close(&found.output("s").unwrap().data, &[1.0, 2.0, 3.0]);
    assert_close(&found.output("d").unwrap().data, &[4.0, 5.0]);
    assert_close(&found.output("first").unwrap().data, &[1.0]);
}

#[test]
fn a_sum_takes_in_what_concat_joins() {
    let text = "block B(D) {
        forward(a: [D], x: [T, D], y: [R, D]) -> [D] {
          dims S = 1 ++ T ++ R
          let s = concat(a, x, y, into: S)
          sum(s * iota(S), over: S)
        }
      }";
    let case = case(text).dim("D", 1).dim("T", 2).dim("R", 2);
    let found = case.run(&[("a", &[5.0]), ("x", &[1.0, 10.0]), ("y", &[100.0, 1000.0])]);
    assert_close(&found, &[1.0 + 20.0 + 300.0 + 4000.0]);
}

#[test]
fn a_signature_restores_its_order() {
    let text = "block B(D) { forward(x: [D, T]) -> [T, D] { x + 0 * iota(T) } }";
    let found = case(text).dim("D", 2).dim("T", 3).run(&[("x", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]);
    assert_close(&found, &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
}

#[test]
fn the_batch_passes_through_everything() {
    let text = "import std.{linear, layer_norm}
      block B(D) { f = linear(D -> D)  n = layer_norm(D)
        forward(x: [T, D], c: []) -> [T, D] { n(f(x)) * c } }";
    let compiled = case(text).dim("D", 3).dim("T", 2).compiled();
    let (x, c) = (wave(12), [2.0, -1.0]);
    let both = compiled.run(&[("x", &x), ("c", &c)]).outputs[0].1.data.clone();
    for i in 0..2 {
        let one = compiled.run(&[("x", &x[6 * i..6 * i + 6]), ("c", &c[i..=i])]);
        assert_close(&one.outputs[0].1.data, &both[6 * i..6 * i + 6]);
    }
}
