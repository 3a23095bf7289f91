//! The page of blocks from papers: every text on it is checked, its tests are run, its gradients are held
//! against finite differences, and its kernels against the interpreter.

use super::common::{Fill, Terms, compare};
use super::tolerance::GRADIENTS;
use arch_compiler::check::tests::{NoCounts, run};
use arch_compiler::check::{NoFiles, Request, check_file, compile};
use arch_compiler::graph::{FuncId, Module};
use arch_compiler::interp::{Tensor, noise};
use arch_compiler::{grad, program::Program};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/paper-blocks.md");

/// The text on the page that defines a block.
fn text(block: &str) -> String {
    let fences = PAGE.split("```arch\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let found = fences.filter(|text| text.contains(&format!("block {block}(")));
    let texts: Vec<String> = found.map(|text| format!("edition 2026\n\n{text}")).collect();
    assert_eq!(texts.len(), 1, "the page has {block} once");
    texts[0].clone()
}

fn check(block: &str, dims: &[(&str, usize)], set: &[(&str, &str)]) {
    let text = text(block);
    let outcome = check_file(&NoFiles, "block.arch", &text, &Request::default());
    assert!(outcome.diagnostics.is_empty(), "{block}: {:?}", outcome.diagnostics);
    let tests = run(&NoFiles, "block.arch", &text, None, &NoCounts);
    assert!(!tests.is_empty(), "{block} has tests");
    for test in tests {
        assert!(test.diagnostics.is_empty(), "{block}: {:?}", test.diagnostics);
    }
    assert_eq!(arch_grammar::format(&text).ok().as_ref(), Some(&text), "{block} is formatted");
    let body = text.split("  forward(").nth(1).unwrap().split("\n  }").next().unwrap();
    assert!(body.lines().count() <= 20, "{block} is short");

    let request = Request {
        item: Some(block.into()),
        dims: dims.iter().map(|(name, size)| ((*name).into(), *size)).collect(),
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Request::default()
    };
    let Program { mut module, entry, .. } =
        compile(&NoFiles, "block.arch", &text, &request).program.expect("the block compiles");
    let names: Vec<String> = module.function(entry).inputs.iter().map(|i| i.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let both = grad::value_and_grad(&mut module, entry, &names).expect("every input has a gradient");
    gradients_agree(block, &module, entry, both);
    for batch in [1, 3] {
        let terms = Terms::everywhere(&GRADIENTS, Fill::Signed, 1);
        compare(&format!("{block} with gradients"), &module, both, batch, &terms);
    }
}

fn gradients_agree(block: &str, module: &Module, entry: FuncId, both: FuncId) {
    let batch = 2;
    let f = module.function(both);
    let random = |name: &str, value| noise(name, &module.dims(&f.value(value).shape, batch));
    let given: BTreeMap<String, Tensor> =
        f.inputs.iter().map(|input| (input.name.clone(), random(&input.name, input.value))).collect();
    let names: Vec<&str> = module.function(entry).inputs.iter().map(|i| i.name.as_str()).collect();
    let found =
        grad::differences(module, (entry, both), &given, &names, batch, &mut |_| {}).expect("it runs");
    assert_eq!(found.len(), names.len());
    for d in found {
        assert!(d.gradient != 0.0, "{block}: {} matters", d.name);
        assert!(d.apart < 1e-6, "{block}: {d:?}");
    }
}

#[test]
fn gated_linear_attention() {
    check("GatedLinearAttention", &[("D", 24), ("T", 7)], &[("num_heads", "3"), ("rank", "5")]);
}

#[test]
fn rotary_attention_with_normalised_queries_and_keys() {
    check("RotaryAttention", &[("D", 24), ("T", 7)], &[("num_heads", "3")]);
}

#[test]
fn a_mixture_of_two_branches_by_a_gate() {
    check("GatedBranches", &[("D", 12), ("T", 9)], &[("num_heads", "3"), ("kernel", "3")]);
}
