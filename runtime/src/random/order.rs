//! The order in which data are seen.

use super::{Place, Stream};

/// A number from `0` to below `limit` from the first two of four words. The product of a 64-bit number and
/// a 32-bit limit, upper half: the bias is below 2^-32 and no word is ever rejected.
#[must_use]
pub fn below(words: [u32; 4], limit: u32) -> u32 {
    let wide = (u128::from(words[0]) << 32) | u128::from(words[1]);
    ((wide * u128::from(limit)) >> 64) as u32
}

/// An endless sequence over `length` data: every epoch is a shuffle of its own, found from the seed and the
/// epoch alone, so a run resumes at any position without having kept a generator's state.
#[derive(Clone, Debug)]
pub struct Order {
    stream: Stream,
    length: usize,
    epoch: Option<u64>,
    shuffled: Vec<u32>,
}

impl Order {
    /// The order for a run's seed.
    ///
    /// # Panics
    /// If there are no data.
    #[must_use]
    pub fn new(seed: u64, length: usize) -> Self {
        assert!(length > 0, "an order needs data");
        Order { stream: Stream::new(seed, "data order"), length, epoch: None, shuffled: Vec::new() }
    }

    /// Which datum stands at a position; positions count through all epochs.
    pub fn at(&mut self, position: u64) -> usize {
        let epoch = position / self.length as u64;
        if self.epoch != Some(epoch) {
            self.shuffle(epoch);
        }
        self.shuffled[(position % self.length as u64) as usize] as usize
    }

    /// Fisher and Yates's shuffle, with a number of its own for every exchange.
    fn shuffle(&mut self, epoch: u64) {
        self.shuffled = (0..self.length as u32).collect();
        for i in (1..self.length).rev() {
            let words = self.stream.words(Place { step: 0, sample: epoch }, i as u32);
            self.shuffled.swap(i, below(words, i as u32 + 1) as usize);
        }
        self.epoch = Some(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_everything_once_in_another_order() {
        let mut order = Order::new(5, 100);
        let epoch =
            |order: &mut Order, e: u64| (e * 100..(e + 1) * 100).map(|p| order.at(p)).collect::<Vec<_>>();
        let (first, second) = (epoch(&mut order, 0), epoch(&mut order, 1));
        assert_ne!(first, second);
        for mut seen in [first.clone(), second] {
            seen.sort_unstable();
            assert_eq!(seen, (0..100).collect::<Vec<_>>());
        }
        assert_eq!(epoch(&mut order, 0), first, "a position can be found again");
    }

    #[test]
    fn small_numbers_are_equally_likely() {
        let stream = Stream::new(1, "t");
        let mut counts = [0; 10];
        for sample in 0..10_000 {
            counts[stream.integer(Place { step: 0, sample }, 10) as usize] += 1;
        }
        assert!(counts.iter().all(|c| (880..1120).contains(c)), "{counts:?}");
    }
}
