//! What no sane file holds, and still must not break anything.

use std::time::{Duration, Instant};

use arch_grammar::{FileId, Sources, format, parse, parse_bytes, render};

fn codes(text: &str) -> Vec<&'static str> {
    let start = Instant::now();
    let (_, problems) = parse(FileId(0), text);
    assert!(start.elapsed() < Duration::from_secs(60), "took {:?}", start.elapsed());
    let mut sources = Sources::default();
    sources.add("a.arch", text);
    assert!(render(&problems, &sources, false).len() < 200_000);
    problems.iter().map(|p| p.code).collect()
}

fn function(body: &str) -> String {
    format!("edition 2026\nfn f(x) = {body}\n")
}

#[test]
fn ten_thousand_brackets() {
    for (open, close) in [("(", ")"), ("f(", ")"), ("[", "]"), ("x[", "]")] {
        assert_eq!(codes(&function(&format!("{}x{}", open.repeat(10_000), close.repeat(10_000)))), ["A0009"]);
        assert_eq!(codes(&function(&open.repeat(10_000))), ["A0009"]);
    }
    assert_eq!(codes(&function(&format!("{}x{}", "if x { ".repeat(10_000), " }".repeat(10_000)))), ["A0009"]);
}

#[test]
fn as_many_brackets_as_are_allowed() {
    // Arguments and expressions of a test's small stack: 2 MiB.
    for (open, close, levels) in [("(", ")", 250), ("f(", ")", 120), ("[", "]", 250), ("-(", ")", 120)] {
        let text = function(&format!("{}x{}", open.repeat(levels), close.repeat(levels)));
        assert_eq!(codes(&text), Vec::<&str>::new(), "{open}");
        assert!(format(&text).is_ok());
    }
}

#[test]
fn ten_thousand_operators() {
    for operator in [" + ", " ^ ", " ++ ", " |> ", " -> ", " repeat ", ".."] {
        assert_eq!(codes(&function(&vec!["x"; 10_000].join(operator))), ["A0009"], "{operator}");
    }
    for prefix in ["-", "not "] {
        assert_eq!(codes(&function(&format!("{}x", prefix.repeat(10_000)))), ["A0009"], "{prefix}");
    }
    assert_eq!(codes(&function(&format!("x{}", "(x)".repeat(10_000)))), ["A0009"]);
    let chain = "else if x { x } ".repeat(10_000);
    assert_eq!(codes(&function(&format!("if x {{ x }} {chain}"))), ["A0009"]);
}

#[test]
fn brackets_without_partners_take_no_more_than_seconds() {
    for line in [" }\n", "}\n", "for\n }\n", "for\n  x\n }\n", "f(x]\n", "x)\n", "block A {\n", "fn f(\n"] {
        let text = format!("edition 2026\n{}", line.repeat(60_000 / line.len()));
        assert_eq!(codes(&text).len(), 100, "{line}");
    }
}

#[test]
fn no_more_than_a_hundred_mistakes() {
    let text = format!("edition 2026\nfn f(x) {{\n{}}}\n", "let y = a b\n".repeat(1000));
    let (_, problems) = parse(FileId(0), &text);
    assert_eq!(problems.len(), 100);
    assert_eq!(problems[99].notes, ["900 further mistakes are not shown"]);
}

#[test]
fn ten_megabytes_are_refused() {
    assert_eq!(codes(&"(".repeat(10_000_000)), ["A0001"]);
}

#[test]
fn a_large_file_takes_no_more_than_seconds() {
    let one = "  let y = f(x, over: T) + 2 * g(x[t - 1])\n";
    let text = format!("edition 2026\nfn f(x) {{\n{}  x\n}}\n", one.repeat(120_000 / one.len()));
    assert_eq!(codes(&text), Vec::<&str>::new());
}

#[test]
fn bytes_that_are_no_text() {
    let (_, problems) = parse_bytes(FileId(0), b"edition 2026\n// caf\xe9\n");
    assert_eq!(problems[0].code, "A0002");
    assert_eq!(problems[0].primary.text, "byte 19, in line 2, begins no character");
    let (_, problems) = parse_bytes(FileId(0), b"\xef\xbb\xbfedition 2026\n");
    assert_eq!(problems[0].code, "A0003");
    let (file, problems) = parse_bytes(FileId(0), b"edition 2026\r\n\r\nfn f(x) = x // caf\xc3\xa9\r\n");
    assert_eq!((file.items.len(), problems.len()), (1, 0));
}
