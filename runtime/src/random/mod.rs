//! Random numbers that depend on what they are for and on nothing else.
//!
//! A [`Stream`] is keyed by the run's seed and a purpose; a number is found by (step, sample, position).
//! Sample `k` therefore gets the same numbers whatever the batch, the device or the number of threads.

mod normal;
mod order;
mod philox;

pub use normal::normal_quantile;
pub use order::{Order, below};
pub use philox::philox4x32;

use arch_compiler::ops::source::{Distribution, Random};

/// The numbers for one purpose of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

/// Which numbers of a stream: everything that a number may depend on beside its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The training or sampling step.
    pub step: u32,
    /// The sample: its number in the run, not in the batch.
    pub sample: u64,
}

impl Stream {
    /// The stream for a purpose. Different seeds or purposes give unrelated streams.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        let hash = hasher.finalize();
        let word = |at: usize| {
            let bytes = hash.as_bytes();
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Stream { key: [word(0), word(4)] }
    }

    /// The four words at positions `4 * block` to `4 * block + 3`.
    #[must_use]
    pub fn words(&self, place: Place, block: u32) -> [u32; 4] {
        philox4x32([block, place.step, place.sample as u32, (place.sample >> 32) as u32], self.key)
    }

    /// Fills with numbers of a distribution, beginning at position 0.
    pub fn fill(&self, distribution: Distribution, place: Place, into: &mut [f32]) {
        match distribution {
            Distribution::Uniform => self.fill_by(place, into, |words| words.map(uniform)),
            Distribution::Normal => self.fill_by(place, into, normal::box_muller),
            Distribution::TruncatedNormal => self.fill_by(place, into, |words| words.map(normal::truncated)),
        }
    }

    /// Fills a batch whose samples are numbered from `first` on. `into` holds whole samples in a row.
    ///
    /// # Panics
    /// If `into` does not hold `samples` samples of one length.
    pub fn fill_batch(
        &self,
        distribution: Distribution,
        step: u32,
        first: u64,
        samples: usize,
        into: &mut [f32],
    ) {
        assert!(samples > 0 && into.len().is_multiple_of(samples), "a batch holds whole samples");
        let length = into.len() / samples;
        for (sample, part) in (first..).zip(into.chunks_mut(length.max(1))) {
            self.fill(distribution, Place { step, sample }, part);
        }
    }

    /// One number from `0` to below `limit`, every one equally likely.
    #[must_use]
    pub fn integer(&self, place: Place, limit: u32) -> u32 {
        below(self.words(place, 0), limit)
    }

    fn fill_by(&self, place: Place, into: &mut [f32], map: impl Fn([u32; 4]) -> [f32; 4]) {
        for (block, part) in (0u32..).zip(into.chunks_mut(4)) {
            let numbers = map(self.words(place, block));
            part.copy_from_slice(&numbers[..part.len()]);
        }
    }
}

/// Uniform in `[0, 1)`: the upper 24 bits, all that an f32 can hold without rounding up to 1.
fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 / (1u32 << 24) as f32
}

/// Fills the random input of a parameter's initialiser. Its purpose is the parameter's name, so adding or
/// removing a layer leaves every other parameter as it was.
pub fn fill_initial(seed: u64, random: &Random, into: &mut [f32]) {
    Stream::new(seed, &random.purpose).fill(random.distribution, Place::default(), into);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(numbers: &[f32]) -> (f64, f64) {
        let n = numbers.len() as f64;
        let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let variance = numbers.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance)
    }

    #[test]
    fn distributions_have_their_moments() {
        let stream = Stream::new(7, "noise");
        let mut numbers = vec![0.0; 200_000];
        stream.fill(Distribution::Uniform, Place::default(), &mut numbers);
        let (mean, variance) = moments(&numbers);
        assert!((mean - 0.5).abs() < 3e-3 && (variance - 1.0 / 12.0).abs() < 1e-3, "{mean} {variance}");
        assert!(numbers.iter().all(|x| (0.0..1.0).contains(x)));
        stream.fill(Distribution::Normal, Place::default(), &mut numbers);
        let (mean, variance) = moments(&numbers);
        assert!(mean.abs() < 1e-2 && (variance - 1.0).abs() < 2e-2, "{mean} {variance}");
        stream.fill(Distribution::TruncatedNormal, Place::default(), &mut numbers);
        let (mean, variance) = moments(&numbers);
        // The variance of a normal cut off at two deviations is 0.7737.
        assert!(mean.abs() < 1e-2 && (variance - 0.7737).abs() < 1e-2, "{mean} {variance}");
        assert!(numbers.iter().all(|x| x.abs() <= 2.0));
    }

    #[test]
    fn a_sample_does_not_depend_on_the_batch() {
        let stream = Stream::new(1, "noise");
        let mut whole = vec![0.0; 6 * 10];
        stream.fill_batch(Distribution::Normal, 3, 0, 6, &mut whole);
        let mut part = vec![0.0; 2 * 10];
        stream.fill_batch(Distribution::Normal, 3, 4, 2, &mut part);
        assert_eq!(&whole[40..], &part[..]);
    }

    #[test]
    fn seed_purpose_step_and_sample_all_matter() {
        let draw = |seed, purpose: &str, step, sample| {
            let mut numbers = [0.0f32; 4];
            let stream = Stream::new(seed, purpose);
            stream.fill(Distribution::Uniform, Place { step, sample }, &mut numbers);
            numbers
        };
        let base = draw(1, "noise", 0, 0);
        for other in [
            draw(2, "noise", 0, 0),
            draw(1, "timestep", 0, 0),
            draw(1, "noise", 1, 0),
            draw(1, "noise", 0, 1),
            draw(1, "noise", 0, 1 << 32),
        ] {
            assert_ne!(base, other);
        }
    }
}
