//! A second round of spellings, written from the language's page alone before the rules were looked at: each family
//! with a text of its own to be compared with. Not among them, since they stay apart: an output that is read of the two
//! parts of a new state, and the conjugate of a state.

use super::strangers::Strangers;

/// Layer norm, modulation and a gate onto the residual.
pub const ADA_LN: Strangers = Strangers {
    head: "edition 2026
block B(D) {
  forward(x: [T, D], shift: [D], scale: [D], gate: [D]) -> [T, D] {
",
    bodies: &[
        "let c = x - mean(x, over: D)
    let n = c * rsqrt(mean(c * c, over: D) + 1e-6)
    x + gate * (n * (1 + scale) + shift)",
        "let mu = mean(x, over: D)
    let var = mean((x - mu) ^ 2, over: D)
    let xhat = (x - mu) / sqrt(var + 1e-6)
    gate * ((scale + 1) * xhat + shift) + x",
        "let mu = sum(x, over: D) / D
    let var = sum(x * x, over: D) / D - mu * mu
    let xhat = (x - mu) * (var + 1e-6) ^ -0.5
    let modulated = xhat + xhat * scale + shift
    x + modulated * gate",
        "let centred = x - mean(x, over: D)
    let inv_std = 1 / sqrt(mean(centred ^ 2, over: D) + 0.000001)
    let alpha = inv_std * (1 + scale)
    x + gate * (alpha * centred + shift)",
        "let m = mean(x, over: D)
    let d = x - m
    let denom = (sum(d * d, over: D) + D * 1e-6) ^ 0.5
    let y = sqrt(D) * d / denom
    x + gate * shift + gate * y + gate * scale * y",
        "let m = mean(x, over: D)
    let s = sqrt(mean(x * x, over: D) - m ^ 2 + 1e-6)
    // Folded into one affine function of x.
    let k = (1 + scale) / s
    let b = shift - m * k
    x + gate * (k * x + b)",
        "let z = (x - mean(x, over: D)) * rsqrt(mean((x - mean(x, over: D)) * (x - mean(x, over: D)), over: D) + 1e-6)
    let g = gate * (1 + scale)
    (x + g * z) + gate * shift",
        "let d = mean(x, over: D) - x
    let v = mean(d * d, over: D)
    x + gate * (shift - (1 + scale) * d * rsqrt(v + 1e-6))",
        "let d = D * x - sum(x, over: D)
    let v = sum(d * d, over: D) / (D * D * D)
    let n = d / (D * sqrt(v + 1e-6))
    x - gate * (-shift - n * (1 + scale))",
        "let c = x - mean(x, over: D)
    let r = exp(-0.5 * log(mean(c * c, over: D) + 1e-6))
    x + (shift + c * r + scale * (r * c)) * gate",
        "let n = D
    let total = sum(x, over: D)
    let squares = sum(x ^ 2, over: D)
    let variance = (squares - total * total / n) / n
    let inv = rsqrt(variance + 1e-6)
    let (w, b) = (gate * (1 + scale), gate * shift)
    x + w * (x - total / n) * inv + b",
    ],
};

/// RMS norm into a matrix product.
pub const RMS_NORM: Strangers = Strangers {
    head: "edition 2026
block B(D, F) {
  param g: [D] = ones
  param w: [D, F] = normal(1)
  forward(x: [T, D]) -> [T, F] {
",
    bodies: &[
        "let n = x * rsqrt(mean(x * x, over: D) + 1e-6)
    sum(n * g * w, over: D)",
        "let r = sqrt(mean(x ^ 2, over: D) + 1e-6)
    sum(x / r * g * w, over: D)",
        "let ms = sum(x * x, over: D) / D
    let y = g * x * (ms + 1e-6) ^ -0.5
    sum(w * y, over: D)",
        "let y = sum(x * (g * w), over: D)
    y * rsqrt(mean(x * x, over: D) + 1e-6)",
        "let y = sum(w * (x * g), over: D)
    y / sqrt(sum(x ^ 2, over: D) / D + 1e-6)",
        "let norm = (sum(x * x, over: D) + 1e-6 * D) ^ 0.5
    let y = x * sqrt(D) / norm
    sum(y * (w * g), over: D)",
        "let inv = 1 / (mean(x * x, over: D) + 1e-6) ^ 0.5
    sum(g * w * x * inv, over: D)",
        "let s = x / sqrt(D)
    let inv = rsqrt(sum(s * s, over: D) + 1e-6)
    let y = (x * inv) * g
    sum(y * w, over: D)",
        "let inv = exp(-0.5 * log(1e-6 + mean(x * x, over: D)))
    sum((inv * x) * (g * w), over: D)",
        "let y = x * D / sqrt(D * sum(x * x, over: D) + 1e-6 * D * D)
    sum(g * y * w, over: D)",
        "let rms = (mean(x * x, over: D) + 1e-6) ^ (1 / 2)
    let y = sum(w * x * g, over: D)
    rms ^ -1 * y",
    ],
};

/// Attention, also normalised behind the values.
pub const ATTENTION: Strangers = Strangers {
    head: "edition 2026
block B(H, K) {
  forward(q: [T, H, K], k: [S, H, K], v: [S, H, K]) -> [T, H, K] {
",
    bodies: &[
        "let w = softmax(sum(q * k, over: K) / sqrt(K), over: S)
    sum(w * v, over: S)",
        "let scores = sum(q * k, over: K) * K ^ -0.5
    let e = exp(scores - max(scores, over: S))
    let out = sum(e * v, over: S)
    out / sum(e, over: S)",
        "let q = q / sqrt(K)
    let a = exp(sum(q * k, over: K))
    sum(a * v, over: S) / sum(a, over: S)",
        "let scale = 1 / sqrt(sqrt(K))
    let s = sum((q * scale) * (k * scale), over: K)
    let m = max(s, over: S)
    let p = exp(s - m)
    let l = sum(p, over: S)
    sum(v * p, over: S) * (1 / l)",
        "let s = rsqrt(K) * sum(k * q, over: K)
    let lse = log(sum(exp(s), over: S))
    sum(exp(s - lse) * v, over: S)",
        "let s = sum(q * k, over: K) / K ^ 0.5
    let m = max(s, over: S)
    let lse = m + log(sum(exp(s - m), over: S))
    sum(v * exp(s - lse), over: S)",
        "let k = k * (1 / sqrt(K))
    let w = softmax(sum(q * k, over: K), over: S)
    sum(v * w, over: S)",
        "let scores = sum(q * k / sqrt(K), over: K)
    let weights = exp(scores - stop_gradient(max(scores, over: S)))
    let weights = weights / sum(weights, over: S)
    sum(weights * v, over: S)",
        "let s = sum(q * k, over: K)
    let e = exp((s - max(s, over: S)) / sqrt(K))
    sum(e * v, over: S) / sum(e, over: S)",
        "let s = sum(q * k, over: K) / sqrt(K)
    let s = s - mean(s, over: S)
    let n = exp(s)
    sum(n * v, over: S) * sum(n, over: S) ^ -1",
        "let s = sum(q * k, over: K) * exp(-0.5 * log(K))
    let e = exp(-(max(s, over: S) - s))
    let z = 1 / sum(e, over: S)
    sum((z * e) * v, over: S)",
    ],
};

/// The selective scan of Mamba between its activations.
pub const MAMBA: Strangers = Strangers {
    head: "edition 2026
block B(E, N) {
  forward(u: [T, E], raw: [T, E], bias: [E], a_log: [E, N], b: [T, N], c: [T, N], skip: [E], z: [T, E]) -> [T, E] {
",
    bodies: &[
        "let dt = softplus(raw + bias)
    let a = -exp(a_log)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    (y + skip * u) * silu(z)",
        "let delta = log(1 + exp(raw + bias))
    let da = exp(-delta * exp(a_log))
    let dbu = delta * u * b
    let y = scan t over T (state: [E, N] = 0) {
      state <- da[t] * state + dbu[t]
      yield sum(state * c[t], over: N)
    }
    let out = y + u * skip
    out * z * sigmoid(z)",
        "let v = bias + raw
    let delta = max(v, 0) + log(1 + exp(-abs(v)))
    let y = scan t over T (s: [N, E] = 0) {
      let decay = 1 / exp(delta[t] * exp(a_log))
      s <- s * decay + b[t] * (delta[t] * u[t])
      yield sum(s * c[t], over: N) + skip * u[t]
    }
    y * (z / (1 + exp(-z)))",
        "let gate = z * (0.5 + 0.5 * tanh(0.5 * z))
    let y = scan t over T (h: [E, N] = 0) {
      let dt = softplus(raw[t] + bias)
      h <- exp(-(dt * exp(a_log))) * h + (dt * u[t]) * b[t]
      yield (sum(h * c[t], over: N) + skip * u[t]) * gate[t]
    }
    y",
        "let delta = -log(sigmoid(-(raw + bias)))
    let x = delta * u
    let rate = exp(a_log)
    let hs = scan t over T (h: [E, N] = 0) {
      h <- h * exp(-rate * delta[t]) + x[t] * b[t]
      yield h
    }
    let y = sum(hs * c, over: N)
    silu(z) * y + silu(z) * skip * u",
        "let v = raw + bias
    let dt = where(v > 0, v + log(1 + exp(-v)), log(1 + exp(v)))
    let a = 0 - exp(a_log)
    let y = scan t over T (h: [E, N] = 0) {
      let abar = exp(a * dt[t])
      let bbar = dt[t] * b[t]
      h <- abar * h + bbar * u[t]
      yield sum(h * c[t], over: N)
    }
    let s = 1 / (1 + exp(-z))
    s * z * (u * skip + y)",
        "// Time runs backwards over flipped inputs, which is the same thing.
    let dt = softplus(bias + raw)
    let (uf, df, bf, cf) = (flip(u, T), flip(dt, T), flip(b, T), flip(c, T))
    let y = scan t over reverse T (h: [E, N] = 0) {
      h <- exp(-exp(a_log) * df[t]) * h + df[t] * uf[t] * bf[t]
      yield sum(cf[t] * h, over: N)
    }
    (flip(y, T) + skip * u) * silu(z)",
        "let dt = softplus(raw + bias)
    let forget = exp(dt * -exp(a_log))
    let y = scan t over T (h: [E, N] = 0) {
      let new = b[t] * u[t]
      h <- forget[t] * h + dt[t] * new
      yield sum(h * c[t], over: N)
    }
    let gated = y * silu(z) + (skip * u) * silu(z)
    gated",
        "// As in minimal implementations: discretised first, all at once.
    let delta = softplus(raw + bias)
    let deltaA = exp(delta * (-exp(a_log)))
    let deltaB_u = (delta * b) * u
    let y = scan t over T (x: [E, N] = 0) {
      x <- deltaA[t] * x + deltaB_u[t]
      yield sum(x * c[t], over: N)
    }
    let y = y + u * skip
    y * (z * exp(z) / (1 + exp(z)))",
        "let p = exp(raw + bias)
    let dt = log(1 + p)
    let y = scan t over T (h: [E, N] = 0) {
      h <- (1 + p[t]) ^ (-exp(a_log)) * h + dt[t] * u[t] * b[t]
      yield sum(h * c[t], over: N)
    }
    (skip * u + y) * z * (1 + tanh(z / 2)) / 2",
        "// The rate by its logarithm.
    let dt = softplus(raw + bias)
    let y = scan t over T (h: [E, N] = 0) {
      h <- exp(-exp(a_log + log(dt[t]))) * h + dt[t] * u[t] * b[t]
      yield sum(h * c[t], over: N)
    }
    (skip * u + y) * silu(z)",
    ],
};

/// The scan of Mamba-2, with one decay a head.
pub const MAMBA2: Strangers = Strangers {
    head: "edition 2026
block B(H, P, N) {
  forward(u: [T, H, P], raw: [T, H], bias: [H], a_log: [H], b: [T, N], c: [T, N], skip: [H], z: [T, H, P]) -> [T, H, P] {
",
    bodies: &[
        "let dt = softplus(raw + bias)
    let a = -exp(a_log)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    (y + skip * u) * silu(z)",
        "let dt = log(1 + exp(raw + bias))
    let decay = exp(-exp(a_log) * dt)
    let x = u * dt
    let y = scan t over T (s: [H, N, P] = 0) {
      s <- decay[t] * s + b[t] * x[t]
      yield sum(s * c[t], over: N)
    }
    z * sigmoid(z) * (y + u * skip)",
        "let dt = softplus(raw + bias)
    let a = exp(a_log)
    let y = scan t over T (h: [P, N, H] = 0) {
      let alpha = exp(-dt[t] * a)
      h <- alpha * h + (dt[t] * u[t]) * b[t]
      yield sum(h * c[t], over: N) + skip * u[t]
    }
    y * z / (1 + exp(-z))",
        "let v = raw + bias
    let dt = max(v, 0) + log(1 + exp(-abs(v)))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- h / exp(dt[t] * exp(a_log)) + b[t] * dt[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    silu(z) * (skip * u) + silu(z) * y",
        "let dt = -log(1 - sigmoid(raw + bias))
    let la = -dt * exp(a_log)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- exp(la[t]) * h + dt[t] * u[t] * b[t]
      yield sum(h * c[t], over: N)
    }
    let g = 0.5 * z * (1 + tanh(0.5 * z))
    g * (u * skip + y)",
        "// The state is scaled by the step when it is read: dt enters with the input only.
    let dt = softplus(raw + bias)
    let bx = b * (dt * u)
    let states = scan t over T (h: [H, P, N] = 0) {
      h <- exp(-dt[t] * exp(a_log)) * h + bx[t]
      yield h
    }
    let y = sum(states * c, over: N)
    (y + skip * u) * (z * sigmoid(z))",
        "let dt = softplus(raw + bias)
    let (uf, df, bf, cf, zf) = (flip(u, T), flip(dt, T), flip(b, T), flip(c, T), flip(z, T))
    let y = scan t over reverse T (h: [H, P, N] = 0) {
      h <- exp(-df[t] * exp(a_log)) * h + df[t] * bf[t] * uf[t]
      yield silu(zf[t]) * (sum(cf[t] * h, over: N) + skip * uf[t])
    }
    flip(y, T)",
        "let e = 1 + exp(raw + bias)
    let dt = log(e)
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- e[t] ^ -exp(a_log) * h + dt[t] * b[t] * u[t]
      yield sum(c[t] * h, over: N)
    }
    (y + skip * u) * z * exp(z) / (exp(z) + 1)",
        "let p = sigmoid(-(raw + bias))
    let dt = -log(p)
    let decay = exp(exp(a_log) * log(p))
    let y = scan t over T (h: [H, P, N] = 0) {
      h <- decay[t] * h + (b[t] * u[t]) * dt[t]
      yield sum(h * c[t], over: N)
    }
    let y = skip * u + y
    y * (z - z * sigmoid(-z))",
    ],
};

/// Diagonal state spaces in both directions.
pub const S4D: Strangers = Strangers {
    head: "edition 2026
block B(E, N) {
  forward(u: [T, E], log_dt: [E], log_re: [E, N], im: [E, N], c_re: [E, N], c_im: [E, N], k_re: [E, N], k_im: [E, N], skip: [E]) -> [T, E] {
",
    bodies: &[
        "let dt = exp(log_dt)
    let (size, angle) = (exp(-dt * exp(log_re)), dt * im)
    let (p, q) = (size * cos(angle), size * sin(angle))
    let ahead = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + u[t]
      i <- q * r + p * i
      yield 2 * (sum(c_re * r, over: N) - sum(c_im * i, over: N))
    }
    let v = flip(u, T)
    let back = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + v[t]
      i <- q * r + p * i
      yield 2 * (sum(k_re * r, over: N) - sum(k_im * i, over: N))
    }
    ahead + flip(back, T) + skip * u",
        "let dt = exp(log_dt)
    let decay = exp(-exp(log_re + log_dt))
    let (p, q) = (decay * cos(im * dt), decay * sin(im * dt))
    let ahead = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + u[t]
      i <- p * i + q * r
      yield 2 * sum(c_re * r - c_im * i, over: N)
    }
    let back = scan t over reverse T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + u[t]
      i <- p * i + q * r
      yield 2 * sum(k_re * r - k_im * i, over: N)
    }
    u * skip + ahead + back",
        "let dt = exp(log_dt)
    let rho = 1 / exp(dt * exp(log_re))
    let theta = dt * im
    let (f, g) = scan t over T (xr: [E, N] = 0, xi: [E, N] = 0) {
      xr <- rho * (cos(theta) * xr - sin(theta) * xi) + u[t]
      xi <- rho * (sin(theta) * xr + cos(theta) * xi)
      yield (sum(c_re * xr, over: N), sum(c_im * xi, over: N))
    }
    let (h, l) = scan t over reverse T (yr: [E, N] = 0, yi: [E, N] = 0) {
      yr <- rho * (cos(theta) * yr - sin(theta) * yi) + u[t]
      yi <- rho * (sin(theta) * yr + cos(theta) * yi)
      yield (sum(k_re * yr, over: N), sum(k_im * yi, over: N))
    }
    skip * u + 2 * (f - g) + 2 * (h - l)",
        "// One scan with both directions, the second on the flipped sequence.
    let dt = exp(log_dt)
    let (are, aim) = (exp(-exp(log_re) * dt) * cos(dt * im), exp(-exp(log_re) * dt) * sin(dt * im))
    let v = flip(u, T)
    let (f, b) = scan t over T (fr: [E, N] = 0, fi: [E, N] = 0, br: [E, N] = 0, bi: [E, N] = 0) {
      fr <- are * fr - aim * fi + u[t]
      fi <- are * fi + aim * fr
      br <- are * br - aim * bi + v[t]
      bi <- are * bi + aim * br
      yield (2 * sum(c_re * fr - c_im * fi, over: N), 2 * sum(k_re * br - k_im * bi, over: N))
    }
    f + flip(b, T) + skip * u",
        "let dt = exp(log_dt)
    let size = exp(-dt * exp(log_re))
    let (p, q) = (size * cos(dt * im), size * sin(dt * im))
    let (sr, si) = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + u[t]
      i <- q * r + p * i
      yield (r, i)
    }
    let (tr, ti) = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- p * r - q * i + flip(u, T)[t]
      i <- q * r + p * i
      yield (r, i)
    }
    let ahead = sum(2 * c_re * sr - 2 * c_im * si, over: N)
    let back = sum(2 * k_re * tr - 2 * k_im * ti, over: N)
    ahead + flip(back, T) + u * skip",
        "let dt = exp(log_dt)
    let size = exp(-dt * exp(log_re))
    let (p, q) = (size * cos(dt * im), size * sin(dt * im))
    let ahead = scan t over reverse T (i: [E, N] = 0, r: [E, N] = 0) {
      let turned = q * r + p * i
      let grown = p * r - q * i
      i <- turned
      r <- grown + flip(u, T)[t]
      yield sum(c_re * r, over: N) - sum(c_im * i, over: N)
    }
    let back = scan t over reverse T (i: [E, N] = 0, r: [E, N] = 0) {
      i <- q * r + p * i
      r <- p * r - q * i + u[t]
      yield sum(k_re * r, over: N) - sum(k_im * i, over: N)
    }
    2 * (flip(ahead, T) + back) + skip * u",
        "let dt = exp(log_dt)
    let size = exp(-dt * exp(log_re))
    let (p, q) = (size * cos(dt * im), size * sin(dt * im))
    let (c0, c1, k0, k1) = (2 * c_re, 2 * c_im, 2 * k_re, 2 * k_im)
    let y = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- u[t] + p * r - q * i
      i <- q * r + p * i
      yield sum(c0 * r, over: N) - sum(c1 * i, over: N) + skip * u[t]
    }
    let w = scan t over reverse T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- u[t] + p * r - q * i
      i <- q * r + p * i
      yield sum(k0 * r, over: N) - sum(k1 * i, over: N)
    }
    y + w",
        "let dt = exp(log_dt)
    let (lr, li) = (-exp(log_re) * dt, im * dt)
    let (er, ei) = (exp(lr) * cos(li), exp(lr) * sin(li))
    let y = scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- er * r - ei * i + u[t]
      i <- er * i + ei * r
      yield sum(c_re * r - c_im * i, over: N)
    }
    let both = flip(scan t over T (r: [E, N] = 0, i: [E, N] = 0) {
      r <- er * r - ei * i + flip(u, T)[t]
      i <- er * i + ei * r
      yield sum(k_re * r - k_im * i, over: N)
    }, T) + y
    both + both + skip * u",
        "// The input enters scaled by two, the read does not.
    let dt = exp(log_dt)
    let size = exp(0 - dt * exp(log_re))
    let (p, q) = (cos(dt * im) * size, sin(dt * im) * size)
    let ahead = scan t over T (r: [N, E] = 0, i: [N, E] = 0) {
      r <- p * r - q * i + u[t]
      i <- q * r + p * i
      yield sum((c_re + c_re) * r - (c_im + c_im) * i, over: N)
    }
    let back = scan t over reverse T (r: [N, E] = 0, i: [N, E] = 0) {
      r <- p * r - q * i + u[t]
      i <- q * r + p * i
      yield sum((k_re + k_re) * r - (k_im + k_im) * i, over: N)
    }
    ahead + (back + skip * u)",
        "let step = exp(log_dt)
    let mag = exp(-(step * exp(log_re)))
    let z_re = mag * cos(step * im)
    let z_im = mag * sin(step * im)
    let f = scan t over T (a: [E, N] = 0, b: [E, N] = 0) {
      let (a2, b2) = (z_re * a - z_im * b + u[t], z_re * b + z_im * a)
      a <- a2
      b <- b2
      yield sum(c_re * a, over: N) - sum(c_im * b, over: N)
    }
    let g = scan t over reverse T (a: [E, N] = 0, b: [E, N] = 0) {
      let (a2, b2) = (z_re * a - z_im * b + u[t], z_re * b + z_im * a)
      a <- a2
      b <- b2
      yield sum(k_re * a, over: N) - sum(k_im * b, over: N)
    }
    let y = (f + g) / 0.5
    y + skip * u",
    ],
};
