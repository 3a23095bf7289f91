//! Programs at random: valid in syntax, without sense, written with any spacing.

use proptest::prelude::*;

/// A whole file.
pub fn program() -> impl Strategy<Value = String> {
    (prop::collection::vec(item(), 1..4), seam()).prop_map(|(items, seam)| {
        let mut text = "edition 2026\nimport std.{linear, norm as n}\n".to_string();
        for item in items {
            text.push_str(&seam);
            text.push_str(&item);
            text.push('\n');
        }
        text
    })
}

/// What stands between parts: line ends, comments, documentation.
fn seam() -> BoxedStrategy<String> {
    prop_oneof![
        4 => Just("\n".to_string()),
        1 => Just("\n\n\n".to_string()),
        1 => Just(" // behind\n".to_string()),
        1 => Just("\n/// documentation\n".to_string()),
        1 => Just("\n  // above\n\n".to_string()),
    ]
    .boxed()
}

/// Names, with many of the words that are names wherever the grammar does not want them as words.
fn name() -> BoxedStrategy<String> {
    prop::sample::select(vec![
        "x",
        "y",
        "D",
        "T",
        "block",
        "model",
        "over",
        "config",
        "a_rather_long_name_for_a_value",
        "null",
        "scan",
        "test",
        "of",
        "dims",
        "param",
        "buffer",
        "preset",
        "require",
        "forward",
        "yielded",
        "one",
        "reverse",
    ])
    .prop_map(str::to_string)
    .boxed()
}

fn expr() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        name(),
        name(),
        prop::sample::select(vec!["0", "12", "2_659", "1e-6", "4.0", "true", "none", "\"a \\\" b\"", "[]"])
            .prop_map(str::to_string),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let operator = prop::sample::select(vec![
            " + ", "-", " * ", "/", " % ", " ^ ", " == ", " != ", "< ", " <= ", " >", " and ", " or ", " |> ", " ++ ", " -> ",
            " repeat ", "..", "\n  + ", "\n|> ",
        ]);
        let comma = prop::sample::select(vec![", ", ",", ",\n", ", // note\n", "\n  // note\n  ,"]);
        let list = (prop::collection::vec(inner.clone(), 1..5), comma).prop_map(|(all, comma)| all.join(comma));
        let close = prop::sample::select(vec!["", ",", "\n", ",\n", " // end\n"]);
        prop_oneof![
            3 => (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("{a}{op}{b}")),
            2 => (name(), list.clone(), close.clone()).prop_map(|(f, args, end)| format!("{f}({args}{end})")),
            1 => (name(), inner.clone(), name()).prop_map(|(f, a, n)| format!("{f}({a}, {n}: {a})")),
            1 => (list.clone(), close.clone()).prop_map(|(all, end)| format!("({all}{end})")),
            1 => (list, close).prop_map(|(all, end)| format!("[{all}{end}]")),
            1 => inner.clone().prop_map(|e| format!("-({e})")),
            1 => inner.clone().prop_map(|e| format!("(not {e})")),
            1 => (name(), inner.clone()).prop_map(|(n, e)| format!("{n}[T: ({e}).. -> T]")),
            1 => (name(), inner.clone()).prop_map(|(n, e)| format!("{n}[t - 1 else ({e}), {n}]")),
            1 => (inner.clone(), name()).prop_map(|(e, n)| format!("[({e}) for {n} in 0..3]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(c, e)| format!("(if {c} {{ {e} }} else {{\n {e} }})")),
            1 => (name(), inner).prop_map(|(n, e)| format!("(scan t over reverse T ({n}: [T] = {e}) {{ {n} <- {e}; yield {e} }})")),
        ]
    })
    .boxed()
}

fn statement() -> BoxedStrategy<String> {
    prop_oneof![
        (name(), expr()).prop_map(|(n, e)| format!("let {n} = {e}")),
        (name(), name(), expr()).prop_map(|(a, b, e)| format!("let ({a}, ({b}, _)) = {e}")),
        (name(), expr()).prop_map(|(n, e)| format!("let {n}: [{n}, 6] bf16 =\n {e}")),
        (name(), expr()).prop_map(|(n, e)| format!("{n} <- {e}")),
        (name(), expr(), expr()).prop_map(|(n, i, e)| format!("for {n} in {i} {{ {n} <- {e} }}")),
        (name(), expr(), expr())
            .prop_map(|(n, i, e)| format!("for {n} in {i} collect {n} {{\n {n} <- {e}\n{e} }}")),
        (name(), expr(), name()).prop_map(|(n, e, m)| format!("dims {n} = {e}, {m} = 1 ++ {n}")),
        (expr(), expr()).prop_map(|(c, e)| format!("if {c} {{ {e} }} else if {c} {{ }} else {{ {e} }}")),
        expr().prop_map(|e| format!("assert {e}")),
        expr().prop_map(|e| format!("yield {e}")),
    ]
    .boxed()
}

fn body() -> BoxedStrategy<String> {
    let separator = prop_oneof![3 => seam(), 1 => Just("; ".to_string())];
    (prop::collection::vec((statement(), separator), 0..4), expr(), any::<bool>())
        .prop_map(|(statements, tail, sign)| {
            let all: String = statements.iter().map(|(s, end)| format!("{s}{end}")).collect();
            let tail = if sign { format!("; -{tail}") } else { format!("\n{tail}") };
            format!("{{ {all}{tail}\n}}")
        })
        .boxed()
}

fn member() -> BoxedStrategy<String> {
    prop_oneof![
        (name(), expr()).prop_map(|(n, e)| format!("config {n}: int in 1.. = {e} @preset_suffix")),
        name().prop_map(|n| format!("config {n}: one of {{ a, b, }} = a")),
        name().prop_map(|n| format!("config {n}: [int]? in {{1,2, 4}} = none")),
        (name(), expr()).prop_map(|(n, e)| format!("preset {n} {{ a: {e}, b: 3 }}")),
        expr().prop_map(|e| format!("require {e}, \"message {{x}}\"")),
        (name(), expr()).prop_map(|(n, e)| format!("dims {n} = {e}")),
        (name(), expr())
            .prop_map(|(n, e)| format!("param {n}: [T, D..] f32 = {e} @no_decay @stored([1, {e}])")),
        name().prop_map(|n| format!("buffer {n}: [T]")),
        (name(), expr()).prop_map(|(n, e)| format!("{n} = {e} @name(\"a.b\")")),
        (expr(), name(), expr()).prop_map(|(c, n, e)| format!("if {c} {{ {n} = {e} }} else {{ {n} = {n} }}")),
        body().prop_map(|b| format!(
            "forward(x: [T] @noisy, y: [] int null 3 if x > 0, over: axis S) -> (a: [T], b: []) {b}"
        )),
        (name(), body()).prop_map(|(n, b)| format!("forward({n}, p: float = 0.1,) -> [6, D] {b}")),
    ]
    .boxed()
}

fn item() -> BoxedStrategy<String> {
    prop_oneof![
        (name(), expr()).prop_map(|(n, e)| format!("fn {n}(a, b: [T]) = {e}")),
        (name(), body()).prop_map(|(n, b)| format!("fn {n}() -> [T] {b}")),
        (name(), prop::collection::vec((member(), seam()), 0..6)).prop_map(|(n, members)| {
            let all: String = members.iter().map(|(m, end)| format!("{m}{end}")).collect();
            format!("block {n}(D = {n}, I.. -> O..) {{\n{all}\n}}")
        }),
        body().prop_map(|b| format!("test \"t\" with (D: 16) of DiT preset S/2 set(a: 1) deny(unused) {b}")),
    ]
    .boxed()
}
