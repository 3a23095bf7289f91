//! Every form on its own: what it takes to another form computes the same in f64, and names it; and where its guard does not
//! hold, it takes nothing. `compiler/tests/fuse/adverse` has many more texts of both kinds.

use super::{FORMS, form_rule, take};
use crate::canon;
use crate::fuse::tests::programs::{ROUNDING, apart, program};
use crate::graph::{Function, Rules, inline, verify};
use crate::ops::Op;

struct Sample {
    form: &'static str,
    /// What is declared, what is computed of it where the form is found, and where it is not.
    texts: [&'static str; 2],
    /// Whether anything is computed in another way, or names change alone.
    is_named: bool,
}

const SAMPLES: [Sample; 11] = [
    Sample {
        form: "recurrences apart",
        texts: [
            "forward(x: [T, E]) -> (a: [T, E], b: [T, E]) {
    scan t over T (h: [E] = 0, g: [E] = 1) { h <- 0.5 * h + x[t]; g <- 0.25 * g * x[t]; yield (h, g) }
  }",
            "forward(x: [T, E]) -> (a: [T, E], b: [T, E]) {
    scan t over T (h: [E] = 0, g: [E] = 1) { h <- 0.5 * h + x[t]; g <- 0.25 * g * h; yield (h, g) }
  }",
        ],
        is_named: true,
    },
    Sample {
        form: "one loop of many",
        texts: [
            "dims J = E ++ E
  forward(x: [T, A, E]) -> [T, J] { concat(tanh(x[A: 0]) * x[A: 0], tanh(x[A: 1]) * x[A: 1], into: J) }",
            "dims J = E ++ E
  forward(x: [T, A, E]) -> [T, J] { concat(tanh(x[A: 1]) * x[A: 1], tanh(x[A: 0]) * x[A: 0], into: J) }",
        ],
        is_named: true,
    },
    Sample {
        form: "taps",
        texts: [
            "param w: [A, E] = normal(1)
  forward(x: [T, E]) -> [T, E] { shift(x, T, by: 1, fill: 0) * w[A: 0] + x * w[A: 1] }",
            "param w: [A, E] = normal(1)
  forward(x: [T, E]) -> [T, E] { shift(x, T, by: 1, fill: 1) * w[A: 0] + x * w[A: 1] }",
        ],
        is_named: true,
    },
    Sample {
        form: "one way to rename",
        texts: [
            "forward(x: [T, E]) -> [T, E] {
    let q = rename(x, T -> S)
    rename(sum(softmax(sum(q * x, over: E), over: T) * x, over: T), S -> T)
  }",
            "forward(x: [T, E]) -> [S, E] {
    let q = rename(x, T -> S)
    sum(softmax(sum(q * x, over: E), over: T) * x, over: T)
  }",
        ],
        is_named: false,
    },
    Sample {
        form: "packed as one",
        texts: [
            "param w: [A, F, E] = normal(1)
  forward(x: [T, E]) -> (a: [T, F], b: [T, F]) { (sum(w[A: 0] * x, over: E), sum(w[A: 1] * x, over: E)) }",
            "param w: [A, F, E] = normal(1)
  forward(x: [T, E]) -> (a: [T, F], b: [T, F]) { (sum(w[A: 0] * x, over: E), sum(w[A: 1] * exp(x), over: E)) }",
        ],
        is_named: true,
    },
    Sample {
        form: "heads everywhere",
        texts: [
            "param w: [E, C] = normal(1)
  forward(x: [T, C]) -> [T, A, F] { unflatten(tanh(sum(w * x, over: C)), E -> (A, F)) }",
            "param w: [E, C] = normal(1)
  forward(x: [T, C]) -> [T, E] { tanh(sum(w * x, over: C)) }",
        ],
        is_named: true,
    },
    Sample {
        form: "names of weights",
        texts: [
            "param w: [F, E] = normal(1)
  forward(x: [T, E]) -> [T, G] { rename(sum(w * x, over: E), F -> G) }",
            "forward(x: [T, E], w: [F, E]) -> [T, G] { rename(sum(w * x, over: E), F -> G) }",
        ],
        is_named: false,
    },
    Sample {
        form: "reversed at last",
        texts: [
            "forward(x: [T, E], y: [T, E]) -> [T, E] { flip(flip(x, T) * tanh(flip(y, T)), T) }",
            "forward(x: [T, E], y: [T, E]) -> [T, E] { x * tanh(y) }",
        ],
        is_named: true,
    },
    Sample {
        form: "multiple of a state",
        texts: [
            "forward(x: [T, E]) -> [T, E] { scan t over T (h: [E] = 0) { h <- 0.5 * h + 3 * x[t]; yield h } }",
            "forward(x: [T, E]) -> [T, E] { scan t over T (h: [E] = 0) { h <- 0.5 * h * h + 3 * x[t]; yield h } }",
        ],
        is_named: true,
    },
    Sample {
        form: "weights of a state",
        texts: [
            "param w: [E, A] = normal(1)
  param d: [E] = normal(1)
  forward(x: [T, E], y: [T, A]) -> (a: [T, E], b: [T, E, A]) {
    scan t over T (h: [E, A] = 0) {
      let g = tanh(h)
      h <- d * h + w * x[t] * y[t]
      yield (sum(h * y[t] - g, over: A), exp(h))
    }
  }",
            "param w: [E, A] = normal(1)
  param d: [E] = normal(1)
  forward(x: [T, E], y: [T, A]) -> (a: [T, E], b: [T, E, A]) {
    scan t over T (h: [E, A] = 1) {
      let g = tanh(h)
      h <- d * h + w * x[t] * y[t]
      yield (sum(h * y[t] - g, over: A), exp(h))
    }
  }",
        ],
        is_named: true,
    },
    Sample {
        form: "weights of a state",
        texts: [
            "param w: [E] = normal(1)
  param v: [E] = normal(1)
  forward(x: [T, E], s: [T, E]) -> (a: [T, E], b: [T, E], c: [E]) {
    scan t over T (re: [E] = 0, im: [E] = 0) {
      re <- 0.5 * re + s[t] * im + w * x[t]
      im <- 0.5 * im - s[t] * re + v * x[t]
      yield (re * im, sum(s[t] * re - 2 * im, over: E) * x[t])
      final tanh(im)
    }
  }",
            "param w: [E] = normal(1)
  param v: [E] = normal(1)
  forward(x: [T, E], s: [T, E]) -> (a: [T, E], b: [T, E], c: [E]) {
    scan t over T (re: [E] = 0, im: [E] = 0) {
      re <- 0.5 * re + s[t] * im + w * x[t]
      im <- 0.5 * im + s[t] * re + v * x[t]
      yield (re * im, sum(s[t] * re - 2 * im, over: E) * x[t])
      final tanh(im)
    }
  }",
        ],
        is_named: true,
    },
];

/// The rules of everything that computes something.
fn named(function: &Function) -> Rules {
    let computes = |op: &Op| !matches!(op, Op::Input | Op::View(_) | Op::Constant(_));
    function.nodes.iter().filter(|n| computes(&n.op)).fold(Rules::NONE, |all, node| {
        let within = if let Op::Scan(scan) = &node.op { named(&scan.body) } else { Rules::NONE };
        all.and(node.origin.rules).and(within)
    })
}

#[test]
fn every_form_computes_the_same_and_says_so() {
    for (place, form) in FORMS.iter().enumerate() {
        let samples: Vec<&Sample> = SAMPLES.iter().filter(|s| s.form == form.name).collect();
        assert!(!samples.is_empty(), "no sample of `{}`", form.name);
        let texts =
            samples.iter().flat_map(|s| s.texts.iter().enumerate().map(move |(at, text)| (s, at, text)));
        for (sample, at, text) in texts {
            let text = format!("edition 2026\nblock Sample(A, C, E, F, G) {{\n  {text}\n}}\n");
            let (mut module, entry) =
                program(&text, &[("T", 5), ("S", 5), ("A", 2), ("E", 6), ("F", 3), ("C", 4), ("G", 3)]);
            let entry = inline(&mut module, entry);
            canon::run(&mut module, entry).expect("the program is sound");
            let other = module.add_function(module.function(entry).clone());
            for earlier in 0..place {
                take(&mut module, other, earlier).expect("an earlier form is sound");
            }
            let taken = take(&mut module, other, place).expect("the form is sound");
            verify(&module).expect("the graph keeps its rules");
            let (is_found, wanted) = (taken == form_rule(place), at == 0);
            assert_eq!(is_found, wanted, "`{}` and\n{text}", form.name);
            let worst = apart(&module, entry, other);
            assert!(worst < ROUNDING, "`{}` differs by {worst:e} in\n{text}", form.name);
            let rules = named(module.function(other));
            let says_so = rules.and(taken) == rules && wanted;
            assert_eq!(says_so, wanted && sample.is_named, "`{}` and\n{text}", form.name);
        }
    }
}
