//! Views: the same elements, read in another way.

use crate::support::{Case, assert_close, case, numbers};

fn counted(n: usize) -> Vec<f64> {
    numbers(n, |i| i as f64)
}

/// A block over `T` with this result and body.
fn over(t: usize, result: &str, body: &str) -> Case {
    case(&format!("block B(T) {{ forward(x: [T]) -> {result} {{ {body} }} }}")).dim("T", t)
}

#[track_caller]
fn check(case: &Case, n: usize, wanted: &[f64]) {
    assert_close(&case.run(&[("x", &counted(n))]), wanted);
}

#[test]
fn flatten_runs_its_last_axis_fastest() {
    let text = "block B(H, W) { forward(x: [H, W]) -> (a: [T], b: [S]) { (flatten(x, (H, W) -> T), flatten(x, (W, H) -> S)) } }";
    let found = case(text).dim("H", 2).dim("W", 3).compiled().run(&[("x", &counted(6))]);
    assert_close(&found.output("a").unwrap().data, &counted(6));
    assert_close(&found.output("b").unwrap().data, &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn unflatten_computes_one_size() {
    let case = over(6, "[A, K]", "dims A = 2\nunflatten(x, T -> (A, K))");
    check(&case, 6, &counted(6));
    assert_eq!(over(6, "[A, K]", "dims A = 4\nunflatten(x, T -> (A, K))").codes(), ["A0309"]);
    assert_eq!(over(6, "[A, K]", "unflatten(x, T -> (A, K))").codes()[0], "A0309");
}

#[test]
fn several_axes_are_unflattened_at_once() {
    let text = "block B(H, W) { dims P = 2, Q = 2
        forward(x: [H, W]) -> [GH, GW, P, Q] { unflatten(x, H -> (GH, P), W -> (GW, Q)) } }";
    let found = case(text).dim("H", 4).dim("W", 4).run(&[("x", &counted(16))]);
    assert_close(&found[..8], &[0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
}

#[test]
fn slices_positions_flips_and_shifts() {
    check(&over(5, "[S]", "x[T: 1.. -> S]"), 5, &[1.0, 2.0, 3.0, 4.0]);
    check(&over(5, "[S]", "x[T: ..2 -> S]"), 5, &[0.0, 1.0]);
    check(&over(5, "[S]", "x[T: 1..T - 1 -> S]"), 5, &[1.0, 2.0, 3.0]);
    check(&over(5, "[]", "x[T: 3]"), 5, &[3.0]);
    check(&over(5, "[]", "x[T: T - 1]"), 5, &[4.0]);
    check(&over(3, "[T]", "flip(x, T)"), 3, &[2.0, 1.0, 0.0]);
    check(&over(3, "[T]", "shift(x, T, fill: 9)"), 3, &[9.0, 0.0, 1.0]);
    check(&over(3, "[T]", "shift(x, T, by: -2)"), 3, &[2.0, 0.0, 0.0]);
    check(&over(3, "[T]", "shift(x, T, by: 5, fill: 7)"), 3, &[7.0, 7.0, 7.0]);
    assert_eq!(over(5, "[]", "x[T: 5]").codes(), ["A0313"]);
    assert_eq!(over(5, "[S]", "x[T: 2..7 -> S]").codes(), ["A0313"]);
}

#[test]
fn two_axes_are_sliced_at_once() {
    let text = "block B(H, W) { forward(x: [H, W]) -> [A] { x[H: 1, W: 1.. -> A] } }";
    assert_close(&case(text).dim("H", 2).dim("W", 3).run(&[("x", &counted(6))]), &[4.0, 5.0]);
}

#[test]
fn pads_and_windows() {
    check(&over(2, "[S]", "pad(x, T -> S, left: 1, right: 2, fill: 5)"), 2, &[5.0, 0.0, 1.0, 5.0, 5.0]);
    let k2 = |body: &str, t, result: &str| over(t, result, &format!("dims K = 2\n{body}"));
    check(&k2("window(x, T -> (T, K), left: K - 1)", 3, "[T, K]"), 3, &[0.0, 0.0, 0.0, 1.0, 1.0, 2.0]);
    check(&k2("window(x, T -> (S, K))", 3, "[S, K]"), 3, &[0.0, 1.0, 1.0, 2.0]);
    check(&k2("window(x, T -> (S, K), stride: 2)", 5, "[S, K]"), 5, &[0.0, 1.0, 2.0, 3.0]);
    check(&k2("window(x, T -> (S, K), dilation: 2)", 4, "[S, K]"), 4, &[0.0, 2.0, 1.0, 3.0]);
    check(&k2("window(x, T -> (T, K), right: 1)", 3, "[T, K]"), 3, &[0.0, 1.0, 1.0, 2.0, 2.0, 0.0]);
    assert_eq!(k2("window(x, T -> (T, K))", 3, "[T, K]").codes(), ["A0309"]);
    assert_eq!(over(2, "[S, K]", "dims K = 5\nwindow(x, T -> (S, K))").codes()[0], "A0319");
}

#[test]
fn a_convolution_in_two_dimensions() {
    let text = "block B(H, W) { dims K = 3, L = 3
        param w: [K, L] = ones
        forward(x: [H, W]) -> [H, W] {
          let v = x |> window(H -> (H, K), left: 1, right: 1) |> window(W -> (W, L), left: 1, right: 1)
          sum(v * w, over: (K, L)) } }";
    let found = case(text).dim("H", 2).dim("W", 2).run(&[("x", &[1.0, 2.0, 3.0, 4.0]), ("w", &counted(9))]);
    let wanted = [
        4.0 * 1.0 + 5.0 * 2.0 + 7.0 * 3.0 + 8.0 * 4.0,
        3.0 * 1.0 + 4.0 * 2.0 + 6.0 * 3.0 + 7.0 * 4.0,
        1.0 * 1.0 + 2.0 * 2.0 + 4.0 * 3.0 + 5.0 * 4.0,
        0.0 * 1.0 + 1.0 * 2.0 + 3.0 * 3.0 + 4.0 * 4.0,
    ];
    assert_close(&found, &wanted);
}

#[test]
fn rename_and_broadcast() {
    check(&over(2, "[S]", "rename(x, T -> S)"), 2, &[0.0, 1.0]);
    check(&over(2, "[T, R]", "dims R = 2\nbroadcast(x, R)"), 2, &[0.0, 0.0, 1.0, 1.0]);
    check(&over(2, "[T, R, Q]", "dims R = 2, Q = 1\nbroadcast(x, (R, Q))"), 2, &[0.0, 0.0, 1.0, 1.0]);
    check(&over(2, "[T, R, Q]", "dims R = 2, Q = 1\nbroadcast(x, R, Q)"), 2, &[0.0, 0.0, 1.0, 1.0]);
    assert_eq!(over(2, "[T]", "dims S = 3\nrename(x, T -> S)").codes()[0], "A0309");
    let swap = "block B(H, W) { forward(x: [H, W]) -> [H, W] { rename(x, H -> A, W -> H, A -> W) } }";
    assert_close(&case(swap).dim("H", 2).dim("W", 2).run(&[("x", &counted(4))]), &[0.0, 2.0, 1.0, 3.0]);
}

#[test]
fn a_declared_axis_is_no_sum_because_a_sum_is_renamed_to_it() {
    let text = "block B { dims P = 1 ++ 1, Z = 1 ++ 1, D = 2
        forward(x: [P], y: [Z, D]) -> [D] { let r = rename(x, P -> D); let (a, b) = split(y); a - b + r } }";
    assert_close(&case(text).run(&[("x", &[5.0, 2.0]), ("y", &[1.0, 2.0, 3.0, 4.0])]), &[3.0, 0.0]);
    // A new name has what the sum was made of.
    let fresh = "block B { dims P = 1 ++ 1
        forward(x: [P]) -> [] { let (a, b) = split(rename(x, P -> Q)); a - b } }";
    assert_close(&case(fresh).run(&[("x", &[5.0, 2.0])]), &[3.0]);
}

#[test]
fn split_says_which_axis_where_two_could_be_meant() {
    let text = "block B { dims Z = 2, P = 1 ++ 1
        forward(x: [Z, P]) -> [P] { let (a, b) = split(x, over: Z); a + 10 * b } }";
    assert_close(&case(text).run(&[("x", &counted(4))]), &[20.0, 31.0]);
    let unclear = "block B { dims P = 1 ++ 1, Q = 1 ++ 1
        forward(x: [P, Q]) -> [P] { let (a, b) = split(x); a + b } }";
    assert_eq!(case(unclear).codes(), ["A0311"]);
    assert_eq!(over(3, "[]", "let (a, b) = split(x, over: T)\na + b").codes(), ["A0407"]);
}

#[test]
fn concat_wants_the_parts_in_order() {
    let text = "block B(T, R) { dims S = T ++ R
        forward(x: [T], y: [R]) -> [S] { concat(x, y, into: S) } }";
    let case = |t: &str| case(t).dim("T", 1).dim("R", 2);
    assert_close(&case(text).run(&[("x", &[1.0]), ("y", &[2.0, 3.0])]), &[1.0, 2.0, 3.0]);
    assert_eq!(case(&text.replace("x, y, into", "y, x, into")).codes()[0], "A0312");
}

#[test]
fn gathers_look_up_by_integers() {
    let text = "block B(D) { dims C = 3  param table: [C, D] = ones
        forward(y: [T] int) -> [T, D] { table[C: y] } }";
    let compiled = case(text).dim("D", 2).dim("T", 2).compiled();
    let found = compiled.run(&[("y", &[2.0, 0.0]), ("table", &counted(6))]);
    assert_close(&found.outputs[0].1.data, &[4.0, 5.0, 0.0, 1.0]);
    assert_eq!(compiled.program.inputs[0].below, Some(3));
}

#[test]
fn rearrange_is_flatten_and_unflatten() {
    let text = "block B(D) { dims H = 2
        forward(x: [T, D]) -> [L] { rearrange(x, \"T D=(H K) -> L=(H T K)\") } }";
    let found = case(text).dim("D", 4).dim("T", 2).run(&[("x", &counted(8))]);
    assert_close(&found, &[0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    assert_eq!(case(&text.replace("L=(H T K)", "L=(H K)")).dim("D", 4).dim("T", 2).codes()[0], "A0318");
}
