//! What follows a matrix product is computed with it; and where it may not be, a reason is given.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::FuncId;
use arch_compiler::program::Program;
use arch_compiler::{fuse, grad, library};
use arch_kernels::lower::{Apart, ProductReason as Reason};
use arch_kernels::plan::Plan;
use arch_kernels::{Options, Target, lower};

fn program(name: &str, text: &str, request: &Request) -> Program {
    let outcome = compile(&NoFiles, name, text, request);
    outcome.program.unwrap_or_else(|| panic!("{name}: {:?}", outcome.diagnostics))
}

fn plan(mut program: Program, function: FuncId, target: Target) -> Plan {
    let flat = fuse::flat(&mut program.module, function, target.setting(8)).unwrap().0;
    let options = Options { target, batch: 8, sources: None };
    lower(&program.module, program.module.function(flat), &options).unwrap()
}

/// A diffusion transformer of two blocks, 64 tokens and a width of 128, forward or with all gradients.
fn dit(target: Target, trained: bool) -> Plan {
    let text = library::ZOO.iter().find(|(name, _)| *name == "dit").expect("it is in the zoo").1;
    let set = [("depth", "2"), ("hidden_size", "128"), ("num_heads", "4"), ("input_size", "16")];
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = Request { item: Some("DiT".into()), set, ..Request::default() };
    let mut program = program("dit", text, &request);
    let mut function = program.entry;
    if trained {
        let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        function = grad::value_and_grad(&mut program.module, function, &names).unwrap();
    }
    plan(program, function, target)
}

/// Steps by how their names begin.
fn family(plan: &Plan, family: &str) -> usize {
    plan.steps.iter().filter(|s| s.name.starts_with(family)).count()
}

/// The layers of a block with their biases.
fn layers() -> [String; 4] {
    ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"].map(|layer| format!("blocks.0.{layer}."))
}

/// The families of the kernels that read an input.
fn readers<'p>(plan: &'p Plan, input: &str) -> Vec<&'p str> {
    let slot = plan.inputs[input].slot;
    let steps = plan.steps.iter().filter(|s| s.reads.contains(&slot));
    steps.map(|s| s.name.split('_').next().unwrap_or_default()).collect()
}

/// How many steps write what is between the layers of a perceptron.
fn hidden(plan: &Plan) -> usize {
    plan.steps.iter().filter(|s| s.writes.iter().any(|w| plan.slot(*w).len == 8 * 64 * 512)).count()
}

#[test]
fn in_a_block_of_dit_there_are_only_products_and_attention() {
    for target in [Target::Avx2, Target::Avx512] {
        let plan = dit(target, false);
        for layer in layers() {
            assert_eq!(readers(&plan, &format!("{layer}weight")), ["pack"], "{plan}");
            assert_eq!(readers(&plan, &format!("{layer}bias")), ["gemm"], "{plan}");
        }
        // Only the norm of the first block follows no product of its own: the patches are rearranged before it.
        assert_eq!((family(&plan, "row_"), family(&plan, "attention_")), (1, 2), "{plan}");
        // What is between the layers of the perceptron is written once, after its activation.
        assert_eq!(hidden(&plan), 2, "{plan}");
    }
}

#[test]
fn on_a_gpu_norms_are_kernels_beside_the_products() {
    let plan = dit(Target::Cuda, false);
    for layer in layers() {
        assert_eq!(readers(&plan, &format!("{layer}weight")), ["gemm"], "{plan}");
        assert_eq!(readers(&plan, &format!("{layer}bias")), ["gemm"], "{plan}");
    }
    // Two norms of each block, and the last one.
    assert_eq!((family(&plan, "row_"), family(&plan, "attention_")), (5, 2), "{plan}");
    assert_eq!(hidden(&plan), 2, "{plan}");
    assert_eq!(plan.counts().1, dit(Target::Avx2, false).counts().1, "{plan}");
}

#[test]
fn gradients_follow_products_too() {
    let plan = dit(Target::Avx512, true);
    // The gradient of the activation, and those of the modulation behind both norms.
    for product in ["gemm_512x512x128_mul_add", "gemm_512x128x512_mul", "gemm_512x128x384_mul"] {
        assert!(family(&plan, product) >= 2, "{product}: {plan}");
    }
    // Sums over tokens are gradients of weights: those are the library's.
    assert!(plan.steps.iter().any(|s| s.name == "gemm_512x128x512"), "{plan}");
}

#[test]
fn on_a_gpu_all_shapes_take_in_what_follows() {
    // One row, short sums, and a product for each head.
    for (sizes, w, x) in [
        ("T = 1, I = 3, H = 1, K = 5", "[K, I]", "[T, I]"),
        ("T = 40, I = 3, H = 2, K = 5", "[H, K, I]", "[T, I]"),
        ("T = 40, I = 24, H = 2, K = 33", "[H, I, K]", "[H, T, I]"),
    ] {
        let out = if w == "[K, I]" { "[T, K]" } else { "[T, H, K]" };
        let text = format!(
            "edition 2026\nmodel A {{\n  dims {sizes}\n  param w: {w} = normal(0.3)\n  param bias: [K] = zeros
  forward(x: {x}) -> {out} {{\n    let y = sum(w * x, over: I) + bias\n    y * sigmoid(y)\n  }}\n}}\n"
        );
        let program = program("shapes", &text, &Request::default());
        let entry = program.entry;
        let plan = plan(program, entry, Target::Cuda);
        // Where the result is stored otherwise than it is asked for, it is copied.
        let first = &plan.steps[0].name;
        assert!(first.starts_with("gemm_") && first.contains("_add_sigmoid_"), "{text}{plan}");
        assert_eq!(family(&plan, "gemm_"), 1, "{text}{plan}");
    }
}

/// What follows `y = sum(w * x, over: I)`, and why it is not computed with it.
fn reason(target: Target, body: &str) -> Vec<Reason> {
    let text = format!(
        "edition 2026\nmodel A {{\n  dims T = 64, I = 32, O = 48\n  param w: [O, I] = normal(0.3)
  param v: [O, I] = normal(0.3)\n  param bias: [O] = zeros
  forward(x: [T, I], before: [T, O]) -> [T, O] {{\n    let y = sum(w * x, over: I)\n{body}\n  }}\n}}\n"
    );
    let program = program("reasons", &text, &Request::default());
    let entry = program.entry;
    let apart = plan(program, entry, target).neighbors.into_iter().map(|n| n.apart);
    apart.filter_map(|a| if let Apart::Follows(reason) = a { Some(reason) } else { None }).collect()
}

#[test]
fn reasons_are_given() {
    for target in [Target::Avx2, Target::Cuda] {
        let reason = |body: &str| reason(target, body);
        assert_eq!(reason("    y + bias"), []);
        assert_eq!(reason("    y * sigmoid(y + bias)"), []);
        assert_eq!(reason("    y + flip(y, T)"), [Reason::Moved]);
        // The mean over tokens is a kernel of its own, which must be done before the sum.
        assert!(reason("    y + mean(y, over: T)").contains(&Reason::Circular));
        assert_eq!(reason("    sigmoid(y + sum(v * (x * x), over: I))"), [Reason::Later]);
    }
    assert_eq!(reason(Target::Avx2, "    y - mean(y, over: O)"), []);
    assert_eq!(reason(Target::Cuda, "    y - mean(y, over: O)"), [Reason::Rows]);
    // The sum of both is written for the norm and for what comes behind it, and the product is not.
    let residual = "    let z = before + y\n    z + bias * (z - mean(z, over: O)) + flip(z, T)";
    assert_eq!(reason(Target::Cuda, residual), [Reason::Rows]);
}
