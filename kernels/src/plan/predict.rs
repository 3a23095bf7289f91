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

/// A GPU, as far as nothing is predicted for it: how fast its memory is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Card {
    /// Its name.
    pub name: &'static str,
    /// Bytes read and written in a second, all together.
    pub bytes: f64,
}

impl Card {
    /// 2,039 GB/s by its data sheet, rounded.
    pub const A100: Card = Card { name: "A100 (80 GB)", bytes: 2e12 };
}

impl Plan {
    /// How long a step's bytes take to move, and those of its operations one by one; in seconds.
    #[must_use]
    pub fn moving_seconds(&self, step: usize, card: &Card) -> (f64, f64) {
        (self.contents[step].moved as f64 / card.bytes, self.contents[step].bytes as f64 / card.bytes)
    }

    /// The predicted time of a step, and that of its operations one by one, each from memory to memory; in seconds. Of
    /// several steps with the same operations the first has the second.
    #[must_use]
    pub fn predicted_seconds(&self, step: usize, machine: &Machine) -> (f64, f64) {
        let (own, contents) = (&self.steps[step], &self.contents[step]);
        let work = |step: &Step| {
            let rate = if self.multiplies(step) { machine.product_flops } else { machine.operations };
            step.flops as f64 / rate
        };
        let moving = |bytes: u64| bytes as f64 / machine.bytes;
        let all = &self.steps[step..=step + contents.with];
        let apart = match contents.operations {
            0 => 0.0,
            starts => {
                machine.step * starts as f64 + all.iter().map(work).sum::<f64>().max(moving(contents.bytes))
            }
        };
        (machine.step + work(own).max(moving(contents.moved)), apart)
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
