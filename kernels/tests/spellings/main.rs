//! However a text says it, the same mathematics gives the same kernels, byte for byte, forward and backward.
//!
//! A family is a text with gaps and several ways to fill each gap; every combination is compiled. Only the
//! header comments differ, which hold the lines of the text.

mod families;
mod newcomers;
mod respell;
mod seeds;
mod strangers;
mod texts;
mod third;
mod ways;

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{FuncId, InputKind, Module, print_function};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_kernels::build::{self, Gradients, Planned, Spelling};
use arch_kernels::print::print_c;
use arch_kernels::{Options, Target};
use families::Family;
use strangers::Strangers;

/// What a text becomes.
struct Compiled {
    /// All kernels and what runs when, without the lines they were made for.
    kernels: String,
    /// The canonical graph.
    graph: String,
    /// Whether no limit was touched: only then is it promised that kernels do not depend on the spelling.
    complete: bool,
}

fn compiled(text: &str, backward: bool) -> Compiled {
    let mut program = checked(text);
    lowered(&mut program.module, program.entry, backward)
}

/// A checked program, with a size for each axis that families name.
fn checked(text: &str) -> Program {
    let sizes = [
        ("D", 16),
        ("T", 6),
        ("F", 24),
        ("E", 8),
        ("N", 4),
        ("H", 2),
        ("K", 8),
        ("S", 5),
        ("R", 3),
        ("P", 8),
        ("U", 48),
        ("V", 40),
    ];
    let named = |name: &str| text.contains(&format!("{name}]")) || text.contains(&format!("{name},"));
    let dims = sizes.iter().filter(|(name, _)| named(name));
    let dims = dims.map(|(name, size)| ((*name).to_string(), *size)).collect();
    let request = Request { dims, ..Request::default() };
    let outcome = compile(&NoFiles, "spelling", text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"))
}

/// What a function becomes, with the gradients of all its float inputs if `backward`.
fn lowered(module: &mut Module, function: FuncId, backward: bool) -> Compiled {
    let inputs = module.function(function).inputs.iter();
    let float = |id| module.function(function).value(id).storage.is_float();
    let trained =
        inputs.filter(|i| matches!(i.kind, InputKind::Argument | InputKind::Parameter) && float(i.value));
    let mut wrt: Vec<String> = trained.map(|i| i.name.clone()).collect();
    wrt.sort();
    let wrt: Vec<&str> = wrt.iter().map(String::as_str).collect();
    let gradients = backward.then_some(Gradients { of: &wrt, memory: Memory::Fast });
    let (entry, forward) =
        build::entry(module, function, Spelling::Canonical, gradients).expect("all inputs have gradients");
    let options = Options { target: Target::PINNED, batch: 3, sources: None };
    let planned = build::plan(module, entry, Spelling::Canonical, &options).expect("the function lowers");
    let Planned { plan, function: flat, .. } = planned;
    let mut text = String::new();
    for kernel in &plan.kernels {
        text += &print_c(kernel, Target::PINNED);
    }
    for step in &plan.steps {
        text += &format!("{}\n", step.name);
    }
    Compiled { kernels: text, graph: print_function(module, flat), complete: forward.incomplete.is_empty() }
}

/// Compiles every spelling of a family and compares it with the first.
fn check(family: &Family) {
    for backward in [false, true] {
        let mut spellings = family.spellings();
        let reference = spellings.next().expect("a family has spellings");
        let wanted = compiled(&reference, backward);
        let mut count = 1;
        for text in spellings {
            count += 1;
            let found = compiled(&text, backward);
            assert!(found.complete, "{}: a limit was touched\n{text}", family.name);
            assert!(
                found.kernels == wanted.kernels,
                "{}, {}: two spellings differ\n{reference}\n{}\n---\n{text}\n{}",
                family.name,
                if backward { "backward" } else { "forward" },
                wanted.graph,
                found.graph
            );
        }
        assert!(count >= 20, "{} has {count} spellings", family.name);
    }
}

#[test]
fn ada_ln() {
    check(&families::ada_ln());
}

#[test]
fn rms_norm_into_a_product() {
    check(&families::rms_norm());
}

#[test]
fn attention() {
    check(&families::attention());
}

#[test]
fn linear_attention() {
    check(&families::linear_attention());
}

#[test]
fn selective_scan() {
    check(&families::selective_scan());
}

#[test]
fn s4d_both_ways() {
    check(&families::s4d_both_ways());
}

#[test]
fn mamba() {
    check(&families::mamba());
}

#[test]
fn mamba2() {
    check(&families::mamba2());
}

/// Compiles bodies that others wrote and compares them with one text.
fn check_strangers(name: &str, reference: &str, strangers: &Strangers) {
    let mut failed = Vec::new();
    for backward in [false, true] {
        let wanted = compiled(reference, backward);
        for (at, body) in strangers.bodies.iter().enumerate() {
            let text = strangers.text(body);
            let found = compiled(&text, backward);
            if !found.complete || found.kernels != wanted.kernels {
                let way = if backward { "backward" } else { "forward" };
                let how = if found.complete { "differs" } else { "touches a limit" };
                println!("{name}: spelling {at} {how}, {way}");
                let (wanted, found) = (&wanted.graph, &found.graph);
                failed.push(format!("spelling {at}, {way}\n{text}\n{wanted}\n---\n{found}"));
            }
        }
    }
    assert!(failed.is_empty(), "{name}: {} differ\n{}", failed.len(), failed.join("\n"));
}

/// Compares bodies with a family's first spelling.
fn check_of_family(family: &Family, strangers: &Strangers) {
    let reference = family.spellings().next().expect("a family has spellings");
    check_strangers(family.name, &reference, strangers);
}

/// Compares bodies with the first of them.
fn check_alike(name: &str, strangers: &Strangers) {
    let (first, rest) = strangers.bodies.split_first().expect("there are bodies");
    let rest = Strangers { head: strangers.head, bodies: rest };
    check_strangers(name, &strangers.text(first), &rest);
}

macro_rules! strangers {
    ($($name:ident: $family:ident, $bodies:ident,)*) => {
        $(#[test] fn $name() { check_of_family(&families::$family(), &strangers::$bodies); })*
    };
}

strangers! {
    ada_ln_by_strangers: ada_ln, ADA_LN,
    rms_norm_by_strangers: rms_norm, RMS_NORM,
    attention_by_strangers: attention, ATTENTION,
    s4d_by_strangers: s4d_both_ways, S4D,
    mamba_by_strangers: mamba, MAMBA,
    mamba2_by_strangers: mamba2, MAMBA2,
}

#[test]
fn a_blend_of_a_state_and_what_is_new() {
    check_alike("blend", &third::BLEND);
}

#[test]
fn heads_taken_apart_and_put_together() {
    check_alike("heads", &third::HEADS);
    check_alike("projections", &third::PROJECTIONS);
}

#[test]
fn a_polynomial_however_it_is_bracketed() {
    check_alike("polynomial", &third::POLYNOMIAL);
}

#[test]
fn a_state_of_which_some_is_taken_away_again() {
    check_alike("cancelled", &third::CANCELLED);
}

macro_rules! newcomers {
    ($($name:ident: $bodies:ident,)*) => {
        $(#[test] fn $name() { check_alike(stringify!($name), &newcomers::$bodies); })*
    };
}

newcomers! {
    ada_ln_by_newcomers: ADA_LN,
    rms_norm_by_newcomers: RMS_NORM,
    attention_by_newcomers: ATTENTION,
    mamba_by_newcomers: MAMBA,
    mamba2_by_newcomers: MAMBA2,
    s4d_by_newcomers: S4D,
}

/// The comparison itself must be able to fail.
#[test]
fn other_mathematics_gives_other_kernels() {
    let text = families::ada_ln().spellings().next().expect("a family has spellings");
    let other = text.replace("1 + scale", "2 + scale");
    assert_ne!(text, other);
    assert_ne!(compiled(&text, false).kernels, compiled(&other, false).kernels);
}
