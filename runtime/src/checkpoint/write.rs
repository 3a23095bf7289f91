//! Writing a checkpoint so that there is always a whole one.

use super::{Checkpoint, SCHEMA, Stored, bytes_of, checksum};
use crate::error::{Code, Problem};
use crate::files::replace_durably;
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

/// Where a checkpoint goes: the file system, or a test that lets it fail.
pub trait Writer {
    /// Writes a whole file beside `path`, makes sure it is on the disk, and gives it the name `path`.
    ///
    /// # Errors
    /// Whatever the file system says. `path` then still has what it had.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Writer for FileSystem {
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        replace_durably(path, bytes)
    }
}

/// Writes a checkpoint.
///
/// # Errors
/// If it cannot be written; what was at `path` is untouched then.
pub fn save(checkpoint: &Checkpoint, path: &Path) -> Result<(), Problem> {
    save_with(checkpoint, path, &FileSystem)
}

/// Writes a checkpoint through a writer.
///
/// # Errors
/// As [`save`].
pub fn save_with(checkpoint: &Checkpoint, path: &Path, writer: &dyn Writer) -> Result<(), Problem> {
    let fault = |why: String| {
        Problem::new(
            Code::CheckpointWrite,
            format!("cannot write {}: {why}", path.display()),
            "the previous checkpoint is untouched: free some space and continue with --resume",
        )
    };
    let contents = serde_json::to_string(&checkpoint.contents).map_err(|e| fault(e.to_string()))?;
    let mut whole = checksum::Whole::new(&contents);
    let mut sums = BTreeMap::new();
    for (name, stored) in &checkpoint.tensors {
        let sum = checksum::of(&bytes_of(&stored.data));
        whole.add(name, &stored.shape, sum.as_bytes());
        sums.insert(name, sum);
    }
    let sums = serde_json::to_string(&sums).map_err(|e| fault(e.to_string()))?;
    let metadata = HashMap::from([
        ("archc.schema".to_string(), SCHEMA.to_string()),
        ("archc.checksum".to_string(), whole.finish()),
        ("archc.tensors".to_string(), sums),
        ("archc.contents".to_string(), contents),
    ]);
    let bytes =
        safetensors::serialize(&checkpoint.tensors, Some(metadata)).map_err(|e| fault(e.to_string()))?;
    writer.replace(path, &bytes).map_err(|e| fault(e.to_string()))
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(bytes_of(&self.data))
    }

    fn data_len(&self) -> usize {
        4 * self.data.len()
    }
}
