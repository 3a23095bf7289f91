//! Decisions made badly on purpose, for tests: whatever is decided about groups, storage, chunks, tiles and grains,
//! results must be right, and only speed may suffer.

/// How the next choices go wrong; a copy of nothing but its seed, so that the same question has the same answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chaos(Option<u64>);

impl Chaos {
    /// Bad choices, others for each seed.
    pub fn seeded(seed: u64) -> Self {
        Chaos(Some(seed))
    }

    /// A number below `count` for a question, known by its name and a number; none where choices are good.
    pub fn pick(self, question: &str, of: usize, count: usize) -> Option<usize> {
        let seed = self.0?;
        let mut hasher = blake3::Hasher::new();
        for part in [&seed.to_le_bytes()[..], question.as_bytes(), &of.to_le_bytes()] {
            hasher.update(part);
        }
        let hash = hasher.finalize();
        let bytes: [u8; 8] = hash.as_bytes()[..8].try_into().unwrap_or_default();
        Some((u64::from_le_bytes(bytes) % count.max(1) as u64) as usize)
    }

    /// Whether a question gets a bad answer: one of three does.
    pub fn strikes(self, question: &str, of: usize) -> bool {
        self.pick(question, of, 3) == Some(0)
    }
}
