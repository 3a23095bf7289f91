//! Scores of attention are never in memory; and where they must be, a reason is given.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::graph::{FuncId, inline};
use arch_compiler::program::Program;
use arch_compiler::{canon, grad, library};
use arch_kernels::lower::Reason;
use arch_kernels::plan::{Plan, SlotKind};
use arch_kernels::{Options, Target, lower};

fn program(name: &str, text: &str, request: &Request) -> Program {
    let outcome = compile(&NoFiles, name, text, request);
    outcome.program.unwrap_or_else(|| panic!("{name}: {:?}", outcome.diagnostics))
}

fn plan(mut program: Program, function: FuncId, target: Target) -> Plan {
    let flat = inline(&mut program.module, function);
    canon::run(&mut program.module, flat).unwrap();
    lower(&program.module, program.module.function(flat), &Options { target, batch: 2, sources: None })
        .unwrap()
}

/// The plan of a model of the zoo with the gradients of all parameters.
fn trained(model: &str, item: &str, set: &[(&str, &str)], target: Target) -> Plan {
    let text = library::ZOO.iter().find(|(name, _)| *name == model).expect("the model is in the zoo").1;
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let mut program = program(model, text, &Request { item: Some(item.into()), set, ..Request::default() });
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let both = grad::value_and_grad(&mut program.module, program.entry, &names).unwrap();
    plan(program, both, target)
}

fn family(plan: &Plan, family: &str) -> usize {
    plan.steps.iter().filter(|s| s.name.starts_with(&format!("{family}_"))).count()
}

/// No buffer has queries and keys, and there are so many kernels of attention, forward and backward.
fn scores_stay_inside(plan: &Plan, attentions: usize, heads: usize, queries: usize, keys: usize) {
    let scores = [format!("T:{queries}"), format!("S:{keys}")];
    for slot in plan.slots.iter().filter(|s| !matches!(s.kind, SlotKind::Resident(_)) && s.len > 0) {
        let named = scores.iter().all(|axis| slot.shape.contains(axis));
        let bare = !slot.shape.contains(':') && slot.len == plan.batch * heads * queries * keys;
        assert!(!named && !bare, "{} holds scores\n{plan}", slot.shape);
    }
    assert_eq!(plan.refused, []);
    let gradients = family(plan, "attention_gradient");
    assert_eq!((family(plan, "attention"), gradients), (2 * attentions, attentions), "{plan}");
}

#[test]
fn no_scores_of_the_zoo_are_in_memory() {
    for target in [Target::Avx2, Target::Avx512, Target::Cuda] {
        let dit =
            trained("dit", "DiT", &[("depth", "2"), ("hidden_size", "384"), ("num_heads", "6")], target);
        scores_stay_inside(&dit, 2, 6, 256, 256);
        let cross = [("depth", "1"), ("hidden_size", "144"), ("num_heads", "2")];
        let cross = trained("dit", "DiTCrossAttention", &cross, target);
        scores_stay_inside(&cross, 2, 2, 256, 256);
        let uvit = [("depth", "2"), ("embed_dim", "128"), ("num_heads", "2"), ("img_size", "32")];
        let uvit = trained("uvit", "UViT", &uvit, target);
        assert_eq!(uvit.refused, []);
        assert_eq!(family(&uvit, "attention_gradient"), 3, "{uvit}");
        let zigma = [
            ("embed_dim", "128"),
            ("depth", "2"),
            ("img_dim", "32"),
            ("has_text", "true"),
            ("n_context_token", "77"),
            ("d_context", "48"),
        ];
        let zigma = trained("zigma", "ZigMa", &zigma, target);
        scores_stay_inside(&zigma, 2, 8, 256, 77);
        let unet = [
            ("image_size", "32"),
            ("model_channels", "64"),
            ("num_res_blocks", "1"),
            ("attention_resolutions", "[2]"),
            ("channel_mult", "[1, 2]"),
        ];
        let unet = trained("unet", "UNet", &unet, target);
        assert!(family(&unet, "attention_gradient") >= 3, "{unet}");
        scores_stay_inside(&unet, family(&unet, "attention_gradient"), 1, 256, 256);
    }
}

fn reason(members: &str, body: &str, gradients: bool) -> Vec<Reason> {
    let text = format!(
        "edition 2026\nmodel A {{\n  dims T = 9, S = 11, H = 2, K = 6\n{members}
  forward(q: [H, T, K], k: [H, S, K], v: [H, S, K]) -> [H, T, K] {{\n{body}\n  }}\n}}\n"
    );
    let mut program = program("attention", &text, &Request::default());
    let mut function = program.entry;
    if gradients {
        let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["q", "k", "v"]).collect();
        function = grad::value_and_grad(&mut program.module, function, &names).unwrap();
    }
    plan(program, function, Target::Avx2).refused.into_iter().map(|r| r.reason).collect()
}

#[test]
fn what_is_no_attention_says_why() {
    let scores = "    let x = sum(q * k, over: K) / sqrt(K)\n    let w = softmax(x, over: S)\n";
    let of = |body: &str, gradients| reason("", &format!("{scores}{body}"), gradients);
    assert_eq!(of("    sum(w * v, over: S)", true), []);
    let doubled = of("    sum(w * v, over: S) + sum(w * sin(v), over: S)", false);
    assert_eq!(doubled, [Reason::SeveralValues]);
    assert_eq!(of("    sum((w + 1) * v, over: S)", false), [Reason::Weights]);
    let squared = of("    sum(w * v, over: S) + sum(w * w * v, over: S)", false);
    assert_eq!(squared, [Reason::SeveralValues]);
    let wide = of("    sum(w * v, over: S) + sum(sin(w * v), over: S)", false);
    assert_eq!(wide, [Reason::MoreAxes]);
    let other = of("    sum(w * v, over: S) + sum(max(w, 0.5), over: S)", false);
    assert_eq!(other, [Reason::RowSum]);
    let by_query = of("    sum(w * v, over: S) + sum(sum(w, over: T), over: S)", false);
    assert_eq!(by_query, [Reason::Reader("sum".into())]);
    let bias = "  param bias: [H, T, S] = zeros";
    let biased = "    let w = softmax(sum(q * k, over: K) + bias, over: S)\n    sum(w * v, over: S)";
    assert_eq!(reason(bias, biased, false), []);
    assert_eq!(reason(bias, biased, true), [Reason::Reader("sum".into())]);
    let shifted = "    let x = sum(q * k, over: K)\n    let e = exp((x - max(x, over: S)) * 0.5)
    sum(e / sum(e, over: S) * v, over: S)";
    assert_eq!(reason("", shifted, false), [Reason::Maximum]);
    for reason in [Reason::Weights, Reason::Reader("sum".into()), Reason::Width(12)] {
        assert!(!reason.to_string().is_empty());
    }
}
