//! How far kernels may be from the f64 interpreter: one table, for compiled C, for kernels evaluated as they stand, and for
//! CUDA text on the emulator. Differences are relative to the largest element of a result, or to 1.
//!
//! What is allowed is two to thirty times what was measured: a margin for instruction sets, compilers and seeds that were
//! not. `tests/tolerances` measures every row again and writes docs/tolerances.md.

/// A row of the table.
pub struct Tolerance {
    /// Which kernels it is for.
    pub of: &'static str,
    /// The largest difference that is no fault.
    pub allowed: f64,
}

const fn row(of: &'static str, allowed: f64) -> Tolerance {
    Tolerance { of, allowed }
}

#[rustfmt::skip]
#[allow(dead_code, reason = "every test takes the rows that it has cases for")]
mod table {
    use super::{Tolerance, row};
    pub static COPIES: Tolerance         = row("sums of two values", 1e-7);
    pub static MAPS: Tolerance           = row("maps that round once, broadcasting, integers", 3e-7);
    pub static FUNCTIONS: Tolerance      = row("exp, log, sin, cos, tanh, erf, sigmoid, softplus", 5e-7);
    pub static POWERS: Tolerance         = row("powers and remainders", 1e-6);
    pub static REDUCTIONS: Tolerance     = row("reductions", 1e-6);
    pub static CONTRACTIONS: Tolerance   = row("contractions", 2e-6);
    pub static WEIGHTS: Tolerance        = row("gradients of weights: sums over samples and tokens", 1e-6);
    pub static VIEWS: Tolerance          = row("views", 1e-6);
    pub static GATHERS: Tolerance        = row("gathers and scatters", 5e-7);
    pub static WINDOWS: Tolerance        = row("convolutions", 2e-6);
    pub static NORMS: Tolerance          = row("norms", 2e-6);
    pub static PRODUCTS: Tolerance       = row("matrix products with what follows them", 2e-5);
    pub static SCANS: Tolerance          = row("scans, with gradients", 5e-6);
    pub static ATTENTION: Tolerance      = row("attention, with gradients", 2e-6);
    pub static ATTENTION_MORE: Tolerance = row("attention with masks, biases and further members", 5e-6);
    pub static RANDOM: Tolerance         = row("random functions", 1e-5);
    pub static MODELS: Tolerance         = row("models and blocks, forward", 5e-6);
    pub static GRADIENTS: Tolerance      = row("models and blocks, gradients and training steps", 2e-5);
    pub static PROGRAMS: Tolerance       = row("random programs in all forms, with gradients", 1e-4);
    pub static RANDOM_BADLY: Tolerance   = row("random programs, decided badly", 2e-5);
    pub static MODELS_BADLY: Tolerance   = row("models, decided badly", 5e-6);
}
pub use table::*;

impl Tolerance {
    /// The first element that is too far from what is wanted: where it is, what it is and what it should be. With
    /// `ARCHC_MEASURE` set, what was found is printed.
    pub fn broken(&self, got: impl IntoIterator<Item = f64>, wanted: &[f64]) -> Option<(usize, f64, f64)> {
        let largest = wanted.iter().filter(|x| x.is_finite()).fold(1.0f64, |a, b| a.max(b.abs()));
        let (mut worst, mut broken) = (0.0f64, None);
        for (at, (got, wanted)) in got.into_iter().zip(wanted.iter().copied()).enumerate() {
            let same = (wanted.is_nan() && got.is_nan()) || got == wanted;
            let apart = if same { 0.0 } else { (got - wanted).abs() / largest };
            worst = worst.max(apart);
            if broken.is_none() && (apart > self.allowed || apart.is_nan()) {
                broken = Some((at, got, wanted));
            }
        }
        if std::env::var_os("ARCHC_MEASURE").is_some() {
            println!("apart\t{}\t{:e}\t{worst:e}", self.of, self.allowed);
        }
        broken
    }
}
