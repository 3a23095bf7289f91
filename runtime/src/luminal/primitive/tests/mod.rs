//! The primitive form against the f64 interpreter.

mod maps;
mod models;
mod operations;
mod random;
mod session;

use super::{Primitive, Products};
use crate::execute::interpreter::Interpreter;
use crate::execute::{Data, Execute, RunError};
use arch_compiler::graph::{AxisId, Builder, DType, FuncId, InputKind, Module, ValueId};
use arch_compiler::ops::Op;

const BATCH: AxisId = AxisId::BATCH;

/// Random numbers that are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1_u32 << 24) as f32)
    }
}

/// Bounds of the random numbers of an input, by name.
type Bounds<'a> = &'a [(&'a str, f32, f32)];

/// Fills every input of both sessions with the same numbers. Integers are 0, 1 or 2.
fn fill(sessions: [&mut dyn Execute; 2], module: &Module, id: FuncId, seed: u64, bounds: Bounds) {
    let mut numbers = Numbers(seed);
    let [one, two] = sessions;
    for input in &module.function(id).inputs {
        let value = module.function(id).value(input.value);
        let own = bounds.iter().find(|b| b.0 == input.name).map_or((-1.5, 1.5), |b| (b.1, b.2));
        let (low, high) = if value.storage == DType::Int { (0.0, 3.0) } else { own };
        let count = one.len(&input.name).unwrap();
        let mut data: Vec<f32> = (0..count).map(|_| numbers.between(low, high)).collect();
        if value.storage == DType::Int {
            data.iter_mut().for_each(|x| *x = x.floor());
        }
        one.write(&input.name, Data::Float(&data)).unwrap();
        two.write(&input.name, Data::Float(&data)).unwrap();
    }
}

/// The largest difference of a result, as a share of its largest element (or of `least`, if that is larger).
fn difference(name: &str, primitive: &Primitive, interpreter: &Interpreter, least: f64) -> f64 {
    let right = &interpreter.tensor(name).unwrap().data;
    let mut found = vec![0.0; primitive.len(name).unwrap()];
    assert_eq!(found.len(), right.len(), "{name}");
    primitive.read(name, &mut found).unwrap();
    let largest = right.iter().filter(|x| x.is_finite()).fold(least, |a: f64, b| a.max(b.abs()));
    let apart = |(a, b): (&f32, &f64)| {
        let (a, b) = (f64::from(*a), *b);
        if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() / largest }
    };
    found.iter().zip(right).map(apart).map(|d| if d.is_nan() { f64::INFINITY } else { d }).fold(0.0, f64::max)
}

/// The largest difference of all outputs and updated tensors between the two forms, as a share of each one's
/// largest element (or of `least`, if that is larger).
fn differs(
    module: &Module,
    id: FuncId,
    batch: usize,
    products: Products,
    seed: u64,
    bounds: Bounds,
    least: f64,
) -> Result<f64, RunError> {
    let mut primitive = Primitive::with_products(module, &[("p", id)], batch, products)?;
    let mut interpreter = Interpreter::new(module.clone(), vec![("p".into(), id)], batch);
    fill([&mut primitive, &mut interpreter], module, id, seed, bounds);
    interpreter.run("p")?;
    primitive.run("p")?;
    let function = module.function(id);
    let updated = function.updates.iter().filter_map(|u| function.inputs.iter().find(|i| i.value == u.0));
    let names = function.outputs.iter().map(|o| o.0.as_str()).chain(updated.map(|i| i.name.as_str()));
    Ok(names.map(|name| difference(name, &primitive, &interpreter, least)).fold(0.0, f64::max))
}

/// Checks a function for several batches, with both ways to make products.
fn agrees(what: &str, module: &Module, id: FuncId, tolerance: f64, bounds: Bounds) {
    for (batch, products) in [(1, Products::MatMul2D), (3, Products::MatMul2D), (2, Products::MulSum)] {
        let found = differs(module, id, batch, products, 7 + batch as u64, bounds, 1.0).unwrap();
        assert!(found <= tolerance, "{what}: batch {batch}, {products:?}: differs by {found:e}");
    }
}

fn float(b: &mut Builder, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn integer(b: &mut Builder, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::Int)
}

/// Checks one operation on inputs of the given shapes.
fn operation(module: &mut Module, op: Op, shapes: &[&[AxisId]], tolerance: f64) {
    let what = format!("{op:?}");
    let mut b = Builder::new(module, "operation");
    let inputs: Vec<ValueId> =
        shapes.iter().enumerate().map(|(at, shape)| float(&mut b, &format!("x{at}"), shape)).collect();
    let results = b.add(op, &inputs).unwrap();
    for (at, result) in results.into_iter().enumerate() {
        b.output(format!("y{at}"), result);
    }
    let id = b.finish();
    agrees(&what, module, id, tolerance, &[]);
}
