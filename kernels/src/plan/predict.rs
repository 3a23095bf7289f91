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

impl Step {
    /// The time that its bytes or its operations take, whichever is more, in seconds.
    #[must_use]
    pub fn predicted_seconds(&self, machine: &Machine) -> f64 {
        let product = matches!(self.action, Action::Gemm(_))
            || ["attention", "gemm"].iter().any(|family| self.name.starts_with(family));
        let rate = if product { machine.product_flops } else { machine.operations };
        machine.step + (self.bytes as f64 / machine.bytes).max(self.flops as f64 / rate)
    }

    /// The time of its operations one by one, each from memory to memory, in seconds: as
    /// [`Step::predicted_seconds`], with the bytes in [`Plan::separate`].
    #[must_use]
    fn separate_seconds(&self, bytes: u64, operations: usize, machine: &Machine) -> f64 {
        let own = self.predicted_seconds(machine) - machine.step;
        machine.step * operations.max(1) as f64 + own.max(bytes as f64 / machine.bytes)
    }
}

impl Plan {
    /// The predicted time of a step, and that of its operations one by one, in seconds.
    #[must_use]
    pub fn predicted_seconds(&self, step: usize, machine: &Machine) -> (f64, f64) {
        let separate = self.separate[step];
        let own = &self.steps[step];
        (own.predicted_seconds(machine), own.separate_seconds(separate.bytes, separate.operations, machine))
    }
}
