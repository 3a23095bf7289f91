//! A plan with its inputs, and what the f64 interpreter makes of these.

use crate::families::{Family, Tile};
use crate::generator::Numbers;
use crate::tolerance::Tolerance;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{DType, FuncId, Function, Module};
use arch_compiler::interp::{self, Tensor};
use arch_compiler::memory::Memory;
use arch_compiler::program::Program;
use arch_compiler::schedule::Form;
use arch_compiler::{fuse, grad};
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Plan, SlotKind};
use arch_kernels::{Options, Target, lower};
use std::collections::{BTreeMap, BTreeSet};

/// Whole numbers are below this: no more than a table has rows.
const BELOW: usize = 5;

/// One plan, to be run once.
pub struct Case {
    pub what: String,
    pub plan: Plan,
    /// The numbers of all slots that are given.
    pub given: BTreeMap<usize, Vec<f64>>,
    /// Results by name; none where only the steps beside buffers are of interest.
    pub wanted: Vec<(String, Tensor)>,
    pub tolerance: &'static Tolerance,
}

/// 1, a prime, and around a tile.
pub fn sizes(tile: Tile, target: Target) -> BTreeSet<usize> {
    let tile = match tile {
        Tile::Lanes => target.lanes(),
        Tile::Of(size) => size,
    };
    BTreeSet::from([1, 7, tile - 1, tile, tile + 1])
}

fn program(family: &Family, size: usize) -> Program {
    let text = family.text.replace("SIZE", &size.to_string());
    let text = format!("edition 2026\nmodel A {{\n  {text}\n}}\n");
    let outcome = compile(&NoFiles, family.name, &text, &Request::default());
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"))
}

fn inputs(module: &Module, function: &Function, batch: usize) -> BTreeMap<String, Tensor> {
    let mut numbers = Numbers(batch as u64 * 977 + function.values.len() as u64);
    let mut given = BTreeMap::new();
    for input in &function.inputs {
        let value = function.value(input.value);
        let dims = module.dims(&value.shape, batch);
        let integer = value.storage == DType::Int;
        let one = |_| if integer { numbers.below(BELOW) as f64 } else { f64::from(numbers.float()) };
        let data = (0..dims.iter().product::<usize>()).map(one).collect();
        given.insert(input.name.clone(), Tensor { dims, data });
    }
    given
}

impl Case {
    /// A function of a family at a size, as commands have it.
    pub fn new(family: &Family, size: usize, batch: usize, target: Target) -> Case {
        let what = format!("{} of {size}, {batch} samples, {target}", family.name);
        let program = program(family, size);
        let floats = program.inputs.iter().filter(|a| !a.integer).map(|a| a.name.as_str());
        let names: Vec<&str> = floats.chain(program.trained()).collect();
        let (mut written, mut written_entry) = (program.module.clone(), program.entry);
        if family.gradients {
            written_entry = grad::value_and_grad(&mut written, written_entry, &names).expect("gradients");
        }
        let exact = inputs(&written, written.function(written_entry), batch);
        let wanted =
            interp::run(&written, written_entry, &exact, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut module = program.module.clone();
        let gradients = family.gradients.then_some(Gradients { of: &names, memory: Memory::Fast });
        let (entry, _) =
            build::entry(&mut module, program.entry, Spelling::Canonical, gradients).expect("the rules fit");
        let options = Options { target, batch, sources: None };
        let plan = match family.in_time {
            true => in_time(&mut module, entry, size, &options),
            false => build::plan(&mut module, entry, Spelling::Canonical, &options).unwrap().plan,
        };
        let slots = plan.slots.iter().enumerate();
        let given = slots.filter_map(|(at, slot)| match &slot.kind {
            SlotKind::Resident(name) => Some((at, exact[name].data.clone())),
            SlotKind::Constant(data) => Some((at, data.to_vec())),
            _ => None,
        });
        let given = given.collect();
        Case { what, plan, given, wanted: wanted.outputs, tolerance: family.tolerance }
    }

    /// A golden kernel on any numbers.
    pub fn golden(name: &str, plan: Plan) -> Case {
        let mut numbers = Numbers(plan.slots.len() as u64);
        let slots = plan.slots.iter().enumerate();
        let given = slots.filter_map(|(at, slot)| match &slot.kind {
            SlotKind::Constant(data) => Some((at, data.to_vec())),
            SlotKind::Resident(_) => {
                Some((at, (0..slot.len).map(|_| number(slot.elem, &mut numbers)).collect()))
            }
            _ => None,
        });
        let given = given.collect();
        let what = format!("the golden kernel {name}, {}", plan.target);
        Case { what, plan, given, wanted: Vec::new(), tolerance: &crate::tolerance::MAPS }
    }
}

fn number(elem: Elem, numbers: &mut Numbers) -> f64 {
    if elem == Elem::I32 { numbers.below(BELOW) as f64 } else { f64::from(numbers.float()) }
}

/// Recurrences in chunks of a length that depends on the number of steps, wherever there is more than one.
fn in_time(module: &mut Module, entry: FuncId, steps: usize, options: &Options<'_>) -> Plan {
    let (flat, chosen) = fuse::flat_in_chaos(module, entry, steps as u64).expect("the forms fit");
    let cut = chosen.iter().any(|one| matches!(one.form, Form::InTime { .. }));
    assert!(cut || steps == 1, "nothing is cut: {chosen:?}");
    lower(module, module.function(flat), options).unwrap()
}
