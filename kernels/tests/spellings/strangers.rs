//! Spellings that were written without a look at the rules, by whoever tried to break them: each is one body of a
//! family's block, and gives the kernels of the family's first spelling.

/// Bodies of a family's block.
pub struct Strangers {
    /// The text before the body.
    pub head: &'static str,
    pub bodies: &'static [&'static str],
}

impl Strangers {
    /// The whole text with one of the bodies.
    pub fn text(&self, body: &str) -> String {
        format!("{}    {body}\n  }}\n}}\n", self.head)
    }
}

pub const ADA_LN: Strangers = Strangers {
    head: "edition 2026
block AdaLN(D) {
  forward(x: [T, D], y: [T, D], shift: [D], scale: [D], gate: [D]) -> [T, D] {
",
    bodies: &[
        "let m = mean(x, over: D)
    let r = rsqrt(mean((x - m) ^ 2, over: D) + 0.000001)
    let a = r * (1 + scale)
    let b = shift - m * a
    y + gate * (x * a + b)",
        "let d = x - mean(x, over: D)
    let s = sum(d * d, over: D)
    y + gate * (d * sqrt(D) / sqrt(s + D * 0.000001) * (1 + scale) + shift)",
        "let m = mean(x, over: D)
    let v = mean(x * x, over: D) - m * m
    let n = (x - m) / (v + 0.000001) ^ 0.5
    y + (n + (n * scale + shift)) * gate",
        "let m = mean(x, over: D)
    let v = mean(x * (x - m), over: D)
    y + gate * ((x - m) * rsqrt(v + 0.000001) * (1 + scale) + shift)",
        "let c = x - mean(x, over: D)
    let v = mean(c ^ 2 + 0.000001, over: D)
    y + gate * (c * v ^ (-0.5) * (1 + scale) + shift)",
        "let c = x - mean(x, over: D)
    let n = c / sqrt(mean(c * c, over: D) + 0.000001)
    y + gate * n + gate * scale * n + gate * shift",
        "let c = D * x - sum(x, over: D)
    let n = c / sqrt(mean(c * c, over: D) + D * D * 0.000001)
    y + gate * (n * (1 + scale) + shift)",
        "let c = x - mean(x, over: D)
    let r = exp(-0.5 * log(mean(c * c, over: D) + 0.000001))
    y + gate * (c * r * (1 + scale) + shift)",
        "let c = mean(x, over: D) - x
    let n = -c / sqrt(mean(c * c, over: D) + 0.000001)
    y - (-gate) * ((1 + scale) * n - (-shift))",
        "let c = x - mean(x, over: D)
    let n = c * rsqrt(0.000001 + mean(c * c, over: D))
    let e = gate * (1 + scale)
    y + e * n + gate * shift",
        "let v = (sum(x * x, over: D) - sum(x, over: D) ^ 2 / D) / D
    let n = (x - mean(x, over: D)) / sqrt(v + 0.000001)
    (n * (scale + 1) + shift) * gate + y",
        "let b = flip(x, D)
    let c = b - mean(b, over: D)
    let n = flip(c / sqrt(mean(c * c, over: D) + 0.000001), D)
    y + gate * (n * (1 + scale) + shift)",
        "let c = x - mean(x, over: D)
    let inv = 1 / (mean(c * c, over: D) + 0.000001)
    y + gate * (c * sqrt(inv) * (1 + scale) + shift)",
        "let h = x / 2
    let c = h - mean(h, over: D)
    let n = c / sqrt(mean(c * c, over: D) + 0.00000025)
    y + gate * (n * (1 + scale) + shift)",
        "let m = mean(x, over: D)
    let sd = sqrt(mean((x - m) * (x - m), over: D) + 0.000001)
    y + gate * ((x - m + scale * (x - m)) / sd + shift)",
        "let m = mean(x, over: D)
    let sd = sqrt(mean((m - x) ^ 2, over: D) + 0.000001)
    y + gate * ((x - m) / sd + shift) + gate * scale * (x - m) / sd",
        "let c = x - mean(x, over: D)
    let c = c - mean(c, over: D)
    let n = c / sqrt(mean(c * c, over: D) + 0.000001)
    y + gate * (n * (1 + scale) + shift)",
        "let c = x - mean(x, over: D)
    let n = c / sqrt(sum(c * c, over: D) + 0.000001 * D) / D ^ (-0.5)
    y + (n * (1 + scale) + shift) / (1 / gate)",
    ],
};

pub const RMS_NORM: Strangers = Strangers {
    head: "edition 2026
block RmsGate(D, F) {
  param weight: [F, D] = normal(0.1)
  param gain: [D] = ones
  forward(x: [T, D], z: [T, F]) -> [T, F] {
",
    bodies: &[
        "let r = rsqrt(mean(x * x, over: D) + 0.00001)
    sum(x * gain * weight, over: D) * r * silu(z)",
        "let n = x * sqrt(D) / sqrt(sum(x * x, over: D) + D * 0.00001)
    sum(n * gain * weight, over: D) * silu(z)",
        "let n = x / sqrt(mean(x * x + 0.00001, over: D))
    sum(n * gain * weight, over: D) * silu(z)",
        "let n = x * exp(-0.5 * log(mean(x ^ 2, over: D) + 0.00001))
    sum(n * gain * weight, over: D) * silu(z)",
        "let w = weight * gain
    let rms = (mean(x * x, over: D) + 0.00001) ^ 0.5
    sum(w * (x / rms), over: D) * silu(z)",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * z * exp(z) / (1 + exp(z))",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * (z - z / (1 + exp(z)))",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * z * exp(-softplus(-z))",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * (0.5 * z + 0.5 * z * tanh(0.5 * z))",
        "let n = x / 3 * rsqrt(mean((x / 3) ^ 2, over: D) + 0.00001 / 9) * gain
    sum(n * weight, over: D) * silu(z)",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * where(z > 0, z / (1 + exp(-z)), z * exp(z) / (1 + exp(z)))",
        "let v = mean(x * x, over: D) + 0.00001
    let r = rsqrt(v)
    sum(x * (r * r * sqrt(v)) * gain * weight, over: D) * silu(z)",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight * silu(z), over: D)",
        "sum(x * weight * gain, over: D) * silu(z) / sqrt(mean(x * x, over: D) + 0.00001)",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * z * (1 - sigmoid(-z))",
        "let n = x * rsqrt(mean(x * x, over: D) + 0.00001) * gain
    sum(n * weight, over: D) * (z + silu(-z))",
        "let n = x * rsqrt(mean(abs(x) ^ 2, over: D) + 0.00001) * gain
    let g = exp(z / 2) / (exp(z / 2) + exp(-z / 2))
    sum(n * weight, over: D) * z * g",
        "let n = x / sqrt(mean(x * x, over: D) + 0.00001)
    let n = n + n * (gain - 1)
    sum(n * weight, over: D) * silu(z)",
    ],
};

pub const ATTENTION: Strangers = Strangers {
    head: "edition 2026
block Attention(K) {
  forward(q: [T, H, K], k: [S, H, K], v: [S, H, K]) -> [T, H, K] {
",
    bodies: &[
        "let s = sum(q * k, over: K) / sqrt(K)
    sum(exp(s - log(sum(exp(s), over: S))) * v, over: S)",
        "let s = sum((q * K ^ (-0.25)) * (k * K ^ (-0.25)), over: K)
    sum(softmax(s, over: S) * v, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let e = exp(s) / exp(stop_gradient(max(s, over: S)))
    sum(e * v, over: S) / sum(e, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let m = max(s, over: S)
    let e = exp(s - m)
    sum(e / sum(e, over: S) * v, over: S)",
        "let e = exp(sum(q * k, over: K)) ^ (1 / sqrt(K))
    sum(e * v, over: S) / sum(e, over: S)",
        "let (k, v) = (flip(k, S), flip(v, S))
    let s = sum(q * k, over: K) / sqrt(K)
    sum(softmax(s, over: S) * v, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let e = exp(s - mean(s, over: S))
    sum(e * v, over: S) / sum(e, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let e = exp(s - 5)
    let z = 1 / sum(e, over: S)
    sum(e * z * v, over: S)",
        "let s = -sum(q * k, over: K) / sqrt(K)
    let e = 1 / exp(s)
    sum(v * e / sum(e, over: S), over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    sum(softmax(s, over: S) * (2 * v), over: S) / 2",
        "let s = sum(q * k, over: K) / sqrt(K)
    let e = 2 ^ (s * 1.4426950408889634)
    sum(e * v, over: S) / sum(e, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let m = stop_gradient(max(s, over: S))
    let lse = m + log(sum(exp(s - m), over: S))
    sum(exp(s - lse) * v, over: S)",
        "let s = sum(q * k, over: K)
    let m = max(s, over: S)
    let e = exp((s - m) / sqrt(K))
    sum(e * v, over: S) / sum(e, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let e = exp(s) * exp(-stop_gradient(max(s, over: S)))
    sum(e * v, over: S) * sum(e, over: S) ^ (-1)",
        "let s = sum(q * k, over: K) / sqrt(K) - sum(q * q, over: K)
    let w = softmax(s, over: S)
    sum(w * v, over: S)",
        "let q = q / K
    let s = sum(q * k, over: K) * sqrt(K)
    let e = 3 * exp(s)
    sum(e * v, over: S) / sum(e, over: S)",
    ],
};

pub const S4D: Strangers = Strangers {
    head: "edition 2026
block BothWays(E, N) {
  param there: [E, N] = ones
  param back: [E, N] = ones
  param c: [E, N] = ones
  param d: [E, N] = ones
  forward(x: [T, E], z: [T, E]) -> [T, E] {
",
    bodies: &[
        "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- h / exp(exp(there)) + u[t]
      yield sum(c * h, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- h / exp(exp(back)) + u[t]
      yield sum(d * h, over: N)
    }
    (y + w) * z",
        "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + u[t]
      yield h
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + u[t]
      yield h
    }
    sum(c * y + d * w, over: N) * z",
        "let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + x[t] / (1 + exp(-x[t]))
      yield sum(c * h, over: N) * z[t]
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + x[t] * sigmoid(x[t])
      yield sum(d * h, over: N) * z[t]
    }
    y + w",
        "let u = silu(x)
    let (y, w) = scan t over T (h: [E, N] = 0, k: [E, N] = 0) {
      h <- exp(-exp(there)) * h + u[t]
      k <- exp(-exp(back)) * k + flip(u, T)[t]
      yield (sum(c * h, over: N), sum(d * k, over: N))
    }
    (y + flip(w, T)) * z",
        "let u = silu(x)
    let (f, g) = (1 / exp(exp(there)), exp(exp(back)) ^ (-1))
    let y = scan t over T (h: [E, N] = 0) {
      h <- h - (1 - f) * h + u[t]
      yield sum(c * h, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- h * (1 - (1 - g)) + u[t]
      yield sum(d * h, over: N)
    }
    0.5 * (y + w) * (2 * z)",
        "let u = x * exp(x) / (1 + exp(x))
    let v = flip(flip(flip(u, T), T), T)
    let y = flip(scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + v[t]
      yield sum(c * h, over: N)
    }, T)
    let w = flip(scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + v[t]
      yield sum(d * h, over: N)
    }, T)
    z * (w + y)",
        "let u = 0.5 * x * (1 + tanh(0.5 * x))
    let y = scan t over T (h: [N, E] = 0) {
      h <- h * exp(-exp(there)) + u[t]
      yield sum(h * c, over: N)
    }
    let w = scan t over reverse T (h: [N, E] = 0) {
      h <- h * exp(-exp(back)) + u[t]
      yield sum(h * d, over: N)
    }
    (y + w) * z",
        "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + u[t]
      yield sum(c * h * z[t], over: N)
    }
    let r = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + flip(u, T)[t]
      yield sum(d * h * flip(z, T)[t], over: N)
    }
    y + flip(r, T)",
        "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      let new = exp(-exp(there)) * h + u[t]
      h <- new
      yield sum(c * new, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      let new = u[t] + exp(-exp(back)) * h
      h <- new
      yield sum(d * new, over: N)
    }
    y * z + w * z",
        "let v = flip(x, T) / (1 + exp(-flip(x, T)))
    let w = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + v[t]
      yield sum(d * h, over: N)
    }
    let y = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + v[t]
      yield sum(c * h, over: N)
    }
    flip(w + y, T) * z",
        "let u = x - x * sigmoid(-x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + u[t]
      yield sum(c * h, over: N)
    }
    scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + u[t]
      yield (y[t] + sum(d * h, over: N)) * z[t]
    }",
        "let u = silu(x)
    let (a, b) = (exp(there), exp(back))
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-a) * h + broadcast(u[t], N)
      yield sum(c * h, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-b) * h + broadcast(u[t], N)
      yield sum(d * h, over: N)
    }
    y * z - (-z) * w",
        "let u = x / (exp(-x) + 1)
    let y = scan t over T (h: [E, N] = 0) {
      h <- (h * exp(-exp(there)) + u[t] * 1)
      yield sum(c * h, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- (u[t] + 0) + h * exp(-exp(back))
      yield sum(d * h, over: N)
    }
    flip(flip(y + w, T) * flip(z, T), T)",
        "let u = silu(x)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(there)) * h + z[t] * 0 + u[t]
      yield sum(c * h, over: N)
    }
    let w = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(back)) * h + u[t]
      yield sum(d * h, over: N)
    }
    (y + w) * z",
    ],
};

pub const MAMBA: Strangers = Strangers {
    head: "edition 2026
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
    let k = sum(window(v, T -> (T, W), left: W - 1) * kernel, over: W) + bias
",
    bodies: &[
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = -log(sigmoid(-p))
    let y = scan t over T (h: [E, N] = 0) {
      h <- h / exp(dt[t] * exp(a_log)) + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    sum(w_out * (y + skip * u) * silu(z), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = max(p, 0) + log(1 + exp(-abs(p)))
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(a_log) * dt[t]) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h * silu(z[t]), over: N)
    }
    sum(w_out * (y + skip * u * silu(z)), over: E)",
        "let u = k * exp(k) / (exp(k) + 1)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = -log(1 - sigmoid(p))
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(a_log) * dt[t]) * h + (dt[t] * u[t]) * b[t]
      yield sum(c[t] * h, over: N)
    }
    let g = z / (1 + exp(-z))
    sum(w_out * (y * g), over: E) + sum(w_out * (skip * u * g), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R)
    let y = scan t over T (h: [E, N] = 0) {
      let dt = softplus(p[t] + dt_bias)
      h <- exp(-dt * exp(a_log)) * h + dt * b[t] * u[t]
      yield (sum(c[t] * h, over: N) + skip * u[t]) * z[t] * (1 - 1 / (1 + exp(z[t])))
    }
    sum(w_out * y, over: E)",
        "let u = k - k / (1 + exp(k))
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = log(1 / sigmoid(-p))
    let a = exp(a_log)
    let y = scan t over T (h: [E, N] = 0) {
      let decay = 1 / exp(dt[t] * a)
      h <- decay * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    sum(w_out * ((y + skip * u) * (z + silu(-z))), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let y = flip(scan t over reverse T (h: [N, E] = 0) {
      let (bt, ct, ut, dtt) = (flip(b, T)[t], flip(c, T)[t], flip(u, T)[t], flip(dt, T)[t])
      h <- exp(-dtt * exp(a_log)) * h + dtt * bt * ut
      yield sum(ct * h, over: N)
    }, T)
    sum(w_out * silu(z) * (y + skip * u), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let (dta, dtbu) = (dt * -exp(a_log), dt * u * b)
    let s = scan t over T (h: [E, N] = 0) {
      h <- h + (exp(dta[t]) - 1) * h + dtbu[t]
      yield h
    }
    let y = sum(s * c, over: N) + skip * u
    sum(w_out * y * z * sigmoid(z), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = where(p > 0, p + log(1 + exp(-p)), log(1 + exp(p)))
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * -exp(a_log)) * h + u[t] * b[t] * dt[t]
      yield sum(c[t] * h, over: N)
    }
    let y = y + u * skip
    sum(w_out * y * (0.5 * z + 0.5 * z * tanh(z / 2)), over: E)",
        "let u = k * sigmoid(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * (0 - exp(a_log))) * h + dt[t] * (b[t] * u[t])
      yield z[t] * sum(c[t] * h, over: N)
    }
    let g = 1 / (1 + exp(-z))
    sum(w_out * (y * g + z * g * skip * u), over: E)",
        "let u = k * exp(-softplus(-k))
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let p = sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias
    let dt = log(exp(p / 2) + exp(-p / 2)) + p / 2
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    sum(w_out * (y + skip * u) * silu(z), over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let y = scan t over T (h: [E, N] = 0) {
      h <- 2 ^ (dt[t] * exp(a_log) * -1.4426950408889634) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N) + skip * u[t]
    }
    let g = z * (exp(z / 2) / (exp(z / 2) + exp(-z / 2)))
    sum(w_out * y * g, over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = -log(sigmoid(-(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)))
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * -exp(a_log)) * h - dt[t] * b[t] * -u[t]
      yield sum(c[t] * h, over: N)
    }
    let o = y * z / (1 + exp(-z)) + skip * u * z / (1 + exp(-z))
    sum(w_out * o, over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let x = dt * u
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + x[t] * b[t]
      yield sum(c[t] * h, over: N)
    }
    let g = where(z >= 0, 1 / (1 + exp(-z)), exp(z) / (1 + exp(z)))
    sum(w_out * (y + skip * u) * z * g, over: E)",
        "let u = silu(k)
    let (b, c) = (sum(w_b * u, over: E), sum(u * w_c, over: E))
    let dt = softplus(sum(w_up * sum(w_down * u, over: E), over: R) + dt_bias)
    let s = scan t over T (h: [E, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield h * c[t]
    }
    sum(w_out * silu(z) * sum(s, over: N), over: E) + sum(w_out * silu(z) * skip * u, over: E)",
    ],
};

pub const MAMBA2: Strangers = Strangers {
    head: "edition 2026
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
    let (b, c) = (sum(w_b * x, over: D), sum(w_c * x, over: D))
    let p = sum(w_dt * x, over: D) + dt_bias
",
    bodies: &[
        "let u = silu(v)
    let dt = -log(sigmoid(-p))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- h / exp(dt[t] * exp(a_log)) + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = (y + skip * u) * silu(z)
    let n = g * rsqrt(mean(g * g, over: (H, P)) + 0.00001)
    sum(w_out * n * gain, over: (H, P))",
        "let u = v / (1 + exp(-v))
    let dt = max(p, 0) + log(1 + exp(-abs(p)))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = (y + skip * u) * silu(z)
    let r = rsqrt(mean(g * g, over: (H, P)) + 0.00001)
    sum(w_out * gain * g, over: (H, P)) * r",
        "let u = v * (1 - sigmoid(-v))
    let dt = softplus(p)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(dt[t]) ^ (-exp(a_log)) * h + dt[t] * u[t] * b[t]
      yield sum(c[t] * h * z[t], over: N)
    }
    let g = (y + skip * u * z) * sigmoid(z)
    let n = g * sqrt(H * P) / sqrt(sum(g * g, over: (H, P)) + H * P * 0.00001)
    sum(w_out * n * gain, over: (H, P))",
        "let u = silu(v)
    let dt = log(1 + exp(p))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + (dt[t] * u[t]) * b[t]
      yield sum(c[t] * h + skip * u[t] / N, over: N)
    }
    let g = y * silu(z)
    let n = g / sqrt(mean(g * g + 0.00001, over: (H, P))) * gain
    sum(w_out * n, over: (H, P))",
        "let u = 0.5 * v + 0.5 * v * tanh(0.5 * v)
    let dt = p + softplus(-p)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- h - h * (1 - exp(-dt[t] * exp(a_log))) + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = y * silu(z) + skip * u * silu(z)
    let n = g * exp(-0.5 * log(mean(g ^ 2, over: (H, P)) + 0.00001)) * gain
    sum(w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = softplus(p)
    let a = exp(a_log)
    let s = scan t over T (h: [P, H, N] = 0) {
      h <- exp(-(dt * a)[t]) * h + b[t] * (dt * u)[t]
      yield c[t] * h
    }
    let y = sum(s, over: N) + u * skip
    let g = y * z / (exp(-z) + 1)
    let n = g * (mean(g * g, over: (P, H)) + 0.00001) ^ (-0.5)
    sum(n * (gain * w_out), over: (H, P))",
        "let u = silu(v)
    let dt = -log(1 - sigmoid(p))
    let g = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield (sum(c[t] * h, over: N) + skip * u[t]) * z[t] / (1 + exp(-z[t]))
    }
    let q = g / 2
    let n = q * rsqrt(mean(q * q, over: (H, P)) + 0.0000025) * gain
    sum(w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = where(p > 0, p + log(1 + exp(-p)), log(1 + exp(p)))
    let y = flip(scan t over reverse T (h: [H, P, N] = 0) {
      h <- exp(-flip(dt, T)[t] * exp(a_log)) * h + flip(dt, T)[t] * flip(b, T)[t] * flip(u, T)[t]
      yield sum(flip(c, T)[t] * h, over: N)
    }, T)
    let g = (y + skip * u) * silu(z)
    let n = g * rsqrt(mean(g * g, over: (H, P)) + 0.00001) * gain
    sum(w_out * n, over: (H, P))",
        "let u = v * exp(v) / (1 + exp(v))
    let dt = log(1 / sigmoid(-p))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- 1 / exp(dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = silu(z) * y + silu(z) * skip * u
    let n = g / sqrt(sum(sum(g ^ 2, over: P), over: H) / (H * P) + 0.00001)
    sum(gain * w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = softplus(p)
    let y = scan t over T (h: [H, P, N] = 0) {
      let new = exp(dt[t] * -exp(a_log)) * h + dt[t] * b[t] * u[t]
      h <- new
      yield sum(c[t] * new, over: N) + u[t] * skip
    }
    let g = y * (z + silu(-z))
    let ms = sum(g * g, over: (H, P)) * (1 / (H * P))
    let n = g * gain / sqrt(ms + 0.00001)
    sum(w_out * n, over: (H, P))",
        "let u = v * exp(-softplus(-v))
    let dt = log(exp(p) + 1)
    let (decay, drive) = (exp(dt * (-exp(a_log))), u * b * dt)
    let y = scan t over T (h: [N, H, P] = 0) {
      h <- drive[t] + decay[t] * h
      yield sum(h * c[t], over: N)
    }
    let g = z * sigmoid(z) * (skip * u + y)
    let n = gain * g * rsqrt(0.00001 + mean(g * g, over: (H, P)))
    sum(w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = -log(1 / (1 + exp(p)))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h - (-dt[t]) * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = (y - (-skip) * u) * z - (y + skip * u) * z / (1 + exp(z))
    let n = g * rsqrt(mean(g * g, over: (H, P)) + 0.00001) * gain
    sum(w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = softplus(p)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = flip((flip(y, T) + skip * flip(u, T)) * flip(silu(z), T), T)
    let m = sqrt(mean(g * g, over: (H, P)) + 0.00001)
    let n = g / m + (gain - 1) * g / m
    sum(w_out * n, over: (H, P))",
        "let u = silu(v)
    let dt = softplus(p)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    let g = (y + skip * u) * silu(z)
    let r = rsqrt(mean(g * g, over: (H, P)) + 0.00001)
    sum(w_out * (y * silu(z) * r * gain), over: (H, P)) + sum(w_out * (skip * u * silu(z) * r * gain), over: (H, P))",
    ],
};
