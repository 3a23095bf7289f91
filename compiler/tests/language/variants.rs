//! Variants: another item with other defaults, under a name of its own.

use crate::support::{assert_close, case};

const NET: &str = "model Net {
    preset Twice { factor: 2.0 }
    config factor: float = 1.0
    config width: int in 1.. = 2
    config kind: one of { plain, shifted } = plain
    dims D = width
    param scale: [D] = ones
    forward(x: [D]) -> [D] {
      let x = x * scale * factor
      if kind == shifted { x + 10 } else { x }
    }
  }";

#[test]
fn a_variant_has_other_defaults() {
    let text = format!("{NET}\nmodel Shifted = Net(kind: shifted, width: 1)");
    let one = |item: &str| case(&text).item(item);
    assert_close(&one("Net").run(&[("x", &[3.0, 4.0])]), &[3.0, 4.0]);
    assert_close(&one("Shifted").run(&[("x", &[3.0])]), &[13.0]);
    assert_close(&one("Shifted").preset("Twice").run(&[("x", &[3.0])]), &[16.0]);
    assert_close(&one("Shifted").set("kind", "plain").set("factor", "5").run(&[("x", &[3.0])]), &[15.0]);
    assert_eq!(one("Shifted").compiled().names(), ["scale"]);
    assert_eq!(one("Shifted").compiled().program.item, "Shifted");
}

#[test]
fn the_model_itself_is_meant_where_no_item_is_named() {
    let text = format!("model First = Net(kind: shifted)\n{NET}\nmodel Last = First(factor: 7.0)");
    assert_eq!(case(&text).compiled().program.item, "Net");
    assert_close(&case(&text).item("Last").run(&[("x", &[1.0, 2.0])]), &[17.0, 24.0]);
    let two = format!("{text}\nmodel Other {{ dims D = 2\nforward(x: [D]) -> [D] {{ x }} }}");
    assert_eq!(case(&two).codes(), ["A0109"]);
}

#[test]
fn a_variant_may_be_of_an_imported_item() {
    let block = "config act: fn = relu
      block Act(D) {
        config act: fn = relu
        config offset: init = zeros
        param bias: [D] = offset
        forward(x: [D]) -> [D] { double(act(x)) + bias }
      }
      fn double(x) = 2 * x";
    let block = block.split_once('\n').unwrap().1;
    let text = "import ./parts.{Act}
      fn minus(x) = -x
      fn double(x) = 100 * x
      block Minus = Act(act: minus, offset: ones)
      block Outer(D) { inner = Minus(D)
        forward(x: [D]) -> [D] { double(inner(x)) } }";
    let run = |item: &str| case(text).item(item).dim("D", 1).file("./parts", block).run(&[("x", &[3.0])]);
    // What the block calls is looked up where the block is written, what the variant gives where that is.
    assert_close(&run("Minus"), &[-5.0]);
    assert_close(&run("Outer"), &[-500.0]);
}

#[test]
fn a_variant_of_a_model_is_the_model_of_its_file() {
    let text =
        "import zoo.dit.{DiT}\nmodel Digits = DiT(depth: 1, hidden_size: 8, num_heads: 2, input_size: 4)";
    let program = case(text).compiled().program;
    assert_eq!(program.item, "Digits");
    assert_eq!(program.layers.iter().filter(|l| l.block == "DiTBlock").count(), 1);
}

#[test]
fn messages_name_the_variant_and_the_place_of_its_values() {
    let text = format!("{NET}\nmodel Wide = Net(width: 0)");
    let outcome = case(&text).item("Wide").outcome();
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    assert!(said.contains("A0204") && said.contains("test.arch:14"), "{said}");
    let outcome = case(&text).item("Wide").set("widht", "3").outcome();
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    assert!(said.contains("`Wide` has no config `widht`") && said.contains("width"), "{said}");
}
