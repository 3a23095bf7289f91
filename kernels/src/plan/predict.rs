//! How long a step takes, from its counts alone: an estimate for comparing plans, never a measurement.

use super::{Action, Plan, Step};

/// What a machine does in a second, all cores together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Bytes read and written.
    pub bytes: f64,
    /// Floating-point operations of matrix products.
    pub product_flops: f64,
    /// Operations of other kernels.
    pub operations: f64,
    /// What starting a step takes, in seconds.
    pub step: f64,
}

impl Machine {
    /// Two cores of a server with AVX-512, rounded from `archc bench op --profile` on an EPYC of 2022: additions
    /// from memory at 33 GB/s, products of 2048 x 1536 x 384 at 200 GFLOP/s, SiLU from the cache at 40 G
    /// operations a second.
    pub const TWO_CORES: Machine = Machine { bytes: 3e10, product_flops: 2e11, operations: 4e10, step: 2e-6 };
}

impl Plan {
    /// The predicted time of a step, and that of its operations one by one, each from memory to memory; in seconds.
    #[must_use]
    pub fn predicted_seconds(&self, step: usize, machine: &Machine) -> (f64, f64) {
        let (own, separate) = (&self.steps[step], self.separate[step]);
        let work =
            own.flops as f64 / if self.multiplies(own) { machine.product_flops } else { machine.operations };
        let takes = |bytes: u64| work.max(bytes as f64 / machine.bytes);
        let starts = separate.operations.max(1) as f64;
        let apart = machine.step * starts + takes(own.bytes).max(takes(separate.bytes));
        (machine.step + takes(own.bytes), apart)
    }

    /// Whether a step's operations are those of matrix products.
    fn multiplies(&self, step: &Step) -> bool {
        match step.action {
            Action::Gemm(_) => true,
            Action::Kernel { kernel, .. } => {
                matches!(self.kernels[kernel].family.as_str(), "gemm" | "attention" | "attention_gradient")
            }
        }
    }
}
