//! Names that other languages have, and how to say here what is meant.

/// How this language says what is called `name` in PyTorch, JAX or NumPy.
pub(super) fn way_out(name: &str) -> Option<&'static str> {
    Some(match name {
        "roll" => "a permutation turns an axis around: `permute(x, T -> S, (iota(T) + 1) % T)`",
        "reshape" | "view" => {
            "`flatten(x, (H, W) -> T)` and `unflatten(x, T -> (H, W))` say what becomes of each axis"
        }
        "transpose" | "swapaxes" | "moveaxis" => {
            "axes are known by name and need no order; the order in files is that of the signature"
        }
        "unsqueeze" | "squeeze" | "expand" | "expand_dims" => {
            "axes meet by name and need no size 1; `broadcast(x, T)` adds an axis on purpose"
        }
        "einsum" | "matmul" | "bmm" | "dot" => "`sum(a * b, over: K)` is the product over `K`",
        "cat" | "concatenate" | "stack" => {
            "`concat(a, b, into: S)` puts tensors in a row; `dims S = A ++ B` says of which parts"
        }
        "chunk" => {
            "`split(x)` takes an axis apart that was made of parts, `dims S = A ++ B` or `linear(D -> (2, D))`"
        }
        "clamp" | "clip" => "`min(max(x, low), high)`",
        "var" | "std" | "variance" => "`mean((x - mean(x, over: D)) ^ 2, over: D)` is the variance over `D`",
        "arange" | "range" | "linspace" => "`iota(T)` counts 0, 1, 2 along `T`",
        "pow" | "power" => "a power is `x ^ 2`",
        "square" => "a square is `x ^ 2`",
        "reciprocal" => "a reciprocal is `1 / x`",
        "lerp" => "`a + w * (b - a)` is `w` of the way from `a` to `b`",
        "sign" => "`where(x > 0, 1.0, where(x < 0, -1.0, 0.0))` is the sign",
        "ceil" => "`-floor(-x)` rounds up",
        "round" => "`floor(x + 0.5)` is the nearest whole number",
        "exp2" => "a power of two is `2 ^ x`",
        "expm1" => "it is written out: `exp(x) - 1`",
        "log1p" => {
            "it is written out: `log(1 + x)`; `softplus(x)` is `log(1 + exp(x))`, which does not overflow"
        }
        "log2" => "another base is a quotient: `log(x) / log(2)`",
        "log10" => "another base is a quotient: `log(x) / log(10)`",
        "logsumexp" => {
            "it is written out, the largest taken away first: `let m = max(x, over: D)`, then \
             `m + log(sum(exp(x - m), over: D))`"
        }
        "log_softmax" => {
            "it is written out, the largest taken away first: `let y = x - max(x, over: D)`, then \
             `y - log(sum(exp(y), over: D))`"
        }
        "norm" => "the length of a vector is `sqrt(sum(x ^ 2, over: D))`",
        "leaky_relu" => "it is written out: `max(x, 0.01 * x)`",
        "elu" => "it is written out: `where(x > 0, x, exp(min(x, 0)) - 1)`",
        "swish" => "it is called `silu`",
        "cumsum" | "cumprod" => {
            "a running result is a scan: `scan t over T (s: [] = 0) { s <- s + x[t]  yield s }`"
        }
        "masked_fill" => "`where(condition, a, b)` chooses elementwise",
        "rand" | "randn" => "noise is not drawn in a model; initial values are `normal(s)` and `uniform(b)`",
        "argmax" | "topk" | "sort" | "argsort" => {
            "indices that depend on data are not in the language; `x >= max(x, over: E)` marks the largest"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::check::tests::{NoCounts, run};
    use crate::check::{NoFiles, builtin};

    /// Names whose way out is a formula, and the same in other words, which a test holds it against.
    const FORMULAS: [(&str, &str); 19] = [
        ("clamp", "where(x < low, low, where(x > high, high, x))"),
        ("var", "mean(x * x, over: D) - mean(x, over: D) * mean(x, over: D)"),
        ("pow", "x * x"),
        ("square", "x * x"),
        ("reciprocal", "x / (x * x)"),
        ("lerp", "(1 - w) * a + w * b"),
        ("sign", "x / abs(x)"),
        ("ceil", "where(floor(x) == x, x, 1 + floor(x))"),
        ("round", "floor(x) + where(x - floor(x) >= 0.5, 1.0, 0.0)"),
        ("exp2", "exp(x * log(2))"),
        ("expm1", "-(1 - exp(x))"),
        ("log1p", "-log(1 / (1 + x))"),
        ("log2", "1 - log(2 / x) / log(2)"),
        ("log10", "1 - log(10 / x) / log(10)"),
        ("logsumexp", "log(sum(exp(x), over: D))"),
        ("log_softmax", "log(softmax(x, over: D))"),
        ("norm", "sqrt(sum(abs(x) * abs(x), over: D))"),
        ("leaky_relu", "where(x > 0, x, x / 100)"),
        ("elu", "where(x > 0, x, 0 - (1 - exp(x)))"),
    ];

    #[test]
    fn formulas_of_foreign_names_are_what_they_say() {
        let mut faults = String::new();
        for (name, same) in FORMULAS {
            let way = super::way_out(name).unwrap_or_else(|| panic!("`{name}` has no way out"));
            let mut code = way.split('`').skip(1).step_by(2);
            let first = code.next().unwrap_or_else(|| panic!("`{name}` has no formula"));
            let body = match code.next() {
                Some(then) if first.starts_with("let ") => format!("{first}; {then}"),
                _ => first.to_string(),
            };
            let text = format!(
                "edition 2026\n\
                 fn way(x: [T, D], a: [T, D], b: [T, D], w: [T, D], low: float, high: float) {{ {body} }}\n\
                 fn same(x: [T, D], a: [T, D], b: [T, D], w: [T, D], low: float, high: float) {{ {same} }}\n\
                 test \"same\" with (T: 5, D: 3) {{\n\
                 let (a, b, w) = (normal(T, D), normal(T, D), uniform(T, D))\n\
                 let signed = {signed}\n\
                 assert close(way(signed, a, b, w, -0.3, 0.4), same(signed, a, b, w, -0.3, 0.4))\n}}\n",
                signed = if name.starts_with("log") { "0.1 + uniform(T, D)" } else { "normal(T, D)" },
            );
            for result in run(&NoFiles, "way.arch", &text, None, &NoCounts) {
                if !result.passed {
                    faults += &format!(
                        "{name}:\n{}",
                        arch_grammar::render(&result.diagnostics, &result.sources, false)
                    );
                }
            }
        }
        assert!(faults.is_empty(), "{faults}");
    }

    #[test]
    fn what_is_known_here_is_not_foreign() {
        let own: Vec<&str> = builtin::NAMES.iter().copied().filter(|n| super::way_out(n).is_some()).collect();
        assert!(own.is_empty(), "{own:?}");
    }
}
