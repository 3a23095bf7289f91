//! The canon e-graph changes how a function says what it says, and nothing else.

mod heads;
mod packed;
mod placed;
mod support;

use arch_compiler::graph::verify;
use arch_compiler::schedule::{Machine, Setting};
use arch_compiler::{fuse, grad};
use support::{Case, adverse, difference, largest, numbers, zoo};

/// Larger differences than this are no rounding: the interpreter works in f64.
const ROUNDING: f64 = 1e-9;

#[test]
fn models_say_the_same_forward_and_backward() {
    for Case { name, program, batch } in zoo().into_iter().chain(adverse()) {
        let mut module = program.module.clone();
        let wrt = program.trained();
        let entry =
            grad::value_and_grad(&mut module, program.entry, &wrt).expect("parameters have gradients");
        let inputs = numbers(&module, entry, batch);
        let before = arch_compiler::interp::run(&module, entry, &inputs, batch).expect("the model runs");

        let mut module = program.module.clone();
        let (entry, forward) = fuse::canonical(&mut module, program.entry).expect("rules fit");
        assert_eq!(forward.incomplete, [], "{name}: forward");
        let entry = grad::value_and_grad(&mut module, entry, &wrt).expect("parameters have gradients");
        let setting = Setting { machine: Machine::Host { lanes: 8 }, batch };
        let (entry, _) = fuse::flat(&mut module, entry, setting).expect("calls fit");
        verify(&module).expect("the graph keeps its rules");
        let after = arch_compiler::interp::run(&module, entry, &inputs, batch).expect("the model still runs");
        // Gradients that a softmax takes away again are zero but for rounding.
        let floor = 1e-3 * before.outputs.iter().map(|o| largest(&o.1)).fold(0.0, f64::max);
        for ((output, old), (other, new)) in before.outputs.iter().zip(&after.outputs) {
            assert_eq!(output, other);
            let worst = difference(old, new, floor);
            assert!(worst < ROUNDING, "{name}: {output} differs by {worst:e}");
        }
    }
}

/// Whatever a class holds is one value, not only the term that is taken.
#[test]
fn badly_chosen_terms_say_the_same() {
    let mut spellings = std::collections::BTreeSet::new();
    let cases = zoo();
    let small: Vec<Case> = adverse().collect();
    for (at, Case { name, program, batch }) in cases.iter().chain(&small).enumerate() {
        let mut module = program.module.clone();
        let wrt = program.trained();
        let entry =
            grad::value_and_grad(&mut module, program.entry, &wrt).expect("parameters have gradients");
        let inputs = numbers(&module, entry, *batch);
        let before = arch_compiler::interp::run(&module, entry, &inputs, *batch).expect("the model runs");
        for seed in 0..3 {
            let mut module = program.module.clone();
            let entry = fuse::canonical_in_chaos(&mut module, program.entry, seed).expect("rules fit");
            let entry = grad::value_and_grad(&mut module, entry, &wrt).expect("parameters have gradients");
            let (entry, _) = fuse::flat_in_chaos(&mut module, entry, seed).expect("calls fit");
            verify(&module).expect("the graph keeps its rules");
            // There is not much to choose in a small block.
            if at < cases.len() {
                spellings.insert((at, arch_compiler::graph::print_function(&module, entry)));
            }
            let after = arch_compiler::interp::run(&module, entry, &inputs, *batch).expect("it still runs");
            let floor = 1e-3 * before.outputs.iter().map(|o| largest(&o.1)).fold(0.0, f64::max);
            for ((output, old), (_, new)) in before.outputs.iter().zip(&after.outputs) {
                let worst = difference(old, new, floor);
                assert!(worst < ROUNDING, "{name}, seed {seed}: {output} differs by {worst:e}");
            }
        }
    }
    assert!(spellings.len() > 2 * cases.len(), "only {} spellings came up", spellings.len());
}
