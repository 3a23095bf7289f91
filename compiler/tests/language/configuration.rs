//! Config values, presets, conditional inputs, requirements, roles.

use crate::support::{assert_close, case};
use arch_compiler::check::{NoFiles, Request, check_file};
use arch_compiler::program::Role;
use arch_grammar::render;

const M: &str = "model M {
    preset S { depth: 2, width: 4 }
    preset L { depth: 3, width: 8, kind: wide, steps: [2, 3] }
    config depth: int in 1.. = 1
    config width: int = 2
    config patch: int in {1, 2, 4} = 1 @preset_suffix
    config kind: one of { narrow, wide } = narrow
    config extra: int? = none
    config steps: [int] = [1, 2, 4]
    config rate: float in 0..1 = 0.5
    config num_classes: int in 0.. = 0
    require width % patch == 0, \"a width of {width} does not divide by {patch}\"
    dims D = width / patch
    forward(x: [D], t: [], y: [] int null num_classes if num_classes > 0) -> [D] {
      let x = x * depth + steps[1] + len(steps) + t + rate
      let x = if kind == wide { x * 100 } else { x }
      let x = if extra != none { x + extra } else { x }
      if num_classes > 0 { x + y } else { x }
    }
  }";

#[test]
fn config_values_come_from_defaults_presets_and_settings() {
    let run = |c: crate::support::Case, d: usize| c.run(&[("x", &vec![1.0; d]), ("t", &[0.0])])[0];
    assert_close(&[run(case(M), 2)], &[1.0 + 2.0 + 3.0 + 0.5]);
    assert_close(&[run(case(M).preset("S/2"), 2)], &[2.0 + 2.0 + 3.0 + 0.5]);
    assert_close(&[run(case(M).preset("L").set("depth", "7"), 8)], &[(7.0 + 3.0 + 2.0 + 0.5) * 100.0]);
    assert_close(&[run(case(M).set("extra", "9").set("steps", "[4, 5]"), 2)], &[1.0 + 5.0 + 2.0 + 0.5 + 9.0]);
    assert_close(&[run(case(M).set("extra", "none").set("rate", "1"), 2)], &[7.0]);
}

#[test]
fn a_preset_may_be_named_with_hyphens() {
    let text = "model M { preset S_deep { depth: 3 }  config depth: int = 1  dims D = 1
      forward(x: [D]) -> [D] { x * depth } }";
    assert_close(&case(text).preset("S-deep").run(&[("x", &[1.0])]), &[3.0]);
    assert_close(&case(text).preset("S_deep").run(&[("x", &[1.0])]), &[3.0]);
    assert_eq!(case(text).preset("S-depe").codes(), ["A0208"]);
}

#[test]
fn config_values_out_of_their_range_are_refused() {
    assert_eq!(case(M).set("depth", "0").codes(), ["A0204"]);
    assert_eq!(case(M).set("patch", "3").codes(), ["A0204"]);
    assert_eq!(case(M).set("rate", "1.5").codes(), ["A0204"]);
    assert_eq!(case(M).set("kind", "tall").codes(), ["A0205"]);
    assert_eq!(case(M).set("width", "x").codes(), ["A0205"]);
    assert_eq!(case(M).set("dept", "2").codes(), ["A0201"]);
    assert_eq!(case(M).preset("XS").codes(), ["A0208"]);
    assert_eq!(case(M).preset("S/4").set("width", "6").codes(), ["A0203"]);
}

#[test]
fn an_input_may_exist_only_under_a_condition() {
    let without = case(M).compiled();
    assert_eq!(without.program.inputs.len(), 2);
    let with = case(M).set("num_classes", "10").compiled();
    let y = &with.program.inputs[2];
    assert_eq!((y.name.as_str(), y.null, y.integer), ("y", Some(10), true));
    let found = with.run(&[("x", &[1.0, 1.0]), ("t", &[0.0]), ("y", &[4.0])]);
    assert_close(&found.outputs[0].1.data, &[10.5, 10.5]);
    let wrong = M.replace("if num_classes > 0 { x + y } else { x }", "x + y");
    assert_eq!(case(&wrong).codes(), ["A0406"]);
}

#[test]
fn roles_come_from_names_or_attributes() {
    let text =
        "model M(D) { forward(noisy_latent: [D] @noisy, t: [], words: [L, D] @context, extra: [D]) -> [D] {
        noisy_latent + t + mean(words, over: L) + extra } }";
    let roles: Vec<_> =
        case(text).dim("D", 2).dim("L", 3).compiled().program.inputs.iter().map(|a| a.role).collect();
    assert_eq!(roles, [Some(Role::Noisy), Some(Role::Timestep), Some(Role::Context), None]);
}

#[test]
fn config_values_may_depend_on_others_and_on_axes() {
    let text = "block B(D) { config a: int = ceil_div(D, 2)  config b: int = a * 10
        forward(x: [D]) -> [D] { x * b } }";
    assert_close(&case(text).dim("D", 3).run(&[("x", &[1.0; 3])]), &[20.0; 3]);
    assert_close(&case(text).dim("D", 3).set("a", "1").run(&[("x", &[1.0; 3])]), &[10.0; 3]);
}

#[test]
fn config_may_stand_under_a_condition() {
    let text = "block B(D) { config conv: bool = false
        if conv { config kernel: int in 1.. = 3  dims K = kernel  param w: [D, K] = ones }
        forward(x: [D]) -> [D] { if conv { x * sum(w, over: K) } else { x } } }";
    assert_close(&case(text).dim("D", 1).run(&[("x", &[2.0])]), &[2.0]);
    assert_close(
        &case(text).dim("D", 1).set("conv", "true").set("kernel", "5").run(&[("x", &[2.0])]),
        &[10.0],
    );
}

#[test]
fn values_are_passed_down_with_their_types() {
    let text = "block Inner(D) {
        config kind: one of { a, b } = a
        config list: [int] = [1]
        config maybe: float? = none
        config act: fn = relu
        config init: init = zeros
        param w: [D] = init
        forward(x: [D]) -> [D] {
          let x = if kind == b { -x } else { x }
          let x = if maybe == none { x } else { x * maybe }
          act(x) + w + list[len(list) - 1]
        }
      }
      block B(D) {
        config kind: one of { a, b } = b
        inner = Inner(D, kind: kind, list: [1, 2, 7], maybe: 3, act: square, init: ones)
        other = Inner(D, kind: a)
        forward(x: [D]) -> [D] { inner(x) + 1000 * other(x) }
      }
      fn square(x) = x * x";
    let found = case(text).item("B").dim("D", 2).run(&[("x", &[1.0, -2.0])]);
    assert_close(&found, &[9.0 + 1.0 + 7.0 + 2000.0, 36.0 + 8.0 + 1000.0]);
}

const TOWER: &str = "import std.{linear}
  block Tower(D) {
    config level: int in 0..
    config bias: bool = true
    config act: fn = relu
    let rest = level - 1
    layer = linear(D -> D, init: ones, ..) @name(\"layers.{level}\")
    next  = if level > 0 { Tower(D, level: rest, ..) } @name(\"\")
    forward(x: [D]) -> [D] {
      let x = act(layer(x))
      if level > 0 { next(x) } else { x }
    }
  }";

#[test]
fn dots_hand_config_values_down_under_their_names() {
    let tower = || case(TOWER).item("Tower").dim("D", 2).set("level", "2");
    let names: Vec<String> =
        [2, 1, 0].iter().flat_map(|i| ["weight", "bias"].map(|p| format!("layers.{i}.{p}"))).collect();
    assert_eq!(tower().compiled().names(), names);
    assert_eq!(tower().set("bias", "false").compiled().names().len(), 3);
    assert_close(&tower().run(&[("x", &[1.0, -3.0])]), &[0.0, 0.0]);
    assert_close(&tower().set("act", "abs").run(&[("x", &[1.0, -3.0])]), &[8.0, 8.0]);
    // What is given wins over what is handed down.
    let given = TOWER.replace("level: rest, ..", "level: rest, bias: true, ..");
    assert_eq!(
        case(&given)
            .item("Tower")
            .dim("D", 2)
            .set("level", "1")
            .set("bias", "false")
            .compiled()
            .names()
            .len(),
        3
    );
    // A config value that only a layer is given counts as used.
    let unused = TOWER.replace("level: rest, ..", "level: rest");
    assert!(case(&unused).checked().is_empty());
    let unused = TOWER.replace("act(layer(x))", "layer(x)");
    assert_eq!(case(&unused).checked(), ["A0906"]);
    let ignored = unused.replace("config act: fn = relu", "config act: fn = relu @ignored");
    assert!(case(&ignored).checked().is_empty());
    // Dots that give nothing are a mistake.
    let nothing = TOWER.replace("config bias: bool = true", "");
    assert_eq!(case(&nothing).item("Tower").dim("D", 2).set("level", "1").codes(), ["A0402"]);
    // Dots stand last, and only where a layer is declared.
    let first = TOWER.replace("init: ones, ..", ".., init: ones");
    assert!(!case(&first).item("Tower").dim("D", 2).set("level", "1").codes().is_empty());
    let call = TOWER.replace("act(layer(x))", "act(layer(x, ..))");
    assert!(!case(&call).item("Tower").dim("D", 2).set("level", "1").codes().is_empty());
}

#[test]
fn members_share_numbers_that_cannot_be_set() {
    let tower = || case(TOWER).item("Tower").dim("D", 2).set("level", "2");
    assert_eq!(tower().set("rest", "0").codes(), ["A0201"]);
    let program = tower().compiled().program;
    assert!(program.config.iter().all(|(name, _)| name != "rest"), "{:?}", program.config);
    let with = |line: &str| {
        case(&format!("block B(D) {{ config n: int = 2\n{line}\nforward(x: [D]) -> [D] {{ x * n * a }} }}"))
    };
    let run = |line: &str| with(line).item("B").dim("D", 1).run(&[("x", &[1.0])])[0];
    assert_close(
        &[run("let a = n + 1"), run("let b = [n, 5]\nlet a = b[1]"), run("let a = len([1, 2, 3])")],
        &[6.0, 10.0, 6.0],
    );
    let codes = |line: &str| with(line).item("B").dim("D", 1).codes();
    assert_eq!(codes("let a = iota(D)"), ["A0211"]);
    assert_eq!(codes("let a = 1\nlet a = 2"), ["A0104"]);
    assert_eq!(codes("let n = 1\nlet a = 2"), ["A0104"]);
    assert_eq!(codes("let a = missing"), ["A0101"]);
    assert_eq!(with("let a = 1\nlet b = 2").checked(), ["A0904"]);
}

#[test]
fn a_name_says_numbers() {
    let text = |name: &str| {
        format!(
            "import std.{{linear}}
            block B(D) {{
              config first: int = 3
              let _tag = \"_b\"
              layers = [linear(D -> D, bias: false) for i in first + 1..first + 3] @name(\"{name}\")
              forward(x: [D]) -> [D] {{
                for layer in layers {{ x <- layer(x) }}
                x
              }}
            }}"
        )
    };
    let names = |name: &str| -> Vec<String> {
        let compiled = case(&text(name)).item("B").dim("D", 2).compiled();
        compiled.names().into_iter().map(String::from).collect()
    };
    assert_eq!(names("a.{i}"), ["a.4.weight", "a.5.weight"]);
    assert_eq!(names("a.{i}.b"), ["a.4.b.weight", "a.5.b.weight"]);
    assert_eq!(names("a{first}"), ["a3.0.weight", "a3.1.weight"]);
    assert_eq!(names("a{D}"), ["a2.0.weight", "a2.1.weight"]);
    assert_eq!(names("a{_tag}"), ["a_b.0.weight", "a_b.1.weight"]);
    assert_eq!(case(&text("a.{j}")).item("B").dim("D", 2).codes(), ["A0101"]);
}

#[test]
fn an_operation_may_be_called_beside_a_config_value_of_its_name() {
    let text = "block B(D) { config sqrt: float = 2.0
      forward(x: [D]) -> [D] { sqrt(x) * sqrt } }";
    assert_close(&case(text).item("B").dim("D", 1).run(&[("x", &[9.0])]), &[6.0]);
    let number = text
        .replace("sqrt(x) * sqrt", "x * sqrt(x) * half(x)")
        .replace("config", "config half: int = 2 config");
    assert_eq!(case(&number).item("B").dim("D", 1).codes(), ["A0403"]);
}

/// Everything that a configuration may lack is used only where it is there, in ways that a search for uses without
/// their condition could take for others.
#[test]
fn what_may_be_absent_may_be_used_under_conditions_that_imply_its_own() {
    let text = "edition 2026
      block Inner(D) {
        config classes: int = 3
        forward(x: [D], y: [] int if classes > 0) -> [D] { if classes > 0 { x + y } else { x } }
      }
      fn add(x, y, there: bool) = if there { x + y } else { x }
      model Net(D) {
        config classes: int in 0.. = 3
        config kind: one of { plain, gated, both } = plain
        config depth: int in 1.. = 2
        config guided: bool = true
        let labelled = classes > 0
        require kind != both or classes > 0
        config counted: bool = true
        dims C = classes + 1
        require labelled or not guided
        require C > 1 or not counted
        inner  = Inner(D, classes: classes)
        blocks = Inner(D, classes: classes) repeat depth
        if kind == plain { gate = Inner(D, classes: 0) } else { gate = Inner(D, classes: 1) }
        wide   = if kind == both { Inner(D, classes: 2) }
        forward(x: [D], y: [] int null classes if classes > 0) -> [D] {
          let x = if classes >= 1 { x * y } else { x }
          let x = if classes == 0 { x } else { x + y }
          let x = if labelled { x + y } else { x }
          let x = if guided { x + y } else { x }
          let x = if counted { x + y } else { x }
          let x = if not (classes == 0) and depth > 1 { x + y } else { x }
          let x = if kind == both { wide(x, y) } else { x }
          let x = if kind == plain { gate(x) } else { if classes > 0 { gate(x, y) } else { x } }
          for block in blocks { x <- block(x, y) }
          for i in 0..classes { x <- if i > 0 { x + y } else { x } }
          let label = y
          let more = if classes > 4 { label * 2 }
          let x = if classes > 5 { x + more } else { x }
          let y = mean(x, over: D)
          inner(add(x + y, label, classes > 0), label)
        }
      }";
    let found = check_file(&NoFiles, "test.arch", text, &Request::default());
    assert!(found.diagnostics.is_empty(), "{}", render(&found.diagnostics, &found.sources, false));
    let lacks = |from: &str, to: &str, with: &str| {
        assert!(text.contains(from), "{from}");
        let found = check_file(&NoFiles, "test.arch", &text.replace(from, to), &Request::default());
        let said: Vec<_> = found.diagnostics.iter().map(|d| (d.code, d.notes.as_slice())).collect();
        assert_eq!(said, [("A0406", &[format!("it does not exist with {with}")][..])], "{to}");
    };
    lacks("classes > 5", "classes > 3", "classes = 4");
    lacks("labelled or not guided", "labelled or not guided or depth > 7", "classes = 0");
    lacks("require C > 1", "require C > 0", "classes = 0");
    lacks("if labelled {", "if not labelled {", "classes = 0");
}
