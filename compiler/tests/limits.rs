//! Texts that nobody writes by hand: each is refused with a message, or checked, in reasonable time and without
//! the stack running over. Test threads have small stacks, so they are a fair place to try.

use arch_compiler::check::{NoFiles, Provider, Request, check_file};
use arch_grammar::render;

/// The codes of what is said about a text.
fn codes(text: &str) -> Vec<&'static str> {
    let outcome = check_file(&NoFiles, "a.arch", text, &Request::default());
    let shown = render(&outcome.diagnostics, &outcome.sources, false);
    assert!(shown.len() < 200_000, "nobody reads {} bytes of messages", shown.len());
    outcome.diagnostics.iter().map(|d| d.code).collect()
}

/// A block whose `forward` gives an expression.
fn gives(expr: &str) -> String {
    format!("edition 2026\n\nblock Net(D) {{\n  forward(x: [D]) -> [D] {{ {expr} }}\n}}\n")
}

#[test]
fn files_that_are_no_programs() {
    assert_eq!(codes(""), ["A0016"]);
    assert_eq!(codes("\n\n// nothing\n"), ["A0016"]);
    assert_eq!(codes(&format!("\u{feff}{}", gives("x"))), ["A0003"]);
    assert_eq!(codes(&"// a long comment\n".repeat(600_000)), ["A0001"]);
}

#[test]
fn windows_line_ends_change_nothing() {
    assert_eq!(codes(&gives("2 * x").replace('\n', "\r\n")), [""; 0]);
    assert_eq!(codes(&gives("2 * y").replace('\n', "\r\n")), ["A0101"]);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("silu(", ")"), ("-(", ")"), ("if true { ", " } else { x }")] {
        let deep = format!("{}x{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(codes(&gives(&deep)).first(), Some(&"A0009"), "{open}");
    }
    assert_eq!(codes(&gives(&format!("{}x", "(".repeat(10_000)))).len(), 1);
}

#[test]
fn nesting_below_the_limit_is_checked() {
    let deep = format!("{}x{}", "silu(".repeat(100), ")".repeat(100));
    assert_eq!(codes(&gives(&deep)), [""; 0]);
}

#[test]
fn long_chains_are_refused_or_checked() {
    for link in [" + x", " |> silu", " * 2", " - 1"] {
        let found = codes(&gives(&format!("x{}", link.repeat(20_000))));
        assert!(found.is_empty() || found == ["A0009"], "{link}: {found:?}");
    }
    let chain = "if D == 1 { x } else ".repeat(5_000) + "{ x }";
    let found = codes(&gives(&chain));
    assert!(found.is_empty() || found == ["A0009"], "{found:?}");
}

#[test]
fn long_files_are_checked() {
    let lets: String = (0..5_000).map(|i| format!("    let x = x + {i}\n")).collect();
    let found = codes(&gives(&format!("\n{lets}    x\n  ")));
    assert_eq!(found, [""; 0]);
    let functions: String = (0..2_000).map(|i| format!("fn f{i}(x) = x * {i}\n")).collect();
    assert_eq!(codes(&format!("edition 2026\n\n{functions}")), [""; 0]);
}

#[test]
fn blocks_in_blocks_end() {
    let mut text = String::from("edition 2026\n");
    // The outermost stands first, so that it is not made of blocks that were already checked.
    for i in (0..240).rev() {
        let inner = if i == 0 { String::new() } else { format!("  inner = B{}(D)\n", i - 1) };
        let call = if i == 0 { "x" } else { "inner(x)" };
        text += &format!("block B{i}(D) {{\n{inner}  forward(x: [D]) -> [D] {{ {call} }}\n}}\n");
    }
    let found = codes(&text);
    assert!(found.iter().all(|c| *c == "A0404") && !found.is_empty(), "{found:?}");
}

#[test]
fn functions_that_call_themselves_deeply_end() {
    let fold = "fn down(x, n: int) = if n > 0 { (((((((((down(silu(x), n - 1)))))))))) } else { x }\n";
    let within = gives("down(x, 120)").replace("edition 2026\n", &format!("edition 2026\n{fold}"));
    assert_eq!(codes(&within), [""; 0]);
    let beyond = gives("down(x, 1000)").replace("edition 2026\n", &format!("edition 2026\n{fold}"));
    assert_eq!(codes(&beyond), ["A0404"]);
}

#[test]
fn numbers_at_the_edges() {
    let cases = [
        ("dims T = 9223372036854775807", "A0207"),
        ("dims T = 9223372036854775807 + 1", "A0207"),
        ("dims T = (0 - 9223372036854775807 - 1) / (0 - 1)", "A0207"),
        ("dims T = floor_div(0 - 9223372036854775807 - 1, 0 - 1)", "A0207"),
        ("dims T = (0 - 9223372036854775807 - 1) % (0 - 1)", "A0207"),
        ("dims T = 2 ^ 63", "A0207"),
        ("dims T = 2 ^ 9223372036854775807", "A0207"),
        ("dims T = int(1e300)", "A0207"),
        ("dims T = int(0.0 / 0.0)", "A0207"),
        ("dims T = 1 % 0", "A0206"),
        ("dims T = floor_div(1, 0)", "A0206"),
        ("dims T = -3", "A0207"),
        ("param w: [4294967296, D] = zeros", "A0207"),
        ("dims A = 4294967295, S = A ++ A", "A0207"),
        ("dims A = 4294967295, B = A, C = A\n  param w: [A, B, C, D] = zeros @stored([1])", "A0309"),
    ];
    for (member, code) in cases {
        let text = gives("x").replace("  forward", &format!("  {member}\n  forward"));
        assert_eq!(codes(&text).first(), Some(&code), "{member}");
    }
}

#[test]
fn loops_at_the_edges() {
    let cases = [
        ("for i in 0..1000000000 { x <- x + i }\n x", Some("A0207")),
        ("for i in 0 - 9223372036854775807..9223372036854775807 { x <- x + i }\n x", Some("A0207")),
        ("for i in 9000..1 { x <- x + i }\n x", None),
        ("for i in 0..10000 { for j in 0..10000 { x <- x + j } }\n x", Some("A0411")),
        ("for i in 0..3000 { x <- x + i }\n x", None),
    ];
    for (body, code) in cases {
        assert_eq!(codes(&gives(&format!("\n {body}\n"))).first(), code.as_ref(), "{body}");
    }
}

#[test]
fn tables_at_the_edges() {
    let order = "edition 2026\n\nblock Net(D) {\n  dims T = 4_000_000_000\n  \
                 forward(x: [T, D]) -> [Z, D] { permute(x, T -> Z, iota(T)) }\n}\n";
    assert_eq!(codes(order).first(), Some(&"A0314"));
    let product = "edition 2026\n\nblock Net(D) {\n  dims A = 100_000, B = 100_000, T = 8\n  forward(x: [T, D]) -> [Z, D] {\n    \
                   let n = sum(sum(iota(A) * iota(B), over: A), over: B)\n    permute(x, T -> Z, iota(T) + n)\n  }\n}\n";
    assert_eq!(codes(product).first(), Some(&"A0314"));
}

/// A folder in which every file imports one that was never seen before.
struct Endless;

impl Provider for Endless {
    fn read(&self, from: &str, _: &str) -> Result<(String, String), String> {
        let name = format!("{from}x");
        Ok((name, "edition 2026\n\nimport ./next.{f}\n\nfn f(x) = x\n".to_string()))
    }
}

#[test]
fn imports_without_end_are_reported() {
    let text = "edition 2026\n\nimport ./next.{f}\n\nfn g(x) = f(x)\n";
    let outcome = check_file(&Endless, "a.arch", text, &Request::default());
    assert!(outcome.diagnostics.iter().any(|d| d.code == "A0102"));
}

/// What would help is not said where it is no number.
#[test]
fn requirements_of_the_largest_numbers() {
    let block = |n: i64, m: i64| {
        format!(
            "edition 2026\n\nblock Net(D) {{\n  config n: int = {n}\n  require n % {m} == 0\n  forward(x: [D]) -> [D] {{ x }}\n}}\n"
        )
    };
    for (n, m) in [(i64::MAX, 2), (i64::MAX - 1, i64::MAX), (i64::MAX, i64::MAX - 1)] {
        assert_eq!(codes(&block(n, m)), ["A0203"], "{n} % {m}");
    }
}
