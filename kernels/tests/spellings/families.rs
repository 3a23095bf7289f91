//! Ways to say the same.

/// A text with gaps `{0}`, `{1}`, … and ways to fill them.
pub struct Family {
    pub name: &'static str,
    pub text: &'static str,
    pub gaps: Vec<Vec<&'static str>>,
}

impl Family {
    /// Every combination.
    pub fn spellings(&self) -> impl Iterator<Item = String> + '_ {
        let count: usize = self.gaps.iter().map(Vec::len).product();
        (0..count).map(|mut at| {
            let mut text = self.text.to_string();
            for (gap, ways) in self.gaps.iter().enumerate() {
                text = text.replace(&format!("{{{gap}}}"), ways[at % ways.len()]);
                at /= ways.len();
            }
            text
        })
    }
}

/// Layer norm, modulation, and a gate onto the residual (Peebles and Xie 2022, adaLN-Zero).
pub fn ada_ln() -> Family {
    Family {
        name: "adaLN",
        text: "edition 2026
block AdaLN(D) {
  forward({3}) -> [T, D] {
    {0}
    {1}
    {2}
  }
}
",
        gaps: vec![
            vec![
                "let c = x - mean(x, over: D)
    let n = c * rsqrt(mean(c * c, over: D) + 0.000001)",
                "let n = (x - mean(x, over: D)) / sqrt(mean(x * x, over: D) - mean(x, over: D) ^ 2 + 0.000001)",
                "let c = x - sum(x, over: D) / D
    let n = c / sqrt(0.000001 + sum(c ^ 2, over: D) / D)",
                "let m = sum(x, over: D) * (1 / D)
    let v = mean((x - m) * (x - m), over: D)
    let n = (x - m) * (v + 0.000001) ^ (-0.5)",
            ],
            vec![
                "let m = n * (1 + scale) + shift",
                "let m = shift + (scale + 1) * n",
                "let m = n + n * scale + shift",
                "let m = shift + n * scale + n",
                "let m = n * scale - (-shift) + n",
            ],
            vec!["y + gate * m", "m * gate + y", "y - gate * (-m)"],
            vec![
                "x: [T, D], y: [T, D], shift: [D], scale: [D], gate: [D]",
                "gate: [D], scale: [D], y: [T, D], x: [T, D], shift: [D]",
            ],
        ],
    }
}

/// A root mean square norm in front of a matrix product with a gate behind it.
pub fn rms_norm() -> Family {
    Family {
        name: "RMS norm into a product",
        text: "edition 2026
block RmsGate(D, F) {
  param weight: [F, D] = normal(0.1)
  param gain: [D] = ones
  forward(x: [T, D], z: [T, F]) -> [T, F] {
    {0}
    {1}
    {2}
  }
}
",
        gaps: vec![
            vec![
                "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain",
                "let n = x / sqrt(mean(x ^ 2, over: D) + 0.00001) * gain",
                "let n = gain * (x * (0.00001 + sum(x * x, over: D) / D) ^ (-0.5))",
            ],
            vec!["let y = sum(n * weight, over: D)", "let y = sum(weight * n, over: D)"],
            vec![
                "y * z * sigmoid(z)",
                "y * (z / (1 + exp(-z)))",
                "z * sigmoid(z) * y",
                "y * (0.5 * z * (1 + tanh(z / 2)))",
            ],
        ],
    }
}

/// Attention over all tokens.
pub fn attention() -> Family {
    Family {
        name: "attention",
        text: "edition 2026
block Attention(K) {
  forward(q: [T, H, K], k: [S, H, K], v: [S, H, K]) -> [T, H, K] {
    {0}
    {1}
  }
}
",
        gaps: vec![
            vec![
                "let s = sum(q * k, over: K) / sqrt(K)",
                "let s = sum(q * k, over: K) * (K ^ (-0.5))",
                "let s = sum((q / sqrt(K)) * k, over: K)",
                "let s = sum(k * q / sqrt(K), over: K)",
            ],
            vec![
                "let e = exp(s - stop_gradient(max(s, over: S)))
    let w = e / sum(e, over: S)
    sum(w * v, over: S)",
                "let e = exp(s)
    sum(e / sum(e, over: S) * v, over: S)",
                "let e = exp(s)
    sum(e * v, over: S) / sum(e, over: S)",
                "let e = exp(s - stop_gradient(max(s, over: S)))
    sum(v * e, over: S) * (1 / sum(e, over: S))",
                "let m = stop_gradient(max(s, over: S))
    let z = sum(exp(s - m), over: S)
    sum(exp(s - m) / z * v, over: S)",
            ],
        ],
    }
}

/// Linear attention (Katharopoulos et al. 2020): scores of all tokens first, or the sum of keys times values first. Which is
/// computed depends on sizes, and on nothing else.
pub fn linear_attention() -> Family {
    Family {
        name: "linear attention",
        text: "edition 2026
block Linear(H, K, D) {
  param w_out: [H, K, D] = normal(0.1)
  forward(q: [U, H, K], k: [V, H, K], v: [V, H, K]) -> [U, D] {
    {0}
    {1}
    {2}
  }
}
",
        gaps: vec![
            vec![
                "let (q, k) = (sigmoid(q), sigmoid(k))",
                "let (q, k) = (1 / (1 + exp(-q)), exp(k) / (exp(k) + 1))",
            ],
            vec![
                "let w = sum(q * k, over: K)
    let y = sum(w * v, over: V) / sum(w, over: V)",
                "let w = sum(k * q, over: K)
    let y = sum(w / sum(w, over: V) * v, over: V)",
                "let l = rename(k, K -> L)
    let state = sum(l * v, over: V)
    let y = sum(rename(q, K -> L) * state, over: L) / sum(q * sum(k, over: V), over: K)",
                "let z = 1 / sum(sum(k, over: V) * q, over: K)
    let (f, g) = (rename(q * z, K -> F), rename(k, K -> F))
    let y = sum(f * sum(v * g, over: V), over: F)",
                "let state = sum(rename(k, K -> L) * v, over: V)
    let y = sum(rename(q, K -> L) * state, over: L)
    let y = y / sum(q * k, over: (K, V))",
            ],
            vec!["sum(y * w_out, over: (H, K))", "sum(sum(w_out * y, over: K), over: H)"],
        ],
    }
}

/// The selective scan of Mamba with its gate (Gu and Dao 2023). What stands in a step stays in a step here; see
/// [`mamba`] for what moves between a scan and what is around it.
pub fn selective_scan() -> Family {
    Family {
        name: "selective scan",
        text: "edition 2026
block Scan(E, N) {
  param a_log: [E, N] = ones
  param skip: [E] = ones
  forward(u: [T, E], delta: [T, E], z: [T, E], b: [T, N], c: [T, N]) -> [T, E] {
    {0}
    {1}
    {2}
  }
}
",
        gaps: vec![
            vec![
                "let dt = softplus(delta)
    let a = -exp(a_log)",
                "let dt = log(1 + exp(delta))
    let a = exp(a_log) * (-1)",
            ],
            vec![
                "let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }",
                "let y = scan t over T (h: [E, N] = 0) {
      h <- u[t] * (b[t] * dt[t]) + h * exp(a * dt[t])
      yield sum(h * c[t], over: N)
    }",
                "let y = scan t over T (h: [E, N] = 0) {
      let decay = exp(dt[t] * a)
      let drive = (dt[t] * u[t]) * b[t]
      h <- drive - (-h) * decay
      yield sum(c[t] * h, over: N)
    }",
            ],
            vec![
                "(y + skip * u) * (z * sigmoid(z))",
                "z / (1 + exp(-z)) * (u * skip + y)",
                "let g = silu(z)
    y * g + skip * u * g",
                "(skip * u + y) * z * (0.5 + 0.5 * tanh(0.5 * z))",
            ],
        ],
    }
}

/// A diagonal state-space layer in both directions (Gu, Goel, Gupta and Re 2022): real states here, so that the family
/// is about directions.
pub fn s4d_both_ways() -> Family {
    Family {
        name: "S4D with flips",
        text: "edition 2026
block BothWays(E, N) {
  param there: [E, N] = ones
  param back: [E, N] = ones
  param c: [E, N] = ones
  param d: [E, N] = ones
  forward(x: [T, E], z: [T, E]) -> [T, E] {
    let (f, g) = (exp(-exp(there)), exp(-exp(back)))
    {0}
    {1}
    {2}
  }
}
",
        gaps: vec![
            vec![
                "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- f * h + u[t]
      yield sum(c * h, over: N)
    }",
                "let u = flip(x, T) |> silu |> flip(T)
    let y = flip(scan t over reverse T (h: [E, N] = 0) {
      h <- h * f + flip(u, T)[t]
      yield sum(h * c, over: N)
    }, T)",
            ],
            vec![
                "let v = flip(u, T)
    let w = scan t over T (h: [E, N] = 0) {
      h <- g * h + v[t]
      yield sum(d * h, over: N)
    }
    let w = flip(w, T)",
                "let w = scan t over reverse T (h: [E, N] = 0) {
      h <- g * h + u[t]
      yield sum(d * h, over: N)
    }",
                "let v = silu(flip(x, T))
    let w = flip(scan t over T (h: [E, N] = 0) {
      h <- v[t] + h * g
      yield sum(h * d, over: N)
    }, T)",
                "let w = flip(flip(scan t over reverse T (h: [E, N] = 0) {
      h <- g * h - (-u[t])
      yield sum(d * h, over: N)
    }, T), T)",
            ],
            vec![
                "(y + w) * z",
                "flip(flip(y, T) + flip(w, T), T) * z",
                "flip((flip(y, T) + flip(w, T)) * flip(z, T), T)",
                "z * w + z * y",
                "z * y + flip(flip(w, T) * flip(z, T), T)",
            ],
        ],
    }
}

/// The mixer of Mamba, whole (Gu and Dao 2023): projections, convolution, selection, scan, skip, gate.
pub fn mamba() -> Family {
    Family {
        name: "Mamba mixer",
        text: "edition 2026
block Mamba(D, E, N, R) {
  dims W = 4
  param w_in: [E, D] = normal(0.1)
  param w_gate: [E, D] = normal(0.1)
  param kernel: [E, W] = normal(0.1)
  param bias: [E] = zeros
  param w_b: [N, E] = normal(0.1)
  param w_c: [N, E] = normal(0.1)
  param w_down: [R, E] = normal(0.1)
  param w_up: [E, R] = normal(0.1)
  param dt_bias: [E] = zeros
  param a_log: [E, N] = ones
  param skip: [E] = ones
  param w_out: [D, E] = normal(0.1)
  forward(x: [T, D]) -> [T, D] {
    let z = sum(w_gate * x, over: D)
    let v = sum(w_in * x, over: D)
    {0}
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    {1}
    {2}
    sum(w_out * o, over: E)
  }
}
",
        gaps: vec![
            vec![
                "let u = silu(sum(window(v, T -> (T, W), left: W - 1) * kernel, over: W) + bias)",
                "let k = bias + sum(kernel * window(v, T -> (T, W), left: W - 1), over: W)
    let u = k / (1 + exp(-k))",
            ],
            vec![
                "let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let a = -exp(a_log)",
                "let dt = log(1 + exp(dt_bias + sum(w_up * sum(w_down * u, over: E), over: R)))
    let a = exp(a_log) * (-1)",
            ],
            vec![
                "let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let o = (y + skip * u) * silu(z)",
                "let (decay, drive) = (exp(dt * a), dt * u * b)
    let y = scan t over T (h: [E, N] = 0) {
      h <- decay[t] * h + drive[t]
      yield sum(h * c[t], over: N)
    }
    let o = (skip * u + y) * (z * sigmoid(z))",
                "let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * (b[t] * u[t])
      yield sum(c[t] * h, over: N) + skip * u[t]
    }
    let o = y * silu(z)",
                "let s = scan t over T (h: [E, N] = 0) {
      h <- u[t] * (b[t] * dt[t]) + h * exp(dt[t] * a)
      yield h
    }
    let o = (sum(c * s, over: N) + u * skip) * silu(z)",
                "let o = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * u[t]
      yield (sum(c[t] * h, over: N) + skip * u[t]) * silu(z[t])
    }",
                "let g = silu(z)
    let y = scan t over T (h: [E, N] = 0) {
      let new = exp(dt[t] * a) * h + b[t] * dt[t] * u[t]
      h <- new
      yield g[t] * sum(c[t] * new, over: N)
    }
    let o = y + g * skip * u",
                "let x = dt * u
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h - (-b[t]) * x[t]
      yield sum(c[t] * (z[t] * h), over: N)
    }
    let o = (y + skip * u * z) / (1 + exp(-z))",
            ],
        ],
    }
}

/// The mixer of Mamba-2 (Dao and Gu 2024): one decay a head, and a gated norm.
pub fn mamba2() -> Family {
    Family {
        name: "Mamba-2",
        text: "edition 2026
block Mamba2(D, H, P, N) {
  param w_in: [H, P, D] = normal(0.1)
  param w_gate: [H, P, D] = normal(0.1)
  param w_b: [N, D] = normal(0.1)
  param w_c: [N, D] = normal(0.1)
  param w_dt: [H, D] = normal(0.1)
  param dt_bias: [H] = zeros
  param a_log: [H] = zeros
  param skip: [H] = ones
  param gain: [H, P] = ones
  param w_out: [D, H, P] = normal(0.1)
  forward(x: [T, D]) -> [T, D] {
    let (z, v) = (sum(w_gate * x, over: D), sum(w_in * x, over: D))
    let u = silu(v)
    let (b, c) = (sum(w_b * x, over: D), sum(w_c * x, over: D))
    {0}
    {1}
    {2}
    sum(w_out * n, over: (H, P))
  }
}
",
        gaps: vec![
            vec![
                "let dt = softplus(sum(w_dt * x, over: D) + dt_bias)",
                "let dt = log(exp(dt_bias + sum(x * w_dt, over: D)) + 1)",
            ],
            vec![
                "let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let y = y + skip * u
    let g = y * silu(z)",
                "let decay = exp(-(exp(a_log) * dt))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- h * decay[t] + dt[t] * u[t] * b[t]
      yield sum(c[t] * h, over: N) + skip * u[t]
    }
    let g = z * y / (1 + exp(-z))",
                "let a = -exp(a_log)
    let s = scan t over T (h: [N, H, P] = 0) {
      h <- exp(dt[t] * a) * h + (dt * u * b)[t]
      yield h
    }
    let g = silu(z) * (sum(c * s, over: N) + u * skip)",
                "let g = scan t over T (h: [P, H, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield silu(z[t]) * (sum(c[t] * h, over: N) + skip * u[t])
    }",
            ],
            vec![
                "let n = g * rsqrt(mean(g * g, over: (H, P)) + 0.00001) * gain",
                "let n = gain * (g / sqrt(sum(g ^ 2, over: (H, P)) / (H * P) + 0.00001))",
                "let n = g * gain * (0.00001 + mean(mean(g * g, over: P), over: H)) ^ (-0.5)",
            ],
        ],
    }
}
