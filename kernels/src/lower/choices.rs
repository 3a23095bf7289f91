//! How the lowering decides. Whatever it decides about groups, storage, chunks, tiles and grains, results must be right, and
//! only speed may suffer: tests let it decide badly on purpose.

/// A kind of choices; a copy of nothing but a seed, so that the same question has the same answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Choices {
    /// The best that is known.
    #[default]
    Good,
    /// Bad ones, others for each seed.
    Bad(u64),
    /// Each operation is a kernel of its own.
    OneByOne,
}

impl Choices {
    /// A number below `count` for a question, known by its name and a number; none where choices are good.
    pub fn pick(self, question: &str, of: usize, count: usize) -> Option<usize> {
        let Choices::Bad(seed) = self else { return None };
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

    /// The choices within a step of a scan, of which nothing goes through memory.
    pub fn within_a_step(self) -> Self {
        if self.joins() { self } else { Choices::Good }
    }

    /// Whether operations share kernels.
    pub fn joins(self) -> bool {
        !matches!(self, Choices::OneByOne)
    }
}
