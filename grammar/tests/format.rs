//! The one style: what it looks like, and that it changes nothing.

use arch_grammar::{FileId, format, parse, without_spans};

/// The formatted text; asserts that the tree stays the same and that formatting again changes nothing.
#[track_caller]
fn formatted(text: &str) -> String {
    let (before, problems) = parse(FileId(0), text);
    assert_eq!(problems, Vec::new(), "{text}");
    let once = format(text).unwrap();
    let (after, problems) = parse(FileId(0), &once);
    assert_eq!(problems, Vec::new(), "{once}");
    assert_eq!(without_spans(after), without_spans(before), "{once}");
    assert_eq!(format(&once).unwrap(), once);
    once
}

/// A body's statements, formatted inside a function.
#[track_caller]
fn body(text: &str) -> String {
    let whole = formatted(&format!("edition 2026\nfn f(x) {{\n{text}\n}}\n"));
    let inner = whole.strip_prefix("edition 2026\n\nfn f(x) {\n").unwrap().strip_suffix("}\n").unwrap();
    inner.to_string()
}

/// A block's members, formatted inside it.
#[track_caller]
fn members(text: &str) -> String {
    let whole = formatted(&format!("edition 2026\nblock A(D) {{\n{text}\n}}\n"));
    let inner = whole.strip_prefix("edition 2026\n\nblock A(D) {\n").unwrap().strip_suffix("}\n").unwrap();
    inner.to_string()
}

#[test]
fn samples_come_out_as_they_should_look() {
    insta::assert_snapshot!("dit", formatted(include_str!("samples/dit.arch")));
    for text in [include_str!("samples/mamba.arch"), include_str!("samples/shapes_of_the_rest.arch")] {
        formatted(text);
    }
}

#[test]
fn blanks_between_tokens() {
    let text = "let  y=f( x,over :T ,k:2 )+-a*( b-1 )^-0.5\nlet z = x [S:2.. -> T]|>g\nnot a and b";
    assert_eq!(
        body(text),
        "  let y = f(x, over: T, k: 2) + -a * (b - 1) ^ -0.5\n  let z = x[S: 2.. -> T] |> g\n  not a and b\n"
    );
}

#[test]
fn one_line_bodies_stay_and_broken_ones_stay_broken() {
    assert_eq!(
        body("for b in bs{x<-b(x);s<-x}\nfor b in bs {\nx <- b(x) }\nx"),
        "  for b in bs { x <- b(x); s <- x }\n  for b in bs {\n    x <- b(x)\n  }\n  x\n"
    );
}

#[test]
fn steps_of_a_scan_on_one_line_are_separated() {
    assert_eq!(
        body("scan t over T (h:[E]=0) { h <- h   yield h   final h }"),
        "  scan t over T (h: [E] = 0) { h <- h; yield h; final h }\n"
    );
}

#[test]
fn a_statement_that_begins_with_a_sign_is_kept_apart() {
    assert_eq!(body("let a = x; -a"), "  let a = x;\n  -a\n");
}

#[test]
fn long_calls_are_broken_in_their_brackets() {
    let call = "let y = attention_with_a_long_name(first_argument_of_many, second_argument_of_many, third: third_argument, fourth: 4)";
    assert_eq!(
        body(call),
        "  let y = attention_with_a_long_name(\n    first_argument_of_many, second_argument_of_many, third: third_argument, fourth: 4,\n  )\n"
    );
    let longer = call.replace("fourth: 4", "fourth: a_fourth_argument_that_is_too_long");
    assert_eq!(
        body(&longer),
        "  let y = attention_with_a_long_name(\n    first_argument_of_many,\n    second_argument_of_many,\n    third: third_argument,\n    fourth: a_fourth_argument_that_is_too_long,\n  )\n"
    );
}

#[test]
fn a_long_function_has_its_value_on_the_next_line() {
    let text = "edition 2026\n\nfn divergence(mean_of_the_first, log_variance_of_the_first, mean_of_the_second) =\n  square(mean_of_the_first - mean_of_the_second) * exp(-log_variance_of_the_first)\n";
    assert_eq!(formatted(text), text);
}

#[test]
fn long_pipes_are_broken_before_each_pipe() {
    let pipe = "unflatten(a_rather_long_name_for_a_value, H -> (GH, P), W -> (GW, Q)) |> x_embedder |> flatten((GH, GW) -> T)";
    assert_eq!(
        body(pipe),
        "  unflatten(a_rather_long_name_for_a_value, H -> (GH, P), W -> (GW, Q))\n    |> x_embedder\n    |> flatten((GH, GW) -> T)\n"
    );
}

#[test]
fn layers_and_presets_stand_in_columns() {
    let text = "preset S {depth:2,heads:16}\npreset XL {depth:12,heads:6}\nnorm=layer_norm(D)\nup=linear(D)";
    assert_eq!(
        members(text),
        "  preset S  { depth: 2,  heads: 16 }\n  preset XL { depth: 12, heads: 6 }\n  norm = layer_norm(D)\n  up   = linear(D)\n"
    );
}

#[test]
fn a_variant_stands_on_one_line_or_opens_its_bracket() {
    let text = "edition 2026\nmodel  Small=DiT( depth:6,kind : plain )\nblock B = A()\n";
    assert_eq!(
        formatted(text),
        "edition 2026\n\nmodel Small = DiT(depth: 6, kind: plain)\n\nblock B = A()\n"
    );
    let long = "edition 2026\n\nmodel AVariantWithALongName = AnItemWithALongName(\n  first_of_its_values: 1, second_of_its_values: 2, third_of_its_values: 3, fourth_of_its_values: 4,\n)\n";
    assert_eq!(formatted(long), long);
}

#[test]
fn configs_keep_their_shape() {
    let text = "config a:int in{1,2,4}=2 @preset_suffix\nconfig b : one of {x,y}=x\nconfig c: int? = none\nconfig d: [int]=[2,2]\nconfig e: float in 0 .. 1";
    assert_eq!(
        members(text),
        "  config a: int in {1, 2, 4} = 2 @preset_suffix\n  config b: one of { x, y } = x\n  config c: int? = none\n  config d: [int] = [2, 2]\n  config e: float in 0..1\n"
    );
}

#[test]
fn comments_stay_where_they_belong() {
    let text = "// above\nlet y = f( // first\n  x, // the input\n  // the axis\n  over: T // at the end\n) // behind\n\n\n// alone\n\ny + // in the middle\nx\n// last";
    assert_eq!(
        body(text),
        "  // above\n  let y = f(\n    // first\n    x,  // the input\n    // the axis\n    over: T,  // at the end\n  )  // behind\n\n  // alone\n\n  // in the middle\n  y + x\n  // last\n"
    );
}

#[test]
fn a_comment_that_moves_does_not_become_documentation() {
    let text = "a = f(D) /// no documentation\nb = g /// in the middle\n(D)";
    // The line break before `(` would end the layer, so the second comment stands inside brackets instead.
    let text = text.replace("\n(D)", "").replace("g /// in the middle", "g(D, /// inside\nE)");
    assert!(members(&text).contains("/// inside"));
}

#[test]
fn items_are_set_apart() {
    let text = "///  top\nedition 2026\nimport std.{a,b as c,}\nimport ../x/y.{d}\nfn f(x)=x\nfn g(x)=x\nblock A(D=d,I..->O..){}\ntest \"t\" of A preset S / 2 set(k:1) deny(unused) {assert a}\n";
    assert_eq!(
        formatted(text),
        "///  top\nedition 2026\n\nimport std.{a, b as c}\nimport ../x/y.{d}\n\nfn f(x) = x\nfn g(x) = x\n\nblock A(D = d, I.. -> O..) {}\n\ntest \"t\" of A preset S/2 set(k: 1) deny(unused) { assert a }\n"
    );
}

#[test]
fn what_does_not_parse_is_not_touched() {
    let problems = format("edition 2026\nfn f(").unwrap_err();
    assert_eq!(problems[0].code, "A0007");
}
