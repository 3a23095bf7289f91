//! Runs a function in the f64 interpreter and its CUDA text on the CPU, and compares. The tests that use it are those
//! of the executing form: what is asked of C is asked of CUDA.

use crate::emulator;
pub use crate::generator::Numbers;
use crate::runner::{Runner, numbers};
use crate::tolerance::Tolerance;
use arch_compiler::graph::{DType, FuncId, InputKind, Module, print_function};
use arch_compiler::interp::{self, Tensor};
use arch_kernels::build::{self, Planned, Spelling};
use arch_kernels::{Options, Target};
use std::collections::BTreeMap;

/// Around the length of a warp.
pub const SIZES: [usize; 5] = [1, 7, 31, 32, 33];

/// Orders of threads that kernels run in: one after the other, and three shuffled ones.
const SEEDS: [u64; 4] = [3, 0, 1, 2];
/// Plans of more operations than this run in fewer orders, and of ten times as many in one.
const MANY: u64 = 4_000_000;

/// How the inputs of a function are filled.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Between -1 and 1.
    Signed,
    /// Between 0.1 and 2.1.
    Positive,
    /// Between -1/4 and 1/4: models with such weights do not multiply rounding errors.
    Small,
    /// The same, but second moments, rates and the numbers of noising are between 0.1 and 0.6.
    Training,
}

/// Inputs of a training step that must be positive.
fn is_positive(name: &str) -> bool {
    let numbers = ["signal", "spread", "lr", "adam.correction1", "adam.correction2_sqrt", "loss_scale"];
    name.starts_with("adam.v.") || numbers.contains(&name)
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
}

impl Terms {
    /// There is one emulator.
    pub fn everywhere(tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        Terms { tolerance, how, below }
    }

    /// There is one emulator, so nothing takes turns.
    pub fn in_turn(_case: &str, tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        Terms { tolerance, how, below }
    }
}

fn fill(name: &str, dims: &[usize], integer: Option<usize>, how: Fill, numbers: &mut Numbers) -> Vec<f64> {
    let len: usize = dims.iter().product();
    (0..len)
        .map(|_| match (integer, how) {
            (Some(below), _) => numbers.below(below) as f64,
            (None, Fill::Signed) => f64::from(numbers.float()),
            (None, Fill::Positive) => f64::from(numbers.float() + 1.1),
            (None, Fill::Training) if is_positive(name) => f64::from(numbers.float() * 0.25 + 0.35),
            (None, Fill::Small | Fill::Training) => f64::from(numbers.float() * 0.25),
        })
        .collect()
}

/// Runs a function both ways; results must agree, and be the same bit for bit whatever the order of threads.
pub fn compare(what: &str, module: &Module, function: FuncId, batch: usize, terms: &Terms) {
    if !emulator::is_there() {
        return;
    }
    let f = module.function(function);
    let mut source = Numbers(batch as u64 * 977 + f.values.len() as u64);
    let mut given: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut exact = BTreeMap::new();
    for input in &f.inputs {
        let value = f.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let integer = value.storage == DType::Int;
        let data = fill(&input.name, &dims, integer.then_some(terms.below), terms.how, &mut source);
        exact.insert(input.name.clone(), Tensor { dims, data: data.clone() });
        given.insert(input.name.clone(), data);
    }
    let wanted = interp::run(module, function, &exact, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut flat = module.clone();
    let options = Options { target: Target::Cuda, batch, sources: None };
    let planned = build::plan(&mut flat, function, Spelling::Canonical, &options);
    let Planned { plan, function, .. } = planned.unwrap_or_else(|e| panic!("{what}: {e:?}"));
    let mut runner = Runner::new(&plan);
    let mut first = None;
    let work: u64 = plan.steps.iter().map(|s| s.flops).sum();
    let orders = if work > 10 * MANY {
        1
    } else if work > MANY {
        2
    } else {
        SEEDS.len()
    };
    for seed in SEEDS.into_iter().take(orders) {
        let got = runner
            .run(&given, seed)
            .unwrap_or_else(|e| panic!("{what}, batch {batch}, seed {seed}: {e}\n{}", text(&runner)));
        for (name, wanted) in wanted.outputs.iter().chain(&wanted.updates) {
            let slot = plan.outputs.get(name).or_else(|| plan.inputs.get(name)).unwrap().slot;
            let got = numbers(&got[name], plan.slot(slot).elem);
            if matches!(terms.how, Fill::Training) {
                assert!(wanted.data.iter().all(|x| x.is_finite()), "{what}: {name} says nothing");
            }
            if let Some((i, g, w)) = terms.tolerance.broken(got, &wanted.data) {
                panic!(
                    "{what}, batch {batch}, seed {seed}: {name}[{i}] is {g}, not {w}\n{}\n{plan}\n{}",
                    print_function(&flat, function),
                    text(&runner)
                );
            }
        }
        let first = first.get_or_insert_with(|| got.clone());
        assert!(
            *first == got,
            "{what}, batch {batch}, seed {seed}: other bits than in order\n{}",
            text(&runner)
        );
    }
}

fn text(runner: &Runner<'_>) -> String {
    runner
        .sources
        .iter()
        .take(12)
        .map(|s| format!("{:?}\n{}", s.launch, s.text))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The kind of an ordinary input.
pub const ARGUMENT: InputKind = InputKind::Argument;
