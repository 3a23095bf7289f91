//! Checkpoints: one safetensors file that carries everything a run is.
//!
//! Tensors: the weights and buffers by their names, `ema.NAME`, `adam.m.NAME`, `adam.v.NAME`. Metadata, all
//! texts: see [`Contents`]. Checksums are stored with it, since a safetensors file whose numbers changed is still a
//! safetensors file: one for each tensor, so that sampling need not read what only training needs, and one over these
//! and all else.

mod checksum;
mod read;
mod write;

pub use read::{Part, foreign, half, has_header, load, load_part, load_weights, parse};
pub use write::{FileSystem, Writer, save, save_with};

use crate::error::{Code, Problem, nearest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest version of the layout that this program reads and the one that it writes.
pub const SCHEMA: u32 = 2;

/// What stands before the name of the moving average of a weight.
pub const AVERAGE: &str = "ema.";
/// What stands before the names of what training keeps beside a weight.
const STATE: [&str; 3] = [AVERAGE, "adam.m.", "adam.v."];

/// What of [`AVERAGE`] and the moments of the optimizer a tensor is, if it is no weight: its name begins with that, and
/// what follows is a name, too.
pub fn state(name: &str, is_name: impl Fn(&str) -> bool) -> Option<&'static str> {
    STATE.into_iter().find(|state| name.strip_prefix(state).is_some_and(&is_name))
}

/// A tensor of floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its sizes, as the public checkpoint has them.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub data: Vec<f32>,
}

/// Where a run stands. Everything random is found from these numbers and the seed in the recipe: there is no
/// generator whose state would have to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Optimizer steps that are done.
    pub step: u64,
    /// Samples that were drawn from the data, through all epochs.
    pub samples_seen: u64,
}

/// What the model was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The model's file: a key of `files`.
    pub main: String,
    /// The model in it.
    pub item: String,
    /// The preset, if one was named.
    pub preset: Option<String>,
    /// The settings after `--set`.
    pub settings: Vec<(String, String)>,
    /// All texts, imports and the standard library included, by the paths they are imported under.
    pub files: BTreeMap<String, String>,
}

/// A checkpoint in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// All tensors by name.
    pub tensors: BTreeMap<String, Stored>,
    /// Everything else.
    pub contents: Contents,
}

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Where the run stands.
    pub position: Position,
    /// The resolved recipe as TOML.
    pub recipe: String,
    /// What the model was built from.
    pub sources: Sources,
    /// The version of the program that wrote it.
    pub written_by: String,
}

/// A tensor of a checkpoint that must be there in this shape.
///
/// # Errors
/// If it is missing (with the nearest names) or has another shape.
pub fn tensor<'a>(
    tensors: &'a BTreeMap<String, Stored>,
    name: &str,
    shape: &[usize],
) -> Result<&'a Stored, Problem> {
    let Some(stored) = tensors.get(name) else {
        let help = match nearest(name, tensors.keys().map(String::as_str)) {
            Some(near) => format!("the nearest that it has is `{near}`"),
            None => "these weights belong to another model".into(),
        };
        return Err(Problem::new(
            Code::CheckpointTensor,
            format!("the checkpoint has no tensor `{name}`"),
            help,
        ));
    };
    if stored.shape != shape {
        return Err(Problem::new(
            Code::CheckpointTensor,
            format!("`{name}` is {:?} in the checkpoint, but the model has {shape:?}", stored.shape),
            "these weights belong to another configuration of the model",
        ));
    }
    Ok(stored)
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * numbers.len()];
    bytes.chunks_exact_mut(4).zip(numbers).for_each(|(to, x)| to.copy_from_slice(&x.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests;
