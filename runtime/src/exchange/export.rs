//! Weights of ours under the names of another program.

use super::archive::Archive;
use super::mapping::Mapping;
use super::{Outgoing, Shapes, write};
use crate::checkpoint::{self, AVERAGE, Part};
use crate::error::{Code, Problem};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// What was written.
pub struct Exported {
    /// How many tensors.
    pub tensors: usize,
    /// Elements in all of them.
    pub elements: usize,
    /// Whether they are the moving average.
    pub averaged: bool,
}

/// Writes the weights of a checkpoint of ours, or of a file that was imported, under their names. The moving average
/// is taken where there is one, unless `raw`.
///
/// # Errors
/// If the file cannot be read or is damaged, the mapping does not fit, or `out` cannot be written; what was there
/// is untouched then.
pub fn export(path: &Path, mapping: &Mapping, raw: bool, out: &Path) -> Result<Exported, Problem> {
    let archive = Archive::open(path)?;
    if archive.layout != "a safetensors file" {
        return Err(Problem::new(
            Code::CheckpointFormat,
            format!("{} is {}, not a file of archc", path.display(), archive.layout),
            "bring it in first: `archc import`",
        ));
    }
    if archive.is_ours {
        // It carries checksums, and damaged numbers must not go out.
        checkpoint::load_part(path, if raw { Part::Weights } else { Part::Averages })?;
    }
    let (originals, averaged) = originals(&archive, raw);
    let shapes: Shapes =
        originals.iter().map(|(n, o)| (n.clone(), archive.entries[o].shape.clone())).collect();
    let mut tensors = BTreeMap::new();
    for (theirs, piece) in mapping.outgoing(&shapes)? {
        let entry = &archive.entries[&originals[&piece.ours]];
        let (part, parts) = piece.part;
        let mut shape = entry.shape.clone();
        let mut bytes = archive.bytes(entry)?;
        if parts > 1 {
            shape[0] /= parts;
            let length = bytes.len() / parts;
            let range = part * length..(part + 1) * length;
            bytes = match bytes {
                Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[range]),
                Cow::Owned(bytes) => Cow::Owned(bytes[range].to_vec()),
            };
        }
        tensors.insert(theirs, Outgoing { dtype: entry.dtype, shape, bytes });
    }
    write(out, &tensors)?;
    let elements = tensors.values().map(|t| t.shape.iter().product::<usize>()).sum();
    Ok(Exported { tensors: tensors.len(), elements, averaged })
}

/// The names of the weights, each with the name of the tensor that is taken, and whether any is an average.
fn originals(archive: &Archive, raw: bool) -> (BTreeMap<String, String>, bool) {
    let mut originals = BTreeMap::new();
    let mut averaged = false;
    for name in archive.entries.keys() {
        if archive.is_ours && checkpoint::state(name, |own| archive.entries.contains_key(own)).is_some() {
            continue;
        }
        let average = format!("{AVERAGE}{name}");
        let taken = archive.is_ours && !raw && archive.entries.contains_key(&average);
        averaged |= taken;
        originals.insert(name.clone(), if taken { average } else { name.clone() });
    }
    (originals, averaged)
}
