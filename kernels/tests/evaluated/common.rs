//! Runs one function in the f64 interpreter and its kernels as they stand, and compares.

pub use crate::generator::Numbers;
use crate::tolerance::Tolerance;
use arch_compiler::graph::{DType, FuncId, InputKind, Module, print_function};
use arch_compiler::interp::{self, Tensor};
use arch_kernels::ir::{Buffers, Elem, Evaluator};
use arch_kernels::plan::{Action, Gemm, Operand, Plan, SlotId, SlotKind};
use arch_kernels::{Options, Target, lower};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Around the length of a vector.
pub const SIZES: [usize; 5] = [1, 7, 8, 9, 17];
/// Kernels are made for each instruction set in turn: pieces are counted in its vectors.
const TARGETS: [Target; 3] = [Target::Generic, Target::Avx2, Target::Avx512];

/// How the inputs of a function are filled.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Between -1 and 1.
    Signed,
    /// Between 0.1 and 2.1.
    Positive,
}

/// How a function is compared.
#[derive(Clone)]
pub struct Terms {
    tolerance: &'static Tolerance,
    how: Fill,
    below: usize,
    target: Target,
}

impl Terms {
    /// Whatever the case is called.
    pub fn everywhere(tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        Terms { tolerance, how, below, target: Target::Avx2 }
    }

    /// For one of the instruction sets: cases of many take turns.
    pub fn in_turn(case: &str, tolerance: &'static Tolerance, how: Fill, below: usize) -> Self {
        let turn = case.bytes().map(usize::from).sum::<usize>() % TARGETS.len();
        Terms { target: TARGETS[turn], ..Terms::everywhere(tolerance, how, below) }
    }
}

/// The memory of a plan: all scratch has a place of its own, and what nobody wrote is no number.
struct Memory(RefCell<Vec<Vec<u32>>>);

struct Arguments<'m> {
    memory: &'m Memory,
    slots: &'m [SlotId],
}

impl Buffers for Arguments<'_> {
    fn load(&self, arg: u32, at: i64) -> u32 {
        self.memory.0.borrow()[self.slots[arg as usize].0 as usize][usize::try_from(at).unwrap()]
    }

    fn store(&self, arg: u32, at: i64, bits: u32) {
        let slot = self.slots[arg as usize].0 as usize;
        self.memory.0.borrow_mut()[slot][usize::try_from(at).unwrap()] = bits;
    }
}

impl Memory {
    fn new(plan: &Plan, given: &BTreeMap<String, Tensor>) -> Memory {
        let slots = plan.slots.iter().map(|slot| {
            let bits =
                |x: &f64| if slot.elem == Elem::I32 { *x as i32 as u32 } else { (*x as f32).to_bits() };
            match &slot.kind {
                SlotKind::Resident(name) => given[name].data.iter().map(bits).collect(),
                SlotKind::Constant(data) => data.iter().map(bits).collect(),
                SlotKind::Output | SlotKind::Prepared | SlotKind::Scratch => vec![u32::MAX; slot.len],
            }
        });
        Memory(RefCell::new(slots.collect()))
    }

    fn product(&self, gemm: &Gemm) {
        let mut places = vec![[0isize; 3]];
        for repeat in &gemm.repeats {
            let along = (0..repeat.count as isize).map(|i| repeat.strides.map(|s| s * i));
            let all = along.flat_map(|a| places.iter().map(move |p| [p[0] + a[0], p[1] + a[1], p[2] + a[2]]));
            places = all.collect();
        }
        let at = |of: &Operand, from: isize, row: usize, column: usize| {
            let at = of.offset as isize + from + of.row * row as isize + of.column * column as isize;
            (of.slot.0 as usize, usize::try_from(at).unwrap())
        };
        let mut memory = self.0.borrow_mut();
        for [left, right, out] in places {
            for (m, n) in (0..gemm.m).flat_map(|m| (0..gemm.n).map(move |n| (m, n))) {
                let mut sum = 0f32;
                for k in 0..gemm.k {
                    let (a, b) = (at(&gemm.left, left, m, k), at(&gemm.right, right, k, n));
                    sum += f32::from_bits(memory[a.0][a.1]) * f32::from_bits(memory[b.0][b.1]);
                }
                let c = at(&gemm.out, out, m, n);
                memory[c.0][c.1] = sum.to_bits();
            }
        }
    }

    fn run(&self, plan: &Plan) {
        let lanes = plan.target.lanes();
        let kernels: Vec<Evaluator> = plan.kernels.iter().map(|k| Evaluator::new(k.clone(), lanes)).collect();
        for step in &plan.steps {
            match &step.action {
                Action::Gemm(gemm) => self.product(gemm),
                Action::Kernel { kernel, args, pieces, grain } => {
                    let arguments = Arguments { memory: self, slots: args };
                    // The last pieces first: none may need another.
                    for begin in (0..*pieces).step_by(*grain).rev() {
                        let end = (begin + grain).min(*pieces);
                        kernels[*kernel].run(&arguments, plan.batch, begin as i64, end as i64);
                    }
                }
            }
        }
    }

    fn numbers(&self, plan: &Plan, slot: SlotId) -> Vec<f64> {
        let number = |bits: &u32| match plan.slot(slot).elem {
            Elem::I32 => f64::from(*bits as i32),
            Elem::F32 => f64::from(f32::from_bits(*bits)),
        };
        self.0.borrow()[slot.0 as usize].iter().map(number).collect()
    }
}

/// Runs a function both ways, as it is written; results must agree.
pub fn compare(what: &str, module: &Module, function: FuncId, batch: usize, terms: &Terms) {
    let f = module.function(function);
    let mut numbers = Numbers(batch as u64 * 977 + f.values.len() as u64);
    let mut given = BTreeMap::new();
    for input in &f.inputs {
        let value = f.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let one = |_| match (value.storage == DType::Int, terms.how) {
            (true, _) => numbers.below(terms.below) as f64,
            (false, Fill::Signed) => f64::from(numbers.float()),
            (false, Fill::Positive) => f64::from(numbers.float() + 1.1),
        };
        let data = (0..dims.iter().product::<usize>()).map(one).collect();
        given.insert(input.name.clone(), Tensor { dims, data });
    }
    let wanted = interp::run(module, function, &given, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut module = module.clone();
    let flat = arch_compiler::graph::inline(&mut module, function);
    arch_compiler::canon::run(&mut module, flat).unwrap();
    let options = Options { target: terms.target, batch, sources: None };
    let plan = lower(&module, module.function(flat), &options).unwrap_or_else(|e| panic!("{what}: {e}"));
    let wanted: Vec<(String, Tensor)> = wanted.outputs.into_iter().chain(wanted.updates).collect();
    let what = format!("{what}, batch {batch}, {}\n{}", terms.target, print_function(&module, flat));
    hold(&what, &plan, &given, &wanted, terms.tolerance);
}

/// Runs a plan; its results must be those that are wanted, relative to the largest element of each or to 1.
pub fn hold(
    what: &str,
    plan: &Plan,
    given: &BTreeMap<String, Tensor>,
    wanted: &[(String, Tensor)],
    tolerance: &'static Tolerance,
) {
    let memory = Memory::new(plan, given);
    memory.run(plan);
    for (name, wanted) in wanted {
        let slot = plan.outputs.get(name).or_else(|| plan.inputs.get(name)).unwrap().slot;
        if let Some((i, g, w)) = tolerance.broken(memory.numbers(plan, slot), &wanted.data) {
            panic!("{what}\n{plan}\n{name}[{i}] is {g}, not {w}");
        }
    }
}

/// The kind of an ordinary input.
pub const ARGUMENT: InputKind = InputKind::Argument;
