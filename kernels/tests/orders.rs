//! In which order kernels go over their places.

use arch_compiler::graph::{Builder, DType, InputKind, Module};
use arch_compiler::ops::{Map, Op};
use arch_kernels::print::print_c;
use arch_kernels::{Options, Target, lower};

/// Of four buffers that are read and one that is written, three lie the other way: vectors run along those, and only the
/// others are taken lane by lane.
#[test]
fn vectors_run_along_most_of_the_buffers() {
    let mut module = Module::default();
    let mut b = Builder::new(&mut module, "test");
    let (e, n) = (b.module.add_axis("E", 24), b.module.add_axis("N", 16));
    let [gradient, others @ ..] =
        [("gradient", [n, e]), ("first", [e, n]), ("second", [e, n]), ("weight", [e, n])]
            .map(|(name, shape)| b.input(name, InputKind::Argument, shape.to_vec(), DType::F32));
    let sum = others.into_iter().fold(gradient, |sum, x| b.add1(Op::Map(Map::Mul), &[sum, x]).unwrap());
    b.output("output", sum);
    let function = b.finish();
    assert_eq!(module.function(function).value(sum).shape, [n, e], "the first one has its say in storage");
    let options = Options { target: Target::Avx2, batch: 1, sources: None };
    let plan = lower(&module, module.function(function), &options).unwrap();
    let [kernel] = plan.kernels.as_slice() else { panic!("one kernel\n{plan}") };
    let text = print_c(kernel, Target::Avx2);
    assert_eq!(text.matches("EACH_LANE").count(), 2, "{text}");
}
