//! Dropout and label dropout: active in training only, keyed by path.

use crate::support::{assert_close, case, wave};
use arch_compiler::graph::InputKind;

const DROPS: &str = "
  block Drop(D) { config p: float = 0.25  forward(x: [T, D]) -> [T, D] { dropout(dropout(x, p), p) } }
  block B(D) {
    drops = Drop(D) repeat 2
    dims C = 3
    param table: [C, D] = normal(1.0)
    forward(x: [T, D], y: [] int) -> [T, D] {
      for d in drops { x <- d(x) }
      x + table[C: drop_label(y, 0.5, to: 2)]
    }
  }";

#[test]
fn outside_training_nothing_is_dropped() {
    let compiled = case(DROPS).item("B").dim("D", 2).dim("T", 3).compiled();
    let x = wave(6);
    let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let found = compiled.run(&[("x", &x), ("y", &[1.0]), ("table", &table)]);
    let wanted: Vec<f64> = x.iter().enumerate().map(|(i, v)| v + [3.0, 4.0][i % 2]).collect();
    assert_close(&found.outputs[0].1.data, &wanted);
    assert_eq!(compiled.program.inputs[1].below, Some(3));
}

#[test]
fn training_draws_numbers_by_path() {
    let compiled = case(DROPS).item("B").dim("D", 2).dim("T", 3).training().compiled();
    let function = compiled.program.module.function(compiled.program.entry);
    let random: Vec<(&str, String)> = function
        .inputs
        .iter()
        .filter_map(|i| match &i.kind {
            InputKind::Random(r) => Some((i.name.as_str(), r.purpose.clone())),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = random.iter().map(|r| r.0).collect();
    assert_eq!(
        names,
        ["drops.0.dropout0", "drops.0.dropout1", "drops.1.dropout0", "drops.1.dropout1", "label_dropout0"]
    );
    assert!(random.iter().all(|(name, purpose)| name == purpose));

    let keep = [0.9; 6];
    let first = [0.1, 0.9, 0.9, 0.9, 0.9, 0.24];
    let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let found = compiled.run(&[
        ("drops.0.dropout0", &first),
        ("drops.0.dropout1", &keep),
        ("drops.1.dropout0", &keep),
        ("drops.1.dropout1", &keep),
        ("label_dropout0", &[0.4]),
        ("table", &table),
        ("x", &[1.0; 6]),
        ("y", &[0.0]),
    ]);
    let kept = (1.0f64 / 0.75).powi(4);
    assert_close(&found.outputs[0].1.data, &[5.0, 6.0 + kept, 5.0 + kept, 6.0 + kept, 5.0 + kept, 6.0]);
}

#[test]
fn ones_in_place_of_draws_leave_values_as_they_are() {
    let compiled = case(DROPS).item("B").dim("D", 2).dim("T", 3).training().compiled();
    let (x, ones) = (wave(6), [1.0; 6]);
    let found = compiled.run(&[
        ("drops.0.dropout0", &ones),
        ("drops.0.dropout1", &ones),
        ("drops.1.dropout0", &ones),
        ("drops.1.dropout1", &ones),
        ("label_dropout0", &[1.0]),
        ("table", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("x", &x),
        ("y", &[0.0]),
    ]);
    let wanted: Vec<f64> = x.iter().enumerate().map(|(i, v)| v + [1.0, 2.0][i % 2]).collect();
    assert_close(&found.outputs[0].1.data, &wanted);
}

#[test]
fn a_dropped_path_is_lost_as_a_whole() {
    let text = "block B(D) { forward(x: [T, D]) -> [T, D] { drop_path(x, 0.25) } }";
    let compiled = case(text).dim("D", 2).dim("T", 3).training().compiled();
    let x = wave(6);
    let run = |draw: f64| compiled.run(&[("dropout0", &[draw]), ("x", &x)]).outputs[0].1.data.clone();
    assert_close(&run(0.2), &[0.0; 6]);
    let wanted: Vec<f64> = x.iter().map(|v| v / 0.75).collect();
    assert_close(&run(0.3), &wanted);
}

#[test]
fn one_layer_called_twice_drops_differently() {
    let text = "block Drop(D) { forward(x: [D]) -> [D] { dropout(x, 0.5) } }
      block B(D) { d = Drop(D)  forward(x: [D]) -> [D] { d(d(x)) } }";
    let compiled = case(text).item("B").dim("D", 2).training().compiled();
    let function = compiled.program.module.function(compiled.program.entry);
    let random = function.inputs.iter().filter(|i| matches!(i.kind, InputKind::Random(_))).count();
    assert_eq!(random, 2);
}

#[test]
fn a_share_is_at_least_nothing_and_below_all() {
    let text = "block B(D) { config p: float = 1.0  forward(x: [D]) -> [D] { dropout(x, p) } }";
    assert_eq!(case(text).dim("D", 2).codes(), ["A0204"]);
    let nothing = case(text).dim("D", 2).set("p", "0").training();
    assert_close(&nothing.run(&[("x", &[1.0, 2.0])]), &[1.0, 2.0]);
}
