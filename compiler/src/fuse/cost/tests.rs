//! Orders of products: all of them are one value, the cheapest is taken, and a spelling decides nothing.

use super::rules::RULES;
use super::{Reordered, order};
use crate::canon;
use crate::fuse::tests::programs::{ROUNDING, apart, program};
use crate::fuse::{Canonical, cost_rule};
use crate::graph::{FuncId, Module, Rules, inline, print_function, verify};

/// Linear attention (Katharopoulos et al. 2020, equations 4 to 6) with 4 heads of 8 channels over 64 tokens.
const LINEAR: &str = "edition 2026
block Linear(H, K) {
  forward(q: [T, H, K], k: [S, H, K], v: [S, H, K]) -> [T, H, K] {
    {body}
  }
}
";
const SCORES_FIRST: &str = "let w = sum(q * k, over: K)
    sum(w * v, over: S)";
const STATE_FIRST: &str = "let k = rename(k, K -> L)
    let state = sum(k * v, over: S)
    sum(rename(q, K -> L) * state, over: L)";

fn linear(body: &str) -> (Module, FuncId) {
    program(&LINEAR.replace("{body}", body), &[("T", 64), ("S", 64), ("H", 4), ("K", 8)])
}

/// A function with its sums of products in another order, as written flat, and what was said of it.
fn ordered(text: &(Module, FuncId), seed: Option<u64>) -> (Module, [FuncId; 2], Canonical) {
    let (mut module, entry) = text.clone();
    let entry = inline(&mut module, entry);
    canon::run(&mut module, entry).expect("the program is sound");
    let other = module.add_function(module.function(entry).clone());
    let said = order(&mut module, other, seed).expect("the rules fit").0;
    verify(&module).expect("the graph keeps its rules");
    (module, [entry, other], said)
}

fn texts() -> Vec<(&'static str, (Module, FuncId))> {
    let chain = "edition 2026
block Chain(A, B, C) {
  param one: [A, B] = ones
  param two: [B, C] = ones
  forward(x: [T, A], gate: [T, C]) -> (y: [T, C], z: [C]) {
    let y = gate * sum(sum(x * one, over: A) * two, over: B)
    (y, sum(y, over: T))
  }
}
";
    // Two sums share their scores; the first reads them elsewhere as well.
    let shared = "edition 2026
block Shared(K) {
  forward(q: [T, K], k: [S, K], v: [S, K], u: [S, K]) -> (a: [T, K], b: [T, K], s: [T, S]) {
    let w = sum(q * k, over: K)
    (sum(w * v, over: S), sum(w * u, over: S), exp(w))
  }
}
";
    let scaled = "let w = 0.125 * sum(q * k, over: K)
    let w = w / (1 + sum(k * k, over: (S, K)))
    sum(w * v, over: S) * sigmoid(q)";
    let sizes = [("T", 6), ("S", 5), ("A", 4), ("B", 3), ("C", 2), ("K", 4)];
    vec![
        ("scores first", linear(SCORES_FIRST)),
        ("state first", linear(STATE_FIRST)),
        ("scaled", linear(scaled)),
        ("chain", program(chain, &sizes)),
        ("shared", program(shared, &sizes)),
    ]
}

/// Whatever is chosen is the same value: with a seed any order is taken, good or bad.
#[test]
fn every_order_gives_the_same() {
    for (name, text) in texts() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in (0..40).map(Some).chain([None]) {
            let (module, [before, after], said) = ordered(&text, seed);
            assert!(said.incomplete.is_empty(), "{name}");
            let worst = apart(&module, before, after);
            assert!(worst < ROUNDING, "{name}, seed {seed:?}: differs by {worst:e}");
            seen.insert(print_function(&module, after));
        }
        assert!(seen.len() > 2, "{name}: only {} orders came up: {:?}", seen.len(), seen.first());
    }
}

/// Two sums over the same axis in one product are not one sum over it.
#[test]
fn sums_over_one_axis_stay_apart() {
    let text = linear(
        "let w = sum(q * k, over: K) * sum(v * k, over: K)
    sum(w * v, over: S)",
    );
    for seed in (0..8).map(Some).chain([None]) {
        let (module, [before, after], _) = ordered(&text, seed);
        let worst = apart(&module, before, after);
        assert!(worst < ROUNDING, "seed {seed:?}: differs by {worst:e}");
    }
}

/// A set of rules has a place for each.
#[test]
fn there_is_room_for_all_rules() {
    let all = crate::fuse::all_rules();
    assert!(all.len() <= Rules::MOST, "{} rules", all.len());
    let fired = (0..RULES.len()).map(cost_rule).fold(Rules::NONE, Rules::and);
    let named = all.iter().enumerate().filter(|(place, _)| fired.has(*place)).map(|(_, r)| r.name);
    assert_eq!(named.collect::<Vec<_>>(), RULES.each_ref().map(|r| r.name));
}

/// Both rules were needed for that, and say so.
#[test]
fn the_rules_are_named() {
    let (_, _, said) = ordered(&linear(SCORES_FIRST), None);
    assert!((0..RULES.len()).all(|place| said.fired.and(cost_rule(place)) == said.fired));
}

#[test]
fn scores_of_many_tokens_are_not_computed() {
    let (_, _, said) = ordered(&linear(SCORES_FIRST), None);
    let [Reordered { operations: (before, after), through, .. }] = said.products.as_slice() else {
        panic!("one result is computed in another order: {:?}", said.products)
    };
    // Two products of 64 x 64 x 8 for each head and sample, against two of 64 x 8 x 8.
    assert_eq!((*before, *after), (2 * 2 * 64 * 64 * 8 * 4 * 8, 2 * 2 * 64 * 8 * 8 * 4 * 8));
    assert_eq!(through, &("[batch, H:4, T:64, S:64]".into(), "[batch, H:4, K:8, K':8]".into()));
    let (_, _, said) = ordered(&linear(STATE_FIRST), None);
    assert!(said.products.is_empty(), "{:?}", said.products);
}

/// What is in memory for somebody else is read, and not computed in another way.
#[test]
fn what_is_there_is_read() {
    let text = "edition 2026
block Shared(K) {
  forward(q: [T, K], k: [S, K], v: [S, K]) -> (y: [T, K], s: [T, S]) {
    let w = sum(q * k, over: K)
    (sum(w * v, over: S), exp(w))
  }
}
";
    // Twelve tokens of width ten: the scores alone are dearer than the state, but they are there.
    let text = program(text, &[("T", 12), ("S", 12), ("K", 10)]);
    let (_, _, said) = ordered(&text, None);
    assert!(said.products.is_empty(), "{:?}", said.products);
}

/// The square of a square of a square has more factors than anything can count: the limit is touched, and said with its place.
#[test]
fn too_many_factors_are_a_warning() {
    let body = format!("{}{SCORES_FIRST}", "let q = q * q\n    ".repeat(40));
    let (_, _, said) = ordered(&linear(&body), None);
    let [of] = &said.incomplete[..] else { panic!("{:?}", said.incomplete) };
    assert!(of.name == "Linear" && of.origin.end > 0, "{of:?}");
}
