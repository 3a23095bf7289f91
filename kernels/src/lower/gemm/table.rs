//! Which products are kernels of ours. The table is fixed: it was made from the figures below, and nothing is timed
//! at run time.
//!
//! GFLOP/s on one core of an EPYC (Zen 4, 1 MiB of L2; its peak is about 110): a kernel of this form written by hand in C,
//! for short shapes less the measured share of the copy of the right operand; the `gemm` crate 0.19 cut as `runtime` cuts
//! it; PyTorch 2.11 (MKL). The best of up to 60 alternated runs on a machine that was not idle:
//!
//! | m x n x k, right operand | ours, AVX-512 | ours, AVX2 | `gemm` | PyTorch |
//! | --- | --- | --- | --- | --- |
//! | 2048 x 1152 x 384, along the sum | 107 | 107 | 94 | 94 |
//! | 2048 x 384 x 128, along the sum | 107 | | 90 | 85 |
//! | 2048 x 128 x 512, along the sum | 109 | 100 | 59 | 84 |
//! | 256 x 1152 x 384, along the sum | 101 | | 76 | 93 |
//! | 128 x 768 x 128, along the sum | 99 | | 78 | 98 |
//! | 2048 x 384 x 1536, along the columns | 112 | 109 | 99 | 95 |
//! | 256 x 384 x 1536, along the columns | 111 | | 112 | 100 |
//! | 64 x 384 x 384, along the columns | 104 | | 111 | 97 |
//! | 16 x 384 x 384, along the columns | 78 | | 98 | 78 |
//!
//! Where the left operand does not lie along the sum (gradients of weights: the sum runs over tokens), reading it
//! number by number costs what not copying it gains, and the library is as fast:
//!
//! | m x n x k | ours, AVX-512 | `gemm` | PyTorch |
//! | --- | --- | --- | --- |
//! | 384 x 128 x 2048 | 107 | 112 | 92 |
//! | 512 x 128 x 2048 | 108 | 108 | 85 |
//! | 1536 x 384 x 2048 | 99 | 93 | 97 |
//! | 128 x 512 x 2048 | 106 | 103 | 95 |
//!
//! A weight that nothing trains is copied once a session (`plan/prepare`), and then few rows are no reason for the
//! library. Smallest of 400 runs in microseconds, two threads, AVX-512, `archc bench op bench/items/ops.arch --item Product
//! --dim T=8 --dim O=2304 --dim I=384 --repeats 200`, twice each, with this table and without its word `kept`:
//!
//! | m x n x k | ours | `gemm` |
//! | --- | --- | --- |
//! | 1 x 768 x 128 | 2.4 | 6.4 |
//! | 1 x 2304 x 384 | 57 | 30 to 69 |
//! | 4 x 4608 x 768 | 129 | 1450 |
//! | 8 x 768 x 128 | 7.4 | 23 |
//! | 8 x 2304 x 384 | 76 | 237 |
//! | 32 x 2304 x 384 | 245 | 392 |
//! | 64 x 768 x 128 | 56 | 72 |

use crate::print::Target;
use arch_compiler::graph::{Function, Input, InputKind, ValueId};
use arch_compiler::ops::Op;

/// Who computes a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// A kernel of ours: on CUDA always.
    Kernel,
    /// The `gemm` crate.
    Library,
}

/// Below so many rows the copy of the right operand costs more than the kernel gains.
const ROWS: usize = 128;
/// Shorter sums leave a tile no time in registers.
const TERMS: usize = 16;

/// Who computes a product of `m` rows, `n` columns and sums of `k` terms, not repeated, whose results lie side by side
/// along a row. `along`: whether a row of the left operand does. `kept`: whether the copy of the right operand is
/// ([`is_kept`]).
pub(super) fn server(target: Target, (m, n, k): (usize, usize, usize), along: bool, kept: bool) -> Server {
    let vectors = match target {
        Target::Avx2 | Target::Avx512 => n >= target.lanes(),
        // The library knows machines that there are no figures of.
        Target::Generic => false,
        Target::Cuda => return Server::Kernel,
    };
    if vectors && along && (kept || m >= ROWS) && k >= TERMS { Server::Kernel } else { Server::Library }
}

/// Whether a copy of a value is the same in every run as far as the function tells: it is a weight, and neither is any state
/// changed nor this weight's gradient asked for. Where another program of the session trains it, the copy is made in each
/// run.
pub(super) fn is_kept(function: &Function, mut value: ValueId) -> bool {
    while let Op::View(_) = function.producer(value).op {
        value = function.producer(value).inputs[0];
    }
    let is_weight = |i: &&Input| matches!(i.kind, InputKind::Parameter | InputKind::Buffer);
    let weight = function.inputs.iter().filter(is_weight).find(|i| i.value == value);
    let is_trained = |weight: &Input| {
        let gradient = format!("grad.{}", weight.name);
        function.outputs.iter().any(|(name, _)| *name == gradient)
    };
    function.updates.is_empty() && weight.is_some_and(|weight| !is_trained(weight))
}
