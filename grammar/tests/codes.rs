//! Every page of `archc explain`: its wrong example gives exactly its code first, its right one parses.

use arch_grammar::{Diagnostic, FileId, code_docs, parse};

/// Codes whose mistakes cannot be shown in a page; `tests/mistakes.rs` has them.
const WITHOUT_EXAMPLE: [&str; 4] = ["A0001", "A0002", "A0003", "A0009"];

/// The fenced block of the given language under the given heading.
fn example<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1)?;
    let section = section.split("\n## ").next()?;
    let code = section.split("```arch\n").nth(1)?;
    code.split("```").next()
}

#[test]
fn examples_do_what_their_page_says() {
    for (code, page) in code_docs() {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        if WITHOUT_EXAMPLE.contains(code) {
            assert_eq!(example(page, "Wrong"), None, "{code}");
            continue;
        }
        let wrong = example(page, "Wrong").expect(code);
        let right = example(page, "Right").expect(code);
        let (_, problems) = parse(FileId(0), wrong);
        let codes: Vec<&str> = problems.iter().map(|p| p.code).collect();
        assert_eq!(codes.first(), Some(code), "{code}: {codes:?}\n{wrong}");
        let (_, problems) = parse(FileId(0), right);
        assert!(!problems.iter().any(Diagnostic::is_error), "{code}: {problems:?}\n{right}");
    }
}

#[test]
fn pages_and_codes_in_the_source_are_the_same() {
    let sources = [
        include_str!("../src/parse/mod.rs"),
        include_str!("../src/parse/expr.rs"),
        include_str!("../src/parse/item.rs"),
        include_str!("../src/parse/mistakes.rs"),
        include_str!("../src/scan/brackets.rs"),
        include_str!("../src/scan/lexer.rs"),
        include_str!("../src/scan/recovery.rs"),
    ];
    let mut used: Vec<&str> = Vec::new();
    for source in sources {
        let at = source.match_indices("\"A00").map(|(at, _)| &source[at + 1..at + 6]);
        used.extend(at);
    }
    used.sort_unstable();
    used.dedup();
    let documented: Vec<&str> = code_docs().iter().map(|(code, _)| *code).collect();
    assert_eq!(used, documented);
}
