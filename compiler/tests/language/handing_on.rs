//! Config values that are handed on: by `..`, in names, by choice, as functions.

use crate::support::{Case, assert_close, case};

const OUTER: &str = "block Inner(D) {
    config kind: one of { plain, doubled } = plain
    config start: init = zeros
    config shift: float = 0.5
    config act: fn = relu
    config suffix: string = \"\"
    config limits: [float]? = none
    param p: [D] = start @name(\"p{suffix}\")
    forward(x: [D]) -> [D] {
      let y = act(x) + shift + p
      let y = if limits != none { min(max(y, limits[0]), limits[1]) } else { y }
      if kind == doubled { 2 * y } else { y }
    }
  }
  fn third(x) = x / 3
  block Outer(D) {
    config kind: one of { plain, doubled } = plain
    config shift: float = 0.5
    config act: fn = relu
    config wide: bool = false
    config limits: [float]? = none
    inner = Inner(D, suffix: \"_a\", start: if wide { ones } else { 10 }, ..) @name(\"\")
    other = Inner(D, shift: 100.0, kind: if wide { doubled } else { plain }, suffix: \"_b\") @name(\"\")
    forward(x: [D]) -> [D] { inner(x) + other(x) }
  }";

fn outer() -> Case {
    case(OUTER).item("Outer").dim("D", 1)
}

#[test]
fn two_dots_hand_on_config_of_the_same_names() {
    let x: &[(&str, &[f64])] = &[("x", &[6.0])];
    assert_eq!(outer().compiled().names(), ["p_a", "p_b"]);
    // What is given beside the dots wins, and what is not handed on has its default.
    assert_close(&outer().run(x), &[6.0 + 0.5 + 10.0 + 106.0]);
    assert_close(&outer().set("shift", "2").run(x), &[6.0 + 2.0 + 10.0 + 106.0]);
    assert_close(&outer().set("kind", "doubled").run(x), &[2.0 * 16.5 + 106.0]);
    assert_close(&outer().set("limits", "[0, 3]").run(x), &[3.0 + 106.0]);
    // A choice and an initialiser may be decided by a condition.
    assert_close(&outer().set("wide", "true").run(x), &[6.0 + 0.5 + 1.0 + 2.0 * 106.0]);
}

#[test]
fn functions_are_named_from_outside() {
    let x: &[(&str, &[f64])] = &[("x", &[-6.0])];
    assert_close(&outer().set("act", "abs").run(x), &[6.0 + 10.5 + 100.0]);
    assert_close(&outer().set("act", "third").run(x), &[-2.0 + 10.5 + 100.0]);
    // One of the standard library needs no import there.
    let text = "import std.{raster}
      block B { config order: fn = raster
        forward(x: [T]) -> [S] { permute(x, T -> S, order(T, 2, 3, 0)) } }";
    let six = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let snake = case(text).dim("T", 6).dim("S", 6).set("order", "zigzag");
    assert_close(&snake.run(&[("x", &six)]), &[0.0, 1.0, 2.0, 5.0, 4.0, 3.0]);
    for bad in ["thirds", "Inner", "linear"] {
        assert_eq!(outer().set("act", bad).codes(), ["A0205"], "{bad}");
    }
}

#[test]
fn dots_that_hand_on_nothing_are_a_mistake() {
    let text = "block A(D) { config a: int = 1  forward(x: [D]) -> [D] { a * x } }
      block B(D) { config b: int = 1
        l = A(D, ..)  forward(x: [D]) -> [D] { b * l(x) } }";
    assert_eq!(case(text).item("B").dim("D", 1).codes(), ["A0402"]);
    // A config that is only handed on to who has none of its name does nothing.
    let more = text.replace("config b", "config a: int = 2; config c: int = 1; config b");
    assert_eq!(case(&more).checked(), ["A0906"]);
}

#[test]
fn a_name_in_braces_must_be_known() {
    let text = "block B(D) { param p: [D] = ones @name(\"p{which}\")  forward(x: [D]) -> [D] { x * p } }";
    assert_eq!(case(text).dim("D", 1).codes(), ["A0101"]);
}

#[test]
fn a_number_is_read_behind_a_text() {
    let text = "block B {
        config scan: string = \"plain\"
        forward(x: []) -> [] {
          let paths = number_after(scan, \"zigzagN\")
          if paths != none { paths * x } else { -x }
        }
      }";
    let run = |scan: &str| case(text).set("scan", scan).run(&[("x", &[3.0])]);
    assert_close(&run("zigzagN8"), &[24.0]);
    assert_close(&run("zigzagN12"), &[36.0]);
    assert_close(&run("hilbertN8"), &[-3.0]);
    for bad in ["zigzagN", "zigzagNx", "zigzagN-1", "zigzagN99999999999999999999"] {
        assert_eq!(case(text).set("scan", bad).codes(), ["A0205"], "{bad}");
    }
}

#[test]
fn what_is_given_may_be_stored_instead_under_the_same_name() {
    let text = "block S(D) {
        config given: bool = true
        if not given { param kept: [D] = ones @name(\"B\") }
        forward(x: [D], B: [D] if given) -> [D] { x * (if given { B } else { kept }) }
      }";
    let run = |given: &str, inputs: &[(&str, &[f64])]| case(text).dim("D", 1).set("given", given).run(inputs);
    assert_close(&run("true", &[("x", &[3.0]), ("B", &[5.0])]), &[15.0]);
    assert_close(&run("false", &[("x", &[3.0])]), &[3.0]);
    let both = text.replace(
        "if not given { param kept: [D] = ones @name(\"B\") }",
        "param kept: [D] = ones @name(\"B\")",
    );
    let both = both.replace("x *", "kept * x *");
    assert_eq!(case(&both).dim("D", 1).codes(), ["A0104"]);
}
