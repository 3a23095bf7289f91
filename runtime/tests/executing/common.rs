//! Runs one function both ways and compares. The cases beside this file are also asked of CUDA text, in
//! `kernels/tests/cuda`, with another file of this name.

pub use crate::generator::Numbers;
use crate::tolerance::Tolerance;
use arch_compiler::graph::{DType, FuncId, InputKind, Module, print_function};
use arch_compiler::interp::{self, Tensor};
use arch_kernels::Target;
use arch_kernels::build::Spelling;
use arch_runtime::device::host;
use arch_runtime::execute::{Data, Execute};
use arch_runtime::luminal::{Options, Session};
use std::collections::BTreeMap;

/// Around the length of a vector.
pub const SIZES: [usize; 5] = [1, 7, 15, 16, 17];

/// How the inputs of a function are filled.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Between -1 and 1.
    Signed,
    /// Between 0.1 and 2.1.
    Positive,
    /// Between -1/4 and 1/4: models with such weights do not multiply rounding errors.
    Small,
}

fn fill(dims: &[usize], integer: Option<usize>, how: Fill, numbers: &mut Numbers) -> Vec<f32> {
    let len: usize = dims.iter().product();
    (0..len)
        .map(|_| match (integer, how) {
            (Some(below), _) => numbers.below(below) as f32,
            (None, Fill::Signed) => numbers.float(),
            (None, Fill::Positive) => numbers.float() + 1.1,
            (None, Fill::Small) => numbers.float() * 0.25,
        })
        .collect()
}

/// How a function is compared.
#[derive(Clone)]
pub struct Terms {
    /// How far results may be apart, relative to the largest element.
    pub tolerance: &'static Tolerance,
    /// What float inputs hold.
    pub how: Fill,
    /// Integer inputs hold numbers below this.
    pub below: usize,
    /// The instruction sets that kernels are made for.
    pub targets: Vec<Target>,
}

impl Terms {
    /// On every instruction set that the machine has.
    pub fn everywhere(tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        Terms { tolerance, how, below, targets: host::supported_targets() }
    }

    /// On one of the machine's instruction sets: cases of many take turns.
    pub fn in_turn(case: &str, tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        let targets = host::supported_targets();
        let turn = case.bytes().map(usize::from).sum::<usize>() % targets.len();
        Terms { tolerance, how, below, targets: vec![targets[turn]] }
    }
}

/// Runs a function in the interpreter and in the executing form with one and two threads; all results must
/// agree, those of the threads bit for bit.
pub fn compare(what: &str, module: &Module, function: FuncId, batch: usize, terms: &Terms) {
    let f = module.function(function);
    let mut numbers = Numbers(batch as u64 * 977 + f.values.len() as u64);
    let mut given: Given = Vec::new();
    let mut exact = BTreeMap::new();
    for input in &f.inputs {
        let value = f.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let integer = value.storage == DType::Int;
        let data = fill(&dims, integer.then_some(terms.below), terms.how, &mut numbers);
        exact.insert(input.name.clone(), Tensor { dims, data: data.iter().map(|x| f64::from(*x)).collect() });
        given.push((input.name.clone(), data, integer));
    }
    let wanted = interp::run(module, function, &exact, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut names: Vec<(String, Tensor)> = wanted.outputs.clone();
    names.extend(wanted.updates.iter().cloned());
    for target in terms.targets.iter().copied() {
        let mut first: Option<Vec<Vec<u32>>> = None;
        for threads in [1, 2] {
            let what = format!("{what}, batch {batch}, {target}, {threads} threads");
            // As commands have it; `kernels/tests/evaluated` lowers the same cases as they are written.
            let (target, spelling) = (Some(target), Spelling::Canonical);
            let options = Options { threads, cache: cache(), target, spelling, ..Options::default() };
            let mut session = Session::new(module, &[("main", function)], batch, options)
                .unwrap_or_else(|e| panic!("{what}: {e}\n{}", print_function(module, function)));
            for round in 0..2 {
                let bits = run(&what, &mut session, &given, &names, terms.tolerance, &|| {
                    print_function(module, function).to_string()
                });
                let first = first.get_or_insert_with(|| bits.clone());
                assert_eq!(*first, bits, "{what}, round {round}: other bits");
            }
            let plan = session.plan("main").unwrap();
            assert!(
                plan.arena_bytes as f64 <= 1.10 * plan.live_lower_bound as f64,
                "{what}: an arena of {} bytes for {} alive",
                plan.arena_bytes,
                plan.live_lower_bound
            );
        }
    }
}

/// The inputs by name; those that are integers are marked.
type Given = Vec<(String, Vec<f32>, bool)>;

/// Runs a session once, compares its results, and gives their bits.
fn run(
    what: &str,
    session: &mut Session,
    given: &Given,
    wanted: &[(String, Tensor)],
    tolerance: &'static Tolerance,
    program: &dyn Fn() -> String,
) -> Vec<Vec<u32>> {
    for (name, data, integer) in given {
        let ints: Vec<i32> = data.iter().map(|x| *x as i32).collect();
        let data = if *integer { Data::Int(&ints) } else { Data::Float(data) };
        session.write(name, data).unwrap();
    }
    session.run("main").unwrap();
    let mut bits = Vec::new();
    for (name, wanted) in wanted {
        let mut got = vec![0f32; wanted.data.len()];
        session.read(name, &mut got).unwrap();
        if let Some((i, g, w)) = tolerance.broken(got.iter().copied().map(f64::from), &wanted.data) {
            panic!(
                "{what}: {name}[{i}] is {g}, not {w}\n{}\n{}\n{}",
                program(),
                session.plan("main").unwrap(),
                kernels(session.plan("main").unwrap())
            );
        }
        bits.push(got.iter().map(|x| x.to_bits()).collect());
    }
    bits
}

fn kernels(plan: &arch_kernels::Plan) -> String {
    let few = plan.kernels.iter().take(12);
    few.map(|k| arch_kernels::print::print_c(k, plan.target)).collect::<Vec<_>>().join("\n")
}

/// Kernels compiled by tests are kept beside the tests.
pub fn cache() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernels")
}

/// The kind of an ordinary input.
pub const ARGUMENT: InputKind = InputKind::Argument;
