//! Programs respelled at random give the kernels that they gave before.
//!
//! `ARCHC_SEEDS=n` tries n seeds a program, beginning at `ARCHC_FIRST_SEED`; a failing seed is shrunk to the fewest
//! edits, and both programs are printed.

use crate::families::{self, Family};
use crate::respell::{Edit, Random, edits, respelled, shrunk, tally};
use crate::{checked, lowered};
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{FuncId, Module, inline, print_function, verify};
use arch_compiler::interp::{Tensor, noise, run};
use arch_compiler::library;
use std::collections::BTreeMap;

/// How many seeds of each program every run tries.
const SEEDS: usize = 6;

/// How many edits a respelling has at most. Most of them do not suit their node and leave it as it is.
const EDITS: usize = 60;

struct Base {
    name: String,
    module: Module,
    function: FuncId,
}

fn base(name: &str, mut module: Module, entry: FuncId) -> Base {
    let function = inline(&mut module, entry);
    Base { name: name.into(), module, function }
}

fn of_family(family: &Family) -> Base {
    let program = checked(&family.spellings().next().expect("a family has spellings"));
    base(family.name, program.module, program.entry)
}

fn of_zoo(model: &str, item: &str, dims: &[(&str, usize)], set: &[(&str, &str)]) -> Base {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let request = Request {
        item: Some(item.into()),
        dims: dims.iter().map(|(name, size)| ((*name).into(), *size)).collect(),
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Request::default()
    };
    let outcome = compile(&NoFiles, model, text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let program = outcome.program.unwrap_or_else(|| panic!("{item}: {said}"));
    base(item, program.module, program.entry)
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
        let size = x.data.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
        worst = x.data.iter().zip(&y.data).fold(worst, |m, (x, y)| m.max((x - y).abs() / size));
    }
    worst
}

/// What became of a respelling.
enum Outcome {
    Same,
    /// A limit was touched: nothing is promised then.
    Limit,
    /// The programs and their canonical graphs.
    Differs(String),
}

fn outcome(base: &Base, edits: &[Edit], backward: bool) -> Outcome {
    let mut module = base.module.clone();
    let function = respelled(&mut module, base.function, edits);
    verify(&module).expect("a respelling keeps the rules of the graph");
    let worst = apart(&module, base.function, function);
    assert!(worst < 1e-9, "{}: {edits:?} computes something else: {worst:e}", base.name);
    let wanted = lowered(&mut base.module.clone(), base.function, backward);
    let text = print_function(&module, function);
    let found = lowered(&mut module, function, backward);
    if !found.complete {
        return Outcome::Limit;
    }
    if found.kernels == wanted.kernels {
        return Outcome::Same;
    }
    let before = print_function(&base.module, base.function);
    let (wanted, found) = (wanted.graph, found.graph);
    Outcome::Differs(format!("{before}\n--- and\n{text}\n--- become\n{wanted}\n--- and\n{found}"))
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn check(base: &Base) {
    let (first, count) = (number("ARCHC_FIRST_SEED", 0), number("ARCHC_SEEDS", SEEDS));
    let (mut failed, mut limits, mut ways) = (Vec::new(), 0, BTreeMap::new());
    for (seed, backward) in (first..first + count).flat_map(|seed| [(seed, false), (seed, true)]) {
        let edits = edits(base.module.function(base.function), &mut Random(seed as u64), EDITS);
        tally(&edits, &mut ways);
        match outcome(base, &edits, backward) {
            Outcome::Same => {}
            Outcome::Limit => limits += 1,
            Outcome::Differs(_) => {
                let differs = |fewer: &[Edit]| matches!(outcome(base, fewer, backward), Outcome::Differs(_));
                let fewest = shrunk(edits, differs);
                if let Outcome::Differs(how) = outcome(base, &fewest, backward) {
                    failed.push(format!("seed {seed}, backward {backward}: {fewest:?}\n{how}"));
                }
            }
        }
    }
    let tried = 2 * count;
    println!(
        "{}: {tried} respellings, {limits} touched a limit, {} differ; {ways:?}",
        base.name,
        failed.len()
    );
    for line in failed.iter().filter_map(|f| f.lines().next()) {
        println!("{line}");
    }
    assert!(failed.is_empty(), "{}: {} of {tried}\n{}", base.name, failed.len(), failed[0]);
    assert!(4 * limits <= tried, "{}: {limits} of {tried} touched a limit", base.name);
}

macro_rules! bases {
    ($($name:ident: $base:expr,)*) => {
        $(#[test] fn $name() { check(&$base); })*
    };
}

bases! {
    ada_ln: of_family(&families::ada_ln()),
    rms_norm: of_family(&families::rms_norm()),
    attention: of_family(&families::attention()),
    s4d_both_ways: of_family(&families::s4d_both_ways()),
    mamba: of_family(&families::mamba()),
    mamba2: of_family(&families::mamba2()),
    dit_block: of_zoo("dit", "DiTBlock", &[("D", 12), ("T", 5)], &[("num_heads", "2")]),
    mamba_mixer: of_zoo("mamba", "MambaMixer", &[("D", 8), ("T", 5)], &[("d_state", "4"), ("bidirectional", "true")]),
    diffussm_block: of_zoo("diffussm", "DiffuSSMBlock", &[("D", 8), ("M", 2), ("J", 3)], &[("d_state", "4")]),
}
