//! What must hold for every text: parsing never panics, formatting is idempotent and keeps the tree.

mod programs;

use arch_grammar::{FileId, Sources, format, parse, parse_bytes, render, report, without_spans};
use proptest::prelude::*;

const SAMPLES: [&str; 3] = [
    include_str!("samples/dit.arch"),
    include_str!("samples/mamba.arch"),
    include_str!("samples/shapes_of_the_rest.arch"),
];

/// Pieces that a slip of the hand puts in, the nastier the better.
const PIECES: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "<-",
    "->",
    "..",
    "\"",
    "let ",
    "for ",
    "if ",
    "@",
    "-",
    "1e",
    "é",
    "\t",
    "\n",
    "// c\n",
    "scan t over T (",
];

fn check_errors(text: &str) {
    let (_, problems) = parse(FileId(0), text);
    let mut sources = Sources::default();
    sources.add("a.arch", text);
    for problem in &problems {
        assert!(!problem.title.is_empty());
        assert!(problem.primary.span.end as usize <= text.len(), "{problem:?}");
        assert_eq!(report(problem, &sources).code, problem.code);
    }
    assert_eq!(render(&problems, &sources, true).is_empty(), problems.is_empty());
}

fn check_format(text: &str) {
    let (before, problems) = parse(FileId(0), text);
    assert_eq!(problems, Vec::new(), "{text}");
    let once = format(text).unwrap();
    let (after, problems) = parse(FileId(0), &once);
    assert_eq!(problems, Vec::new(), "formatted:\n{once}\nfrom:\n{text}");
    assert_eq!(without_spans(after), without_spans(before), "formatted:\n{once}\nfrom:\n{text}");
    assert_eq!(format(&once).unwrap(), once, "from:\n{text}");
}

/// Changes `text` at places given as fractions: deletes, inserts, doubles or swaps.
fn mutate(text: &str, changes: &[(f64, u8, usize)]) -> String {
    let mut text = text.to_string();
    for &(place, kind, piece) in changes {
        let at = text.floor_char_boundary((place * text.len() as f64) as usize);
        let end = text.floor_char_boundary((at + 1 + piece).min(text.len()));
        match kind % 3 {
            0 => text.replace_range(at..end, ""),
            1 => text.insert_str(at, PIECES[piece % PIECES.len()]),
            _ => {
                let copy = text[at..end].to_string();
                text.insert_str(at, &copy);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_keep_their_tree(text in programs::program()) {
        check_format(&text);
    }

    #[test]
    fn damaged_samples_are_reported_and_never_panic(
        sample in 0usize..3,
        changes in prop::collection::vec((0.0..1.0f64, any::<u8>(), 0usize..60), 1..4),
    ) {
        let text = mutate(SAMPLES[sample], &changes);
        check_errors(&text);
        if let Ok(once) = format(&text) {
            check_format(&text);
            prop_assert!(once.ends_with('\n'));
        }
    }

    #[test]
    fn damaged_programs_are_reported_and_never_panic(
        text in programs::program(),
        changes in prop::collection::vec((0.0..1.0f64, any::<u8>(), 0usize..30), 1..3),
    ) {
        let text = mutate(&text, &changes);
        check_errors(&text);
        if format(&text).is_ok() {
            check_format(&text);
        }
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        check_errors(&text);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, problems) = parse_bytes(FileId(0), &bytes);
        prop_assert!(!problems.is_empty());
    }
}

#[test]
fn samples_keep_their_tree_with_comments_everywhere() {
    for sample in SAMPLES {
        for (n, comment) in ["// c", "/// d", "//// e"].iter().enumerate() {
            let lines = sample.lines().enumerate();
            let commented: Vec<String> = lines
                .map(|(i, line)| match (i + n) % 3 {
                    0 => format!("{line}  {comment}"),
                    1 => format!("{comment}\n{line}"),
                    _ => line.to_string(),
                })
                .collect();
            check_format(&commented.join("\n"));
        }
    }
}

/// Found by `programs_keep_their_tree`: `require` begins a member, but not as the end of a range.
#[test]
fn a_range_may_end_in_a_name_that_begins_members() {
    check_format("edition 2026\nblock A(D) {\n  config n: int in 1.. = 2..require + 2\n  require n > 0\n}\n");
}
