//! Tensors of a file in any layout that is read, found by what the file begins with.

use super::{pytorch, sharded};
use crate::checkpoint::has_header;
use crate::error::{Code, Problem};
use safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Tensors by name. Elements of PyTorch archives stay in the file until they are asked for.
pub struct Archive {
    /// What the file is, for people: `a PyTorch archive`.
    pub layout: String,
    path: PathBuf,
    pub(super) entries: BTreeMap<String, Entry>,
    /// Whole safetensors files.
    buffers: Vec<Vec<u8>>,
    /// Whether it is a checkpoint of a run of ours.
    pub(super) is_ours: bool,
}

/// A tensor of a file.
pub(super) struct Entry {
    pub shape: Vec<usize>,
    pub dtype: Dtype,
    pub place: Place,
}

/// Where the elements are.
pub(super) enum Place {
    PyTorch(Box<pytorch_reader::Tensor>),
    /// A part of one of the buffers.
    Buffer(usize, Range<usize>),
}

impl Archive {
    /// Opens a PyTorch archive (zip or legacy), a safetensors file, or the index of a sharded one.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, is none of these, or asks for more than tensors and plain data.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let mut archive = Archive {
            layout: "a PyTorch archive".into(),
            path: path.to_path_buf(),
            entries: BTreeMap::new(),
            buffers: Vec::new(),
            is_ours: false,
        };
        let beginning = beginning(path)?;
        if is_zip(&beginning) {
            archive.entries = pytorch::zip(path)?;
        } else if is_safetensors(path, &beginning) {
            archive.layout = "a safetensors file".into();
            archive.add_file(path, |_| true)?;
        } else if beginning.starts_with(b"{") {
            let shards = sharded::read(path, |shard, names| archive.add_shard(shard, names))?;
            archive.layout = format!("a checkpoint in {shards} shards");
        } else if let Some(problem) = no_checkpoint(path, &beginning) {
            return Err(problem);
        } else {
            archive.layout = "a PyTorch archive of the legacy layout".into();
            archive.entries = pytorch::legacy(path)?;
        }
        Ok(archive)
    }

    /// The file that it was opened from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The elements of a tensor, little-endian and row-major.
    pub(super) fn bytes(&self, entry: &Entry) -> Result<Cow<'_, [u8]>, Problem> {
        match &entry.place {
            Place::PyTorch(tensor) => {
                let bytes = tensor.read().map_err(|e| pytorch::unreadable(&self.path, &e))?;
                Ok(Cow::Owned(bytes))
            }
            Place::Buffer(index, range) => Ok(Cow::Borrowed(&self.buffers[*index][range.clone()])),
        }
    }

    /// Reads a safetensors file and takes the tensors that are wanted.
    fn add_file(&mut self, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), Problem> {
        let buffer = std::fs::read(path).map_err(|e| Problem::io("read the checkpoint", path, &e))?;
        let (length, header) =
            SafeTensors::read_metadata(&buffer).map_err(|e| damaged(path, &e.to_string()))?;
        let metadata = header.metadata().as_ref();
        self.is_ours |= metadata.is_some_and(|m| m.contains_key("archc.schema"));
        for name in header.offset_keys().into_iter().filter(|n| wanted(n)) {
            let Some(info) = header.info(&name) else { continue };
            let (from, to) = info.data_offsets;
            // Elements stand behind the length of the header and the header.
            let place = Place::Buffer(self.buffers.len(), 8 + length + from..8 + length + to);
            self.entries.insert(name, Entry { shape: info.shape.clone(), dtype: info.dtype, place });
        }
        self.buffers.push(buffer);
        Ok(())
    }

    /// Takes the tensors that the index says a shard has.
    fn add_shard(&mut self, shard: &Path, names: &[String]) -> Result<(), Problem> {
        if is_zip(&beginning(shard)?) {
            let mut there = pytorch::zip(shard)?;
            self.entries.extend(names.iter().filter_map(|n| there.remove_entry(n)));
        } else {
            self.add_file(shard, |n| names.iter().any(|wanted| wanted == n))?;
        }
        match names.iter().find(|n| !self.entries.contains_key(*n)) {
            Some(absent) => {
                let why =
                    format!("it says that `{absent}` is in {}, which does not have it", shard.display());
                Err(damaged(&self.path, &why))
            }
            None => Ok(()),
        }
    }
}

/// The first bytes of a file.
fn beginning(path: &Path) -> Result<Vec<u8>, Problem> {
    use std::io::Read;
    if path.is_dir() {
        return Err(Problem::new(
            Code::File,
            format!("{} is a folder", path.display()),
            "name a file in it: a `.pt`, a `.safetensors`, or the `.index.json` of a sharded checkpoint",
        ));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(64).read_to_end(&mut bytes));
    read.map_err(|e| Problem::io("read the checkpoint", path, &e))?;
    Ok(bytes)
}

fn is_zip(beginning: &[u8]) -> bool {
    beginning.starts_with(b"PK") && !has_header(beginning)
}

/// What begins as one; a file that says in its name that it is one is read as one.
fn is_safetensors(path: &Path, beginning: &[u8]) -> bool {
    let named = path.extension().is_some_and(|e| e == "safetensors");
    named && !beginning.starts_with(b"version https://") || has_header(beginning)
}

pub(super) fn damaged(path: &Path, why: &str) -> Problem {
    Problem::new(
        Code::CheckpointDamaged,
        format!("{} is damaged: {why}", path.display()),
        "it may have been cut short on its way: compare its size with the original's, and download or copy it again",
    )
}

/// What newcomers have in hand when a download went wrong.
fn no_checkpoint(path: &Path, beginning: &[u8]) -> Option<Problem> {
    let text = String::from_utf8_lossy(beginning);
    let (what, help) = if beginning.is_empty() {
        ("is empty", "download or copy it again")
    } else if text.starts_with("version https://git-lfs") {
        ("is only the pointer of Git LFS to a file", "fetch the file itself with `git lfs pull`")
    } else if text.trim_start().starts_with('<') {
        ("is a web page", "the download went wrong: take the link to the file itself")
    } else {
        return None;
    };
    Some(Problem::new(Code::CheckpointFormat, format!("{} {what}", path.display()), help))
}
