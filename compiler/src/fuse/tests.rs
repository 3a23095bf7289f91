//! Every rule of the table, on its own: both sides in f64 on random numbers; and where a rule has a guard, what
//! it would claim without it is shown to be wrong.

mod blends;
mod exponentials;
pub(super) mod programs;

use super::lang::Graph;
use super::rules::RULES;
use super::terms::build;
use super::{load, store};
use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module, ValueId};
use crate::interp::{Tensor, noise, run};
use crate::ops::{Map, Op, Reduce, View};
use std::collections::BTreeMap;

/// Builds a value of the inputs `x`, `y`, `z` over rows and columns, `r` over rows, `c` over columns.
type Build = fn(&mut Formula<'_, '_>) -> ValueId;

struct Sample {
    rule: &'static str,
    /// What the rule finds.
    left: Build,
    /// Where its guard does not hold: what it does not find, and what it would be without the guard.
    beyond: Option<(Build, Build)>,
}

struct Formula<'a, 'm> {
    b: &'a mut Builder<'m>,
    rows: AxisId,
    columns: AxisId,
}

impl Formula<'_, '_> {
    fn input(&mut self, name: &str) -> ValueId {
        let known = self.b.function.input(name).map(|i| i.value);
        let shape = match name {
            "r" => vec![AxisId::BATCH, self.rows],
            "c" => vec![AxisId::BATCH, self.columns],
            // Weights.
            "u" | "v" | "w" => vec![self.rows, self.columns],
            _ => vec![AxisId::BATCH, self.rows, self.columns],
        };
        known.unwrap_or_else(|| self.b.input(name, InputKind::Argument, shape, DType::F32))
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.b.add1(op, inputs).expect("operands fit")
    }

    fn map(&mut self, map: Map, inputs: &[ValueId]) -> ValueId {
        self.op(Op::Map(map), inputs)
    }

    fn number(&mut self, value: f64) -> ValueId {
        self.op(Op::Constant(value), &[])
    }

    fn times(&mut self, factor: f64, of: ValueId) -> ValueId {
        let factor = self.number(factor);
        self.map(Map::Mul, &[factor, of])
    }

    fn plus(&mut self, term: f64, of: ValueId) -> ValueId {
        let term = self.number(term);
        self.map(Map::Add, &[term, of])
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.map(Map::Add, &[a, b])
    }

    fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.map(Map::Mul, &[a, b])
    }

    fn sum(&mut self, of: ValueId) -> ValueId {
        let over = vec![self.columns];
        self.op(Op::Reduce(Reduce::Sum, over), &[of])
    }

    fn flip(&mut self, of: ValueId) -> ValueId {
        let columns = self.columns;
        self.op(Op::View(View::Flip(columns)), &[of])
    }

    fn centred(&mut self, of: ValueId) -> ValueId {
        let s = self.sum(of);
        let m = self.times(1.0 / COLUMNS as f64, s);
        self.map(Map::Sub, &[of, m])
    }

    fn exp(&mut self, of: ValueId) -> ValueId {
        self.map(Map::Exp, &[of])
    }
}

/// How many columns there are.
const COLUMNS: usize = 5;

fn samples() -> Vec<Sample> {
    [sums_and_atoms(), blends::samples(), exponentials::samples(), mirror_images()]
        .into_iter()
        .flatten()
        .collect()
}

fn sums_and_atoms() -> Vec<Sample> {
    vec![
        Sample {
            rule: "flatten",
            // A sum that another rule makes of a logarithm.
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let e = f.exp(y);
                let e = f.times(3.0, e);
                let l = f.map(Map::Log, &[e]);
                let l = f.times(2.0, l);
                f.add(x, l)
            },
            beyond: None,
        },
        Sample {
            rule: "multiple of a sum",
            // Another rule finds the number.
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let x = f.map(Map::Exp, &[x]);
                let l = f.times(3.0, x);
                let l = f.map(Map::Log, &[l]);
                let l = f.exp(l);
                f.add(l, y)
            },
            beyond: None,
        },
        Sample {
            rule: "zero",
            // Other rules find that what a norm has centred has no mean.
            left: |f| {
                let x = f.input("x");
                let x = f.centred(x);
                f.centred(x)
            },
            beyond: None,
        },
        Sample {
            rule: "power of a product",
            // A sum that another rule makes a product.
            left: |f| {
                let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                let (a, b) = (f.mul(x, y), f.mul(x, z));
                let s = f.add(a, b);
                f.mul(s, s)
            },
            beyond: Some((
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let (x, y, z) = (f.mul(x, x), f.exp(y), f.exp(z));
                    let (a, b) = (f.mul(x, y), f.mul(x, z));
                    let s = f.add(a, b);
                    f.map(Map::Sqrt, &[s])
                },
                |f| {
                    let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                    let (y, z) = (f.exp(y), f.exp(z));
                    let s = f.add(y, z);
                    let s = f.map(Map::Sqrt, &[s]);
                    f.mul(x, s)
                },
            )),
        },
        Sample {
            rule: "sum of sums",
            left: |f| {
                let (x, y, z, r) = (f.input("x"), f.input("y"), f.input("z"), f.input("r"));
                let e = f.exp(y);
                let (a, b) = (f.mul(x, y), f.mul(z, e));
                let (s, t) = (f.add(a, b), f.add(x, r));
                let (s, t) = (f.sum(s), f.sum(t));
                f.mul(s, t)
            },
            beyond: None,
        },
        Sample {
            rule: "one matrix product of two",
            left: |f| {
                let (x, c) = (f.input("x"), f.input("c"));
                let e = f.exp(c);
                let (a, b) = (f.mul(x, c), f.mul(x, e));
                let (a, b) = (f.sum(a), f.sum(b));
                let b = f.times(2.0, b);
                f.add(a, b)
            },
            beyond: None,
        },
        Sample {
            rule: "centred moment",
            left: |f| {
                let x = f.input("x");
                let c = f.centred(x);
                let p = f.mul(x, c);
                f.sum(p)
            },
            beyond: None,
        },
        Sample {
            rule: "centred twice",
            // A variance that cancels, of what is centred already: only its safe form says that it is.
            left: |f| {
                let x = f.input("x");
                let c = f.centred(x);
                let squares = f.mul(c, c);
                let (moment, sum) = (f.sum(squares), f.sum(c));
                let squared = f.mul(sum, sum);
                let mean = f.times(1.0 / COLUMNS as f64, squared);
                f.map(Map::Sub, &[moment, mean])
            },
            beyond: None,
        },
        Sample {
            rule: "factor",
            left: |f| {
                let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                let (a, b) = (f.mul(x, y), f.mul(z, x));
                f.add(a, b)
            },
            beyond: None,
        },
        Sample {
            rule: "factor a sum",
            left: |f| {
                let (x, y, z) = (f.input("x"), f.input("y"), f.input("z"));
                let s = f.add(x, y);
                let p = f.mul(s, z);
                let d = f.map(Map::Sub, &[p, x]);
                f.map(Map::Sub, &[d, y])
            },
            beyond: None,
        },
        Sample {
            rule: "regroup",
            left: |f| {
                let (x, y, z) = (f.input("u"), f.input("v"), f.input("w"));
                let a = f.mul(y, z);
                let e = f.exp(z);
                let inside = f.add(a, e);
                let product = f.mul(x, inside);
                f.add(product, y)
            },
            beyond: None,
        },
        Sample {
            rule: "pull out of a sum",
            left: |f| {
                let (x, r) = (f.input("x"), f.input("r"));
                let p = f.mul(x, r);
                f.sum(p)
            },
            beyond: Some((
                |f| {
                    let (x, c) = (f.input("x"), f.input("c"));
                    let p = f.mul(x, c);
                    f.sum(p)
                },
                |f| {
                    let (x, c) = (f.input("x"), f.input("c"));
                    let (s, c) = (f.sum(x), f.sum(c));
                    f.mul(s, c)
                },
            )),
        },
        Sample {
            rule: "nested sums",
            // A sum that another rule makes of a quotient.
            left: |f| {
                let (x, y, rows) = (f.input("x"), f.input("y"), vec![f.rows]);
                let e = f.exp(x);
                let (p, s) = (f.mul(e, y), f.sum(e));
                let p = f.sum(p);
                let inner = f.map(Map::Div, &[p, s]);
                f.op(Op::Reduce(Reduce::Sum, rows), &[inner])
            },
            beyond: None,
        },
        Sample {
            rule: "center",
            left: |f| {
                let x = f.input("x");
                let s = f.sum(x);
                let m = f.times(1.0 / COLUMNS as f64, s);
                f.map(Map::Sub, &[x, m])
            },
            beyond: Some((
                |f| {
                    let x = f.input("x");
                    let s = f.sum(x);
                    let m = f.times(0.5 / COLUMNS as f64, s);
                    f.map(Map::Sub, &[x, m])
                },
                |f| {
                    let x = f.input("x");
                    let s = f.sum(x);
                    let m = f.times(1.0 / COLUMNS as f64, s);
                    f.map(Map::Sub, &[x, m])
                },
            )),
        },
        Sample {
            rule: "safe variance",
            left: |f| {
                let x = f.input("x");
                let n = 1.0 / COLUMNS as f64;
                let (squares, s) = (f.mul(x, x), f.sum(x));
                let squares = f.sum(squares);
                let (of_squares, mean) = (f.times(n, squares), f.times(n, s));
                let square = f.mul(mean, mean);
                f.map(Map::Sub, &[of_squares, square])
            },
            beyond: None,
        },
        Sample {
            rule: "softmax",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let e = f.exp(x);
                let s = f.sum(e);
                let w = f.map(Map::Div, &[e, s]);
                f.mul(w, y)
            },
            beyond: Some((
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let (e, other) = (f.exp(x), f.exp(y));
                    let s = f.sum(other);
                    f.map(Map::Div, &[e, s])
                },
                |f| {
                    let x = f.input("x");
                    let e = f.exp(x);
                    let s = f.sum(e);
                    f.map(Map::Div, &[e, s])
                },
            )),
        },
        Sample {
            rule: "shift of a softmax",
            left: shifted_softmax,
            beyond: Some((softmax_of_sum, softmax_of_x)),
        },
        Sample {
            rule: "shift of a softmax",
            left: shifted_softmax,
            beyond: Some((
                |f| {
                    let (c, r) = (f.input("c"), f.input("r"));
                    let shifted = f.add(c, r);
                    softmax(f, shifted)
                },
                |f| {
                    let c = f.input("c");
                    softmax(f, c)
                },
            )),
        },
        Sample {
            rule: "softmax after a product",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let e = f.exp(x);
                let (p, s) = (f.mul(e, y), f.sum(e));
                let p = f.sum(p);
                f.map(Map::Div, &[p, s])
            },
            beyond: None,
        },
    ]
}

fn mirror_images() -> Vec<Sample> {
    vec![
        Sample {
            rule: "reversed twice",
            // What another rule makes a mirror image.
            left: |f| {
                let x = f.input("x");
                let x = f.flip(x);
                let e = f.exp(x);
                f.flip(e)
            },
            beyond: None,
        },
        Sample {
            rule: "reversed alike",
            left: |f| {
                let (x, y, r) = (f.input("x"), f.input("y"), f.input("r"));
                let (x, y) = (f.flip(x), f.flip(y));
                let p = f.mul(x, y);
                f.mul(p, r)
            },
            beyond: Some((
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let x = f.flip(x);
                    f.mul(x, y)
                },
                |f| {
                    let (x, y) = (f.input("x"), f.input("y"));
                    let p = f.mul(x, y);
                    f.flip(p)
                },
            )),
        },
        Sample {
            rule: "summed in any order",
            left: |f| {
                let x = f.input("x");
                let x = f.flip(x);
                f.sum(x)
            },
            beyond: Some((
                |f| {
                    let (x, rows) = (f.input("x"), f.rows);
                    let x = f.op(Op::View(View::Flip(rows)), &[x]);
                    f.sum(x)
                },
                |f| {
                    let x = f.input("x");
                    f.sum(x)
                },
            )),
        },
        Sample {
            rule: "reversed apart",
            left: |f| {
                let (x, y) = (f.input("x"), f.input("y"));
                let x = f.flip(x);
                let s = f.add(x, y);
                f.flip(s)
            },
            beyond: None,
        },
    ]
}

fn softmax(f: &mut Formula<'_, '_>, x: ValueId) -> ValueId {
    let e = f.exp(x);
    let s = f.sum(e);
    f.map(Map::Div, &[e, s])
}

fn shifted_softmax(f: &mut Formula<'_, '_>) -> ValueId {
    let (x, r) = (f.input("x"), f.input("r"));
    let shifted = f.add(x, r);
    softmax(f, shifted)
}

fn softmax_of_sum(f: &mut Formula<'_, '_>) -> ValueId {
    let (x, c) = (f.input("x"), f.input("c"));
    let shifted = f.add(x, c);
    softmax(f, shifted)
}

fn softmax_of_x(f: &mut Formula<'_, '_>) -> ValueId {
    let x = f.input("x");
    softmax(f, x)
}

fn module_of(formula: Build) -> (Module, FuncId) {
    let mut module = Module::default();
    let (rows, columns) = (module.add_axis("R", 3), module.add_axis("C", COLUMNS));
    let mut b = Builder::new(&mut module, "left");
    let value = formula(&mut Formula { b: &mut b, rows, columns });
    b.output("output", value);
    let function = b.finish();
    (module, function)
}

fn result(module: &Module, function: FuncId) -> Tensor {
    let f = module.function(function);
    let dims = |v: ValueId| module.dims(&f.value(v).shape, 2);
    let inputs: BTreeMap<String, Tensor> =
        f.inputs.iter().map(|i| (i.name.clone(), noise(&i.name, &dims(i.value)))).collect();
    run(module, function, &inputs, 2).expect("the formula runs").outputs.remove(0).1
}

/// The largest difference; infinite if not even the axes are the same.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    if a.dims != b.dims {
        return f64::INFINITY;
    }
    a.data.iter().zip(&b.data).map(|(x, y)| (x - y).abs() / x.abs().max(1.0)).fold(0.0, f64::max)
}

/// What one rule finds anywhere in a formula, after others had their say: the class and the other way to say it.
fn found(graph: &Graph, rule: usize) -> Vec<(egg::Id, super::terms::Term)> {
    let mut all = Vec::new();
    for class in graph.classes() {
        for node in &class.nodes {
            let mut terms = Vec::new();
            (RULES[rule].find)(graph, node, &mut terms);
            all.extend(terms.into_iter().map(|t| (class.id, t)));
        }
    }
    all
}

#[test]
fn both_sides_of_every_rule_are_equal() {
    let samples = samples();
    for (at, rule) in RULES.iter().enumerate() {
        let sample = samples.iter().find(|s| s.rule == rule.name);
        let sample = sample.unwrap_or_else(|| panic!("the rule `{}` has no sample", rule.name));
        let (mut module, function) = module_of(sample.left);
        let source = module.function(function).clone();
        let (mut graph, classes) = load::load(&module, &source);
        graph.rebuild();
        // A rule may need what another makes: the shift of a softmax needs a softmax.
        for _ in 0..3 {
            apply_others(&mut graph, at);
        }
        let all = found(&graph, at);
        assert!(!all.is_empty(), "`{}` finds nothing in its own sample", rule.name);
        for (class, term) in all {
            let mut graph = graph.clone();
            let right = build(&mut graph, &term);
            graph.rebuild();
            assert_eq!(graph[right].data.axes, graph[class].data.axes, "`{}` gives other axes", rule.name);
            let sides = [class, right].map(|side| {
                let (mut one, mut of) = (source.clone(), classes.clone());
                let output = one.outputs[0].1.0 as usize;
                one.values[output].shape = graph[side].data.axes.to_vec();
                of[output] = Some(side);
                let written = store::store(&mut module, &one, &mut graph.clone(), &of)
                    .expect("the side is written")
                    .expect("there is no scan");
                let id = module.add_function(written);
                result(&module, id)
            });
            let worst = apart(&sides[0], &sides[1]);
            assert!(worst < 1e-9, "`{}`: {} is wrong by {worst:e}", rule.name, rule.algebra);
        }
    }
}

/// Applies every rule but one.
fn apply_others(graph: &mut Graph, but: usize) {
    for other in (0..RULES.len()).filter(|other| *other != but) {
        for (class, term) in found(graph, other) {
            let equal = build(graph, &term);
            graph.union(class, equal);
        }
        graph.rebuild();
    }
}

#[test]
fn guards_are_needed() {
    for sample in samples() {
        let at = RULES.iter().position(|r| r.name == sample.rule).expect("the sample is of a rule");
        let Some((left, claimed)) = sample.beyond else { continue };
        assert!(!RULES[at].guard.is_empty(), "`{}` has a counterexample and no guard", sample.rule);
        let (module, function) = module_of(left);
        let (mut graph, _) = load::load(&module, module.function(function));
        super::saturate::saturate(&mut graph);
        assert!(
            found(&graph, at).is_empty(),
            "the guard of `{}` lets its counterexample through",
            sample.rule
        );
        let (other, claim) = module_of(claimed);
        assert!(apart(&result(&module, function), &result(&other, claim)) > 1e-3, "`{}`", sample.rule);
    }
}

/// Taken out of the power, the number would be larger than single precision holds.
#[test]
fn a_number_whose_power_is_very_large_stays_inside() {
    let (mut module, function) = module_of(|f| {
        let (x, y) = (f.input("x"), f.input("y"));
        let (x, y) = (f.times(1e-6, x), f.times(1e-6, y));
        let sum = f.add(x, y);
        let square = f.mul(sum, sum);
        let fourth = f.mul(square, square);
        let eighth = f.mul(fourth, fourth);
        let one = f.number(1.0);
        f.map(Map::Div, &[one, eighth])
    });
    let before = result(&module, function);
    let (spelled, _) = super::canonical(&mut module, function).expect("it has a spelling");
    let worst = apart(&before, &result(&module, spelled));
    assert!(worst < 1e-9, "wrong by {worst:e}");
    let numbers: Vec<f64> = module
        .function(spelled)
        .nodes
        .iter()
        .filter_map(|node| match node.op {
            Op::Constant(value) => Some(value),
            _ => None,
        })
        .collect();
    assert!(numbers.iter().all(|value| (1e-12..1e12).contains(&value.abs())), "{numbers:?}");
}

/// The sum is said with its smallest term plain, and its power makes up for it.
#[test]
fn a_power_of_a_multiple_keeps_its_value() {
    let (mut module, function) = module_of(|f| {
        let (x, y, c) = (f.input("x"), f.input("y"), f.input("c"));
        let p = f.mul(x, y);
        let p = f.times(3.0, p);
        let s = f.add(c, p);
        let square = f.mul(s, s);
        f.mul(square, s)
    });
    let before = result(&module, function);
    let (spelled, _) = super::canonical(&mut module, function).expect("it has a spelling");
    let worst = apart(&before, &result(&module, spelled));
    assert!(worst < 1e-9, "wrong by {worst:e}");
}
