//! Each mistake with its code, its exact place and its words.

use arch_grammar::{Diagnostic, FileId, Sources, parse, render, report};

fn problems(text: &str) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let file = sources.add("a.arch", text);
    (parse(file, text).1, sources)
}

/// `A0018 3:15` for each mistake.
fn places(text: &str) -> Vec<String> {
    let (problems, sources) = problems(text);
    let places = problems.iter().map(|p| report(p, &sources));
    places.map(|r| format!("{} {}:{}", r.code, r.primary.line, r.primary.column)).collect()
}

/// Asserts that each line of a block, alone, is the given mistake at the given column.
#[track_caller]
fn members(cases: &[(&str, &str, usize)]) {
    for (member, code, column) in cases {
        let text = format!("edition 2026\nblock A(D) {{\n {member}\n}}\n");
        assert_eq!(places(&text), [format!("{code} 3:{}", column + 1)], "{member}");
    }
}

/// The same for statements.
#[track_caller]
fn statements(cases: &[(&str, &str, usize)]) {
    for (statement, code, column) in cases {
        let text = format!("edition 2026\nfn f(x) {{\n {statement}\n}}\n");
        assert_eq!(places(&text), [format!("{code} 3:{}", column + 1)], "{statement}");
    }
}

/// The same for items.
#[track_caller]
fn items(cases: &[(&str, &str, usize)]) {
    for (item, code, column) in cases {
        assert_eq!(places(&format!("edition 2026\n{item}\n")), [format!("{code} 2:{column}")], "{item}");
    }
}

#[test]
fn in_members() {
    members(&[
        ("config heads int", "A0018", 13),
        ("config heads = 3", "A0018", 13),
        ("config depth: int =", "A0021", 20),
        ("config x: one of { a b }", "A0019", 21),
        ("config in: int", "A0022", 8),
        ("confg x: int = 4", "A0017", 1),
        ("for x in xs { x }", "A0017", 1),
        ("let y", "A0020", 6),
        ("let y: [T] = 3", "A0020", 6),
        ("import std.{x}", "A0017", 1),
        ("norm layer_norm(D)", "A0020", 5),
        ("for = linear(D)", "A0022", 1),
        ("layer = linear(D) name(\"x\")", "A0028", 19),
        ("a = foo(b c)", "A0019", 10),
        ("dims T", "A0020", 7),
        ("param w = 3", "A0018", 8),
        ("param w: [T] 3", "A0020", 13),
        ("preset S { a 1, b: 2 }", "A0018", 13),
        ("preset S a: 1", "A0024", 9),
        ("require a > 3 \"msg\"", "A0019", 14),
        ("forward x: [T] { a }", "A0027", 8),
        ("forward(x: [T], y [D]) { a }", "A0018", 18),
        ("forward(x: [T] y: [D]) { a }", "A0019", 15),
        ("forward(x: [T], y: ) { a }", "A0030", 19),
        ("forward(x: [T]) -> [T]", "A0024", 23),
        ("w = f(x))", "A0008", 9),
        ("w = f(x]", "A0008", 8),
    ]);
}

#[test]
fn in_statements() {
    statements(&[
        ("let x =", "A0021", 8),
        ("let = 4", "A0030", 4),
        ("let let = 4", "A0022", 5),
        ("let (a, b) c", "A0020", 11),
        ("let a: [T D] = 3", "A0019", 10),
        ("let z = a b", "A0028", 11),
        ("let y = a +", "A0025", 11),
        ("let y = * a", "A0025", 9),
        ("y = 3", "A0023", 1),
        ("x <-", "A0021", 5),
        ("x < <- 3", "A0025", 3),
        ("f(k: )", "A0021", 5),
        ("f(a, , b)", "A0021", 5),
        ("x[]", "A0021", 3),
        ("for x y { a }", "A0029", 6),
        ("for x in y a", "A0024", 11),
        ("[a for i 0..3]", "A0029", 9),
        ("scan t ovr T (h: [E] = 0) { h <- h }", "A0029", 1),
        ("scan t over T (h: [E]) { h <- h }", "A0020", 22),
        ("if x { a } els { b }", "A0026", 16),
        ("return x", "A0028", 8),
        ("yield", "A0021", 6),
        ("assert = 3", "A0021", 7),
        ("\tx", "A0004", 1),
        ("let é = 3", "A0005", 5),
        ("x && y", "A0006", 3),
        ("x − y", "A0006", 3),
        ("let s = \"abc", "A0010", 9),
        ("\"a\\tb\"", "A0011", 3),
        ("1abc", "A0012", 1),
        ("99999999999999999999", "A0012", 1),
        ("1e999", "A0012", 1),
        ("f(x", "A0007", 2),
        ("x[T: 2.. -> (T, S)]", "A0026", 13),
        ("let y = self.fc(x)", "A0026", 13),
        ("x.mean(-1)", "A0026", 2),
        ("let h = fc(x).silu()", "A0026", 14),
        ("x += h", "A0023", 1),
        ("x *= 2", "A0023", 1),
    ]);
}

#[test]
fn in_items() {
    items(&[
        ("edition 2026", "A0015", 1),
        ("blok C { }", "A0017", 1),
        ("config x: int", "A0017", 1),
        ("fn (x) = 3", "A0030", 3),
        ("fn f(x)", "A0024", 8),
        ("fn f(x) =", "A0021", 10),
        ("fn f(x) { a } b", "A0026", 15),
        ("block { }", "A0030", 6),
        ("block D(D", "A0007", 8),
        ("test foo { }", "A0026", 6),
        ("test \"a\" with D: 3 { }", "A0027", 14),
        ("test \"b\" off x { }", "A0026", 10),
        ("import std", "A0024", 11),
        ("import std.{}", "A0030", 13),
    ]);
    assert_eq!(places("fn f(x) = x"), ["A0013 1:1"]);
    assert_eq!(places("edition 2025"), ["A0014 1:9"]);
    assert_eq!(places("\n// nothing\n"), ["A0016 3:1"]);
    assert_eq!(places("edition 2026\nfn f(x) = x\nimport std.{a}"), ["A0015 3:1"]);
}

/// A word that begins a member is a name where a line ends in it, and a member where its own name follows.
#[test]
fn words_that_begin_members_are_names_at_the_end_of_a_line() {
    for word in ["dims", "config", "param", "buffer", "preset", "forward"] {
        let members =
            format!("y = x + {word}\n  other = x ..{word}\n  z = x +\n    {word}\n  config w: int = 3");
        assert_eq!(places(&format!("edition 2026\nblock A(D) {{\n  {members}\n}}\n")), [""; 0], "{word}");
        let statements = format!("let y = x + {word}\n  let z = y *\n    {word}\n  z");
        assert_eq!(places(&format!("edition 2026\nfn f(x) {{\n  {statements}\n}}\n")), [""; 0], "{word}");
    }
    assert_eq!(places("edition 2026\nblock A(D) {\n  y = x +\n  dims H = 3\n}\n"), ["A0025 3:9"]);
    assert_eq!(places("edition 2026\nblock A(D) {\n  y = x +\n  config h: int = 3\n}\n"), ["A0025 3:9"]);
    let forward = "edition 2026\nblock A(D) {\n  y = x +\n  forward(x: [D]) -> [D] { x }\n}\n";
    assert_eq!(places(forward), ["A0025 3:9"]);
}

#[test]
fn several_at_once_and_no_cascades() {
    let text = "edition 2026
model A {
  config depth: int =
  confg heads: int = 4
  a = foo(b,
     c
  forward(x: [T]) -> [T] {
    let y = a +
    y = 3
    for b in bs { x <- }
    let z = scan t over T (h: [E] = 0) { h <- * 2 }
    (z, y))
  }
}
blok C {}
fn f(x) = g(x
fn h(x) = x y
";
    assert_eq!(
        places(text),
        [
            "A0021 3:22",
            "A0017 4:3",
            "A0007 5:10",
            "A0025 8:15",
            "A0023 9:5",
            "A0021 10:23",
            "A0025 11:47",
            "A0008 12:11",
            "A0017 15:1",
            "A0007 16:12",
            "A0028 17:13",
        ]
    );
}

#[test]
fn a_mistake_leaves_the_rest_of_the_tree() {
    let text = "edition 2026\nfn f(x) {\n  let (a, b) = f(x y)\n  a + b\n}\nfn g(x) = x\n";
    let (file, problems) = parse(FileId(0), text);
    assert_eq!((file.items.len(), problems.len()), (2, 1));
    let arch_grammar::ast::Item::Fn(f) = &file.items[0] else { panic!("not a function") };
    assert_eq!(f.body.statements.len(), 1);
    assert!(f.body.tail.is_some());
}

/// The words of each message, as `archc explain` shows the mistake.
#[test]
fn words() {
    for (code, page) in arch_grammar::code_docs() {
        let Some(wrong) =
            page.split("## Wrong\n\n```arch\n").nth(1).and_then(|rest| rest.split("```").next())
        else {
            continue;
        };
        let (problems, sources) = problems(wrong);
        insta::assert_snapshot!(*code, format!("{wrong}-----\n{}", render(&problems, &sources, false)));
    }
}
