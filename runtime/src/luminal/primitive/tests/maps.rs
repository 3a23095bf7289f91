//! Every map: its error, broadcasting, and what happens at infinities, NaN and kinks.

use super::*;
use arch_compiler::ops::Map;

/// A map, where its two inputs may lie, and its error as a share of the largest result or 1.
type Case = (Map, [(f32, f32); 2], f64);

const CASES: [Case; 38] = [
    (Map::Add, [(-9.0, 9.0); 2], 1e-7),
    (Map::Sub, [(-9.0, 9.0); 2], 1e-7),
    (Map::Mul, [(-9.0, 9.0); 2], 1e-7),
    (Map::Div, [(-9.0, 9.0), (0.01, 2.0)], 2e-7),
    (Map::Rem, [(-9.0, 9.0), (0.3, 2.0)], 3e-7),
    (Map::Rem, [(-9.0, 9.0), (-2.0, -0.3)], 3e-7),
    (Map::Pow, [(0.1, 3.0), (-3.0, 3.0)], 1e-6),
    (Map::Min, [(-9.0, 9.0); 2], 0.0),
    (Map::Max, [(-9.0, 9.0); 2], 0.0),
    (Map::Lt, [(-1.0, 1.0); 2], 0.0),
    (Map::Le, [(-1.0, 1.0); 2], 0.0),
    (Map::Eq, [(-1.0, 1.0); 2], 0.0),
    (Map::And, [(-1.0, 1.0); 2], 0.0),
    (Map::Or, [(-1.0, 1.0); 2], 0.0),
    (Map::Neg, [(-9.0, 9.0); 2], 0.0),
    (Map::Not, [(-1.0, 1.0); 2], 0.0),
    (Map::Abs, [(-9.0, 9.0); 2], 0.0),
    (Map::Floor, [(-9.0, 9.0); 2], 0.0),
    (Map::Exp, [(-9.0, 1.0); 2], 3e-7),
    (Map::Exp, [(5.0, 9.0); 2], 1e-6),
    (Map::Log, [(1e-6, 1e-3); 2], 2e-7),
    (Map::Log, [(0.5, 20.0); 2], 2e-7),
    (Map::Sqrt, [(0.0, 20.0); 2], 1e-7),
    (Map::Rsqrt, [(1e-4, 20.0); 2], 2e-7),
    (Map::Sin, [(-999.0, 999.0); 2], 1e-7),
    (Map::Cos, [(-999.0, 999.0); 2], 4e-7),
    (Map::Tanh, [(-9.0, 9.0); 2], 4e-7),
    (Map::Erf, [(-1.0, 1.0); 2], 1e-6),
    (Map::Erf, [(-6.0, 6.0); 2], 1e-6),
    (Map::Sigmoid, [(-30.0, 30.0); 2], 3e-7),
    (Map::Softplus, [(-2.0, 2.0); 2], 3e-7),
    (Map::Softplus, [(-40.0, 40.0); 2], 2e-7),
    (Map::ToFloat, [(-1.0, 1.0); 2], 0.0),
    (Map::StopGradient, [(-1.0, 1.0); 2], 0.0),
    (Map::Where, [(-1.0, 1.0); 2], 0.0),
    (Map::Broadcast, [(-1.0, 1.0); 2], 0.0),
    (Map::Mul, [(1e10, 1e15); 2], 1e-7),
    (Map::Div, [(-9.0, 9.0), (1e-30, 1e-20)], 2e-7),
];

/// Applies a map to inputs over some axes; a condition is one of its inputs too.
fn applied(map: Map, shapes: [&[usize]; 2]) -> (Module, FuncId) {
    let mut module = Module::default();
    let axes = [BATCH, module.add_axis("T", 3), module.add_axis("D", 7), module.add_axis("I", 1)];
    let shape = |places: &[usize]| places.iter().map(|at| axes[*at]).collect::<Vec<_>>();
    let mut b = Builder::new(&mut module, "map");
    let x = float(&mut b, "x", &shape(shapes[0]));
    let y = float(&mut b, "y", &shape(shapes[1]));
    let inputs = match map {
        Map::Where => {
            let condition = b.add1(Op::Map(Map::Lt), &[x, y]).unwrap();
            vec![condition, x, y]
        }
        Map::Add | Map::Sub | Map::Mul | Map::Div | Map::Rem | Map::Pow | Map::Min | Map::Max => vec![x, y],
        Map::Lt | Map::Le | Map::Eq | Map::And | Map::Or | Map::Broadcast => vec![x, y],
        _ => vec![x],
    };
    let z = b.add1(Op::Map(map), &inputs).unwrap();
    b.output("z", z);
    let id = b.finish();
    (module, id)
}

const SHAPES: [[&[usize]; 2]; 7] = [
    [&[0, 1, 2], &[0, 1, 2]],
    [&[0, 1, 2], &[2]],
    [&[1], &[0, 2]],
    [&[2, 1], &[1, 2]],
    [&[], &[0, 1, 2]],
    [&[0, 3], &[0]],
    [&[], &[]],
];

#[test]
fn every_map_is_as_exact_as_the_table_says() {
    for (map, bounds, tolerance) in CASES {
        for shapes in SHAPES {
            let (module, id) = applied(map, shapes);
            let bounds = [("x", bounds[0].0, bounds[0].1), ("y", bounds[1].0, bounds[1].1)];
            agrees(&format!("{map:?} {shapes:?}"), &module, id, tolerance, &bounds);
        }
    }
}

/// The result of a map for one element of each input.
fn at(map: Map, x: f32, y: f32) -> f32 {
    let (module, id) = applied(map, [&[], &[]]);
    let mut session = Primitive::new(&module, &[("p", id)], 1).unwrap();
    session.write("x", Data::Float(&[x])).unwrap();
    session.write("y", Data::Float(&[y])).unwrap();
    session.run("p").unwrap();
    let mut found = [0.0];
    session.read("z", &mut found).unwrap();
    found[0]
}

#[test]
fn infinities_nan_and_kinks_are_as_in_the_interpreter() {
    const NUMBERS: [f32; 9] = [f32::NEG_INFINITY, -2.0, -0.5, 0.0, 1.0, 2.0, 3.0, f32::INFINITY, f32::NAN];
    let two =
        [Map::Lt, Map::Le, Map::Eq, Map::And, Map::Or, Map::Add, Map::Mul, Map::Sub, Map::Div, Map::Pow];
    let one = [Map::Neg, Map::Not, Map::Abs, Map::Exp, Map::Sqrt, Map::Tanh, Map::Sigmoid, Map::Softplus];
    for x in NUMBERS {
        for map in one.into_iter().chain([Map::Erf]) {
            check_at(map, &[x], at(map, x, 0.0));
        }
        for y in NUMBERS {
            for map in two {
                check_at(map, &[x, y], at(map, x, y));
            }
            if !(x.is_nan() && y.is_nan()) {
                check_at(Map::Max, &[x, y], at(Map::Max, x, y));
                check_at(Map::Min, &[x, y], at(Map::Min, x, y));
            }
            // The condition is `x < y`.
            if !y.is_nan() {
                check_at(Map::Where, &[f32::from(u8::from(x < y)), x, y], at(Map::Where, x, y));
            }
        }
    }
    assert!(at(Map::Where, 1.0, f32::NAN) == f32::NEG_INFINITY, "a NaN that is chosen, as documented");
    assert!(at(Map::Floor, f32::INFINITY, 0.0).is_nan(), "as documented");
}

fn check_at(map: Map, inputs: &[f32], found: f32) {
    // Powers whose exponent is no number or infinite have limits of their own, which are not followed.
    let odd = |y: f32| !y.is_finite() || (inputs[0].is_infinite() && y.fract() != 0.0);
    if map == Map::Pow && odd(inputs[1]) {
        return;
    }
    let right = map.eval(&inputs.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
    let close = (f64::from(found) - right).abs() <= 1e-6 * (1.0 + right.abs());
    let same = f64::from(found) == right || (found.is_nan() && right.is_nan());
    assert!(close || same, "{map:?} of {inputs:?} is {found}, not {right}");
}

/// `x` to a constant power.
fn constant_power(exponent: f64) -> (Module, FuncId) {
    let mut module = Module::default();
    let t = module.add_axis("T", 5);
    let mut b = Builder::new(&mut module, "power");
    let x = float(&mut b, "x", &[t]);
    let (half, one) = (b.add1(Op::Constant(exponent - 1.0), &[]), b.add1(Op::Constant(1.0), &[]));
    // The exponent is a sum of constants, as differentiation leaves it.
    let exponent = b.add1(Op::Map(Map::Add), &[half.unwrap(), one.unwrap()]).unwrap();
    let y = b.add1(Op::Map(Map::Pow), &[x, exponent]).unwrap();
    b.output("y", y);
    let id = b.finish();
    (module, id)
}

#[test]
fn whole_powers_of_negative_bases_have_the_right_sign() {
    for exponent in [0.0, 1.0, 2.0, 3.0, 5.0, 8.0, -1.0, -2.0, -3.0] {
        let (module, id) = constant_power(exponent);
        agrees(&format!("power {exponent}"), &module, id, 1e-6, &[("x", -2.0, -0.5)]);
    }
    for exponent in [0.5, -0.5, 0.3, 2.5, 100.0] {
        let (module, id) = constant_power(exponent);
        agrees(&format!("power {exponent}"), &module, id, 1e-5, &[("x", 0.5, 1.1)]);
    }
    for (x, y) in [(-2.0, 3.0), (-2.0, 4.0), (-2.0, -3.0), (0.0, 0.0), (0.0, 2.0), (-1.0, 0.5)] {
        check_at(Map::Pow, &[x, y], at(Map::Pow, x, y));
    }
}

#[test]
fn integer_quotients_are_rounded_down_exactly() {
    let mut module = Module::default();
    let (n, d) = (module.add_axis("N", 200), module.add_axis("D", 60));
    let mut b = Builder::new(&mut module, "quotients");
    let (numerator, below) = (b.add1(Op::Iota(n), &[]).unwrap(), b.add1(Op::Iota(d), &[]).unwrap());
    let one = b.add1(Op::Constant(1.0), &[]).unwrap();
    let divisor = b.add1(Op::Map(Map::Add), &[below, one]).unwrap();
    let rest = b.add1(Op::Map(Map::Rem), &[numerator, divisor]).unwrap();
    let quotient = b.add1(Op::Map(Map::Div), &[numerator, divisor]).unwrap();
    let whole = b.add1(Op::Map(Map::Floor), &[quotient]).unwrap();
    b.output("rest", rest);
    b.output("whole", whole);
    let id = b.finish();
    agrees("integer quotients", &module, id, 0.0, &[]);
}
