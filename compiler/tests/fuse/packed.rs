//! Texts that pack and take apart, convolve tap by tap, and rename one side of attention or the other; each beside what looks
//! alike and is something else.

/// Items `Packed`, `Together`, `Taps`, `Sides` and `Scaled`.
pub const TEXT: &str = "edition 2026
import std.{linear}

/// Equal parts, parts with a part between them, parts beside the whole, and heads from a projection to one axis.
block Packed(D, H, P) {
  dims E = H * P, J = D ++ D ++ D, M = D ++ 1 ++ D, L = D ++ D
  three = linear(D -> J)
  mixed = linear(D -> M)
  whole = linear(D -> L)
  heads = linear(D -> E)
  back  = linear((H, P) -> D)
  again = linear(D -> E)
  late  = linear((H, P) -> D)
  forward(x: [T, D]) -> [T, D] {
    let all = three(x)
    let (a, b, c) = (all[J: 0..D -> D], all[J: D..2 * D -> D], all[J: 2 * D.. -> D])
    let m = mixed(x)
    let (d, e) = (m[M: 0..D -> D], m[M: D + 1.. -> D])
    let packed = whole(x)
    let (f, g) = split(tanh(packed))
    let both = mean(packed * packed, over: L)
    let h = silu(unflatten(heads(x), E -> (H, P)))
    let l = unflatten(tanh(again(x)) * exp(again(x)), E -> (H, P))
    a * tanh(b) + c + d * e + f * g * both + back(h) + late(l)
  }
}

/// Products with parts of one parameter: all, not all, one of them twice, of another value, with a part that is summed over.
block Together(D, R) {
  dims O = D, J = R ++ O ++ 1, Z = 2
  param w: [J, D] = normal(0.3)
  param v: [Z, D, R] = normal(0.3)
  param bias: [Z, R] = uniform(1)
  param up: [R, D] = normal(0.3)
  param down: [R, D] = normal(0.3)
  forward(x: [T, D], y: [T, D]) -> [T, R] {
    dims K = R ++ R
    let (wr, wd, one) = split(w)
    let r = sum(wr * x, over: D)
    let d = rename(sum(wd * x, over: D), O -> D)
    let o = sum(one * x, over: D)
    let some = sum(wr * y, over: D) * sum(one * y, over: D)
    let p = sum(v[Z: 0] * d, over: D) + bias[Z: 0]
    let q = sum(v[Z: 1] * d, over: D) + bias[Z: 1]
    let s = sum(v[Z: 0] * x, over: D) - bias[Z: 1] * sum(v[Z: 1] * y, over: D)
    let (u, t) = split(sum(concat(up, 2 * down, into: K) * y, over: D))
    let row = sum(concat(up, down, into: K) * x, over: D)
    let more = sum(row * row, over: K) + sum(sum(wr * x, over: R) * y, over: D)
    (r + o) * tanh(p) + q * s + some + u * sigmoid(t) + more
  }
}

/// Taps of a convolution: by shifts, by slices of what is padded, dilated; in disorder, unevenly, one of them twice, of two
/// values, with ones beyond the edge, of weights per sample.
block Taps(D) {
  dims K = 3, Q = 2
  param w: [D, K] = normal(0.4)
  param e: [Q, D] = normal(0.4)
  forward(x: [T, D], y: [T, D], g: [Q]) -> [T, D] {
    let right = shift(x, T, by: 2, fill: 0) * w[K: 0] + shift(x, T, by: 1, fill: 0) * w[K: 1] + 0.5 + x * w[K: 2]
    let around = shift(x, T, by: -1, fill: 0) * w[K: 2] + x * w[K: 1] + w[K: 0] * shift(x, T, by: 1, fill: 0)
    let p = pad(y, T -> P, left: 4, right: 1, fill: 0)
    let dilated = p[P: 0..P - 5 -> T] * w[K: 0] + p[P: 2..P - 3 -> T] * w[K: 1] + p[P: 4..P - 1 -> T] * w[K: 2]
    let turned = x * w[K: 0] + shift(x, T, by: 1, fill: 0) * w[K: 1] + shift(x, T, by: 2, fill: 0) * w[K: 2]
    let uneven = shift(x, T, by: 3, fill: 0) * w[K: 0] + shift(x, T, by: 1, fill: 0) * w[K: 1] + x * w[K: 2]
    let twice = x * e[Q: 1] + x * e[Q: 1] + shift(x, T, by: 1, fill: 0) * e[Q: 0]
    let two = shift(y, T, by: 1, fill: 0) * e[Q: 0] + x * e[Q: 1]
    let ones = shift(y, T, by: 1, fill: 1) * e[Q: 0] + y * e[Q: 1]
    let own = shift(y, T, by: 1, fill: 0) * g[Q: 0] + y * g[Q: 1]
    right * around + dilated + turned * uneven + twice * two + ones * own
  }
}

/// Attention whose queries are renamed; with keys that are read elsewhere, too, and with a result that is.
block Sides(D) {
  wq = linear(D -> D)
  wk = linear(D -> D)
  wo = linear(D -> D)
  forward(x: [T, D]) -> (a: [T, D], b: [T, D], c: [S, D]) {
    let (q, k) = (rename(wq(x), T -> S), wk(x))
    let scores = sum(q * k, over: D)
    let y = sum(softmax(scores, over: T) * x, over: T)
    let a = wo(rename(y, S -> T))
    let other = sum(tanh(q) * exp(0.3 * k), over: D)
    let z = sum(other * k, over: T)
    let b = rename(z * mean(other, over: T), S -> T) * k + a
    (a, b, z * 2 + y)
  }
}

/// States times numbers: negative, doubled with and without the state beside it, a number outside of the step, one that
/// starts elsewhere, one that is read as it was before, one that is not linear, two that need each other.
block Scaled(D) {
  param w: [D] = uniform(0.9)
  forward(x: [T, D]) -> [T, D] {
    let half = 0.5 * x
    let a = scan t over T (h: [D] = 0) {
      h <- w * h - x[t]
      yield -h
    }
    let b = scan t over T (h: [D] = 0.3) {
      h <- w * (h + 2 * x[t]) * 0.5
      yield h * h
    }
    let c = scan t over T (h: [D] = 0) {
      let before = h
      h <- w * h + half[t]
      yield before * x[t] - h
    }
    let d = scan t over T (h: [D] = 0.1) {
      h <- tanh(h) + 3 * x[t]
      yield h
    }
    let e = scan t over T (h: [D] = 0, k: [D] = 1) {
      h <- w * h + 2 * k
      k <- 0.3 * h - 4 * x[t]
      yield h - k
    }
    a * b + c * d + e
  }
}
";
