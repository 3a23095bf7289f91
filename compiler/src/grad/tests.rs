//! Gradients of functions: calls, sharing, what is not wanted, what is cut. The gradients of single operations
//! are tested with the operations.

use super::check::{check, gradients_agree};
use super::{GradError, value_and_grad};
use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module, ValueId, inline, verify};
use crate::interp::{Tensor, run};
use crate::ops::{Map, Op, Reduce, View};
use std::collections::BTreeMap;

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn map(b: &mut Builder, map: Map, inputs: &[ValueId]) -> ValueId {
    b.add1(Op::Map(map), inputs).unwrap()
}

/// Attention-like mixing and a small network, with inner axes that the caller never sees, and two results.
fn block(module: &mut Module, t: AxisId, d: AxisId) -> FuncId {
    let (inner, s) = (module.add_axis("M", 3), module.twin_axis(t));
    let mut b = Builder::new(module, "block");
    let x = float(&mut b, "x", &[BATCH, t, d]);
    let up = float(&mut b, "up", &[inner, d]);
    let down = float(&mut b, "down", &[d, inner]);
    let scale = float(&mut b, "scale", &[d]);
    let keys = b.add1(Op::View(View::Rename { from: t, to: s }), &[x]).unwrap();
    let scores = b.add1(Op::Contract(vec![d]), &[x, keys]).unwrap();
    let most = b.add1(Op::Reduce(Reduce::Max, vec![s]), &[scores]).unwrap();
    let shifted = map(&mut b, Map::Sub, &[scores, most]);
    let weights = map(&mut b, Map::Exp, &[shifted]);
    let mixed = b.add1(Op::Contract(vec![s]), &[weights, keys]).unwrap();
    let hidden = b.add1(Op::Contract(vec![d]), &[mixed, up]).unwrap();
    let hidden = map(&mut b, Map::Tanh, &[hidden]);
    let y = b.add1(Op::Contract(vec![inner]), &[hidden, down]).unwrap();
    let y = map(&mut b, Map::Mul, &[y, scale]);
    let y = map(&mut b, Map::Add, &[x, y]);
    let square = map(&mut b, Map::Mul, &[hidden, hidden]);
    let size = b.add1(Op::Reduce(Reduce::Sum, vec![t, inner]), &[square]).unwrap();
    b.output("y", y);
    b.output("size", size);
    b.finish()
}

/// Calls the block twice with one `up`, and the result is called again from a function around it.
fn nested() -> (Module, FuncId) {
    let mut module = Module::default();
    let (t, d, m) = (module.add_axis("T", 3), module.add_axis("D", 2), AxisId(3));
    let callee = block(&mut module, t, d);
    let (t2, d2, m2) = (module.add_axis("T", 3), module.add_axis("D", 2), module.add_axis("M", 3));
    let axes = vec![(t, t2), (d, d2), (m, m2)];
    let names = ["x", "up", "down", "scale"];
    let shapes = [vec![BATCH, t2, d2], vec![m2, d2], vec![d2, m2], vec![d2]];
    let mut b = Builder::new(&mut module, "pair");
    let i: Vec<ValueId> = names.iter().zip(&shapes).map(|(n, s)| float(&mut b, n, s)).collect();
    let other = float(&mut b, "other", &[d2, m2]);
    let call = Op::Call { function: callee, axes: axes.clone() };
    let first = b.add(call.clone(), &[i[0], i[1], i[2], i[3]]).unwrap();
    let second = b.add(call.clone(), &[first[0], i[1], other, i[3]]).unwrap();
    // Only the second result of this call is read.
    let third = b.add(call, &[second[0], i[1], i[2], i[3]]).unwrap();
    b.output("y", second[0]);
    b.output("size", third[1]);
    let pair = b.finish();
    let mut b = Builder::new(&mut module, "model");
    let mut i: Vec<ValueId> = names.iter().zip(&shapes).map(|(n, s)| float(&mut b, n, s)).collect();
    i.push(i[2]);
    let same = vec![(t2, t2), (d2, d2), (m2, m2)];
    let call = Op::Call { function: pair, axes: same };
    let first = b.add(call.clone(), &i).unwrap();
    i[0] = first[0];
    let second = b.add(call, &i).unwrap();
    let size = map(&mut b, Map::Mul, &[first[1], second[1]]);
    b.output("y", second[0]);
    b.output("size", size);
    let model = b.finish();
    (module, model)
}

#[test]
fn calls_in_calls_with_shared_parameters() {
    let (module, model) = nested();
    check(&module, model, &[]);
}

#[test]
fn a_function_is_differentiated_once_for_each_use() {
    let (mut module, model) = nested();
    value_and_grad(&mut module, model, &["x", "up", "down", "scale"]).unwrap();
    let named = |name: &str| module.functions.iter().filter(|f| f.name == name).count();
    // Once for the calls whose first result matters, once for those whose second does.
    assert_eq!(named("block.backward"), 2);
    assert_eq!(named("pair.backward"), 1);
}

#[test]
fn inlining_changes_no_result() {
    let (mut module, model) = nested();
    let both = value_and_grad(&mut module, model, &["x", "up"]).unwrap();
    let flat = inline(&mut module, both);
    verify(&module).unwrap();
    assert!(module.function(flat).nodes.iter().all(|n| !matches!(n.op, Op::Call { .. })));
    let inputs = super::check::Numbers(5).inputs(&module, both, 2, &[]);
    assert_eq!(run(&module, both, &inputs, 2), run(&module, flat, &inputs, 2));
    let flat = inline(&mut module, model);
    check(&module, flat, &[]);
}

#[test]
fn what_does_not_matter_or_is_cut_has_zeros() {
    let mut module = Module::default();
    let t = module.add_axis("T", 3);
    let mut b = Builder::new(&mut module, "cut");
    let x = float(&mut b, "x", &[BATCH, t]);
    float(&mut b, "unused", &[t]);
    let y = float(&mut b, "y", &[BATCH, t]);
    b.input("label", InputKind::Argument, vec![BATCH], DType::Int);
    let constant = map(&mut b, Map::StopGradient, &[y]);
    let product = map(&mut b, Map::Mul, &[x, constant]);
    let rounded = map(&mut b, Map::Floor, &[y]);
    let result = map(&mut b, Map::Add, &[product, rounded]);
    b.output("output", result);
    let id = b.finish();
    let both = value_and_grad(&mut module, id, &["x", "y", "unused"]).unwrap();
    verify(&module).unwrap();
    let ones = |dims: &[usize]| Tensor::filled(dims.to_vec(), 1.0);
    let inputs = BTreeMap::from([
        ("x".into(), ones(&[2, 3])),
        ("y".into(), Tensor::filled(vec![2, 3], 2.0)),
        ("unused".into(), ones(&[3])),
        ("label".into(), ones(&[2])),
        ("output.grad".into(), ones(&[2, 3])),
    ]);
    let results = run(&module, both, &inputs, 2).unwrap();
    assert_eq!(results.output("grad.x"), Some(&Tensor::filled(vec![2, 3], 2.0)));
    assert_eq!(results.output("grad.y"), Some(&Tensor::filled(vec![2, 3], 0.0)));
    assert_eq!(results.output("grad.unused"), Some(&Tensor::filled(vec![3], 0.0)));
    assert_eq!(value_and_grad(&mut module, id, &["z"]), Err(GradError::NoInput("z".into())));
    assert_eq!(value_and_grad(&mut module, id, &["label"]), Err(GradError::NotFloat("label".into())));
}

#[test]
fn the_check_sees_a_wrong_gradient() {
    let mut module = Module::default();
    let t = module.add_axis("T", 3);
    let mut b = Builder::new(&mut module, "kink");
    let x = float(&mut b, "x", &[BATCH, t]);
    // The gradient is cut, but differences see the slope.
    let cut = map(&mut b, Map::StopGradient, &[x]);
    let y = map(&mut b, Map::Mul, &[x, cut]);
    b.output("y", y);
    let id = b.finish();
    let message = gradients_agree(&module, id, &[]).unwrap_err();
    assert!(message.starts_with("batch 1: grad.x[0] is"), "{message}");
}
