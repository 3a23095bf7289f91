//! How much a backward pass keeps alive: of a repeated block its inputs, if memory is to be small; and the kernels
//! of attention and scans are the same where their forward pass is computed twice.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library;
use arch_compiler::memory::Memory;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::{Plan, Slot, SlotKind};
use arch_kernels::{Options, Target};

const BATCH: usize = 2;

/// Config values by name.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// The plan of a model of the zoo with the gradients of all parameters.
fn plan(model: &str, item: &str, set: Settings, memory: Memory) -> Plan {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = Request { item: Some(item.into()), set, ..Request::default() };
    let outcome = compile(&NoFiles, model, text, &request);
    let mut program = outcome.program.unwrap_or_else(|| panic!("{model}: {:?}", outcome.diagnostics));
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let module = &mut program.module;
    let gradients = Some(Gradients { of: &names, memory });
    let (both, _) =
        build::entry(module, program.entry, Spelling::Canonical, gradients).expect("there are gradients");
    let options = Options { target: Target::Avx2, batch: BATCH, sources: None };
    build::plan(module, both, Spelling::Canonical, &options).expect("it can be lowered").plan
}

/// The scratch that lives from the forward pass to the backward pass, which begins where a cotangent is read.
fn across(plan: &Plan) -> Vec<&Slot> {
    let given = plan.inputs.iter().filter(|(name, _)| name.ends_with(".grad"));
    let given: Vec<_> = given.map(|(_, named)| named.slot).collect();
    let begin = plan.steps.iter().position(|s| s.reads.iter().any(|r| given.contains(r)));
    let (forward, backward) = plan.steps.split_at(begin.expect("there is a backward pass"));
    let crosses = |at: u32| {
        let id = arch_kernels::plan::SlotId(at);
        forward.iter().any(|s| s.writes.contains(&id)) && backward.iter().any(|s| s.reads.contains(&id))
    };
    let slots = plan.slots.iter().enumerate();
    slots.filter(|(at, s)| s.kind == SlotKind::Scratch && crosses(*at as u32)).map(|(_, s)| s).collect()
}

fn family(plan: &Plan, family: &str) -> usize {
    plan.steps.iter().filter(|s| s.name.starts_with(&format!("{family}_"))).count()
}

const DIT: [(&str, &str); 5] =
    [("hidden_size", "96"), ("depth", "5"), ("input_size", "16"), ("num_classes", "5"), ("num_heads", "3")];

/// The values of samples that cross with a feature for each token or more: how many they are, and how many times
/// the size of a block's input the largest is.
fn wide(plan: &Plan, tokens: usize, width: usize) -> (usize, usize) {
    let input = plan.batch * tokens * width;
    let crossing = across(plan);
    let wide = crossing.iter().filter(|s| 2 * s.len > input && s.shape.contains("batch"));
    (wide.clone().count(), wide.map(|s| s.len).max().unwrap_or(0) / input)
}

#[test]
fn of_a_block_only_its_input_lives_on() {
    let (tokens, width, depth) = (64, 96, 5);
    let balanced = plan("dit", "DiT", &DIT, Memory::Balanced);
    let small = plan("dit", "DiT", &DIT, Memory::Small);
    // The inputs of the blocks, and what the end of the model reads.
    let (many, largest) = wide(&small, tokens, width);
    assert!(many <= depth + 1 && largest <= 1, "{many} wide values of up to {largest} cross\n{small}");
    let more = wide(&balanced, tokens, width).0;
    assert!(3 * many < more, "{many} wide values cross, and {more} where products are kept");
    // Every attention is computed twice, and found each time; scores are in no memory.
    assert_eq!(small.refused, []);
    assert_eq!(family(&small, "attention_gradient"), depth);
    assert_eq!(family(&small, "attention"), 3 * depth, "{small}");
    assert_eq!(family(&balanced, "attention"), 2 * depth, "{balanced}");
    let scores = BATCH * 3 * tokens * tokens;
    assert!(small.slots.iter().all(|s| !(s.shape.contains("T:64") && s.shape.contains("S:64"))), "{small}");
    assert!(across(&small).iter().all(|s| s.len < scores), "{small}");
}

#[test]
fn states_of_scans_stay_inside_when_they_are_computed_twice() {
    let set = [&DIT[..4], &[("d_state", "40"), ("bidirectional", "true")]].concat();
    let (tokens, width, depth) = (64, 96, 5);
    let small = plan("mamba", "DiMamba", &set, Memory::Small);
    let (many, largest) = wide(&small, tokens, width);
    assert!(many <= depth + 1 && largest <= 1, "{many} wide values of up to {largest} cross\n{small}");
    let states = BATCH * tokens * 2 * width * 40;
    let most = small.slots.iter().filter(|s| s.kind == SlotKind::Scratch).map(|s| s.len).max();
    assert!(most.is_some_and(|most| 4 * most < states), "{most:?} beside {states} states");
    // Two directions: forward, forward again, and back.
    assert_eq!(family(&small, "scan"), 3 * 2 * depth, "{small}");
    let balanced = plan("mamba", "DiMamba", &set, Memory::Balanced);
    assert_eq!(family(&balanced, "scan"), 2 * 2 * depth, "{balanced}");
}

#[test]
fn smaller_settings_take_less_throughout_the_zoo() {
    let dit = &DIT[..];
    // Of nine blocks with skips between them, four go in and four come out.
    let vit = &[("embed_dim", "96"), ("depth", "9"), ("img_size", "16"), ("num_classes", "5")][..];
    let uvit = [vit, &[("num_heads", "3")]].concat();
    let zigma = [("embed_dim", "96"), ("depth", "5"), ("img_dim", "16"), ("num_classes", "5")];
    let models: [(&str, &str, Settings); 10] = [
        ("dit", "DiT", dit),
        ("dit", "DiTAdaLN", dit),
        ("dit", "DiTInContext", dit),
        ("dit", "DiTCrossAttention", dit),
        ("sit", "SiT", dit),
        ("uvit", "UViT", &uvit),
        ("mamba", "DiMamba", &dit[..4]),
        ("diffussm", "DiffuSSM", &dit[..4]),
        ("dis", "DiS", vit),
        ("zigma", "ZigMa", &zigma),
    ];
    for (model, item, set) in models {
        let arena = Memory::ALL.map(|memory| plan(model, item, set, memory).arena_bytes);
        assert!(arena[2] < arena[1] && arena[1] <= arena[0], "{item}: {arena:?}");
    }
}
