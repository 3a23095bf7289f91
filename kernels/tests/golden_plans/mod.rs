//! The inputs of the golden kernels, in C and in CUDA: each a plan of one step. In C the plan of a product has one more,
//! that copies the weight.

mod attentions;
mod lookups;
mod products;
mod rows;
mod scans;
mod windows;

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module, ValueId};
use arch_compiler::memory::Memory;
use arch_compiler::ops::Op;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::{Action, Contents, Plan, SlotKind};
use arch_kernels::{Options, Target, lower};

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder<'_>, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn add(b: &mut Builder<'_>, op: Op, inputs: &[ValueId]) -> ValueId {
    b.add1(op, inputs).unwrap()
}

/// The whole plan of a function.
fn plan(target: Target, mut module: Module, build: impl FnOnce(&mut Builder<'_>) -> ValueId) -> Plan {
    let mut b = Builder::new(&mut module, "golden");
    let value = build(&mut b);
    b.output("output", value);
    let function = b.finish();
    let options = Options { target, batch: 3, sources: None };
    lower(&module, module.function(function), &options).unwrap()
}

/// What is taken of the plan of a text.
struct Cut {
    /// The step is the last of this family.
    family: &'static str,
    /// Whether the plan also has the gradients of all inputs and parameters.
    gradients: bool,
    batch: usize,
}

/// One step of the plan of a text, as commands have it.
fn of_text(target: Target, text: &str, cut: Cut) -> Plan {
    let outcome = compile(&NoFiles, "golden", text, &Request::default());
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let program = outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"));
    let floats = program.inputs.iter().filter(|i| !i.integer).map(|i| i.name.clone());
    let names: Vec<String> = floats.chain(program.trained().into_iter().map(String::from)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gradients = cut.gradients.then_some(Gradients { of: &names, memory: Memory::Fast });
    let mut module = program.module.clone();
    let (entry, _) = build::entry(&mut module, program.entry, Spelling::Canonical, gradients).unwrap();
    let options = Options { target, batch: cut.batch, sources: None };
    let planned = build::plan(&mut module, entry, Spelling::Canonical, &options).unwrap();
    alone(&planned.plan, cut.family)
}

/// A plan of one step, the last of its family. What other steps have written for it is given.
fn alone(plan: &Plan, family: &str) -> Plan {
    let steps = plan.steps.iter().enumerate().rev();
    let mut kernels = steps.filter_map(|(at, step)| match &step.action {
        Action::Kernel { kernel, .. } => Some((at, &plan.kernels[*kernel])),
        Action::Gemm(_) => None,
    });
    let (at, kernel) =
        kernels.find(|(_, k)| k.family == family).unwrap_or_else(|| panic!("no {family}\n{plan}"));
    let mut step = plan.steps[at].clone();
    if let Action::Kernel { kernel, .. } = &mut step.action {
        *kernel = 0;
    }
    let mut slots = plan.slots.clone();
    for slot in &step.reads {
        let slot = &mut slots[slot.0 as usize];
        if matches!(slot.kind, SlotKind::Output | SlotKind::Prepared | SlotKind::Scratch) {
            slot.kind = SlotKind::Resident(slot.shape.clone());
        }
    }
    let contents = vec![Contents { with: 0, ..plan.contents[at].clone() }];
    let kernels = vec![kernel.clone()];
    Plan { kernels, slots, steps: vec![step], contents, neighbors: Vec::new(), ..plan.clone() }
}

/// Every golden kernel by its name.
pub fn all(target: Target) -> Vec<(&'static str, Plan)> {
    let mut all = vec![
        ("silu_gate", rows::silu_gate(target)),
        ("layer_norm", rows::layer_norm(target)),
        ("softmax", rows::softmax(target)),
        ("attention", attentions::attention(target)),
        ("attention_gradient", attentions::attention_gradient(target)),
        ("product_bias_silu", products::product_bias_silu(target)),
        ("bias_gradient", rows::bias_gradient(target)),
        ("gate_gradient", rows::gate_gradient(target)),
        ("embedding", lookups::embedding(target)),
        ("embedding_gradient", lookups::embedding_gradient(target)),
        ("permutation", lookups::permutation(target)),
        ("window", windows::window(target)),
        ("window_gradient", windows::window_gradient(target)),
        ("selective_scan", scans::selective_scan(target)),
        ("selective_scan_gradient", scans::selective_scan_gradient(target)),
        ("chunked_scan", scans::chunked_scan(target)),
        ("recurrent_network", scans::recurrent_network(target)),
    ];
    if target != Target::Cuda {
        all.push(("product_norm", products::product_norm(target)));
    }
    all
}
