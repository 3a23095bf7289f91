//! Sessions as such: state in place, several programs over one set of tensors, errors, compilers.

use super::common::{ARGUMENT, cache};
use arch_compiler::graph::{AxisId, Builder, DType, FuncId, InputKind, Module};
use arch_compiler::ops::{Map, Op, Reduce};
use arch_kernels::Target;
use arch_runtime::device::host::{self, CCompiler, HostError};
use arch_runtime::execute::{Data, Execute, RunError};
use arch_runtime::luminal::{BuildError, Options, PlanFault, Session};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the thread allocates.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn options(threads: usize) -> Options {
    Options { threads, cache: cache(), ..Options::default() }
}

/// `accumulate` adds the sum over the batch of `x` to `total`; `update` takes a step with it and clears it.
fn programs() -> (Module, FuncId, FuncId) {
    let mut module = Module::default();
    let d = module.add_axis("D", 37);
    let mut b = Builder::new(&mut module, "accumulate");
    let x = b.input("x", ARGUMENT, vec![AxisId::BATCH, d], DType::F32);
    let total = b.input("total", InputKind::State, vec![d], DType::F32);
    let sum = b.add1(Op::Reduce(Reduce::Sum, vec![AxisId::BATCH]), &[x]).unwrap();
    let new = b.add1(Op::Map(Map::Add), &[total, sum]).unwrap();
    b.function.updates.push((total, new));
    let accumulate = b.finish();
    let mut b = Builder::new(&mut module, "update");
    let total = b.input("total", InputKind::State, vec![d], DType::F32);
    let weight = b.input("weight", InputKind::Parameter, vec![d], DType::F32);
    let rate = b.add1(Op::Constant(0.5), &[]).unwrap();
    let step = b.add1(Op::Map(Map::Mul), &[total, rate]).unwrap();
    let new = b.add1(Op::Map(Map::Sub), &[weight, step]).unwrap();
    let zero = b.add1(Op::Constant(0.0), &[]).unwrap();
    let zero = b.add1(Op::Map(Map::Mul), &[total, zero]).unwrap();
    b.function.updates.push((weight, new));
    b.function.updates.push((total, zero));
    b.output("step", step);
    let update = b.finish();
    (module, accumulate, update)
}

#[test]
fn programs_share_their_tensors_and_update_them_in_place() {
    let (module, accumulate, update) = programs();
    for threads in [1, 2] {
        let list = [("accumulate", accumulate), ("update", update)];
        let mut session = Session::new(&module, &list, 2, options(threads)).unwrap();
        assert_eq!(session.plan("update").unwrap().arena_bytes, 0, "nothing is copied on the way");
        session.write("weight", Data::Float(&[1.0; 37])).unwrap();
        session.write("x", Data::Float(&[0.25; 74])).unwrap();
        session.run("accumulate").unwrap();
        session.run("accumulate").unwrap();
        session.run("update").unwrap();
        let mut weight = [0f32; 37];
        session.read("weight", &mut weight).unwrap();
        assert_eq!(weight, [0.5; 37]);
        session.read("total", &mut weight).unwrap();
        assert_eq!(weight, [0.0; 37]);
        session.read("step", &mut weight).unwrap();
        assert_eq!(weight, [0.5; 37]);
        assert!(session.dot("accumulate").unwrap().contains("->"));
    }
}

/// `scale` multiplies `x` by the sums of `exp(weight)`; `train` halves the weight.
fn scaling() -> (Module, FuncId, FuncId) {
    let mut module = Module::default();
    let (n, d) = (module.add_axis("N", 40), module.add_axis("D", 37));
    let mut b = Builder::new(&mut module, "scale");
    let x = b.input("x", ARGUMENT, vec![AxisId::BATCH, n], DType::F32);
    let weight = b.input("weight", InputKind::Parameter, vec![n, d], DType::F32);
    let exponential = b.add1(Op::Map(Map::Exp), &[weight]).unwrap();
    let sums = b.add1(Op::Reduce(Reduce::Sum, vec![d]), &[exponential]).unwrap();
    let scaled = b.add1(Op::Map(Map::Mul), &[x, sums]).unwrap();
    b.output("out", scaled);
    let scale = b.finish();
    let mut b = Builder::new(&mut module, "train");
    let weight = b.input("weight", InputKind::Parameter, vec![n, d], DType::F32);
    let half = b.add1(Op::Constant(0.5), &[]).unwrap();
    let new = b.add1(Op::Map(Map::Mul), &[weight, half]).unwrap();
    b.function.updates.push((weight, new));
    let train = b.finish();
    (module, scale, train)
}

#[test]
fn what_depends_on_parameters_alone_is_computed_once_for_all_runs() {
    let (module, scale, train) = scaling();
    let is = |session: &Session, wanted: f64| {
        let mut out = [0f32; 80];
        session.read("out", &mut out).unwrap();
        assert!(out.iter().all(|o| (f64::from(*o) - wanted).abs() < 1e-4 * wanted), "{out:?}, not {wanted}");
    };
    let mut session = Session::new(&module, &[("scale", scale)], 2, options(2)).unwrap();
    assert!(session.plan("scale").unwrap().prepared_from().contains("weight"));
    session.set_profiling(true);
    for (weight, xs) in [(0.0f32, [1.0f32, 2.0, 3.0]), (1.0, [1.0, 0.5, 4.0])] {
        session.write("weight", Data::Float(&[weight; 40 * 37])).unwrap();
        for x in xs {
            session.write("x", Data::Float(&[x; 80])).unwrap();
            session.run("scale").unwrap();
            is(&session, 37.0 * f64::from(x) * f64::from(weight).exp());
        }
    }
    let mut calls: Vec<u64> = session.profile().iter().map(|k| k.calls).collect();
    calls.sort_unstable();
    assert_eq!(calls, [2, 6], "the sums twice, the products in every run");

    // Beside a program that trains, nothing is kept.
    let list = [("scale", scale), ("train", train)];
    let mut session = Session::new(&module, &list, 2, options(2)).unwrap();
    session.write("weight", Data::Float(&[2.0; 40 * 37])).unwrap();
    session.write("x", Data::Float(&[1.0; 80])).unwrap();
    for wanted in [2.0f64, 1.0, 0.5] {
        session.run("scale").unwrap();
        is(&session, 37.0 * wanted.exp());
        session.run("train").unwrap();
    }
}

#[test]
fn a_warm_step_allocates_nothing() {
    let (module, accumulate, update) = programs();
    let list = [("accumulate", accumulate), ("update", update)];
    let mut session = Session::new(&module, &list, 64, options(2)).unwrap();
    session.run("accumulate").unwrap();
    session.run("update").unwrap();
    let before = COUNT.with(Cell::get);
    for _ in 0..10 {
        session.run("accumulate").unwrap();
        session.run("update").unwrap();
    }
    assert_eq!(COUNT.with(Cell::get) - before, 0);
}

#[test]
fn kernels_are_kept_by_instruction_set() {
    let (module, accumulate, _) = programs();
    let cache = tempfile::tempdir().unwrap();
    for warm in [false, true] {
        for target in host::supported_targets() {
            let options = Options { target: Some(target), cache: cache.path().into(), ..options(1) };
            let session = Session::new(&module, &[("main", accumulate)], 2, options).unwrap();
            let plan = session.plan("main").unwrap();
            assert_eq!(plan.target, target);
            assert_eq!(session.compilation().1, if warm { 0 } else { plan.kernels.len() }, "{target}");
        }
    }
}

#[test]
fn a_plan_for_another_instruction_set_is_refused() {
    let (module, accumulate, _) = programs();
    let generic = Options { target: Some(Target::Generic), ..options(1) };
    let session = Session::new(&module, &[("main", accumulate)], 2, generic.clone()).unwrap();
    let plan = arch_kernels::Plan { target: Target::Avx2, ..session.plan("main").unwrap().clone() };
    let error = Session::from_plans(vec!["main".into()], vec![plan], 2, &generic).unwrap_err();
    assert!(matches!(error, BuildError::Plan(PlanFault::Target { .. })), "{error}");
}

#[test]
fn mistakes_are_told_and_leave_the_session_usable() {
    let (module, accumulate, update) = programs();
    let list = [("accumulate", accumulate), ("update", update)];
    let mut session = Session::new(&module, &list, 2, options(1)).unwrap();
    assert!(matches!(session.run("train"), Err(RunError::Unsupported(_))));
    assert_eq!(session.write("y", Data::Float(&[])), Err(RunError::UnknownTensor("y".into())));
    let wrong = RunError::Length { name: "x".into(), expected: 74, given: 3 };
    assert_eq!(session.write("x", Data::Float(&[0.0; 3])), Err(wrong));
    assert_eq!(session.len("weight"), Some(37));
    assert_eq!(session.len("nothing"), None);
    session.run("accumulate").unwrap();
}

#[test]
fn one_name_has_one_size() {
    let (mut module, accumulate, _) = programs();
    let d = module.add_axis("D", 5);
    let mut b = Builder::new(&mut module, "other");
    let total = b.input("total", InputKind::State, vec![d], DType::F32);
    b.output("total_again", total);
    let other = b.finish();
    let list = [("accumulate", accumulate), ("other", other)];
    let error = Session::new(&module, &list, 2, options(1)).unwrap_err();
    assert!(matches!(error, BuildError::Sizes { ref name, .. } if name == "total"), "{error}");
}

#[test]
fn a_plan_that_reads_what_nobody_wrote_is_refused() {
    let (module, accumulate, _) = programs();
    let session = Session::new(&module, &[("main", accumulate)], 2, options(1)).unwrap();
    let plan = session.plan("main").unwrap().clone();
    let rest = arch_kernels::Plan { steps: plan.steps[1..].to_vec(), ..plan.clone() };
    let build = |plan| Session::from_plans(vec!["main".into()], vec![plan], 2, &options(1));
    assert!(matches!(build(rest), Err(BuildError::Plan(_))));
    let frozen = arch_kernels::Plan { updates: Vec::new(), ..plan.clone() };
    assert!(matches!(build(frozen), Err(BuildError::Plan(_))));
    assert!(build(plan).is_ok());
}

#[test]
fn a_missing_compiler_is_told_with_what_to_do() {
    let error = CCompiler::find_among(&["no-such-compiler".into()]).unwrap_err();
    assert!(matches!(error, HostError::NoCompiler { .. }));
    assert!(error.help().contains("ARCHC_CC"));
}
