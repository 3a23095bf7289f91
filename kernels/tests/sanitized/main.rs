//! The C text of every family of kernels under the sanitizers of addresses and of undefined behaviour, against the f64
//! interpreter: at one element, a prime number of them, and around a tile; and with no piece to do at all, since an axis
//! has at least one element and a batch at least one sample. Of golden kernels only where they step is looked at.

mod case;
mod families;
#[path = "../../../runtime/tests/executing/generator.rs"]
mod generator;
#[path = "../golden_plans/mod.rs"]
mod golden_plans;
mod program;
#[path = "../../../runtime/tests/executing/tolerance.rs"]
mod tolerance;

use arch_kernels::Target;
use arch_kernels::plan::Plan;
use case::{Case, sizes};
use families::FAMILIES;
use std::collections::BTreeSet;
use std::io::Write;

const BATCH: usize = 2;

/// Whether this machine can run the instruction set.
fn has(target: Target) -> bool {
    match target {
        Target::Generic => true,
        #[cfg(target_arch = "x86_64")]
        Target::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        #[cfg(target_arch = "x86_64")]
        Target::Avx512 => {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
        }
        _ => false,
    }
}

/// Whether programs with sanitizers run here; says so aloud if they do not.
fn can_run(target: Target) -> bool {
    let skip = |why: &str| {
        // By the handle, which the test harness does not catch.
        let _ = writeln!(std::io::stdout(), "\nSKIP C kernels under sanitizers, {target}: {why}");
        false
    };
    if !has(target) {
        return skip("this machine does not have these instructions");
    }
    let dir = tempfile::tempdir().unwrap();
    // Without a kernel or a header of ours, whose faults are no reason to skip.
    let ran = program::compile(dir.path(), "int main(void) { return 0; }\n", target);
    ran.and_then(|()| program::execute(dir.path(), &[])).map_or_else(|why| skip(&why), |()| true)
}

/// Compiles a program of all cases and runs it.
///
/// # Errors
/// What the compiler, a sanitizer or the comparison says.
fn hold(cases: &[Case], target: Target, plant: impl FnOnce(String) -> String) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let text = plant(program::text(cases, target));
    program::compile(dir.path(), &text, target).unwrap_or_else(|e| panic!("{e}"));
    program::execute(dir.path(), cases)
}

/// All families at all their sizes, and the golden kernels.
fn cases(target: Target) -> Vec<Case> {
    let mut cases = Vec::new();
    for family in &FAMILIES {
        let sizes = sizes(family.tile, target);
        cases.extend(sizes.into_iter().map(|size| Case::new(family, size, BATCH, target)));
    }
    // Products are kernels of ours where there are vectors; as text they run anywhere.
    let golden = golden_plans::all(if target == Target::Generic { Target::Avx2 } else { target });
    cases.extend(golden.into_iter().map(|(name, plan)| Case::golden(name, Plan { target, ..plan })));
    cases
}

fn everything(target: Target) {
    if can_run(target) {
        hold(&cases(target), target, |text| text).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn on_any_machine() {
    everything(Target::Generic);
}

#[test]
fn with_vectors_of_eight() {
    everything(Target::Avx2);
}

#[test]
fn with_vectors_of_sixteen() {
    everything(Target::Avx512);
}

#[test]
fn no_family_of_kernels_is_left_out() {
    let cases = cases(Target::Avx2);
    let found: BTreeSet<&str> =
        cases.iter().flat_map(|c| &c.plan.kernels).map(|k| k.family.as_str()).collect();
    let all = [
        "attention",
        "attention_gradient",
        "concat",
        "copy",
        "gemm",
        "map",
        "pack",
        "row",
        "scan",
        "scatter",
        "window",
    ];
    assert_eq!(found, BTreeSet::from(all));
}

/// A fault of the list: the golden kernel or the function, what is wrong, a text and what stands there instead.
fn parts(line: &str) -> [&str; 4] {
    let parts: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
    parts.try_into().unwrap_or_else(|_| panic!("not four parts: {line}"))
}

#[test]
fn every_planted_fault_is_noticed() {
    let target = Target::Generic;
    if !can_run(target) {
        return;
    }
    for line in include_str!("faults.txt").lines().filter(|l| !l.starts_with('#')) {
        let [of, fault, text, instead] = parts(line);
        let golden = golden_plans::all(Target::Avx2).into_iter().find(|g| g.0 == of);
        let case = match golden {
            Some((name, plan)) => Case::golden(name, Plan { target, ..plan }),
            None => {
                let family = FAMILIES.iter().find(|f| f.name == of).unwrap_or_else(|| panic!("no {of}"));
                Case::new(family, 7, BATCH, target)
            }
        };
        let plant = |program: String| {
            assert!(program.contains(text), "{of} has no `{text}`:\n{program}");
            program.replace(text, instead)
        };
        let noticed = hold(&[case], target, plant);
        let said = noticed.expect_err(&format!("{of}: nobody noticed that {fault}"));
        assert!(said.contains(of), "{of} is not named where {fault}: {said}");
    }
}
