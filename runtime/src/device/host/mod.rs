//! The host: generated C compiled by the machine's own compiler, matrix products by the `gemm` crate.
//!
//! All `unsafe` of execution on the host is in this folder.

mod bound;
mod cache;
mod compiler;
mod gemm;
mod library;
mod memory;
mod threads;

pub use bound::{Bound, Failure};
pub use cache::cache_dir;
pub use compiler::{CCompiler, HostError};
pub use library::{CacheRemark, Kernels};
pub use memory::{Memory, Region};
pub use threads::Pool;

use arch_kernels::Target;

/// The best instruction set of this machine.
#[must_use]
pub fn native_target() -> Target {
    #[cfg(target_arch = "x86_64")]
    {
        let avx512 = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl");
        let fma = std::is_x86_feature_detected!("fma");
        if avx512 && fma {
            return Target::Avx512;
        }
        if fma && std::is_x86_feature_detected!("avx2") {
            return Target::Avx2;
        }
    }
    Target::Generic
}
