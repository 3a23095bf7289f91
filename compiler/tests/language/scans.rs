//! Recurrences.

use crate::support::{Case, assert_close, case, numbers, wave};
use arch_compiler::ops::{Op, View};

fn over(t: usize, signature: &str, body: &str) -> Case {
    case(&format!("block B {{ forward{signature} {{ {body} }} }}")).dim("T", t)
}

#[test]
fn a_scan_goes_forward_and_back() {
    let sum = "scan t over T (h: [] = 0) { h <- h + x[t]  yield h }";
    assert_close(&over(3, "(x: [T]) -> [T]", sum).run(&[("x", &[1.0, 2.0, 4.0])]), &[1.0, 3.0, 7.0]);
    let back = sum.replace("over T", "over reverse T");
    assert_close(&over(3, "(x: [T]) -> [T]", &back).run(&[("x", &[1.0, 2.0, 4.0])]), &[7.0, 6.0, 4.0]);
}

#[test]
fn updates_are_simultaneous_and_yields_see_the_new_values() {
    let body = "let (a, b, last) = scan t over T (p: [] = 0, q: [] = 1) {
        p <- q
        q <- p + q + 0 * x[t]
        yield (p, q)
        final p
      }
      (a, b, last)";
    let found = over(5, "(x: [T]) -> (a: [T], b: [T], last: [])", body).compiled().run(&[("x", &[0.0; 5])]);
    assert_close(&found.output("a").unwrap().data, &[1.0, 1.0, 2.0, 3.0, 5.0]);
    assert_close(&found.output("b").unwrap().data, &[1.0, 2.0, 3.0, 5.0, 8.0]);
    assert_close(&found.output("last").unwrap().data, &[5.0]);
}

#[test]
fn a_scan_may_give_only_its_last_value() {
    let body = "scan t over T (h: [] = 1) { h <- h * x[t]  final h }";
    assert_close(&over(3, "(x: [T]) -> []", body).run(&[("x", &[2.0, 3.0, 4.0])]), &[24.0]);
}

#[test]
fn the_first_state_may_be_an_input() {
    let body = "scan t over T (h: [] = start) { h <- 0.5 * h + x[t]  yield h }";
    let case = over(2, "(x: [T], start: []) -> [T]", body);
    assert_close(&case.run(&[("x", &[1.0, 1.0, 0.0, 0.0]), ("start", &[4.0, 8.0])]), &[3.0, 2.5, 4.0, 2.0]);
}

#[test]
fn neighbours_are_read_with_a_value_beyond_the_edge() {
    let body = "scan t over T (h: [] = 0) { h <- x[t - 1 else 5] + 10 * x[t + 1 else 7] + 0 * h  yield h }";
    let found = over(3, "(x: [T]) -> [T]", body).run(&[("x", &[1.0, 2.0, 3.0])]);
    assert_close(&found, &[25.0, 31.0, 72.0]);
    let missing = "scan t over T (h: [] = 0) { h <- x[t - 1] + h  yield h }";
    assert_eq!(over(3, "(x: [T]) -> [T]", missing).codes(), ["A0505"]);
}

#[test]
fn a_neighbour_that_is_read_twice_is_one_value() {
    let body =
        "scan t over T (h: [] = 0) { h <- x[t - 1 else 5] * x[t - 1 else 5] + x[t - 2 else 5] + h  yield h }";
    let compiled = over(4, "(x: [T]) -> [T]", body).compiled();
    let pads = compiled.program.module.functions.iter().flat_map(|f| &f.nodes);
    let pads = pads.filter(|n| matches!(n.op, Op::View(View::Pad { .. }))).count();
    assert_eq!(pads, 2);
    assert_close(&compiled.run(&[("x", &[1.0, 2.0, 3.0, 4.0])]).outputs[0].1.data, &[30.0, 36.0, 41.0, 52.0]);
}

#[test]
fn a_body_need_not_be_affine() {
    let body = "scan t over T (h: [] = 0) { let g = sigmoid(x[t]); h <- tanh(g * h + x[t]) ^ 2  yield h }";
    let x = wave(4);
    let mut h = 0.0;
    let wanted = x.iter().map(|v: &f64| {
        h = (h / (1.0 + (-v).exp()) + v).tanh().powi(2);
        h
    });
    assert_close(&over(4, "(x: [T]) -> [T]", body).run(&[("x", &x)]), &wanted.collect::<Vec<f64>>());
}

#[test]
fn the_selective_scan_is_written_as_mathematics() {
    let text = "block B(E, N) {
        param a: [E, N] = ones
        forward(u: [T, E], b: [T, N]) -> (y: [T, E], last: [E, N]) {
          scan t over T (h: [E, N] = 0) {
            h <- exp(-a * u[t]) * h + b[t] * u[t]
            yield sum(b[t] * h, over: N)
            final h
          }
        }
      }";
    let (t, e, n) = (3, 2, 2);
    let (u, b) = (wave(t * e), numbers(t * n, |i| 0.3 * i as f64));
    let found = case(text).dim("E", e).dim("N", n).dim("T", t).compiled().run(&[("u", &u), ("b", &b)]);
    let mut h = vec![0.0; e * n];
    let mut y = Vec::new();
    for s in 0..t {
        for i in 0..e {
            for j in 0..n {
                h[i * n + j] = (-u[s * e + i]).exp() * h[i * n + j] + b[s * n + j] * u[s * e + i];
            }
            y.push((0..n).map(|j| b[s * n + j] * h[i * n + j]).sum());
        }
    }
    assert_close(&found.output("y").unwrap().data, &y);
    assert_close(&found.output("last").unwrap().data, &h);
}

const SUMS: &str = "block Sums(D) {
    param decay: [D] = 0.5
    forward(x: [T, D]) -> [T, D] {
      scan t over T (h: [D] = 0) { h <- decay * h + x[t]  yield h }
    }
  }";

#[test]
fn axes_that_the_block_does_not_name_lift_into_carries() {
    let text = format!("{SUMS} block B(D) {{ s = Sums(D)  forward(x: [G, T, D]) -> [G, T, D] {{ s(x) }} }}");
    let x = numbers(4, |i| i as f64 + 1.0);
    let case = case(&text).item("B").dim("D", 1).dim("G", 2).dim("T", 2);
    assert_close(&case.run(&[("x", &x)]), &[1.0, 2.5, 3.0, 5.5]);
    let along = text.replace("s(x)", "s(x, T: G)");
    let case = crate::support::case(&along).item("B").dim("D", 1).dim("G", 2).dim("T", 2);
    assert_close(&case.run(&[("x", &x)]), &[1.0, 2.0, 3.5, 5.0]);
}

#[test]
fn a_carry_that_gets_an_undeclared_axis_is_an_error() {
    let body = "scan t over T (h: [] = 0) { h <- h + x[t]  yield h }";
    let text = format!("block B(D) {{ forward(x: [T, D]) -> [T, D] {{ {body} }} }}");
    assert_eq!(case(&text).dim("D", 2).dim("T", 2).codes(), ["A0302"]);
}

#[test]
fn layers_are_called_inside_a_step() {
    let text = "import std.{linear}
      block Rnn(D) {
        w = linear(D -> D)
        forward(x: [T, D]) -> [T, D] {
          scan t over T (h: [D] = 0) { h <- tanh(w(h) + x[t])  yield h }
        }
      }";
    let compiled = case(text).dim("D", 2).dim("T", 3).compiled();
    let (x, w, b) = (wave(12), [0.5, -1.0, 2.0, 0.25], [0.1, -0.2]);
    let found = compiled.run(&[("x", &x), ("w.weight", &w), ("w.bias", &b)]);
    let mut wanted = Vec::new();
    for sample in 0..2 {
        let mut h = [0.0, 0.0];
        for t in 0..3 {
            let z = |i: usize| w[2 * i] * h[0] + w[2 * i + 1] * h[1] + b[i] + x[sample * 6 + t * 2 + i];
            h = [z(0).tanh(), z(1).tanh()];
            wanted.extend(h);
        }
    }
    assert_close(&found.outputs[0].1.data, &wanted);
}

#[test]
fn blocks_of_blocks_are_called_inside_a_step() {
    let text = "import std.{mlp, layer_norm}
      block Step(D) { m = mlp(D, hidden: 3, act: tanh)  n = layer_norm(D)
        forward(x: [D], h: [D]) -> (a: [D], b: [D]) { (m(n(x + h)), m(h)) } }
      block B(D) { steps = Step(D) repeat 2
        forward(x: [T, D]) -> [T, D] {
          scan t over T (h: [D] = 0) {
            let (a, b) = steps[0](x[t], h)
            let (c, d) = steps[1](a, h)
            h <- c + d
            yield h - b
          }
        } }
      block Unrolled(D) { steps = Step(D) repeat 2
        forward(x: [T, D]) -> [T, D] {
          dims S = 1 ++ 1
          let h = 0 * x[T: 0]
          let (a, b) = steps[0](x[T: 0], h)
          let (c, d) = steps[1](a, h)
          let h = c + d
          let first = h - b
          let (a, b) = steps[0](x[T: 1], h)
          let (c, d) = steps[1](a, h)
          rename(concat(first, c + d - b, into: S), S -> T)
        } }";
    let of = |item| case(text).item(item).dim("D", 2).dim("T", 2).compiled();
    let x = wave(8);
    assert_close(
        &of("B").run(&[("x", &x)]).outputs[0].1.data,
        &of("Unrolled").run(&[("x", &x)]).outputs[0].1.data,
    );
}

#[test]
fn a_scan_in_a_function_and_two_scans_in_a_row() {
    let text =
        "fn running(x: [T], decay) -> [T] { scan t over T (h: [] = 0) { h <- decay * h + x[t]  yield h } }
      block B(D) { param a: [D] = 0.5
        forward(x: [T, D]) -> [T, D] { x |> running(0.5, T: T) |> running(a, T: T) } }";
    let found = case(text).dim("D", 1).dim("T", 3).run(&[("x", &[1.0, 0.0, 0.0])]);
    assert_close(&found, &[1.0, 1.0, 0.75]);
}

#[test]
fn values_of_a_step_have_no_positions() {
    let wrong = |body: &str| over(2, "(x: [T]) -> [T]", body).codes()[0];
    assert_eq!(wrong("scan t over T (h: [] = 0) { h <- h[t] + x[t]  yield h }"), "A0504");
    assert_eq!(wrong("scan t over T (h: [] = 0) { h <- h + sum(x, over: T)  yield h + x }"), "A0506");
    assert_eq!(wrong("scan t over T (h: [T] = 0) { h <- h + x[t]  yield h }"), "A0502");
    assert_eq!(wrong("scan t over T (h: [] = 0) { yield x[t] }"), "A0503");
    assert_eq!(wrong("scan t over T (h: [] = 0) { h <- h + x[t] }"), "A0508");
    assert_eq!(wrong("scan t over T (h: [] = 0) { h <- h; h <- x[t]  yield h }"), "A0507");
    assert_eq!(
        wrong("let s = sum(x, over: T)\nscan t over T (h: [] = 0) { h <- h + s[t]  yield h }"),
        "A0501"
    );
}

#[test]
fn a_note_says_whether_a_recurrence_is_affine() {
    let note = |carries: &str, step: &str| {
        let case = over(2, "(x: [T]) -> [T]", &format!("scan t over T ({carries}) {{ {step}  yield h }}"));
        let outcome = case.outcome();
        assert!(outcome.program.is_some(), "{:?}", outcome.diagnostics);
        outcome.notes.iter().map(|d| d.code).collect::<Vec<_>>()
    };
    let one = "h: [] = 0";
    for affine in [
        "h <- exp(x[t]) * h + x[t]",
        "h <- (x[t] - h) / (1 + x[t] ^ 2)",
        "h <- where(x[t] > 0, h, -h)",
        "let k = 2 * h\nh <- k - h * x[t]",
        "h <- x[t] ^ 2",
    ] {
        assert_eq!(note(one, affine), ["A0591"], "{affine}");
    }
    for other in
        ["h <- h * h", "h <- tanh(h)", "h <- x[t] / h", "h <- max(h, x[t])", "h <- where(h > 0, h, 0.0)"]
    {
        assert_eq!(note(one, other), ["A0592"], "{other}");
    }
    let two = "h: [] = 0, g: [] = 0";
    assert_eq!(note(two, "h <- h + g\ng <- x[t] - h"), ["A0591"]);
    assert_eq!(note(two, "h <- h * g\ng <- x[t]"), ["A0592"]);
    // What is yielded may depend on the state in any way.
    assert_eq!(note(one, "h <- h + x[t]\nlet y = tanh(h)").len(), 1);
}
