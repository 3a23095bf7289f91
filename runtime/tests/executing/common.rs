//! Runs one function both ways and compares.

use arch_compiler::graph::{DType, FuncId, InputKind, Module, print_function};
use arch_compiler::interp::{self, Tensor};
use arch_runtime::execute::{Data, Execute};
use arch_runtime::luminal::{Options, Session};
use std::collections::BTreeMap;

/// A small generator with a seed, the same everywhere.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = self.0 ^ (self.0 >> 29);
        mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Between -1 and 1.
    pub fn float(&mut self) -> f32 {
        (self.below(1 << 20) as f32 / (1 << 19) as f32) - 1.0
    }
}

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

/// Runs a function in the interpreter and in the executing form with one and two threads; all results must
/// agree within `tolerance` (relative to the largest element), those of the threads bit for bit.
/// Integer inputs hold numbers below `below`.
pub fn compare(
    what: &str,
    module: &Module,
    function: FuncId,
    batch: usize,
    tolerance: f64,
    how: Fill,
    below: usize,
) {
    let f = module.function(function);
    let mut numbers = Numbers(batch as u64 * 977 + f.values.len() as u64);
    let mut given: Vec<(String, Vec<f32>, bool)> = Vec::new();
    let mut exact = BTreeMap::new();
    for input in &f.inputs {
        let value = f.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let integer = value.storage == DType::Int;
        let data = fill(&dims, integer.then_some(below), how, &mut numbers);
        exact.insert(input.name.clone(), Tensor { dims, data: data.iter().map(|x| f64::from(*x)).collect() });
        given.push((input.name.clone(), data, integer));
    }
    let wanted = interp::run(module, function, &exact, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut names: Vec<(String, Tensor)> = wanted.outputs.clone();
    names.extend(wanted.updates.iter().cloned());
    let mut first: Vec<Vec<u32>> = Vec::new();
    for threads in [1, 2] {
        let options = Options { threads, cache: cache(), ..Options::default() };
        let mut session = Session::new(module, &[("main", function)], batch, options)
            .unwrap_or_else(|e| panic!("{what}: {e}\n{}", print_function(module, function)));
        for round in 0..2 {
            for (name, data, integer) in &given {
                let ints: Vec<i32> = data.iter().map(|x| *x as i32).collect();
                let data = if *integer { Data::Int(&ints) } else { Data::Float(data) };
                session.write(name, data).unwrap();
            }
            session.run("main").unwrap();
            let mut bits = Vec::new();
            for (name, wanted) in &names {
                let mut got = vec![0f32; wanted.data.len()];
                session.read(name, &mut got).unwrap();
                let largest =
                    wanted.data.iter().filter(|x| x.is_finite()).fold(1.0f64, |a, b| a.max(b.abs()));
                for (i, (g, w)) in got.iter().zip(&wanted.data).enumerate() {
                    let same = (w.is_nan() && g.is_nan()) || f64::from(*g) == *w;
                    let close = (f64::from(*g) - w).abs() <= tolerance * largest;
                    assert!(
                        same || close,
                        "{what}, batch {batch}, {threads} threads: {name}[{i}] is {g}, not {w}\n{}\n{}\n{}",
                        print_function(module, function),
                        session.plan("main").unwrap(),
                        kernels(session.plan("main").unwrap())
                    );
                }
                bits.push(got.iter().map(|x| x.to_bits()).collect());
            }
            if first.is_empty() {
                first = bits;
            } else {
                assert_eq!(
                    first, bits,
                    "{what}, batch {batch}, {threads} threads, round {round}: other bits"
                );
            }
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
