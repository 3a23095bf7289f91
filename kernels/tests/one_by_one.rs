//! The reference that fused kernels are held against: each operation is a kernel of its own.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target};

/// A file of the zoo, an item, and a config value of it.
type Case = (&'static str, &'static str, (&'static str, &'static str));

fn plan((file, item, set): Case, target: Target, spelling: Spelling) -> Plan {
    let text = library::ZOO.iter().find(|(name, _)| *name == file).expect("it is in the zoo").1;
    let set = vec![(set.0.into(), set.1.into())];
    let dims = vec![("T".into(), 24), ("D".into(), 32)];
    let request = Request { item: Some(item.into()), set, dims, ..Request::default() };
    let outcome = compile(&NoFiles, file, text, &request);
    let mut program = outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gradients = Some(Gradients { of: &names, memory: Memory::Fast });
    let (both, _) = build::entry(&mut program.module, program.entry, spelling, gradients).unwrap();
    let options = Options { target, batch: 2, sources: None };
    build::plan(&mut program.module, both, spelling, &options).expect("it can be lowered").plan
}

#[test]
fn the_reference_has_a_kernel_for_each_operation() {
    let cases: [Case; 2] =
        [("dit", "DiTBlock", ("num_heads", "2")), ("mamba", "MambaMixer", ("d_model", "32"))];
    for case in cases {
        for target in [Target::Avx2, Target::Cuda] {
            let separate = plan(case, target, Spelling::OneByOne);
            let scans = |plan: &Plan| plan.kernels.iter().filter(|k| k.name.starts_with("scan")).count();
            for (step, within) in separate.steps.iter().zip(&separate.contents) {
                let is_scan = step.name.starts_with("scan");
                assert!(within.operations <= 1 || is_scan, "{}: {within:?}\n{separate}", step.name);
            }
            let fused = plan(case, target, Spelling::Canonical);
            let (many, few) = (separate.steps.len(), fused.steps.len());
            assert!(2 * many > 3 * few, "{case:?}: {many} steps one by one, {few} fused");
            assert_eq!(scans(&separate) > 0, case.0 == "mamba");
            let moved = |plan: &Plan| plan.steps.iter().map(|s| s.bytes).sum::<u64>();
            assert!(
                2 * moved(&separate) > 3 * moved(&fused),
                "{case:?}: {} {}",
                moved(&separate),
                moved(&fused)
            );
        }
    }
}
