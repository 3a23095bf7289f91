//! What is trained on and what is held out.

use crate::random::{Order, Place, Stream, below};

/// Two parts of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Samples to train on, ascending.
    pub train: Vec<usize>,
    /// Samples for the validation loss, ascending.
    pub held_out: Vec<usize>,
}

/// The split does not change with the run's seed: runs stay comparable, and no resumed run ever trains on
/// what an earlier one held out.
const SPLIT_SEED: u64 = 0;

impl Split {
    /// Holds out a share of `count` samples; at least one stays to be trained on.
    #[must_use]
    pub fn new(count: usize, share: f64) -> Self {
        let wanted = ((count as f64 * share).round() as usize).min(count.saturating_sub(1));
        let stream = Stream::new(SPLIT_SEED, "holdout");
        let mut shuffled: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            let words = stream.words(Place::default(), i as u32);
            shuffled.swap(i, below(words, i as u32 + 1) as usize);
        }
        let mut held_out = shuffled.split_off(count - wanted);
        shuffled.sort_unstable();
        held_out.sort_unstable();
        Split { train: shuffled, held_out }
    }

    /// The order in which a run sees the samples that are trained on.
    #[must_use]
    pub fn order(&self, seed: u64) -> Order {
        Order::new(seed, self.train.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_in_both() {
        let split = Split::new(1797, 0.1);
        assert_eq!(split.held_out.len(), 180);
        let mut all = [split.train.clone(), split.held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1797).collect::<Vec<_>>());
        assert_eq!(split, Split::new(1797, 0.1));
        assert_eq!(Split::new(1, 0.9).train, [0]);
        assert!(Split::new(10, 0.0).held_out.is_empty());
    }
}
