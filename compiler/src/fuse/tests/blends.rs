//! Samples of the rules on blends and polynomials.

use super::{Formula, Sample};
use crate::graph::ValueId;
use crate::ops::Map;

fn less_one(f: &mut Formula<'_, '_>, z: ValueId) -> ValueId {
    let z = f.times(-1.0, z);
    f.plus(1.0, z)
}

/// `weight(z) * x + z * y` of a weight.
fn blended(f: &mut Formula<'_, '_>, weight: fn(&mut Formula<'_, '_>, ValueId) -> ValueId) -> ValueId {
    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
    let z = f.exp(z);
    let weight = weight(f, z);
    let (a, b) = (f.mul(weight, x), f.mul(z, y));
    f.add(a, b)
}

pub(super) fn samples() -> Vec<Sample> {
    vec![
        Sample {
            rule: "blend",
            left: |f| blended(f, less_one),
            beyond: Some((
                |f| {
                    blended(f, |f, z| {
                        let z = f.times(-2.0, z);
                        f.plus(1.0, z)
                    })
                },
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let z = f.exp(z);
                    let d = f.map(Map::Sub, &[y, x]);
                    let p = f.mul(z, d);
                    f.add(x, p)
                },
            )),
        },
        Sample {
            rule: "blend",
            left: |f| {
                let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                let less = f.times(-1.0, z);
                let (one, other) = (f.map(Map::Sigmoid, &[less]), f.map(Map::Sigmoid, &[z]));
                let (a, b) = (f.mul(one, x), f.mul(other, y));
                f.add(a, b)
            },
            beyond: None,
        },
        Sample {
            rule: "blend taken apart",
            left: |f| {
                let (x, y, z, r) = (f.input("x"), f.input("y"), f.input("z"), f.input("r"));
                let d = f.map(Map::Sub, &[y, x]);
                let p = f.mul(z, d);
                let s = f.add(x, p);
                f.add(s, r)
            },
            beyond: Some((
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let d = f.add(y, x);
                    let p = f.mul(z, d);
                    f.add(x, p)
                },
                |f| blended(f, less_one),
            )),
        },
        Sample {
            rule: "polynomial",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let square = f.mul(x, x);
                let s = f.times(0.3, square);
                let s = f.plus(1.0, s);
                let p = f.mul(x, s);
                f.mul(p, y)
            },
            beyond: Some((
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let s = f.plus(1.0, y);
                    f.mul(x, s)
                },
                |f| {
                    let x = f.input("x");
                    let square = f.mul(x, x);
                    f.add(x, square)
                },
            )),
        },
        Sample {
            rule: "factor a power",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let square = f.mul(x, x);
                let cube = f.mul(square, x);
                let (a, b) = (f.mul(square, y), f.times(0.3, cube));
                f.add(a, b)
            },
            beyond: Some((
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let square = f.mul(x, x);
                    f.add(square, y)
                },
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let s = f.add(x, y);
                    f.mul(x, s)
                },
            )),
        },
        Sample {
            rule: "one sum of two",
            left: |f| {
                let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                let e = f.exp(z);
                let (a, b) = (f.mul(x, y), f.mul(x, e));
                let (a, b) = (f.sum(a), f.sum(b));
                f.map(Map::Sub, &[a, b])
            },
            beyond: Some((
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let (a, b) = (f.mul(x, y), f.mul(x, z));
                    let (a, b) = (f.sum(a), f.sum(b));
                    let b = f.times(2.0, b);
                    f.add(a, b)
                },
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let s = f.add(y, z);
                    let p = f.mul(x, s);
                    f.sum(p)
                },
            )),
        },
    ]
}
