//! Where the factors of a product are multiplied: counted in the canonical graph.

use crate::support::program;
use arch_compiler::check::Request;
use arch_compiler::fuse;
use arch_compiler::ops::{Map, Op};

/// What is counted here, and what is held against the text's own spelling with all models.
pub const TEXT: &str = "edition 2026
import std.{rms_norm, linear, silu}

/// A norm before a projection.
block Projected(D, E) {
  norm = rms_norm(D)
  fc = linear(D -> E, bias: false)
  forward(x: [T, D]) -> [T, E] { fc(norm(x)) }
}

/// An activation that a projection reads, and a skip.
block Skipped(D, E) {
  fc = linear(D -> D)
  out = linear(D -> E, bias: false)
  param skip: [D] = ones
  forward(x: [T, D]) -> (y: [T, E], z: [T, D]) {
    let c = fc(x)
    (out(c * sigmoid(c)), skip * c * sigmoid(c))
  }
}

/// A scaled projection that is written twice, since it is subtracted twice.
block Subtracted(D, F) {
  param w: [F, D] = normal(0.5)
  param m: [F] = zeros
  forward(x: [T, D], c: [F]) -> (a: [T, F], b: [T, F]) {
    let y = sum(w * (x * rsqrt(sum(x * x, over: D) + 0.01)), over: D)
    (m - y, c - y)
  }
}

/// A factor along the axis that is summed within.
block Along(D, F) {
  param w: [F, D] = normal(0.5)
  param q: [D] = normal(1)
  param p: [D, F] = normal(1)
  forward(x: [T, D], r: [T]) -> (y: [T, D, F], z: [T, D, F]) {
    (r * sum(w * x, over: D) * q * p, r * sum(w * x, over: D) * q)
  }
}

/// Factors that a step reads in pairs.
block Stepped(D, F) {
  param w: [F, D] = normal(0.5)
  forward(x: [T, D], r: [T], s: [T]) -> (y: [T, F], z: [T]) {
    let u = sum(w * x, over: D)
    let y = scan t over T (h: [F] = 0) {
      h <- 0.5 * h + r[t] * s[t] * u[t]
      yield tanh(h)
    }
    (y, r * s * sum(exp(y), over: F))
  }
}

/// A scaled projection within a step and outside of it.
block Within(D, F) {
  param w: [F, D] = normal(0.5)
  forward(x: [T, D], r: [T], q: [F]) -> (y: [T, F], z: [T, F]) {
    let u = r * sum(w * x, over: D)
    let y = scan t over T (h: [F] = 0) {
      h <- tanh(h - u[t])
      yield h * q - u[t]
    }
    (y, exp(q) - u)
  }
}
";

/// The shapes of all products of an item's canonical graph, number by number.
fn products(item: &str, d: usize, e: usize) -> Vec<String> {
    let dims = [("T", 6), ("D", d), ("E", e)].map(|(name, size)| (name.into(), size)).to_vec();
    let request = Request { item: Some(item.into()), dims, ..Request::default() };
    let mut program = program(item, TEXT, &request);
    let (entry, _) = fuse::canonical(&mut program.module, program.entry).expect("rules fit");
    let function = program.module.function(entry);
    let products = function.nodes.iter().filter(|n| n.op == Op::Map(Map::Mul));
    let shape = |n: &arch_compiler::graph::Node| &function.value(n.outputs[0]).shape;
    let wide = products.filter(|n| shape(n).len() > 1);
    let mut all: Vec<String> = wide.map(|n| program.module.shape_text(shape(n))).collect();
    all.sort();
    all
}

/// What is wider than what a norm reads is not scaled, nor are its weights; what is narrower is. The number of channels
/// under the root is multiplied with what there is one of for each token, not with a parameter.
#[test]
fn a_norm_is_multiplied_where_it_meets_fewer_numbers() {
    let inside = ["[batch, T:6, D:8]", "[batch, T:6, D:8]", "[batch, T:6]"];
    assert_eq!(products("Projected", 8, 32), inside);
    assert_eq!(products("Projected", 32, 8), ["[E:8, D:32]", "[batch, T:6, E:8]", "[batch, T:6]"]);
}

/// `c * sigmoid(c)` is computed once.
#[test]
fn a_skip_reads_the_activation() {
    assert_eq!(products("Skipped", 8, 4), ["[batch, T:6, D:8]", "[batch, T:6, D:8]"]);
}
