//! The optimizer's nodes, interpreted, against the traces of case `opt`: 20 steps on a quadratic.

use crate::fixture::{Fixture, assert_close};
use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module};
use arch_compiler::ops::{Map, Op, View};
use arch_compiler::train::{OptimizerOptions, Trained, apply_gradients};
use arch_runtime::execute::interpreter::Interpreter;
use arch_runtime::execute::{Data, Execute};
use arch_runtime::recipe::RateSchedule;
use arch_runtime::train::{Rate, bias_corrections};

const STEPS: usize = 20;

/// A program that takes one step down `0.5 p A p - b p`, whose gradient is `A p - b`.
fn quadratic(options: &OptimizerOptions) -> Interpreter {
    let mut module = Module::default();
    let (i, j) = (module.add_axis("I", 6), module.add_axis("J", 6));
    let mut b = Builder::new(&mut module, "step");
    let matrix = b.input("A", InputKind::Argument, vec![j, i], DType::F32);
    let offset = b.input("b", InputKind::Argument, vec![j], DType::F32);
    let p = b.input("p", InputKind::Parameter, vec![i], DType::F32);
    let product = b.add1(Op::Contract(vec![i]), &[matrix, p]).unwrap();
    let gradient = b.add1(Op::Map(Map::Sub), &[product, offset]).unwrap();
    let gradient = b.add1(Op::View(View::Rename { from: j, to: i }), &[gradient]).unwrap();
    let trained = Trained { name: "p".into(), shape: vec![i], value: p, gradient, decay: true };
    let norm = apply_gradients(&mut b, &[trained], options).unwrap();
    b.output("grad_norm", norm);
    let id = b.finish();
    assert!(
        !module.function(id).inputs.iter().any(|x| module
            .function(id)
            .value(x.value)
            .shape
            .contains(&AxisId::BATCH))
    );
    Interpreter::new(module, vec![("step".into(), id)], 1)
}

struct Trace {
    params: Vec<f64>,
    ema: Vec<f64>,
    norms: Vec<f64>,
    rates: Vec<f64>,
}

fn trace(file: &Fixture, options: &OptimizerOptions, rate: impl Fn(u64) -> f64) -> Trace {
    let mut session = quadratic(options);
    for (name, tensor) in [("A", "A"), ("b", "b"), ("p", "p0")] {
        session.write(name, Data::Float(&file.f32(tensor))).unwrap();
    }
    if options.ema_decay.is_some() {
        session.write("ema.p", Data::Float(&file.f32("p0"))).unwrap();
    }
    let mut trace = Trace { params: Vec::new(), ema: Vec::new(), norms: Vec::new(), rates: Vec::new() };
    for step in 0..STEPS as u64 {
        let lr = rate(step);
        let (first, second) = bias_corrections(options.betas, step);
        session.write("lr", Data::Float(&[lr as f32])).unwrap();
        session.write("adam.correction1", Data::Float(&[first as f32])).unwrap();
        session.write("adam.correction2_sqrt", Data::Float(&[second as f32])).unwrap();
        session.run("step").unwrap();
        trace.params.extend(&session.tensor("p").unwrap().data);
        trace.norms.extend(&session.tensor("grad_norm").unwrap().data);
        if options.ema_decay.is_some() {
            trace.ema.extend(&session.tensor("ema.p").unwrap().data);
        }
        trace.rates.push(lr);
    }
    trace
}

const BASE: OptimizerOptions = OptimizerOptions {
    betas: (0.9, 0.999),
    eps: 1e-8,
    weight_decay: 0.0,
    ema_decay: None,
    clip_grad_norm: None,
};

#[test]
fn constant_rates() {
    let file = Fixture::open("opt", "traces.safetensors");
    let runs = [
        ("adamw_default", 1e-2, OptimizerOptions { weight_decay: 0.01, ..BASE }),
        ("adamw_default_f64", 1e-2, OptimizerOptions { weight_decay: 0.01, ..BASE }),
        ("adamw_wd0", 1e-2, BASE),
        ("adamw_wd03_b99", 2e-2, OptimizerOptions { weight_decay: 0.3, betas: (0.99, 0.99), ..BASE }),
        ("adamw_eps", 1e-2, OptimizerOptions { eps: 1e-3, ..BASE }),
        ("ema99", 1e-2, OptimizerOptions { ema_decay: Some(0.99), ..BASE }),
        ("ema9999", 1e-2, OptimizerOptions { ema_decay: Some(0.9999), ..BASE }),
        ("clip", 1e-2, OptimizerOptions { clip_grad_norm: Some(0.5), ..BASE }),
    ];
    for (run, rate, options) in runs {
        let trace = trace(&file, &options, |_| rate);
        assert_close(run, &trace.params, &file.f64(&format!("{run}.params")), 2e-6);
        if options.ema_decay.is_some() {
            assert_close(run, &trace.ema, &file.f64(&format!("{run}.ema")), 2e-6);
        }
        if options.clip_grad_norm.is_some() {
            let wanted = file.f64(&format!("{run}.grad_norm_before_clip"));
            assert_close("norm", &trace.norms, &wanted, 2e-6);
            assert!(wanted.iter().any(|n| *n > 0.5), "the limit is met");
        }
    }
}

#[test]
fn scheduled_rates() {
    let file = Fixture::open("opt", "traces.safetensors");
    let cosine = Rate { peak: 1e-2, warmup: 5, schedule: RateSchedule::Cosine, steps: STEPS as u64 };
    let warmup_cosine = trace(&file, &BASE, |s| cosine.at(s));
    assert_close("rate", &warmup_cosine.rates, &file.f64("warmup_cosine.lr"), 1e-12);
    assert_close("warmup_cosine", &warmup_cosine.params, &file.f64("warmup_cosine.params"), 2e-6);
    // U-ViT's warm-up begins at a rate of zero: one step of nothing, then ours.
    let constant = Rate { peak: 1e-2, warmup: 5, schedule: RateSchedule::Constant, steps: STEPS as u64 };
    let options = OptimizerOptions { weight_decay: 0.03, betas: (0.99, 0.999), ..BASE };
    let uvit = trace(&file, &options, |s| if s == 0 { 0.0 } else { constant.at(s - 1) });
    assert_close("rate", &uvit.rates, &file.f64("uvit_warmup.lr"), 1e-12);
    assert_close("uvit_warmup", &uvit.params, &file.f64("uvit_warmup.params"), 2e-6);
}

#[test]
fn a_step_without_a_finite_gradient_changes_nothing() {
    let file = Fixture::open("opt", "traces.safetensors");
    let mut session =
        quadratic(&OptimizerOptions { ema_decay: Some(0.9), clip_grad_norm: Some(1.0), ..BASE });
    session.write("A", Data::Float(&[f32::NAN; 36])).unwrap();
    session.write("p", Data::Float(&file.f32("p0"))).unwrap();
    for name in ["lr", "adam.correction1", "adam.correction2_sqrt"] {
        session.write(name, Data::Float(&[0.5])).unwrap();
    }
    session.run("step").unwrap();
    assert!(session.tensor("grad_norm").unwrap().data[0].is_nan());
    assert_eq!(session.tensor("p").unwrap().data, file.f64("p0"));
    assert_eq!(session.tensor("adam.v.p").unwrap().data, [0.0; 6]);
    assert_eq!(session.tensor("ema.p").unwrap().data, [0.0; 6]);
}
