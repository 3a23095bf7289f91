//! Archives of `torch.save`. The crate `pytorch-reader` reads them and runs nothing; before it does, the
//! pickle is walked through for what it asks for.

use super::archive::{Entry, Place, damaged};
use super::pickle;
use crate::error::{Code, Problem};
use pytorch_reader::{DType, MAX_PICKLE_SIZE, PickleError, PytorchError, PytorchReader};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

type Entries = BTreeMap<String, Entry>;

/// The number that a file of the legacy layout begins with, as pickles write it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The tensors of an archive of PyTorch 1.6 or later.
pub fn zip(path: &Path) -> Result<Entries, Problem> {
    let file = open(path)?;
    let cut = |e: &dyn std::fmt::Display| damaged(path, &format!("its archive is not whole: {e}"));
    let mut archive = ZipArchive::new(file).map_err(|e| cut(&e))?;
    let mut unknown = Vec::new();
    let mut pickles = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| cut(&e))?;
        if entry.name().is_ok_and(|n| n == "data.pkl" || n.ends_with("/data.pkl")) {
            pickles += 1;
            let mut reader = BufReader::new(entry.take(MAX_PICKLE_SIZE));
            unknown.extend(pickle::names(&mut reader).map_err(|e| unreadable(path, &e))?);
        }
    }
    if pickles == 0 {
        return Err(Problem::new(
            Code::CheckpointFormat,
            format!("{} is a zip archive, but not one of PyTorch: it has no `data.pkl`", path.display()),
            "unpack it, and name the checkpoint in it",
        ));
    }
    refuse(path, &unknown)?;
    tensors(path)
}

/// The tensors of the layout before PyTorch 1.6: pickles one behind the other, then numbers.
pub fn legacy(path: &Path) -> Result<Entries, Problem> {
    let mut reader = open(path)?;
    let beginning = reader.fill_buf().map_err(|e| unreadable(path, &e))?;
    let is_legacy = beginning[..beginning.len().min(64)].windows(MAGIC.len()).any(|w| w == MAGIC);
    // Magic number, version, machine, the object itself, and the order of the numbers behind it.
    for _ in 0..if is_legacy { 5 } else { 1 } {
        let unknown = pickle::names(&mut reader).map_err(|e| no_pickle(path, &e, is_legacy))?;
        refuse(path, &unknown)?;
    }
    tensors(path)
}

fn open(path: &Path) -> Result<BufReader<File>, Problem> {
    File::open(path).map(BufReader::new).map_err(|e| Problem::io("read the checkpoint", path, &e))
}

/// What does not begin as the legacy layout and is no pickle either may be anything.
fn no_pickle(path: &Path, error: &io::Error, is_legacy: bool) -> Problem {
    let of_file = matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData);
    if is_legacy || !of_file {
        return unreadable(path, error);
    }
    Problem::new(
        Code::CheckpointFormat,
        format!("{} is no checkpoint in a layout that is read", path.display()),
        "PyTorch archives (`.pt`, `.pth`, `.bin`), safetensors files and the `.index.json` of sharded ones are read",
    )
}

fn refuse(path: &Path, unknown: &[String]) -> Result<(), Problem> {
    if unknown.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = unknown.iter().take(5).map(|n| format!("`{n}`")).collect();
    let more = if unknown.len() > 5 { format!(" and {} more", unknown.len() - 5) } else { String::new() };
    Err(Problem::new(
        Code::CheckpointUnsafe,
        format!(
            "{} asks for {}{more}: a checkpoint needs tensors and plain data only. Nothing of it was run",
            path.display(),
            named.join(", ")
        ),
        "if you trust where it comes from, load it in Python (`torch.load(FILE, weights_only=False)`) and save the \
         tensors alone: `torch.save(model.state_dict(), FILE)`",
    ))
}

fn tensors(path: &Path) -> Result<Entries, Problem> {
    let reader = PytorchReader::new(path).map_err(|e| unread(path, &e))?;
    let entry = |(name, tensor): (String, pytorch_reader::Tensor)| {
        let (dtype, shape) = (kind(tensor.dtype()), tensor.shape().to_vec());
        (name, Entry { shape, dtype, place: Place::PyTorch(Box::new(tensor)) })
    };
    Ok(reader.into_tensors().into_iter().map(entry).collect())
}

fn kind(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool => Dtype::BOOL,
    }
}

fn unread(path: &Path, error: &PytorchError) -> Problem {
    match error {
        PytorchError::Io(e) | PytorchError::Pickle(PickleError::Io(e)) => unreadable(path, e),
        PytorchError::InvalidFormat(why) if why.starts_with("Expected a dictionary") => Problem::new(
            Code::CheckpointFormat,
            format!("{} holds no tensors by name: {why}", path.display()),
            "save a dictionary: `torch.save(model.state_dict(), FILE)`",
        ),
        other => damaged(path, &other.to_string()),
    }
}

/// Whether the file is at fault or the system.
pub fn unreadable(path: &Path, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(path, "it ends before what it announces"),
        io::ErrorKind::InvalidData => damaged(path, &error.to_string()),
        _ => Problem::io("read the checkpoint", path, error),
    }
}
