//! Orders of products: all of them are one value, the cheapest is taken, and a spelling decides nothing.

use super::rules::RULES;
use super::{Reordered, order};
use crate::canon;
use crate::check::{NoFiles, Request, compile};
use crate::fuse::{Canonical, cost_rule};
use crate::graph::{FuncId, Module, Rules, inline, print_function, verify};
use crate::interp::{Tensor, noise, run};
use std::collections::BTreeMap;

/// Larger differences than this are no rounding: the interpreter works in f64.
const ROUNDING: f64 = 1e-9;

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

fn program(text: &str, sizes: &[(&str, usize)]) -> (Module, FuncId) {
    let wanted = |name: &str| {
        ["[", " ", "("].iter().any(|before| {
            [",", "]", ")"].iter().any(|after| text.contains(&format!("{before}{name}{after}")))
        })
    };
    let dims = sizes.iter().filter(|(name, _)| wanted(name)).map(|(name, size)| ((*name).into(), *size));
    let request = Request { dims: dims.collect(), ..Request::default() };
    let outcome = compile(&NoFiles, "products.arch", text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let program = outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"));
    (program.module, program.entry)
}

fn numbers(module: &Module, function: FuncId) -> BTreeMap<String, Tensor> {
    let f = module.function(function);
    let dims = |v| module.dims(&f.value(v).shape, 2);
    f.inputs.iter().map(|i| (i.name.clone(), noise(&i.name, &dims(i.value)))).collect()
}

/// The largest difference between what two functions compute, relative to what they compute.
fn apart(module: &Module, a: FuncId, b: FuncId) -> f64 {
    let inputs = numbers(module, a);
    let results = [a, b].map(|f| run(module, f, &inputs, 2).expect("the program runs").outputs);
    let mut worst: f64 = 0.0;
    for ((_, x), (_, y)) in results[0].iter().zip(&results[1]) {
        let largest = x.data.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
        let differences = x.data.iter().zip(&y.data).map(|(x, y)| (x - y).abs() / largest);
        worst = differences.fold(worst, f64::max);
    }
    worst
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
    assert_eq!(
        all.iter().map(|r| r.name).collect::<Vec<_>>()[all.len() - RULES.len()..],
        RULES.each_ref().map(|r| r.name)
    );
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
