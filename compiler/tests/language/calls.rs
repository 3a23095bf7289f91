//! Calls of layers and functions: matching, lifting, axis arguments, functions as arguments.

use crate::support::{assert_close, case, numbers, wave};

#[test]
fn what_a_signature_does_not_name_passes_through() {
    let text = "import std.{linear}
      block B(D, F) { f = linear(D -> F, bias: false)  forward(x: [H, D, W]) -> [H, F, W] { f(x) } }";
    let x = numbers(8, |i| i as f64);
    let case = case(text).dim("D", 2).dim("F", 1).dim("H", 2).dim("W", 2);
    let found = case.run(&[("x", &x), ("f.weight", &[1.0, 10.0])]);
    assert_close(&found, &[20.0, 31.0, 64.0, 75.0]);
}

#[test]
fn several_arguments_lift_one_axis_once() {
    let text = "block mix(D) { forward(x: [T, D], c: [D]) -> [T, D] { x * c } }
      block B(D) { m = mix(D)
        forward(x: [G, T, D], c: [G, D]) -> [G, T, D] { m(x, c, T: T) } }";
    let (x, c) = (numbers(8, |i| i as f64), [1.0, 2.0, 3.0, 4.0]);
    let case = case(text).item("B").dim("D", 2).dim("G", 2).dim("T", 2);
    assert_close(&case.run(&[("x", &x), ("c", &c)]), &[0.0, 2.0, 2.0, 6.0, 12.0, 20.0, 18.0, 28.0]);
}

#[test]
fn the_last_axis_binds_where_one_is_open() {
    let text = "block total { forward(x: [T]) -> [] { sum(x, over: T) } }
      block B { t = total()  forward(x: [G, T]) -> [G] { t(x) } }";
    let case = case(text).item("B").dim("G", 2).dim("T", 2);
    assert_close(&case.run(&[("x", &[1.0, 2.0, 3.0, 4.0])]), &[3.0, 7.0]);
}

const PATCHES: &str = "block Patches(H) {
    dims P = 2, T = H / P
    forward(x: [H]) -> [T, P] { unflatten(x, H -> (T, P)) }
  }
  block Double(C) { dims O = C ++ C  forward(x: [C]) -> [O] { concat(x, 2 * x, into: O) } }
  block Single(C) { dims O = C  forward(x: [C]) -> [O] { rename(x, C -> O) } }";

#[test]
fn an_axis_that_a_layer_makes_is_named_by_an_annotation() {
    let text = format!(
        "{PATCHES}\n block B(H) {{ cut = Patches(H)
          forward(x: [H]) -> [] {{ let y: [T, P] = cut(x); sum(y[P: 1] * iota(T), over: T) }} }}"
    );
    let case = case(&text).item("B").dim("H", 6);
    assert_close(&case.run(&[("x", &numbers(6, |i| i as f64))]), &[3.0 + 2.0 * 5.0]);
}

#[test]
fn an_annotation_names_nothing_that_has_a_name() {
    let line = |l: &str| {
        let text = format!("{PATCHES}\n block B(H) {{ cut = Patches(H)  forward(x: [H]) -> [] {{ {l} }} }}");
        case(&text).item("B").dim("H", 6).codes()
    };
    assert_eq!(line("let y: [G] = x; sum(y, over: G)"), ["A0316"]);
    assert_eq!(line("let y: [A] = cut(x); sum(y, over: A)"), ["A0316"]);
    let twice = "let y: [A, P] = cut(x); let z: [B, Q] = y; sum(z, over: (A, P))";
    assert_eq!(line(twice), ["A0316"]);
    let again = "let y: [A, P] = cut(x); let z: [B, Q] = flip(y, A); sum(z, over: (A, P))";
    assert_eq!(line(again), ["A0316"]);
    assert_eq!(line("let y: [A, P] = cut(x); sum(y, over: (A, P))"), [""; 0]);
}

#[test]
fn parts_of_a_sum_that_a_layer_makes_are_the_callers() {
    let text = format!(
        "{PATCHES}\n block B(D) {{ two = Double(D)  one = Single(D)
          forward(x: [D]) -> (a: [D], b: [D], c: [D]) {{
            let (a, b) = split(two(x))
            let c: [O] = one(x)
            (a, b, c[O: 0.. -> D])
          }} }}"
    );
    let compiled = case(&text).item("B").dim("D", 2).compiled();
    let found = compiled.run(&[("x", &[1.0, 2.0])]).outputs;
    let found: Vec<f64> = found.into_iter().flat_map(|(_, t)| t.data).collect();
    assert_close(&found, &[1.0, 2.0, 2.0, 4.0, 1.0, 2.0]);
}

#[test]
fn a_call_may_say_which_axis_is_meant() {
    let text = "block total { forward(x: [T]) -> [] { sum(x, over: T) } }
      block B { t = total()  forward(x: [G, H]) -> [H] { t(x, T: G) } }";
    let case = case(text).item("B").dim("G", 2).dim("H", 2);
    assert_close(&case.run(&[("x", &[1.0, 2.0, 3.0, 4.0])]), &[4.0, 6.0]);
}

#[test]
fn order_never_decides_silently() {
    let text = "block grid { forward(x: [H, W]) -> [H] { sum(x, over: W) } }
      block B { g = grid()  forward(x: [A, H, W]) -> [A, H] { g(x) } }";
    let case = |t| case(t).item("B").dim("A", 2).dim("H", 2).dim("W", 2);
    assert_eq!(case(text).codes(), ["A0306"]);
    let said = text.replace("g(x)", "g(x, H: H, W: W)");
    assert_close(&case(&said).run(&[("x", &numbers(8, |i| i as f64))]), &[1.0, 5.0, 9.0, 13.0]);
}

#[test]
fn axis_lists_stand_for_any_number_of_axes() {
    let text = "block map(I.. -> O..) {
        param w: [O.., I..] = ones
        forward(x: [I..]) -> [O..] { sum(w * x, over: I) }
      }
      block B(A, C, D) { f = map((A, C) -> D)  g = map(D -> (C, A))
        forward(x: [A, C]) -> [C, A] { g(f(x)) } }";
    let compiled = case(text).item("B").dim("A", 2).dim("C", 2).dim("D", 1).compiled();
    assert_eq!(compiled.parameter("f.w").stored, [1, 4]);
    let found = compiled.run(&[
        ("x", &[1.0, 2.0, 3.0, 4.0]),
        ("f.w", &[1.0, 10.0, 100.0, 1000.0]),
        ("g.w", &[1.0, 2.0, 3.0, 4.0]),
    ]);
    assert_close(&found.outputs[0].1.data, &[4321.0, 8642.0, 12963.0, 17284.0]);
}

#[test]
fn a_result_may_have_axes_that_the_callee_makes() {
    let text = "block pairs(D) {
        dims Z = 2
        forward(x: [D]) -> [Z, D] { x * (1 + iota(Z)) }
      }
      block B(D) { p = pairs(D)
        forward(x: [D]) -> [D] { let (a, b) = split(p(x), over: Z); a + b } }";
    let wrong = case(text).item("B").dim("D", 2).codes();
    assert_eq!(wrong, ["A0316"], "the callee's `Z` is not a name of the caller");
    let text = text.replace("over: Z", "");
    assert_eq!(
        case(&text).item("B").dim("D", 2).codes(),
        ["A0311"],
        "and its size is no reason to take it apart"
    );
}

#[test]
fn axes_that_come_out_of_two_calls_are_two() {
    let text = "block pairs(D) {
        dims Z = 1 ++ 1
        forward(x: [D]) -> [Z, D] { x * (1 + iota(Z)) }
      }
      block B(D) { p = pairs(D)
        forward(x: [D]) -> [D] {
          let (a, b) = split(p(x))
          let (c, d) = split(p(b))
          a + 10 * b + 100 * c + 1000 * d
        } }";
    let found = case(text).item("B").dim("D", 2).run(&[("x", &[1.0, 2.0])]);
    assert_close(&found, &[1.0 + 20.0 + 200.0 + 4000.0, 2.0 * 4221.0]);
}

#[test]
fn functions_without_shapes_take_anything() {
    let text = "fn modulate(x, shift, scale) = x * (1 + scale) + shift
      block B(D) { forward(x: [T, D], s: [D]) -> [T, D] { modulate(modulate(x, s, s), 1, 0) } }";
    let found = case(text).dim("D", 1).dim("T", 2).run(&[("x", &[1.0, 2.0]), ("s", &[3.0])]);
    assert_close(&found, &[8.0, 12.0]);
}

#[test]
fn functions_with_shapes_lift_and_hold_their_results() {
    let text = "fn dot(a: [D], b: [D]) -> [] { sum(a * b, over: D) }
      block B(D) { forward(x: [T, D], y: [D]) -> [T] { dot(x, y) } }";
    let found = case(text).dim("D", 2).dim("T", 2).run(&[("x", &[1.0, 2.0, 3.0, 4.0]), ("y", &[1.0, 10.0])]);
    assert_close(&found, &[21.0, 43.0]);
    let wrong = text.replace("-> [] {", "-> [D] {");
    assert_eq!(case(&wrong).dim("D", 2).dim("T", 2).codes(), ["A0303"]);
}

#[test]
fn a_function_may_give_one_axis_twice_too() {
    let text = "fn first(a: [S, D], b: [T, D]) -> [S, D] { a + sum(b, over: T) }
      block B(D) { forward(x: [T, D]) -> [T, D] { first(x, x) } }";
    let found = case(text).dim("D", 1).dim("T", 2).run(&[("x", &[1.0, 2.0])]);
    assert_close(&found, &[4.0, 5.0]);
}

#[test]
fn functions_take_axes_and_functions() {
    let text = "fn centred(x, along: axis T) = x - mean(x, over: T)
      fn apply(x, f: fn) = f(x) + 1
      block B { config act: fn = relu
        forward(x: [H, W]) -> [H, W] { apply(centred(x, along: H), act) } }";
    let case = |t: &str| case(t).dim("H", 2).dim("W", 1);
    assert_close(&case(text).run(&[("x", &[1.0, 5.0])]), &[1.0, 3.0]);
    assert_close(&case(text).set("act", "abs").run(&[("x", &[1.0, 5.0])]), &[3.0, 3.0]);
}

#[test]
fn forward_takes_axes() {
    let text = "block prefix { forward(x: [T], along: axis T) -> [T] { x + sum(x, over: T) } }
      block B { p = prefix()  forward(x: [G, H]) -> [G, H] { p(p(x, along: H), along: G) } }";
    let found = case(text).item("B").dim("G", 2).dim("H", 1).run(&[("x", &[1.0, 2.0])]);
    assert_close(&found, &[2.0 + 6.0, 4.0 + 6.0]);
}

#[test]
fn a_function_may_call_itself_with_smaller_numbers() {
    let text = "fn power(x, n: int) = if n == 0 { 1.0 } else { x * power(x, n - 1) }
      block B { forward(x: []) -> [] { power(x, 5) } }";
    assert_close(&case(text).run(&[("x", &[2.0])]), &[32.0]);
    let endless = text.replace("n - 1", "n + 1");
    assert_eq!(case(&endless).codes(), ["A0404"]);
}

#[test]
fn a_function_may_have_defaults_and_compile_time_values() {
    let text = "fn scaled(x, by: float = 2.0, twice: bool = false) = if twice { x * by * by } else { x * by }
      block B { forward(x: []) -> [] { scaled(x) + scaled(x, twice: true) + scaled(x, 3) } }";
    assert_close(&case(text).run(&[("x", &[1.0])]), &[9.0]);
}

#[test]
fn a_function_may_give_several_values() {
    let text = "fn both(x: [D]) { (x + 1, x * 2) }
      block B(D) { forward(x: [D]) -> [D] { let (a, b) = both(x); a * b } }";
    assert_close(&case(text).dim("D", 2).run(&[("x", &[1.0, 2.0])]), &[4.0, 12.0]);
}

#[test]
fn a_pipe_gives_the_first_argument() {
    let text = "fn scaled(x, k: float) = x * k
      import std.{linear}
      block B(D) { f = linear(D -> D, bias: false)
        forward(x: [D]) -> [D] { x |> f |> scaled(k: 2) |> flip(D) |> exp |> log } }";
    let text = format!("import std.{{linear}}\n{}", text.replace("import std.{linear}", ""));
    let found = case(&text).dim("D", 2).run(&[("x", &[1.0, 2.0]), ("f.weight", &[1.0, 0.0, 0.0, 1.0])]);
    assert_close(&found, &[4.0, 2.0]);
}

#[test]
fn calling_a_layer_twice_shares_its_weights() {
    let text = "import std.{linear}
      block B(D) { f = linear(D -> D)  forward(x: [D]) -> [D] { f(f(x)) } }";
    let compiled = case(text).dim("D", 2).compiled();
    assert_eq!(compiled.names(), ["f.weight", "f.bias"]);
    let found =
        compiled.run(&[("x", &[1.0, 2.0]), ("f.weight", &[0.0, 1.0, 2.0, 0.0]), ("f.bias", &[1.0, 1.0])]);
    assert_close(&found.outputs[0].1.data, &[4.0, 7.0]);
}

#[test]
fn a_callee_finds_its_axes_wherever_they_stand() {
    let text = "import std.{layer_norm}
      block B(D) { n = layer_norm(D, affine: false)
        forward(x: [D, T]) -> [D, T] { n(x) } }";
    let found = case(text).dim("D", 2).dim("T", 2).run(&[("x", &[1.0, 5.0, 3.0, 1.0])]);
    let unit = |d: f64| d / (d * d + 1e-5).sqrt();
    assert_close(&found, &[unit(-1.0), unit(2.0), unit(1.0), unit(-2.0)]);
}

#[test]
fn layers_over_several_axes() {
    let text = "import std.{linear}
      block B(C, P, Q, D) { f = linear((C, P, Q) -> D)
        forward(x: [C, GH, P, GW, Q]) -> [GH, GW, D] { f(x) } }";
    let case = case(text).dim("C", 2).dim("P", 2).dim("Q", 2).dim("D", 1).dim("GH", 1).dim("GW", 2);
    let weight = numbers(8, |i| f64::from(i as u32));
    let x = wave(16);
    let at = |c: usize, p: usize, w: usize, q: usize| x[((c * 2 + p) * 2 + w) * 2 + q];
    let mut wanted = [0.5, 0.5];
    for (i, k) in weight.iter().enumerate() {
        for (w, total) in wanted.iter_mut().enumerate() {
            *total += k * at(i / 4, i / 2 % 2, w, i % 2);
        }
    }
    assert_close(&case.run(&[("x", &x), ("f.weight", &weight), ("f.bias", &[0.5])]), &wanted);
}

#[test]
fn what_passes_through_two_functions_passes_once() {
    let text = "fn running(x: [T]) -> [T] { scan t over T (s: [] = 0) { s <- s + x[t]  yield s } }
      fn shares(x: [T]) -> [T] = running(x) / sum(x, over: T)
      block B { forward(x: [H, T]) -> [H, T] { shares(x) } }";
    let case = case(text).dim("H", 2).dim("T", 2);
    assert_close(&case.run(&[("x", &[1.0, 3.0, 2.0, 2.0])]), &[0.25, 1.0, 0.5, 1.0]);
}

#[test]
fn an_argument_makes_the_axis_that_the_call_names() {
    let text = "fn total(x, over: axis S) = sum(x, over: S)
      block reach(E) { forward(x: [T, E]) -> [E] { sum(x, over: T) } }
      block B(D) {
        reach = reach(D)
        forward(x: [H, W, D]) -> [D] {
          total(flatten(x, (H, W) -> N), over: N) + reach(flatten(x, (H, W) -> M), T: M)
        }
      }";
    let case = case(text).item("B").dim("D", 1).dim("H", 2).dim("W", 2);
    assert_close(&case.run(&[("x", &[1.0, 2.0, 3.0, 4.0])]), &[20.0]);
}

#[test]
fn names_from_elsewhere_are_answered() {
    let said = |call: &str| {
        let outcome =
            case(&format!("block B {{ forward(x: [T]) -> [T] {{ {call} }} }}")).dim("T", 2).outcome();
        arch_grammar::render(&outcome.diagnostics, &outcome.sources, false)
    };
    for (call, help) in [
        ("roll(x, 1)", "permute(x, T -> S, (iota(T) + 1) % T)"),
        ("einsum(x, x)", "sum(a * b, over: K)"),
        ("pad(x, T, left: 1)", "pad(x, T -> S, left: 1, right: 1)"),
    ] {
        assert!(said(call).contains(help), "{}", said(call));
    }
}
