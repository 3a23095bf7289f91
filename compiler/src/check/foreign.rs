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
        "pow" => "a power is `x ^ 2`",
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
    use crate::check::builtin;

    #[test]
    fn what_is_known_here_is_not_foreign() {
        let own: Vec<&str> = builtin::NAMES.iter().copied().filter(|n| super::way_out(n).is_some()).collect();
        assert!(own.is_empty(), "{own:?}");
    }
}
