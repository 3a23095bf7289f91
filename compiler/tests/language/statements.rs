//! Statements, loops over layers, compile-time choices.

use crate::support::{assert_close, case};
use arch_compiler::check::{NoFiles, Request, check_file};

#[test]
fn let_may_shadow_take_apart_and_assert() {
    let text = "block B(D) { forward(x: [T, D]) -> [T, D] {
        let x = x + 1
        let ((a, b), _) = ((x, 2 * x), 3)
        let y: [D, T] = a + b
        y
      } }";
    assert_close(&case(text).dim("D", 2).dim("T", 1).run(&[("x", &[1.0, 2.0])]), &[6.0, 9.0]);
    let wrong = text.replace("[D, T] =", "[D] =");
    assert_eq!(case(&wrong).dim("D", 2).dim("T", 1).codes(), ["A0302"]);
}

#[test]
fn an_update_keeps_the_type() {
    let text = "block B(D) { forward(x: [T, D]) -> [D] { let s = sum(x, over: T)
        for i in 1..4 { s <- s * i }
        s } }";
    assert_close(&case(text).dim("D", 1).dim("T", 2).run(&[("x", &[1.0, 2.0])]), &[18.0]);
    let wrong = text.replace("s <- s * i", "s <- x * i");
    assert_eq!(case(&wrong).dim("D", 1).dim("T", 2).codes(), ["A0317"]);
}

const U: &str = "import std.{linear}
  block Up(D) {
    f = linear(D -> D, bias: false)
    forward(x: [T, D], skip: [T, D]) -> [T, D] { f(x) + 10 * skip }
  }
  block B(D) {
    config depth: int = 3
    downs = linear(D -> D, bias: false) repeat depth
    ups = Up(D) repeat depth
    forward(x: [T, D]) -> [T, D] {
      for layer in downs collect skips { x <- layer(x); skips <- x }
      for (layer, skip) in zip(ups, reversed(skips)) { x <- layer(x, skip) }
      x + len(skips)
    }
  }";

#[test]
fn loops_collect_and_go_through_several_lists() {
    let compiled = case(U).item("B").dim("D", 1).dim("T", 1).compiled();
    assert_eq!(compiled.names()[..2], ["downs.0.weight", "downs.1.weight"]);
    let inputs: [(&str, &[f64]); 7] = [
        ("x", &[1.0]),
        ("downs.0.weight", &[2.0]),
        ("downs.1.weight", &[3.0]),
        ("downs.2.weight", &[4.0]),
        ("ups.0.f.weight", &[1.0]),
        ("ups.1.f.weight", &[1.0]),
        ("ups.2.f.weight", &[1.0]),
    ];
    // Skips are 2, 6, 24; they come back as 24, 6, 2.
    let found = compiled.run(&inputs);
    assert_close(&found.outputs[0].1.data, &[24.0 + 240.0 + 60.0 + 20.0 + 3.0]);
}

#[test]
fn equal_layers_are_built_once() {
    let compiled = case(U).item("B").dim("D", 2).dim("T", 2).set("depth", "20").compiled();
    assert_eq!((compiled.functions("linear"), compiled.functions("Up")), (1, 1));
    assert_eq!(compiled.names().len(), 40);
}

#[test]
fn lists_of_layers_are_indexed() {
    let text = "import std.{linear}
      block B(D) { f = linear(D -> D, bias: false) repeat 2
        g = [linear(D -> D, bias: false), linear(D -> D)]
        forward(x: [D]) -> [D] { x |> f[1] |> f[0] |> g[len(f) - 1] |> g[0] } }";
    let compiled = case(text).dim("D", 1).compiled();
    assert_eq!(compiled.names(), ["f.0.weight", "f.1.weight", "g.0.weight", "g.1.weight", "g.1.bias"]);
    let found = compiled.run(&[
        ("x", &[1.0]),
        ("f.0.weight", &[2.0]),
        ("f.1.weight", &[3.0]),
        ("g.1.weight", &[5.0]),
        ("g.1.bias", &[1.0]),
        ("g.0.weight", &[10.0]),
    ]);
    assert_close(&found.outputs[0].1.data, &[310.0]);
    assert_eq!(case(&text.replace("f[1]", "f[2]")).dim("D", 1).codes(), ["A0313"]);
}

#[test]
fn layers_of_a_list_may_differ() {
    let text = "block Turn(D) { config by: int  forward(x: [D]) -> [D] { shift(x, D, by: by) } }
      block B(D) { turns = [Turn(D, by: i % 2) for i in 0..5]
        forward(x: [D]) -> [D] { for t in turns { x <- t(x) }; x } }";
    let compiled = case(text).item("B").dim("D", 4).compiled();
    assert_eq!(compiled.functions("Turn"), 2);
    assert_close(&compiled.run(&[("x", &[1.0, 2.0, 3.0, 4.0])]).outputs[0].1.data, &[0.0, 0.0, 1.0, 2.0]);
}

#[test]
fn conditions_choose_layers_and_expressions() {
    let text = "import std.{linear}
      block B(D) {
        config gated: bool = false
        config kind: one of { plus, minus } = plus
        if gated { gate = linear(D -> D, bias: false) } else { param w: [D] = ones }
        extra = if gated { linear(D -> D, bias: false) }
        forward(x: [D]) -> [D] {
          let y = if gated { gate(x) * extra(x) } else { x * w }
          if kind == plus { y + x } else if kind == minus { y - x } else { y }
        }
      }";
    let plain = case(text).dim("D", 1);
    assert_eq!(plain.compiled().names(), ["w"]);
    assert_close(&plain.run(&[("x", &[3.0]), ("w", &[5.0])]), &[18.0]);
    let gated = case(text).dim("D", 1).set("gated", "true").set("kind", "minus");
    assert_eq!(gated.compiled().names(), ["gate.weight", "extra.weight"]);
    assert_close(&gated.run(&[("x", &[3.0]), ("gate.weight", &[2.0]), ("extra.weight", &[4.0])]), &[69.0]);
    let wrong = text.replace("else { x * w }", "else { gate(x) }");
    assert_eq!(case(&wrong).dim("D", 1).codes()[0], "A0410");
}

#[test]
fn both_branches_are_checked_for_names() {
    let text = "block B(D) { config a: bool = true
      forward(x: [D]) -> [D] { if a { x } else { nonsense(x) } } }";
    let outcome = check_file(&NoFiles, "test.arch", &format!("edition 2026\n{text}"), &Request::default());
    assert_eq!(outcome.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["A0101"]);
}

#[test]
fn a_forward_may_have_several_named_results() {
    let text =
        "block B(D) { forward(x: [T, D]) -> (out: [T, D], pooled: [D]) { (2 * x, mean(x, over: T)) } }";
    let found = case(text).dim("D", 1).dim("T", 2).compiled().run(&[("x", &[1.0, 3.0])]);
    assert_close(&found.output("out").unwrap().data, &[2.0, 6.0]);
    assert_close(&found.output("pooled").unwrap().data, &[2.0]);
}

#[test]
fn the_results_of_a_layer_are_taken_apart() {
    let text =
        "block two(D) { forward(x: [T, D]) -> (out: [T, D], pooled: [D]) { (2 * x, mean(x, over: T)) } }
      block B(D) { f = two(D)  forward(x: [T, D]) -> [T, D] { let (a, b) = f(x); a + b } }";
    let found = case(text).item("B").dim("D", 1).dim("T", 2).run(&[("x", &[1.0, 3.0])]);
    assert_close(&found, &[4.0, 8.0]);
}
