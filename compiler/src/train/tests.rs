use super::*;
use crate::graph::{AxisId, Builder, DType, InputKind, Module, ValueId, verify};
use crate::interp::{Tensor, run};
use crate::memory::Memory;
use crate::ops::{Map, Op, Reduce};
use crate::program::{Argument, Parameter, Program, Role};
use arch_grammar::Span;
use std::collections::BTreeMap;

fn argument(name: &str, role: Option<Role>, shape: Vec<AxisId>) -> Argument {
    Argument { name: name.into(), role, shape, integer: false, below: None, null: None }
}

fn program(
    module: Module,
    item: &str,
    inputs: Vec<Argument>,
    outputs: Vec<(String, Vec<AxisId>)>,
) -> Program {
    let entry = crate::graph::FuncId(module.functions.len() as u32 - 1);
    Program {
        module,
        entry,
        item: item.into(),
        parameters: Vec::new(),
        inputs,
        outputs,
        config: Vec::new(),
        layers: Vec::new(),
    }
}

fn mul(b: &mut Builder<'_>, x: ValueId, y: ValueId) -> ValueId {
    b.add1(Op::Map(Map::Mul), &[x, y]).unwrap()
}

/// `output = weight * x`, where the output's axis is the input's.
fn model() -> Program {
    let mut module = Module::default();
    let c = module.add_axis("C", 3);
    let mut b = Builder::new(&mut module, "model");
    let x = b.input("x", InputKind::Argument, vec![AxisId::BATCH, c], DType::F32);
    let w = b.input("weight", InputKind::Parameter, vec![c], DType::F32);
    let y = mul(&mut b, x, w);
    b.output("output", y);
    let init = b.finish();
    let mut made = program(
        module,
        "model",
        vec![argument("x", Some(Role::Noisy), vec![c])],
        vec![("output".into(), vec![c])],
    );
    made.parameters.push(Parameter {
        name: "weight".into(),
        stored: vec![3],
        shape: vec![c],
        dtype: DType::F32,
        trained: true,
        decay: true,
        init,
        declared: Span::default(),
    });
    made
}

fn noising() -> Program {
    let mut module = Module::default();
    let c = module.add_axis("C", 3);
    let mut b = Builder::new(&mut module, "noising");
    let names = ["x_start", "noise", "signal", "spread"];
    let v = names.map(|name| {
        let shape = if name.len() == 6 { vec![AxisId::BATCH] } else { vec![AxisId::BATCH, c] };
        let shape = if name == "x_start" || name == "noise" { vec![AxisId::BATCH, c] } else { shape };
        b.input(name, InputKind::Argument, shape, DType::F32)
    });
    let (signal, spread) = (mul(&mut b, v[0], v[2]), mul(&mut b, v[1], v[3]));
    let x = b.add1(Op::Map(Map::Add), &[signal, spread]).unwrap();
    b.output("output", x);
    b.finish();
    let inputs = names.map(|n| argument(n, None, if n.starts_with('s') { Vec::new() } else { vec![c] }));
    program(module, "noising", inputs.to_vec(), vec![("output".into(), vec![c])])
}

/// The sum of squares of `output - noise`, where output and noise have two axes of their own.
fn loss() -> Program {
    let mut module = Module::default();
    let (o, c) = (module.add_axis("O", 3), module.add_axis("C", 3));
    let mut b = Builder::new(&mut module, "loss");
    let output = b.input("output", InputKind::Argument, vec![AxisId::BATCH, o], DType::F32);
    let noise = b.input("noise", InputKind::Argument, vec![AxisId::BATCH, c], DType::F32);
    let renamed = b.add1(Op::View(crate::ops::View::Rename { from: o, to: c }), &[output]).unwrap();
    let difference = b.add1(Op::Map(Map::Sub), &[renamed, noise]).unwrap();
    let square = mul(&mut b, difference, difference);
    let loss = b.add1(Op::Reduce(Reduce::Sum, vec![c]), &[square]).unwrap();
    let zero = b.add1(Op::Constant(0.0), &[]).unwrap();
    b.output("loss", loss);
    b.output("vb", zero);
    b.finish();
    let inputs = vec![argument("output", None, vec![o]), argument("noise", None, vec![c])];
    program(module, "loss", inputs, vec![("loss".into(), Vec::new()), ("vb".into(), Vec::new())])
}

fn options(accumulate: usize) -> TrainOptions {
    let optimizer = OptimizerOptions {
        betas: (0.9, 0.999),
        eps: 1e-12,
        weight_decay: 0.0,
        ema_decay: Some(0.5),
        clip_grad_norm: None,
    };
    TrainOptions { optimizer, accumulate, fuse: false, memory: Memory::Fast }
}

const X: [f64; 12] = [0.5, -1.0, 2.0, 0.1, 0.2, 0.3, -0.4, 0.7, 1.5, 2.5, -2.0, 0.9];
const NOISE: [f64; 12] = [1.0, 0.3, -0.2, 0.8, -1.1, 0.4, 0.6, -0.5, 1.2, -0.7, 0.25, 0.05];

/// Inputs for samples from `first` on.
fn inputs(first: usize, batch: usize, state: &BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    let part =
        |all: &[f64]| Tensor { dims: vec![batch, 3], data: all[3 * first..3 * (first + batch)].to_vec() };
    let mut inputs = state.clone();
    inputs.insert("x_start".into(), part(&X));
    inputs.insert("noise".into(), part(&NOISE));
    for (name, value) in [("signal", 0.8), ("spread", 0.6)] {
        inputs.insert(name.into(), Tensor::filled(vec![batch], value));
    }
    let scalars = [
        ("loss_scale", 0.25),
        ("lr", 0.1),
        ("adam.correction1", 0.1),
        ("adam.correction2_sqrt", 0.001f64.sqrt()),
    ];
    for (name, value) in scalars {
        inputs.insert(name.into(), Tensor::scalar(value));
    }
    inputs
}

fn initial_state() -> BTreeMap<String, Tensor> {
    let tensor = |values: [f64; 3]| Tensor { dims: vec![3], data: values.to_vec() };
    let zeros = ["adam.m.weight", "adam.v.weight", "grad.weight"].map(|n| (n.to_string(), tensor([0.0; 3])));
    let weights = ["weight", "ema.weight"].map(|n| (n.to_string(), tensor([0.3, -0.2, 0.1])));
    zeros.into_iter().chain(weights).collect()
}

/// The gradient by hand: of the mean over samples of the sum of squares.
fn gradient_by_hand() -> [f64; 3] {
    let weight = [0.3, -0.2, 0.1];
    let mut gradient = [0.0; 3];
    for i in 0..12 {
        let noisy = 0.8 * X[i] + 0.6 * NOISE[i];
        gradient[i % 3] += 0.25 * 2.0 * (weight[i % 3] * noisy - NOISE[i]) * noisy;
    }
    gradient
}

#[test]
fn one_step_by_hand() {
    let (model, noising, loss) = (model(), noising(), loss());
    let parts = Parts { model: &model, noising: &noising, loss: &loss };
    let programs = build(parts, &options(1)).unwrap();
    verify(&programs.module).unwrap();
    assert_eq!(programs.coefficients, ["signal", "spread"]);
    assert!(programs.accumulate.is_none());
    assert!(programs.module.function(programs.update).input("grad.weight").is_none());

    let given = inputs(0, 4, &initial_state());
    let forward = run(&programs.module, programs.forward, &given, 4).unwrap();
    let update = run(&programs.module, programs.update, &given, 4).unwrap();
    let diagnose = run(&programs.module, programs.diagnose, &given, 4).unwrap();
    assert_eq!(forward.output("loss"), update.output("loss"));
    assert!(diagnose.updates.is_empty());
    let gradient = gradient_by_hand();
    let close = |got: &Tensor, wanted: &[f64]| {
        got.data.iter().zip(wanted).all(|(g, w)| (g - w).abs() < 1e-9) && got.data.len() == wanted.len()
    };
    assert!(close(diagnose.output("grad.weight").unwrap(), &gradient));
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    assert!(close(update.output("grad_norm").unwrap(), &[norm]));
    // In the first step AdamW goes the learning rate against the gradient's sign.
    let weight: Vec<f64> = [0.3, -0.2, 0.1].iter().zip(gradient).map(|(w, g)| w - 0.1 * g.signum()).collect();
    let updated = |name: &str| &update.updates.iter().find(|u| u.0 == name).unwrap().1;
    assert!(close(updated("weight"), &weight));
    let average: Vec<f64> = [0.3, -0.2, 0.1].iter().zip(&weight).map(|(a, w)| 0.5 * a + 0.5 * w).collect();
    assert!(close(updated("ema.weight"), &average));
}

#[test]
fn several_runs_make_the_same_step_as_one() {
    let (model, noising, loss) = (model(), noising(), loss());
    let parts = Parts { model: &model, noising: &noising, loss: &loss };
    let whole = build(parts, &options(1)).unwrap();
    let halves = build(parts, &options(2)).unwrap();
    verify(&halves.module).unwrap();
    let at_once = run(&whole.module, whole.update, &inputs(0, 4, &initial_state()), 4).unwrap();

    let mut state = initial_state();
    let first = run(&halves.module, halves.accumulate.unwrap(), &inputs(0, 2, &state), 2).unwrap();
    assert_eq!(first.updates.len(), 1);
    state.extend(first.updates.iter().cloned());
    let second = run(&halves.module, halves.update, &inputs(2, 2, &state), 2).unwrap();
    let sum = first.output("loss").unwrap().data[0] + second.output("loss").unwrap().data[0];
    assert!((sum - at_once.output("loss").unwrap().data[0]).abs() < 1e-12);
    for (name, value) in &at_once.updates {
        let other = &second.updates.iter().find(|u| u.0 == *name).unwrap().1;
        assert!(value.data.iter().zip(&other.data).all(|(a, b)| (a - b).abs() < 1e-12), "{name}");
    }
    let cleared = &second.updates.iter().find(|u| u.0 == "grad.weight").unwrap().1;
    assert_eq!(cleared.data, [0.0; 3]);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let (mut model, noising, loss) = (model(), noising(), loss());
    let build_with = |model: &Program, loss: &Program| {
        build(Parts { model, noising: &noising, loss }, &options(1)).unwrap_err()
    };
    let mut without = loss.clone();
    let entry = without.entry.0 as usize;
    without.module.functions[entry].outputs[0].0 = "error".into();
    assert!(matches!(build_with(&model, &without), TrainError::Missing { name, .. } if name == "loss"));
    let mut larger = loss.clone();
    larger.module.axes[1].size = crate::graph::Size::Fixed(6);
    assert!(matches!(build_with(&model, &larger), TrainError::Shapes(_)));
    model.inputs[0].role = None;
    assert_eq!(build_with(&model, &loss), TrainError::NoNoisyInput);
}
