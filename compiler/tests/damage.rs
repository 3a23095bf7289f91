//! Damaged programs: the samples with tokens dropped, doubled, swapped and replaced, and with other numbers.
//! Whatever comes out, the checker ends without a panic and points at places that exist.
//!
//! `PROPTEST_CASES=20000` runs it for longer.

use arch_compiler::check::{NoFiles, Request, check_file};
use arch_grammar::render;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const SAMPLES: &[&str] = &[
    include_str!("../../models/dit.arch"),
    include_str!("../../models/mamba.arch"),
    include_str!("../../models/std/losses.arch"),
    include_str!("../../models/std/attention.arch"),
    include_str!("mistakes/heads_do_not_divide.arch"),
    include_str!("mistakes/scan_later_step.arch"),
    include_str!("mistakes/concat_wrong_part.arch"),
    include_str!("mistakes/unflatten_does_not_divide.arch"),
    include_str!("mistakes/permutation_with_repeats.arch"),
    include_str!("mistakes/rearrange_drops_an_axis.arch"),
    include_str!("mistakes/window_longer_than_axis.arch"),
    include_str!("mistakes/block_that_doubles.arch"),
    include_str!("mistakes/function_that_doubles.arch"),
    include_str!("mistakes/zip_of_different_lengths.arch"),
];

/// Numbers that break arithmetic if anything does.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "240",
    "4096",
    "65536",
    "100000",
    "1_000_000_000",
    "4294967295",
    "9223372036854775807",
    "1e300",
    "0.5",
    "-1",
];

/// Words that are put in the place of others.
const WORDS: &[&str] = &[
    "x",
    "D",
    "T",
    "t",
    "split",
    "rename",
    "sum",
    "over",
    "repeat",
    "if",
    "else",
    "none",
    "true",
    "->",
    "++",
    "..",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    "=",
    "<-",
    "|>",
    "-",
    "/",
    "%",
    "^",
    "iota",
    "permute",
    "window",
    "concat",
    "scan t over T (h: [D] = 0)",
    "yield x",
    "let",
    "dims",
    "config n: int = 3",
    "linear",
    "self",
];

/// The text cut into words, numbers, signs and what lies between.
fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        out.push(token);
        rest = after;
    }
    out
}

/// One change: what is done, and two numbers that say where and with what.
type Change = (u8, usize, usize);

fn damaged(sample: usize, changes: &[Change]) -> String {
    let mut all = tokens(SAMPLES[sample % SAMPLES.len()]);
    for (what, at, with) in changes {
        let words: Vec<usize> = (0..all.len()).filter(|i| !all[*i].trim().is_empty()).collect();
        let Some(&i) = words.get(at % words.len().max(1)) else { break };
        let j = words[with % words.len()];
        match what % 6 {
            0 => _ = all.remove(i),
            1 => all.insert(i, all[i]),
            2 => all.swap(i, j),
            3 => all[i] = all[j],
            4 => all[i] = WORDS[with % WORDS.len()],
            _ => {
                let digits = |t: &&usize| all[**t].starts_with(|c: char| c.is_ascii_digit());
                let numbers: Vec<usize> = words.iter().filter(digits).copied().collect();
                if let Some(&n) = numbers.get(at % numbers.len().max(1)) {
                    all[n] = NUMBERS[with % NUMBERS.len()];
                }
            }
        }
    }
    all.concat()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_checker_ends_and_points_at_places(
        sample in 0..SAMPLES.len(),
        changes in prop::collection::vec((any::<u8>(), any::<usize>(), any::<usize>()), 1..5),
    ) {
        let text = damaged(sample, &changes);
        let start = Instant::now();
        let outcome = check_file(&NoFiles, "a.arch", &text, &Request::default());
        // A guard against what never ends, and no measure of speed: the longest text, of 4096 blocks, takes seconds.
        prop_assert!(start.elapsed() < Duration::from_secs(120), "this took {:?}:\n{text}", start.elapsed());
        for d in &outcome.diagnostics {
            prop_assert!(d.code != "A0999", "a fault of the compiler: {d:?}\n{text}");
        }
        let shown = render(&outcome.diagnostics, &outcome.sources, false);
        prop_assert_eq!(shown.is_empty(), outcome.diagnostics.is_empty());
    }
}

/// The errors of a text: code and line.
fn errors(text: &str) -> Vec<(&'static str, usize)> {
    let outcome = check_file(&NoFiles, "a.arch", text, &Request::default());
    let errors = outcome.diagnostics.iter().filter(|d| d.is_error());
    errors.map(|d| (d.code, outcome.sources.line(d.primary.span))).collect()
}

#[test]
fn one_slip_costs_no_more_than_two_errors() {
    let text = SAMPLES[0];
    let mut faults = String::new();
    let mut at = 0;
    for (i, token) in tokens(text).into_iter().enumerate() {
        at += token.len();
        let line = text[..at].rsplit('\n').next().unwrap_or("");
        if i % 29 != 0 || line.contains("//") || token.trim().is_empty() || token == "." {
            continue;
        }
        let rest = &text[at..];
        let end = rest.find('\n').unwrap_or(rest.len());
        let bracket = ["{", "}", "(", ")", "[", "]"][i / 29 % 6];
        // A list of imports that lacks some names is whole: every use of one of them is a mistake of its own.
        let imports = text[..at].rfind("import ").is_some_and(|i| !text[i..at].contains('}'));
        for (slip, damaged) in [
            (bracket, format!("{}{bracket}{rest}", &text[..at])),
            ("the rest of the line is missing", format!("{}{}", &text[..at], &rest[end..])),
        ] {
            if imports && slip != bracket {
                continue;
            }
            let found = errors(&damaged);
            if found.len() > 2 {
                faults += &format!("{line} … {slip}: {found:?}\n");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
