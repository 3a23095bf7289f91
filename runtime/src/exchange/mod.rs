//! Weights of other programs: reading what PyTorch wrote, and writing what it reads.
//!
//! An [`Archive`] holds tensors by name, whatever the layout. A [`Mapping`] says where their names and ours differ.
//! [`Match`] is what comes of both and a program: every parameter with the tensors it is made of, or what does not
//! fit. [`export`](fn@export) is the way back. Elements pass through as bytes, of whatever kind they are: nothing is rounded.

mod archive;
mod export;
mod fit;
mod import;
mod mapping;
mod pattern;
mod pickle;
mod pytorch;
mod sharded;

pub use archive::Archive;
pub use export::{Exported, export};
pub use import::Match;
pub use mapping::{BUILT_IN, Mapping};

use crate::error::Problem;
use crate::files::replace;
use safetensors::Dtype;
use safetensors::tensor::View;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

/// Names and sizes of tensors.
type Shapes = BTreeMap<String, Vec<usize>>;

/// A tensor on its way into a file: its elements little-endian and row-major.
struct Outgoing<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl View for &Outgoing<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes tensors as a safetensors file, whole or not at all.
fn write(path: &Path, tensors: &BTreeMap<String, Outgoing<'_>>) -> Result<(), Problem> {
    // Loaders of PyTorch weights ask for this.
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(tensors, Some(metadata))
        .map_err(io::Error::other)
        .and_then(|bytes| replace(path, &bytes))
        .map_err(|e| Problem::io("write", path, &e))
}
