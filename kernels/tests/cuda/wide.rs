//! Buffers of more elements than 32 bits can count: indices get 64 bits, and what no launch can have is refused.

use crate::emulator::{Emulated, is_there};
use crate::golden_plans;
use crate::mutants::run;
use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module};
use arch_compiler::ops::{Map, Op, Reduce};
use arch_kernels::plan::Plan;
use arch_kernels::print::cuda::{self, Refusal};
use arch_kernels::{Options, Target, lower};

/// The plan as if its buffers were larger than they are.
fn grown(plan: &Plan) -> Plan {
    let mut grown = plan.clone();
    for slot in &mut grown.slots {
        slot.len += 1 << 31;
    }
    grown
}

#[test]
fn wide_indices_give_the_same_bits() {
    if !is_there() {
        return;
    }
    for (name, plan) in golden_plans::all(Target::Cuda) {
        let narrow = cuda::sources(&plan).unwrap().0.remove(0);
        let wide = cuda::sources(&grown(&plan)).unwrap().0.remove(0);
        assert_ne!(narrow.name, wide.name, "{name}: another text is another function");
        assert!(!narrow.text.contains("long long") && wide.text.contains("long long"), "{}", wide.text);
        // Of loops and indices, none is left with 32 bits; in products it is the addresses.
        let product = wide.family == "gemm";
        let counts = |line: &&str| match product {
            true => (0..5).any(|arg| line.contains(&format!("a{arg}["))),
            false => line.contains("blockIdx"),
        };
        for line in wide.text.lines().filter(|l| counts(l) && !l.starts_with("//")) {
            assert!(line.contains("long long"), "{name}: {line}");
        }
        let results = [narrow, wide].map(|source| {
            let mut kernels = Emulated::new(std::slice::from_ref(&source));
            run(&mut kernels, &plan, &source, 1).unwrap()
        });
        assert!(results[0] == results[1], "{name}: other bits");
    }
}

/// A sum along rows of `d` elements, or a map of them.
fn plan(batch: usize, d: usize, sum: bool) -> Plan {
    let mut module = Module::default();
    let mut b = Builder::new(&mut module, "large");
    let (t, d) = (b.module.add_axis("T", 1 << 10), b.module.add_axis("D", d));
    let x = b.input("x", InputKind::Argument, vec![AxisId::BATCH, t, d], DType::F32);
    let op = if sum { Op::Reduce(Reduce::Sum, vec![d]) } else { Op::Map(Map::Exp) };
    let y = b.add1(op, &[x]).unwrap();
    b.output("y", y);
    let function = b.finish();
    let options = Options { target: Target::Cuda, batch, sources: None };
    lower(&module, module.function(function), &options).unwrap()
}

#[test]
fn the_size_of_buffers_decides_about_the_width() {
    let wide = |plan: &Plan| cuda::sources(plan).unwrap().0[0].text.contains("long long");
    assert!(!wide(&plan(1 << 8, 1 << 10, false)), "2^28 elements");
    assert!(wide(&plan(1 << 12, 1 << 10, false)), "2^32 elements");
    assert!(wide(&plan(1 << 12, 1 << 10, true)), "2^32 elements");
}

#[test]
fn more_blocks_than_a_launch_can_have_are_refused() {
    let refused = cuda::sources(&plan(1 << 30, 1 << 10, true)).unwrap_err();
    let Refusal::Blocks { blocks, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*blocks, 1 << 38, "four rows a block");
    assert!(refused.to_string().contains("274877906944 blocks"), "{refused}");
}
