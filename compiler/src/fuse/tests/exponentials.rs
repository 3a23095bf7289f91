//! Samples of the rules on exponentials, logarithms and the logistic family.

use super::{Build, Formula, Sample};
use crate::graph::ValueId;
use crate::ops::Map;

fn sample(rule: &'static str, left: Build) -> Sample {
    Sample { rule, left, beyond: None }
}

pub(super) fn samples() -> Vec<Sample> {
    [exponentials(), logistic()].into_iter().flatten().collect()
}

/// Whole numbers that differ from row to row.
fn whole(f: &mut Formula<'_, '_>) -> ValueId {
    let r = f.input("r");
    let r = f.times(6.0, r);
    f.map(Map::Floor, &[r])
}

fn one_over(f: &mut Formula<'_, '_>, x: ValueId) -> ValueId {
    let one = f.number(1.0);
    f.map(Map::Div, &[one, x])
}

fn exponentials() -> Vec<Sample> {
    vec![
        sample("power of an exponential", |f| {
            let x = f.input("x");
            let e = f.exp(x);
            let third = f.number(0.3);
            let p = f.map(Map::Pow, &[e, third]);
            f.map(Map::Div, &[p, e])
        }),
        Sample {
            rule: "power of a positive value",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let e = f.exp(x);
                let e = f.plus(1.0, e);
                f.map(Map::Pow, &[e, y])
            },
            // A whole power of something negative is a number, its logarithm is none.
            beyond: Some((
                |f| {
                    let (x, n) = (f.input("x"), whole(f));
                    f.map(Map::Pow, &[x, n])
                },
                |f| {
                    let (x, n) = (f.input("x"), whole(f));
                    let x = f.map(Map::Abs, &[x]);
                    f.map(Map::Pow, &[x, n])
                },
            )),
        },
        sample("product of exponentials", |f| {
            let (x, r) = (f.input("x"), f.input("r"));
            let (x, r) = (f.exp(x), f.exp(r));
            f.mul(x, r)
        }),
        sample("exponential of a sum with a logarithm", |f| {
            let (x, y) = (f.input("x"), f.input("y"));
            let s = f.map(Map::Softplus, &[x]);
            let l = f.map(Map::Log, &[s]);
            let a = f.add(y, l);
            f.exp(a)
        }),
        Sample {
            rule: "exponential of a logarithm",
            left: |f| {
                let x = f.input("x");
                let s = f.mul(x, x);
                let s = f.plus(1.0, s);
                let l = f.map(Map::Log, &[s]);
                let l = f.times(-0.5, l);
                f.exp(l)
            },
            beyond: Some((
                |f| {
                    let x = f.input("x");
                    let l = f.map(Map::Sin, &[x]);
                    let l = f.plus(2.0, l);
                    let l = f.map(Map::Log, &[l]);
                    let l = f.times(0.3, l);
                    f.exp(l)
                },
                |f| {
                    let x = f.input("x");
                    let l = f.map(Map::Sin, &[x]);
                    f.plus(2.0, l)
                },
            )),
        },
        Sample {
            rule: "logarithm of an exponential",
            left: |f| {
                let x = f.input("x");
                let e = f.exp(x);
                let e = f.times(3.0, e);
                f.map(Map::Log, &[e])
            },
            beyond: None,
        },
        Sample {
            rule: "logarithm of a multiple",
            left: |f| {
                let x = f.input("x");
                let x = f.map(Map::Exp, &[x]);
                let x = f.plus(1.0, x);
                let x = f.times(3.0, x);
                f.map(Map::Log, &[x])
            },
            beyond: None,
        },
        Sample {
            rule: "logarithm of a power",
            left: |f| {
                let x = f.input("x");
                let s = f.mul(x, x);
                let s = f.plus(1.0, s);
                let i = one_over(f, s);
                f.map(Map::Log, &[i])
            },
            beyond: Some((
                |f| {
                    let x = f.input("x");
                    let s = f.plus(-20.0, x);
                    let s = f.mul(s, s);
                    f.map(Map::Log, &[s])
                },
                |f| f.input("x"),
            )),
        },
        sample("softplus", |f| {
            let (x, y) = (f.input("x"), f.input("y"));
            let (a, b) = (f.exp(x), f.exp(y));
            let s = f.add(a, b);
            let l = f.map(Map::Log, &[s]);
            let s = f.plus(2.0, a);
            let m = f.map(Map::Log, &[s]);
            f.mul(l, m)
        }),
        sample("exponential of softplus", |f| {
            let x = f.input("x");
            let s = f.map(Map::Softplus, &[x]);
            let s = f.times(-1.5, s);
            f.exp(s)
        }),
        sample("softmax by its logarithm", |f| {
            let x = f.input("x");
            let e = f.exp(x);
            let s = f.sum(e);
            let l = f.map(Map::Log, &[s]);
            let d = f.map(Map::Sub, &[x, l]);
            f.exp(d)
        }),
    ]
}

fn logistic() -> Vec<Sample> {
    vec![
        sample("sigmoid", |f| {
            let x = f.input("x");
            let e = f.exp(x);
            let d = f.plus(1.0, e);
            one_over(f, d)
        }),
        sample("sigmoid of a difference", |f| {
            let (x, y) = (f.input("x"), f.input("y"));
            let (a, b) = (f.exp(x), f.exp(y));
            let s = f.add(a, b);
            f.map(Map::Div, &[a, s])
        }),
        Sample {
            rule: "sigmoid turned",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let (there, back) = (f.map(Map::Sub, &[x, y]), f.map(Map::Sub, &[y, x]));
                let s = f.map(Map::Sigmoid, &[back]);
                let e = f.exp(there);
                f.mul(e, s)
            },
            beyond: None,
        },
        Sample {
            rule: "complement of a sigmoid",
            left: |f| {
                let x = f.input("x");
                let s = f.map(Map::Sigmoid, &[x]);
                let s = f.times(-3.0, s);
                f.plus(3.0, s)
            },
            beyond: None,
        },
        sample("sigmoid of tanh", |f| {
            let (x, y) = (f.input("x"), f.input("y"));
            let (t, u) = (f.map(Map::Tanh, &[x]), f.map(Map::Tanh, &[y]));
            let t = f.plus(1.0, t);
            let one = f.number(0.5);
            let u = f.times(0.5, u);
            let u = f.map(Map::Sub, &[one, u]);
            f.mul(t, u)
        }),
        sample("tanh of a sigmoid", |f| {
            let x = f.input("x");
            let s = f.map(Map::Sigmoid, &[x]);
            let s = f.times(-4.0, s);
            f.plus(2.0, s)
        }),
        sample("logarithm of a sigmoid", |f| {
            let x = f.input("x");
            let s = f.map(Map::Sigmoid, &[x]);
            f.map(Map::Log, &[s])
        }),
        sample("softplus turned", |f| {
            let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
            let d = f.map(Map::Sub, &[x, y]);
            let s = f.map(Map::Softplus, &[d]);
            let s = f.times(2.0, s);
            let (s, x) = (f.add(s, z), f.times(-2.0, x));
            let (s, y) = (f.add(s, x), f.times(2.0, y));
            f.add(s, y)
        }),
        sample("softplus in two parts", |f| {
            let (x, zero) = (f.input("x"), f.number(0.0));
            let a = f.map(Map::Abs, &[x]);
            let a = f.times(-1.0, a);
            let (s, m) = (f.map(Map::Softplus, &[a]), f.map(Map::Max, &[x, zero]));
            f.add(m, s)
        }),
        sample("odd and even", |f| {
            let x = f.input("x");
            let x = f.times(-2.0, x);
            let (t, c) = (f.map(Map::Tanh, &[x]), f.map(Map::Cos, &[x]));
            f.mul(t, c)
        }),
        Sample {
            rule: "square of an absolute value",
            left: |f| {
                let x = f.input("x");
                let a = f.map(Map::Abs, &[x]);
                f.mul(a, a)
            },
            beyond: Some((
                |f| {
                    let x = f.input("x");
                    let a = f.map(Map::Abs, &[x]);
                    let a = f.map(Map::Sqrt, &[a]);
                    let b = f.mul(a, a);
                    f.mul(a, b)
                },
                |f| {
                    let x = f.input("x");
                    f.mul(x, x)
                },
            )),
        },
        sample("minimum", |f| {
            let (x, y) = (f.input("x"), f.input("y"));
            let (x, y) = (f.times(-1.0, x), f.times(-1.0, y));
            f.map(Map::Min, &[x, y])
        }),
        Sample {
            rule: "no choice",
            left: |f| {
                let (x, zero) = (f.input("x"), f.number(0.0));
                let c = f.map(Map::Lt, &[x, zero]);
                let e = f.exp(x);
                let l = f.map(Map::Log, &[e]);
                f.map(Map::Where, &[c, x, l])
            },
            beyond: None,
        },
    ]
}
