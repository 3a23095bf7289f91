//! The checksums in a checkpoint: one of each tensor's numbers, and one over these and everything else.

/// The checksum of some bytes, as text.
pub(super) fn of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The checksum over everything. Tensors are added in the order of their names.
pub(super) struct Whole(blake3::Hasher);

impl Whole {
    pub(super) fn new(contents: &str) -> Self {
        let mut whole = Self(blake3::Hasher::new());
        whole.part(contents.as_bytes());
        whole
    }

    /// Adds a tensor; `numbers` is the text of their checksum, or up to schema 1 the numbers themselves as bytes.
    pub(super) fn add(&mut self, name: &str, shape: &[usize], numbers: &[u8]) {
        self.part(name.as_bytes());
        let sizes: Vec<u8> = shape.iter().flat_map(|s| (*s as u64).to_le_bytes()).collect();
        self.part(&sizes);
        self.part(numbers);
    }

    pub(super) fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
