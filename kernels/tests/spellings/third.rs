//! A third round: blends of a state and what is new, heads that are taken apart and put together in different places, and
//! polynomials. Each family is compared with its first text.

use super::strangers::Strangers;

/// A gated recurrence: what the gate keeps of the state and what it lets in.
pub const BLEND: Strangers = Strangers {
    head: "edition 2026
import std.{linear}

block B(D) {
  gates = linear(D -> D)
  values = linear(D -> D)
  forward(x: [T, D]) -> [T, D] {
    let (r, g) = (gates(x), tanh(values(x)))
    let z = sigmoid(r)
",
    bodies: &[
        "scan t over T (h: [D] = 0) {
      h <- (1 - z[t]) * h + z[t] * g[t]
      yield h
    }",
        "scan t over T (h: [D] = 0) {
      h <- h + z[t] * (g[t] - h)
      yield h
    }",
        "scan t over T (h: [D] = 0) {
      h <- h - z[t] * h + z[t] * g[t]
      yield h
    }",
        "scan t over T (h: [D] = 0) {
      h <- g[t] + (1 - z[t]) * (h - g[t])
      yield h
    }",
        "let (keep, new) = (sigmoid(-r), z * g)
    scan t over T (h: [D] = 0) {
      h <- keep[t] * h + new[t]
      yield h
    }",
    ],
};

/// Heads of a recurrence (Dao and Gu 2024), with a gate.
pub const HEADS: Strangers = Strangers {
    head: "edition 2026
import std.{linear}

block B(H, P, N) {
  dims E = H * P
  bc = linear(E -> N ++ N)
  dtp = linear(E -> H, bias: false)
  param A_log: [H] = log(1 + iota(H))
  param skip: [H] = ones
  forward(w: [T, E], x: [T, H, P], z: [T, H, P]) -> [T, E] {
    let (b, c) = split(bc(w))
    let dt = softplus(dtp(w))
",
    bodies: &[
        "let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(A_log)) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
    flatten((y + skip * x) * silu(z), (H, P) -> E)",
        // The gate and the result are flattened, each alone.
        "let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(A_log)) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
    flatten(y + skip * x, (H, P) -> E) * silu(flatten(z, (H, P) -> E))",
        "let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(A_log)) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
    let spread = flatten(broadcast(skip, P), (H, P) -> E)
    (flatten(y, (H, P) -> E) + spread * flatten(x, (H, P) -> E)) * silu(flatten(z, (H, P) -> E))",
        // The decay for every channel and every number of a state.
        "let a = broadcast(broadcast(-exp(A_log), P), N)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
    let g = silu(z)
    flatten(y * g, (H, P) -> E) + flatten(skip * x * g, (H, P) -> E)",
    ],
};

/// Attention whose projections are to all heads, in two axes or in one.
pub const PROJECTIONS: Strangers = Strangers {
    head: "edition 2026
block B(D, H, K) {
  dims I = H * K
  param wq: [H, K, D] = normal(0.2)
  param wk: [H, K, D] = normal(0.2)
  param wv: [H, K, D] = normal(0.2)
  param wo: [D, H, K] = normal(0.2)
  forward(x: [T, D]) -> [T, D] {
",
    bodies: &[
        "let q = sum(wq * x, over: D)
    let k = rename(sum(wk * x, over: D), T -> S)
    let v = rename(sum(wv * x, over: D), T -> S)
    let p = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(wo * sum(p * v, over: S), over: (H, K))",
        "let q = unflatten(sum(flatten(wq, (H, K) -> I) * x, over: D), I -> (H, K))
    let k = rename(sum(wk * x, over: D), T -> S)
    let v = rename(sum(wv * x, over: D), T -> S)
    let p = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(wo * sum(p * v, over: S), over: (H, K))",
        "let q = unflatten(sum(flatten(wq, (H, K) -> I) * x, over: D), I -> (H, K))
    let k = rename(unflatten(sum(flatten(wk, (H, K) -> I) * x, over: D), I -> (H, K)), T -> S)
    let v = rename(unflatten(sum(flatten(wv, (H, K) -> I) * x, over: D), I -> (H, K)), T -> S)
    let p = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    let o = flatten(sum(p * v, over: S), (H, K) -> I)
    sum(flatten(wo, (H, K) -> I) * o, over: I)",
    ],
};

/// The tanh form of GELU, of what was normalised before.
pub const POLYNOMIAL: Strangers = Strangers {
    head: "edition 2026
block B(D) {
  forward(x: [T, D]) -> [T, D] {
    let a = x * rsqrt(mean(x * x, over: D) + 1e-6)
",
    bodies: &[
        "0.5 * a * (1 + tanh(0.7978845608028654 * (a + 0.044715 * a ^ 3)))",
        "0.5 * a * (1 + tanh(0.7978845608028654 * a * (1 + 0.044715 * a * a)))",
        "0.5 * (a + a * tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)))",
    ],
};

/// A state of which some is taken away again.
pub const CANCELLED: Strangers = Strangers {
    head: "edition 2026
block B(D) {
  forward(x: [T], y: [T], h0: [D]) -> [T, D] {
",
    bodies: &[
        "scan t over T (h: [D] = h0) { h <- 0.5 * h - (x[t] - y[t])  yield h }",
        "scan t over T (h: [D] = h0) { h <- 0.5 * h - (x[t] - y[t])  yield h - h + h }",
        "scan t over T (h: [D] = h0) { h <- 0.5 * h - (x[t] - y[t])  yield 2 * h - h }",
        "scan t over T (h: [D] = h0) { h <- 0.5 * h + y[t] - x[t]  yield x[t] - (h - h) + h - x[t] }",
    ],
};
