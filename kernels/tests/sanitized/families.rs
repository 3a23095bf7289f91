//! A text for each family of kernels and each axis that its kernels are cut along.

use crate::tolerance::{
    ATTENTION, COPIES, GATHERS, GRADIENTS, MAPS, NORMS, PRODUCTS, SCANS, Tolerance, VIEWS, WINDOWS,
};

/// What a kernel is cut into along an axis.
#[derive(Clone, Copy)]
pub enum Tile {
    /// Vectors of a machine.
    Lanes,
    /// So many elements.
    Of(usize),
}

/// A function with an axis of any length.
#[derive(Clone, Copy)]
pub struct Family {
    /// What it is, and what has the length.
    pub name: &'static str,
    pub tile: Tile,
    pub tolerance: &'static Tolerance,
    /// Whether it is run with the gradients of all inputs and parameters.
    pub gradients: bool,
    /// Whether its recurrences are cut in chunks that run side by side.
    pub in_time: bool,
    /// `SIZE` stands where the length stands.
    pub text: &'static str,
}

const FORWARD: Family =
    Family { name: "", tile: Tile::Lanes, tolerance: &MAPS, gradients: false, in_time: false, text: "" };
const BOTH: Family = Family { gradients: true, ..FORWARD };

/// All of them.
pub const FAMILIES: [Family; 22] = [
    Family {
        name: "maps and sums over samples, channels",
        tolerance: &GRADIENTS,
        text: "dims T = 3, D = SIZE
  param bias: [D] = normal(1.0)
  forward(x: [T, D], z: [T, D]) -> [T, D] { x * silu(z) + exp(bias) }",
        ..BOTH
    },
    Family {
        name: "sums down columns, columns",
        tile: Tile::Of(64),
        tolerance: &GRADIENTS,
        text: "dims T = 19, D = SIZE
  forward(x: [T, D], gate: [D], y: [T, D]) -> [T, D] { x + silu(gate) * y }",
        ..BOTH
    },
    Family {
        name: "norm and softmax, channels",
        tolerance: &NORMS,
        text: "dims T = 3, D = SIZE
  param scale: [D] = normal(1.0)
  forward(x: [T, D]) -> [T, D] {
    let y = x - mean(x, over: D)
    softmax(y / sqrt(mean(y * y, over: D) + 1e-2) * scale, over: D)
  }",
        ..BOTH
    },
    Family {
        name: "convolution of each channel, channels",
        tolerance: &WINDOWS,
        text: "dims T = 9, E = SIZE, K = 4
  param weight: [E, K] = normal(0.5)
  param bias: [E] = normal(0.5)
  forward(x: [T, E]) -> [T, E] {
    silu(sum(window(x, T -> (T, K), left: K - 1) * weight, over: K) + bias)
  }",
        ..BOTH
    },
    Family {
        name: "convolution of each channel, positions",
        tolerance: &WINDOWS,
        tile: Tile::Of(4),
        text: "dims T = SIZE, E = 11, K = 4
  param weight: [E, K] = normal(0.5)
  forward(x: [T, E]) -> [T, E] { sum(window(x, T -> (T, K), left: K - 1) * weight, over: K) }",
        ..BOTH
    },
    Family {
        name: "convolution of images, columns",
        tolerance: &WINDOWS,
        text: "dims C = 3, H = 4, W = SIZE, O = 5, P = 3, Q = 3
  param weight: [O, C, P, Q] = normal(0.5)
  forward(x: [C, H, W]) -> [O, H, W] {
    let x = window(x, H -> (H, P), left: 1, right: 1) |> window(W -> (W, Q), left: 1, right: 1)
    sum(weight * x, over: (C, P, Q))
  }",
        ..BOTH
    },
    Family {
        name: "lookups and their gradient, channels",
        tolerance: &GATHERS,
        text: "dims CLASSES = 5, T = 3, D = SIZE
  param table: [CLASSES, D] = normal(1.0)
  forward(y: [T] int, x: [T, D]) -> [T, D] { table[CLASSES: y] * x }",
        ..BOTH
    },
    Family {
        name: "tokens in another order, tokens",
        tolerance: &VIEWS,
        text: "dims T = SIZE, S = SIZE, D = 9
  param gate: [S, D] = normal(1.0)
  forward(x: [T, D]) -> [S, D] { permute(x, T -> S, (iota(T) * (SIZE - 1) + 1) % SIZE) * gate }",
        ..BOTH
    },
    Family {
        name: "parts beside each other, channels",
        tolerance: &VIEWS,
        text: "dims T = 3, D = SIZE, E = 4, J = D ++ E
  forward(x: [T, D], y: [T, E]) -> [T, J] { concat(flip(exp(x), T), y, into: J) }",
        ..BOTH
    },
    Family {
        name: "results that are inputs, channels",
        tolerance: &COPIES,
        text: "dims T = 3, D = SIZE
  forward(x: [T, D]) -> [T, D] { x }",
        ..FORWARD
    },
    Family {
        name: "product, rows",
        tile: Tile::Of(32),
        tolerance: &PRODUCTS,
        text: "dims T = SIZE, I = 20, O = 40
  param w: [O, I] = normal(0.3)
  param bias: [O] = normal(1.0)
  forward(x: [T, I], r: [T, O]) -> [T, O] { r + gelu_tanh(sum(w * x, over: I) + bias) }",
        ..FORWARD
    },
    Family {
        name: "product, columns",
        tile: Tile::Of(32),
        tolerance: &PRODUCTS,
        text: "dims T = 33, I = 20, O = SIZE
  param w: [O, I] = normal(0.3)
  param bias: [O] = normal(1.0)
  forward(x: [T, I], r: [T, O]) -> [T, O] { r + silu(sum(w * x, over: I) + bias) }",
        ..FORWARD
    },
    Family {
        name: "product, terms",
        tile: Tile::Of(16),
        tolerance: &PRODUCTS,
        text: "dims T = 33, I = SIZE, O = 40
  param w: [O, I] = normal(0.3)
  forward(x: [T, I]) -> [T, O] { sum(w * x, over: I) }",
        ..FORWARD
    },
    Family {
        name: "product with its gradients, rows",
        tile: Tile::Of(64),
        tolerance: &PRODUCTS,
        text: "dims T = SIZE, I = 20, O = 40
  param w: [O, I] = normal(0.3)
  forward(x: [T, I]) -> [T, O] { silu(sum(w * x, over: I)) }",
        ..BOTH
    },
    Family {
        name: "norm behind a product, columns",
        tile: Tile::Of(32),
        tolerance: &PRODUCTS,
        text: "dims T = 67, I = 20, O = SIZE
  param w: [O, I] = normal(0.3)
  forward(x: [T, I], r: [T, O]) -> [T, O] {
    let y = r + sum(w * x, over: I)
    y / sqrt(mean(y * y, over: O) + 1e-2)
  }",
        ..FORWARD
    },
    Family {
        name: "attention, keys",
        tile: Tile::Of(64),
        tolerance: &ATTENTION,
        text: "dims T = 5, S = SIZE, H = 2, K = 9
  forward(q: [H, T, K], k: [H, S, K], v: [H, S, K]) -> [H, T, K] {
    sum(softmax(sum(q * k, over: K) / sqrt(K), over: S) * v, over: S)
  }",
        ..BOTH
    },
    Family {
        name: "attention, queries",
        tile: Tile::Of(32),
        tolerance: &ATTENTION,
        text: "dims T = SIZE, S = 11, H = 2, K = 9
  forward(q: [H, T, K], k: [H, S, K], v: [H, S, K]) -> [H, T, K] {
    sum(softmax(sum(q * k, over: K) / sqrt(K), over: S) * v, over: S)
  }",
        ..BOTH
    },
    Family {
        name: "selective scan, channels",
        tolerance: &SCANS,
        text: "dims T = 11, E = SIZE, N = 3
  param a: [E, N] = -0.5
  forward(u: [T, E], dt: [T, E], b: [T, N], c: [T, N]) -> [T, E] {
    scan t over reverse T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * u[t] * b[t]
      yield sum(c[t] * h, over: N)
    }
  }",
        ..BOTH
    },
    Family {
        name: "selective scan, steps",
        tile: Tile::Of(8),
        tolerance: &SCANS,
        text: "dims T = SIZE, E = 11, N = 3
  param a: [E, N] = -0.5
  forward(u: [T, E], dt: [T, E], b: [T, N], c: [T, N]) -> [T, E] {
    scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * u[t] * b[t]
      yield sum(c[t] * h, over: N)
    }
  }",
        ..BOTH
    },
    Family {
        name: "heads as products in chunks, steps",
        tile: Tile::Of(32),
        tolerance: &GRADIENTS,
        text: "dims T = SIZE, H = 2, P = 32, N = 16
  param a: [H] = -0.5
  forward(u: [T, H, P], dt: [T, H], b: [T, N], c: [T, N]) -> [T, H, P] {
    scan t over T (h: [H, P, N] = 0) {
      h <- exp(a * sigmoid(dt[t])) * h + dt[t] * u[t] * b[t]
      yield sum(c[t] * h, over: N)
    }
  }",
        ..BOTH
    },
    Family {
        name: "recurrent network, state",
        tolerance: &SCANS,
        text: "dims T = 9, D = SIZE, F = SIZE
  param w: [F, D] = normal(0.3)
  forward(u: [T, F]) -> [T, D] {
    scan t over T (h: [D] = 0) {
      h <- rename(tanh(sum(w * h, over: D) + u[t]), F -> D)
      yield h
    }
  }",
        ..BOTH
    },
    Family {
        name: "recurrence in chunks, steps",
        tile: Tile::Of(32),
        tolerance: &SCANS,
        in_time: true,
        text: "dims T = SIZE, E = 3
  forward(x: [T, E], g: [T, E]) -> [T, E] {
    scan t over T (h: [E] = 0) {
      h <- sigmoid(g[t]) * h + x[t]
      yield h
    }
  }",
        ..BOTH
    },
];
