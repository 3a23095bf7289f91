//! One bracket too many or too few: one message, and at the right place.

use arch_grammar::{FileId, Sources, ast, parse, report};

const SAMPLE: &str = include_str!("samples/dit.arch");

/// The messages about a text: code, line and column.
fn places(text: &str) -> Vec<(&'static str, usize, usize)> {
    let mut sources = Sources::default();
    let file = sources.add("a.arch", text);
    let problems = parse(file, text).1;
    let reports = problems.iter().map(|p| report(p, &sources));
    reports.map(|r| (r.code, r.primary.line, r.primary.column)).collect()
}

/// `A0008 5:9` for each message.
#[track_caller]
fn gives(text: &str, expected: &[&str]) {
    let found: Vec<String> =
        places(text).iter().map(|(code, line, at)| format!("{code} {line}:{at}")).collect();
    assert_eq!(found, expected, "{text}");
}

/// The places behind names and single signs, outside comments and strings.
fn ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split("//").next().unwrap_or("");
        let mut quoted = false;
        let mut word = String::new();
        for (at, c) in code.char_indices() {
            quoted ^= c == '"';
            let next = code[at + 1..].chars().next();
            if c.is_ascii_alphanumeric() || c == '_' {
                word.push(c);
                let goes_on = next.is_some_and(|n| n.is_ascii_alphanumeric() || n == '_');
                if goes_on || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    continue;
                }
            } else if !"(){}[],:".contains(c) {
                word.clear();
                continue;
            }
            word.clear();
            if !quoted {
                ends.push(start + at + 1);
            }
        }
        start += line.len();
    }
    ends
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

#[test]
fn a_stray_bracket_costs_one_message_on_its_line() {
    let mut faults = String::new();
    for (i, at) in ends(SAMPLE).into_iter().enumerate() {
        // Each bracket at every sixth place, and the others between.
        let bracket = ["{", "}", "(", ")", "[", "]"][i % 6];
        let text = format!("{}{bracket}{}", &SAMPLE[..at], &SAMPLE[at..]);
        let (found, line) = (places(&text), line_of(SAMPLE, at));
        if found.len() != 1 || found[0].1 != line {
            faults += &format!("`{bracket}` in line {line}: {found:?}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn a_missing_bracket_costs_one_message() {
    let mut faults = String::new();
    for (at, bracket) in SAMPLE.char_indices().filter(|(_, c)| "(){}[]".contains(*c)) {
        let text = format!("{}{}", &SAMPLE[..at], &SAMPLE[at + 1..]);
        let (found, line) = (places(&text), line_of(SAMPLE, at));
        let comment = SAMPLE[..at].rsplit('\n').next().is_some_and(|l| l.contains("//"));
        let quoted = SAMPLE[..at].rsplit('\n').next().is_some_and(|l| l.matches('"').count() % 2 == 1);
        if comment || quoted {
            continue;
        }
        // A brace that is missing is noticed where it should have been opened or is opened.
        if found.len() != 1 || bracket != '}' && found[0].1 != line {
            faults += &format!("`{bracket}` in line {line}: {found:?}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn a_brace_on_a_line_of_its_own_costs_one_message() {
    let mut faults = String::new();
    for (at, _) in SAMPLE.match_indices('\n') {
        for brace in ["}", "  }", "    }"] {
            let found = places(&format!("{}\n{brace}{}", &SAMPLE[..at], &SAMPLE[at..]));
            // Of two alike in a row it may be either.
            let line = line_of(SAMPLE, at) + 1;
            if found.len() != 1 || found[0].0 != "A0008" || found[0].1.abs_diff(line) > 2 {
                faults += &format!("`{brace}` in line {line}: {found:?}\n");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn without_indentation_a_brace_costs_no_more_than_two() {
    let flat: String = SAMPLE.lines().map(|l| format!("{}\n", l.trim_start())).collect();
    let mut faults = String::new();
    for (i, at) in ends(&flat).into_iter().enumerate() {
        let brace = ["{", "}"][i % 2];
        let found = places(&format!("{}{brace}{}", &flat[..at], &flat[at..]));
        if !(1..=2).contains(&found.len()) {
            faults += &format!("`{brace}` in line {}: {found:?}\n", line_of(&flat, at));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn the_tree_is_as_if_the_bracket_had_been_right() {
    let text = "edition 2026
block A(D) {
  norm = layer_norm(D)
  forward(x: [T, D]) -> [T, D] {
    let y = norm(x) }
    y
  }
  up = linear(D)
}
fn f(x, xs) {
  for i in xs {
    x <- x + i
  x
}
";
    let (file, problems) = parse(FileId(0), text);
    let codes: Vec<&str> = problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["A0008", "A0007"]);
    let ast::Item::Block(block) = &file.items[0] else { panic!("not a block") };
    assert_eq!((file.items.len(), block.members.len()), (2, 3));
    let ast::Member::Forward(forward) = &block.members[1] else { panic!("not a forward") };
    assert!((forward.body.statements.len(), forward.body.tail.is_some()) == (1, true), "{forward:?}");
    let ast::Item::Fn(f) = &file.items[1] else { panic!("not a function") };
    assert!((f.body.statements.len(), f.body.tail.is_some()) == (1, true), "{f:?}");
}

#[test]
fn a_missing_brace_is_asked_for_where_it_belongs() {
    let model = |block: &str, forward: &str, last: &str| {
        format!(
            "edition 2026\nmodel M {block}\n  config n: int = 3\n  dims D = n\n  forward(x: [D],\n          t: []) -> [D] {forward}\n    let y = x * t\n    y\n  }}\n{last}\nfn f(x) = x\n"
        )
    };
    gives(&model("{", "{", "}"), &[]);
    gives(&model("", "{", "}"), &["A0024 2:8"]);
    gives(&model("{", "", "}"), &["A0024 6:24"]);
    gives(&model("{", "{", ""), &["A0007 2:9"]);
    gives(&model("{", "{", "}").replace("    y\n  }\n", "    y\n"), &["A0007 6:25"]);
    let loops = "edition 2026\nfn f(xs, y) {\n  for x in xs\n    y <- y + x\n  }\n  y\n}\n";
    gives(loops, &["A0024 3:14"]);
    gives(&loops.replace("xs\n", "xs {\n").replace("  }\n", ""), &["A0007 3:15"]);
    gives("edition 2026\nfn f(xs, y) {\n  for x in xs y <- y + x }\n  y\n}\n", &["A0008 3:26"]);
}

#[test]
fn words_of_items_and_members_misspelt() {
    gives(
        "edition 2026\nmodle M {\n  dims D = 3\n  forward(x: [D]) -> [D] {\n    x\n  }\n}\n",
        &["A0017 2:1"],
    );
    gives(
        "edition 2026\nmodel M {\n  dims D = 3\n  foward(x: [D]) -> [D] {\n    x\n  }\n}\n",
        &["A0017 4:3"],
    );
    gives(
        "edition 2026\nmodel M {\n  confg n: int = 3\n  prest S { n: 4 }\n  dmis D = n\n}\n",
        &["A0017 3:3", "A0017 4:3", "A0017 5:3"],
    );
    gives("editoin 2026\nfn f(x) = x\n", &["A0017 1:1"]);
    gives("edition 2026\nimpotr std.{linear}\nfn f(x) = x\n", &["A0017 2:1"]);
}

#[test]
fn a_half_typed_line_costs_one_message() {
    let forward = |line: &str| {
        format!(
            "edition 2026\nblock A(D) {{\n  up = linear(D -> D)\n  forward(x: [T, D]) -> [T, D] {{\n    let a = up(x)\n    {line}\n    let b = a + x\n    b\n  }}\n}}\n"
        )
    };
    for (line, expected) in [
        ("let y", "A0020 6:10"),
        ("let y =", "A0021 6:12"),
        ("let y = up(", "A0007 6:15"),
        ("let y = up(x", "A0007 6:15"),
        ("let y = up(x) +", "A0025 6:19"),
        ("let (y, z", "A0007 6:9"),
        ("for i in", "A0021 6:13"),
        ("for i in 0..2 {", "A0007 6:19"),
        ("a |>", "A0025 6:7"),
        ("let y = if", "A0021 6:15"),
        ("let y = scan t over T (h: [D] = 0", "A0007 6:27"),
        ("up(x", "A0007 6:7"),
    ] {
        gives(&forward(line), &[expected]);
    }
    let member = |line: &str| {
        format!("edition 2026\nblock A(D) {{\n  {line}\n  forward(x: [T, D]) -> [T, D] {{\n    x\n  }}\n}}\n")
    };
    for (line, expected) in [
        ("up =", "A0021 3:7"),
        ("up = linear(", "A0007 3:14"),
        ("up = linear(D ->", "A0007 3:14"),
        ("config n: int =", "A0021 3:18"),
        ("config n:", "A0030 3:12"),
        ("dims E", "A0020 3:9"),
        ("param w: [D", "A0007 3:12"),
        ("require D %", "A0025 3:13"),
    ] {
        gives(&member(line), &[expected]);
    }
}
