//! Whole models and their gradients.

use super::*;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::grad::value_and_grad;
use arch_compiler::memory::Memory;
use arch_compiler::ops::{Map, Reduce, Scan, View};
use arch_compiler::program::Program;
use arch_compiler::train::{OptimizerOptions, Parts, TrainOptions, build};
use std::sync::Arc;

/// A model of the repository with settings.
fn model(file: &str, settings: &[(&str, &str)]) -> Program {
    item(file, None, settings, &[])
}

/// An item of a file of the repository, for training.
fn item(file: &str, item: Option<&str>, settings: &[(&str, &str)], dims: &[(&str, usize)]) -> Program {
    let path = format!("{}/../models/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let set = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let dims = dims.iter().map(|(name, size)| ((*name).into(), *size)).collect();
    let request = Request { item: item.map(Into::into), set, dims, training: true, ..Request::default() };
    let outcome = compile(&NoFiles, file, &text, &request);
    outcome.program.unwrap_or_else(|| {
        panic!("{}", arch_grammar::render(&outcome.diagnostics, &outcome.sources, false));
    })
}

fn small_dit() -> Program {
    model(
        "dit.arch",
        &[
            ("learn_sigma", "false"),
            ("depth", "2"),
            ("hidden_size", "32"),
            ("num_heads", "2"),
            ("input_size", "8"),
            ("patch_size", "2"),
            ("in_channels", "3"),
            ("num_classes", "5"),
        ],
    )
}

/// Names and bounds for inputs whose random numbers would otherwise make a model meaningless.
fn gentle(program: &Program) -> Vec<(&str, f32, f32)> {
    program.parameters.iter().map(|p| (p.name.as_str(), -0.3, 0.3)).chain([("t", 0.0, 20.0)]).collect()
}

#[test]
fn a_small_dit_forward() {
    let program = small_dit();
    for products in [Products::MatMul2D, Products::MulSum] {
        let found =
            differs(&program.module, program.entry, 2, products, 1, &gentle(&program), 1e-20).unwrap();
        assert!(found <= 1e-5, "{products:?} differs by {found:e}");
    }
}

#[test]
fn a_small_dit_backward() {
    let mut program = small_dit();
    let names: Vec<String> =
        program.parameters.iter().filter(|p| p.trained).map(|p| p.name.clone()).chain(["x".into()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let both = value_and_grad(&mut program.module, program.entry, &names).unwrap();
    let found = differs(&program.module, both, 2, Products::default(), 3, &gentle(&program), 1e-20).unwrap();
    assert!(found <= 2e-5, "gradients differ by {found:e}");
}

#[test]
fn a_small_mamba_forward_and_backward() {
    let settings = [("depth", "1"), ("hidden_size", "8"), ("input_size", "4"), ("patch_size", "2")];
    let mut program = model("mamba.arch", &settings);
    let found =
        differs(&program.module, program.entry, 2, Products::default(), 1, &gentle(&program), 1e-20).unwrap();
    assert!(found <= 1e-5, "the results differ by {found:e}");
    let both = value_and_grad(&mut program.module, program.entry, &["x"]).unwrap();
    let found = differs(&program.module, both, 2, Products::default(), 3, &gentle(&program), 1e-20).unwrap();
    assert!(found <= 2e-5, "gradients differ by {found:e}");
}

#[test]
fn a_whole_training_step() {
    let model = small_dit();
    let dims = [("C", 3), ("H", 8), ("W", 8)];
    let noising = item("std/losses.arch", Some("NoisySample"), &[], &dims);
    let loss = item("std/losses.arch", Some("GaussianLoss"), &[("variance", "fixed_small")], &dims);
    let optimizer = OptimizerOptions {
        betas: (0.9, 0.95),
        eps: 1e-6,
        weight_decay: 0.01,
        ema_decay: Some(0.9),
        clip_grad_norm: Some(0.1),
    };
    let parts = Parts { model: &model, noising: &noising, loss: &loss };
    let programs =
        build(parts, &TrainOptions { optimizer, accumulate: 1, fuse: false, memory: Memory::Fast }).unwrap();
    let positive = ["signal", "spread", "lr", "adam.correction1", "adam.correction2_sqrt", "loss_scale"];
    let moments: Vec<String> = model.parameters.iter().map(|p| format!("adam.v.{}", p.name)).collect();
    let mut bounds = gentle(&model);
    bounds.extend(positive.map(|name| (name, 0.1, 0.9)));
    bounds.extend(moments.iter().map(|name| (name.as_str(), 0.1, 0.9)));
    let products = Products::default();
    assert!(!programs.module.function(programs.update).updates.is_empty());
    for program in [programs.forward, programs.update] {
        let found = differs(&programs.module, program, 2, products, 5, &bounds, 1e-20).unwrap();
        assert!(found <= 2e-5, "differs by {found:e}");
    }
}

/// Softmax attention over a scan's results: gradients of all inputs.
#[test]
fn attention_over_a_scan_backward() {
    let mut module = Module::default();
    let (t, d) = (module.add_axis("T", 5), module.add_axis("D", 3));
    let s = module.add_axis("S", 5);
    let mut body = Builder::new(&mut module, "body");
    let (h, x, a) =
        (float(&mut body, "h", &[BATCH, d]), float(&mut body, "x", &[BATCH, d]), float(&mut body, "a", &[d]));
    let kept = body.add1(Op::Map(Map::Mul), &[h, a]).unwrap();
    let next = body.add1(Op::Map(Map::Add), &[kept, x]).unwrap();
    body.output("h", next);
    body.output("y", next);
    let body = Arc::new(body.function);
    let mut b = Builder::new(&mut module, "attention over a scan");
    let (h0, x, a) =
        (float(&mut b, "h0", &[BATCH, d]), float(&mut b, "x", &[BATCH, t, d]), float(&mut b, "a", &[d]));
    let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 1, yields: 1, finals: 0, body };
    let y = b.add1(Op::Scan(scan), &[h0, x, a]).unwrap();
    let keys = b.add1(Op::View(View::Rename { from: t, to: s }), &[y]).unwrap();
    let scores = b.add1(Op::Contract(vec![d]), &[y, keys]).unwrap();
    let most = b.add1(Op::Reduce(Reduce::Max, vec![s]), &[scores]).unwrap();
    let shifted = b.add1(Op::Map(Map::Sub), &[scores, most]).unwrap();
    let weights = b.add1(Op::Map(Map::Exp), &[shifted]).unwrap();
    let sum = b.add1(Op::Reduce(Reduce::Sum, vec![s]), &[weights]).unwrap();
    let weights = b.add1(Op::Map(Map::Div), &[weights, sum]).unwrap();
    let mixed = b.add1(Op::Contract(vec![s]), &[weights, keys]).unwrap();
    b.output("mixed", mixed);
    let id = b.finish();
    let both = value_and_grad(&mut module, id, &["h0", "x", "a"]).unwrap();
    agrees("attention over a scan", &module, both, 1e-5, &[]);
}

/// Not a test of right or wrong: prints how fast the form is.
#[test]
#[ignore = "measures speed; run it in release"]
fn speed_of_a_small_dit() {
    let sizes =
        [("depth", "2"), ("hidden_size", "64"), ("num_heads", "4"), ("input_size", "8"), ("patch_size", "2")];
    let program = model("dit.arch", &sizes);
    let (t, d) = (16.0, 64.0);
    let products = 2.0 * (12.0 * t * d * d + 2.0 * t * t * d + 6.0 * d * d);
    for form in [Products::MatMul2D, Products::MulSum] {
        let start = std::time::Instant::now();
        let entry = [("p", program.entry)];
        let mut session = Primitive::with_products(&program.module, &entry, 1, form).unwrap();
        let built = start.elapsed();
        session.run("p").unwrap();
        let start = std::time::Instant::now();
        session.run("p").unwrap();
        let ran = start.elapsed();
        let each = ran.as_secs_f64() * 1e9 / products;
        println!(
            "{form:?}: {} nodes, built in {built:?}, runs in {ran:?}, {each:.0} ns a product",
            session.nodes("p")
        );
    }
}
