//! Texts that take axes apart and put them together in every place, and blends.

/// Items `Heads`, `Apart` and `Blend`.
pub const TEXT: &str = "edition 2026
import std.{linear}

/// Gates, results and weights flattened, each alone; a product that is taken apart after it was made.
block Heads(H, P, N) {
  dims E = H * P
  xp = linear(E -> E)
  zp = linear(E -> E)
  dtp = linear(E -> H, bias: false)
  bc = linear(E -> N ++ N)
  param A_log: [H] = log(1 + iota(H))
  param skip: [H] = ones
  forward(w: [T, E]) -> [T, E] {
    let (x, z) = (unflatten(xp(w), E -> (H, P)), zp(w))
    let (b, c) = split(bc(w))
    let dt = softplus(dtp(w))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(A_log)) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
    let spread = flatten(broadcast(skip, P), (H, P) -> E)
    (flatten(y, (H, P) -> E) + spread * flatten(x, (H, P) -> E)) * silu(z)
  }
}

/// Where it must not be carried: an axis that is there already, other sizes, a result that is read whole, a norm.
block Apart(H, P) {
  dims E = H * P
  xp = linear(E -> E)
  scale = linear(E -> H)
  forward(w: [T, E]) -> (a: [T, E, H], b: [T, E], c: [T, P, H], d: [T, H, P]) {
    let x = xp(w)
    let s = scale(w)
    let heads = unflatten(x, E -> (H, P))
    let joined = flatten(heads * s, (H, P) -> E)
    let a = joined * s
    let n = joined * rsqrt(mean(joined * joined, over: E) + 1e-3)
    let c = unflatten(tanh(joined) * x, E -> (P, H))
    (a, n + w, c, unflatten(exp(joined), E -> (H, P)))
  }
}

/// A blend with a sigmoid, one with a weight that is none, and a polynomial.
block Blend(D) {
  gates = linear(D -> D)
  param weight: [D] = uniform(0.9)
  forward(x: [T, D]) -> [T, D] {
    let r = gates(x)
    let y = scan t over T (h: [D] = 0, k: [D] = 0.5) {
      h <- h + sigmoid(r[t]) * (x[t] - h)
      k <- weight * k + (1 - weight) * h
      yield k * (1 + 0.3 * k * k)
    }
    y + weight * (x - y) * r
  }
}
";
