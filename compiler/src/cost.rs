//! What a function costs: multiply-accumulates, as papers count them, and the memory that values take.

use crate::canon;
use crate::grad::{GradError, value_and_grad};
use crate::graph::{AxisId, DType, FuncId, Function, Module, Value};
use crate::ops::{Map, Op, Reduce};
use crate::program::Program;

/// Multiply-accumulates of a function for one sample: its contractions, those of a scan's step as often as it
/// is taken, and those of the functions it calls. Lookups, views, maps and reductions count nothing.
///
/// Contractions are counted as they stand: run [`crate::canon`] first, which finds them.
#[must_use]
pub fn macs(module: &Module, function: FuncId) -> u64 {
    total(module, function, &mut |function, node| {
        let inputs = inputs(function, node);
        let own = function.nodes[node].op.macs(module, &inputs);
        let Op::Scan(scan) = &function.nodes[node].op else { return own };
        let steps = module.size(scan.axis, 1) as u64;
        let body = &scan.body;
        (0..body.nodes.len())
            .map(|at| step_macs(module, body, at))
            .fold(0, u64::saturating_add)
            .saturating_mul(steps)
    })
}

/// Multiply-accumulates for one sample in training: of the results and the gradients of all parameters.
///
/// # Errors
/// If a parameter has no gradient.
pub fn trained_macs(program: &Program) -> Result<u64, GradError> {
    let mut module = program.module.clone();
    let known = module.functions.len() as u32;
    let both = value_and_grad(&mut module, program.entry, &program.trained())?;
    // What was there is clean already.
    (known..module.functions.len() as u32).try_for_each(|id| canon::run(&mut module, FuncId(id)))?;
    Ok(macs(&module, both))
}

/// A count with its digits in groups: `674,834,720`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count with its noun: `1 kernel`, `2 kernels`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
}

/// A step of a scan may leave the product and the sum of a contraction apart.
fn step_macs(module: &Module, body: &Function, node: usize) -> u64 {
    let inputs_here = inputs(body, node);
    let Op::Reduce(Reduce::Sum, axes) = &body.nodes[node].op else {
        return body.nodes[node].op.macs(module, &inputs_here);
    };
    let product = inputs_here[0].node as usize;
    match body.nodes[product].op {
        Op::Map(Map::Mul) => Op::Contract(axes.clone()).macs(module, &inputs(body, product)),
        _ => 0,
    }
}

/// The bytes of the values that a function's kernels must write for one sample if nothing is fused: results of
/// maps, reductions, contractions, scans and lookups that have a batch, in this function and those it calls.
/// Views are free.
#[must_use]
pub fn activation_bytes(module: &Module, function: FuncId) -> u64 {
    total(module, function, &mut |function, node| {
        let node = &function.nodes[node];
        match &node.op {
            Op::Map(_) | Op::Reduce(..) | Op::Contract(_) | Op::Scan(_) => {}
            Op::Gather { .. } | Op::ScatterAdd { .. } => {}
            Op::Input | Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => return 0,
            Op::View(_) | Op::After | Op::Call { .. } => return 0,
        }
        let results = node.outputs.iter().map(|id| function.value(*id));
        results.filter(|value| value.shape.contains(&AxisId::BATCH)).map(|value| bytes(module, value)).sum()
    })
}

/// How many elements a value has for one sample.
#[must_use]
pub fn elements(module: &Module, value: &Value) -> u64 {
    module.dims(&value.shape, 1).iter().map(|size| *size as u64).product()
}

/// How many bytes a value takes for one sample. Truth values are stored as floats.
#[must_use]
pub fn bytes(module: &Module, value: &Value) -> u64 {
    let width = match value.storage {
        DType::F32 | DType::Int | DType::Bool => 4,
        DType::BF16 => 2,
    };
    elements(module, value) * width
}

/// The sum over the nodes of a function and, through its calls, of the functions it calls. Every function is
/// looked at once.
fn total(module: &Module, function: FuncId, of: &mut dyn FnMut(&Function, usize) -> u64) -> u64 {
    // A function calls only earlier ones, so that one pass in order knows every callee.
    let mut totals: Vec<u64> = Vec::with_capacity(function.0 as usize + 1);
    for id in 0..=function.0 {
        let function = module.function(FuncId(id));
        let mut sum = 0;
        for (at, node) in function.nodes.iter().enumerate() {
            // What is beyond counting is all the largest.
            sum = u64::saturating_add(
                sum,
                match &node.op {
                    Op::Call { function, .. } => totals[function.0 as usize],
                    _ => of(function, at),
                },
            );
        }
        totals.push(sum);
    }
    totals[function.0 as usize]
}

fn inputs(function: &Function, node: usize) -> Vec<&Value> {
    function.nodes[node].inputs.iter().map(|id| function.value(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::{activation_bytes, macs};
    use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module, link, verify};
    use crate::ops::{Map, Op, Reduce, Scan, View};
    use std::sync::Arc;

    const BATCH: AxisId = AxisId::BATCH;

    /// `y[t, o] = sum(x[t, k] * w[o, k])`, its norm, and a scan that contracts its state.
    fn layer(module: &mut Module) -> FuncId {
        let (t, k, o) = (module.add_axis("T", 3), module.add_axis("K", 5), module.add_axis("O", 2));
        let mut b = Builder::new(module, "step");
        let h = b.input("h", InputKind::Argument, vec![BATCH, o], DType::F32);
        let u = b.input("u", InputKind::Argument, vec![BATCH, o], DType::F32);
        let m = b.input("m", InputKind::Argument, vec![k, o], DType::F32);
        let product = b.add1(Op::Map(Map::Mul), &[h, m]).unwrap();
        let seen = b.add1(Op::Reduce(Reduce::Sum, vec![o]), &[product]).unwrap();
        b.output("h", u);
        b.output("seen", seen);
        let body = Arc::new(b.function);
        let mut b = Builder::new(module, "layer");
        let x = b.input("x", InputKind::Argument, vec![BATCH, t, k], DType::F32);
        let w = b.input("w", InputKind::Parameter, vec![o, k], DType::F32);
        let y = b.add1(Op::Contract(vec![k]), &[x, w]).unwrap();
        let norm = b.add1(Op::Contract(vec![t]), &[y, y]).unwrap();
        let m = b.add1(Op::View(View::Transpose(vec![k, o])), &[w]).unwrap();
        let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 1, yields: 1, finals: 0, body };
        let z = b.add1(Op::Scan(scan), &[norm, y, m]).unwrap();
        b.output("z", z);
        b.finish()
    }

    #[test]
    fn contractions_count_and_norms_do_not() {
        let mut module = Module::default();
        let layer = layer(&mut module);
        assert_eq!(macs(&module, layer), 3 * 5 * 2 + 3 * (5 * 2));
        assert_eq!(activation_bytes(&module, layer), 4 * (3 * 2 + 2 + 3 * 5));
    }

    #[test]
    fn calls_count_as_often_as_they_are_made_also_after_linking() {
        let mut other = Module::default();
        let callee = layer(&mut other);
        let axes: Vec<AxisId> = [1, 2, 3].map(AxisId).to_vec();
        let mut b = Builder::new(&mut other, "model");
        let x = b.input("x", InputKind::Argument, vec![BATCH, axes[0], axes[1]], DType::F32);
        let w = b.input("w", InputKind::Parameter, vec![axes[2], axes[1]], DType::F32);
        let call = Op::Call { function: callee, axes: axes.iter().map(|a| (*a, *a)).collect() };
        let x = b.add1(call.clone(), &[x, w]).unwrap();
        let x = b.add1(call, &[x, w]).unwrap();
        b.output("x", x);
        let model = b.finish();
        let mut module = Module::default();
        module.add_axis("elsewhere", 7);
        layer(&mut module);
        let linked = link(&mut module, &other);
        verify(&module).unwrap();
        let model_here = linked.function(model);
        assert_eq!(macs(&module, model_here), 2 * 60);
        assert_eq!(module.axis(linked.axis(axes[1])).name, "K");
        assert_eq!(linked.axis(BATCH), BATCH);
        assert_eq!(macs(&other, model), macs(&module, model_here));
    }
}
