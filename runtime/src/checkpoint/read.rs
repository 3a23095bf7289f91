//! Reading a checkpoint, or plain weights from elsewhere.

use super::{AVERAGE, Checkpoint, Contents, SCHEMA, Stored, checksum, state};
use crate::error::{Code, Problem};
use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Which tensors of a checkpoint are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All, with the optimizer's.
    All,
    /// The weights as they are trained, and the buffers.
    Weights,
    /// The moving averages of the weights, and what has no average as it is.
    Averages,
}

impl Part {
    fn has(self, name: &str, is_name: impl Fn(&str) -> bool) -> bool {
        match (self, state(name, &is_name)) {
            (Self::All, _) | (Self::Weights, None) => true,
            (Self::Averages, None) => !is_name(&format!("{AVERAGE}{name}")),
            (Self::Averages, Some(state)) => state == AVERAGE,
            (Self::Weights, Some(_)) => false,
        }
    }
}

/// Reads a checkpoint.
///
/// # Errors
/// If it cannot be read, is truncated or changed, or was written by a newer version.
pub fn load(path: &Path) -> Result<Checkpoint, Problem> {
    load_part(path, Part::All)
}

/// Reads a part of a checkpoint. The other tensors are not read, so that a change in their numbers goes unnoticed.
///
/// # Errors
/// As [`load`].
pub fn load_part(path: &Path, part: Part) -> Result<Checkpoint, Problem> {
    let inside = path.join("checkpoints/last.safetensors");
    if inside.is_file() {
        return Err(Problem::new(
            Code::File,
            format!("{} is the folder of a run", path.display()),
            format!("name its checkpoint: {}", inside.display()),
        ));
    }
    let unread = |e: io::Error| Problem::io("read the checkpoint", path, &e);
    let mut file = File::open(path).map_err(unread)?;
    let mut head = Vec::new();
    file.by_ref().take(64).read_to_end(&mut head).map_err(unread)?;
    if let Some(problem) = foreign(&head, path) {
        return Err(problem);
    }
    if is_text(&head) {
        return Err(Problem::new(
            Code::CheckpointDamaged,
            format!("{} is a text, not a checkpoint", path.display()),
            "a checkpoint is what `archc train` leaves in the folder `checkpoints` of a run",
        ));
    }
    parse(&mut file, path, part)
}

/// Whether a file holds lines for people: a safetensors file begins with a length, which has zeros in it.
fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64)];
    head.len() > 8 && head.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
}

/// Whether a file begins as safetensors files do: eight bytes of a length, then the bracket of a header. The length
/// alone may look like another format's mark, 640 like a pickle's and 19280 like a zip archive's.
#[must_use]
pub fn has_header(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// The problem that a file is of PyTorch, if it is: what newcomers have in hand.
#[must_use]
pub fn foreign(bytes: &[u8], path: &Path) -> Option<Problem> {
    // Zip archives, and pickles of the protocols that have a number.
    let is_marked = bytes.starts_with(b"PK") || matches!(bytes, [0x80, 2..=5, ..]);
    (is_marked && !has_header(bytes)).then(|| {
        Problem::new(
            Code::CheckpointFormat,
            format!("{} is a PyTorch archive, not a safetensors file", path.display()),
            "`archc import` makes one of it: see `archc import --help`",
        )
    })
}

/// Reads a part of a checkpoint from where its bytes are; `path` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn parse(source: &mut (impl Read + Seek), path: &Path, part: Part) -> Result<Checkpoint, Problem> {
    let damaged = |why: String| {
        Problem::new(
            Code::CheckpointDamaged,
            format!("{} is no whole checkpoint: {why}", path.display()),
            "use an earlier checkpoint of the run: its folder `checkpoints` keeps numbered ones",
        )
    };
    let unread = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early".into()),
        _ => Problem::io("read the checkpoint", path, &e),
    };
    let (start, header) = header(source).map_err(unread)?.map_err(damaged)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let text = |key: &str| metadata.get(&format!("archc.{key}"));
    let Some(schema) = text("schema") else {
        return Err(Problem::new(
            Code::CheckpointDamaged,
            format!("{} is no checkpoint of a run: it holds tensors only", path.display()),
            "weights from elsewhere are sampled with `--recipe RECIPE.toml --weights FILE`",
        ));
    };
    let schema: u32 = schema.parse().map_err(|_| damaged(format!("its schema is `{schema}`")))?;
    if schema > SCHEMA {
        return Err(Problem::new(
            Code::CheckpointVersion,
            format!("{} has schema {schema}; this version reads up to {SCHEMA}", path.display()),
            "update archc",
        ));
    }
    let all: BTreeMap<String, &TensorInfo> = header.tensors().into_iter().collect();
    let contents = text("contents").ok_or_else(|| damaged("its metadata are incomplete".into()))?;
    if let Some((name, info)) = all.iter().find(|(_, info)| info.dtype != Dtype::F32) {
        return Err(damaged(format!("`{name}` is {:?}, not F32", info.dtype)));
    }
    // Up to schema 1 there was one checksum over all numbers: all must be read for it.
    let sums: Option<BTreeMap<String, String>> = match text("tensors") {
        _ if schema < 2 => None,
        Some(sums) => Some(serde_json::from_str(sums).map_err(|e| damaged(e.to_string()))?),
        None => return Err(damaged("its metadata are incomplete".into())),
    };
    let mut whole = checksum::Whole::new(contents);
    let mut tensors = BTreeMap::new();
    // One buffer for all: pages that are asked for anew cost more than what is read into them.
    let mut bytes = Vec::new();
    for (name, info) in &all {
        let is_wanted = part.has(name, |name| all.contains_key(name));
        bytes.clear();
        if is_wanted || sums.is_none() {
            let (from, to) = info.data_offsets;
            source.seek(SeekFrom::Start((start + from) as u64)).map_err(unread)?;
            source.by_ref().take((to - from) as u64).read_to_end(&mut bytes).map_err(unread)?;
        }
        match &sums {
            None => whole.add(name, &info.shape, &bytes),
            Some(sums) => {
                let sum = sums.get(name).ok_or_else(|| damaged(format!("`{name}` has no checksum")))?;
                whole.add(name, &info.shape, sum.as_bytes());
                if is_wanted && *sum != checksum::of(&bytes) {
                    let why = "do not match their checksum: they have changed since it was written";
                    return Err(damaged(format!("the numbers of `{name}` {why}")));
                }
            }
        }
        if is_wanted {
            tensors.insert(
                name.clone(),
                Stored { shape: info.shape.clone(), data: each(&bytes, f32::from_le_bytes) },
            );
        }
    }
    if text("checksum") != Some(&whole.finish()) {
        return Err(damaged("its checksum does not match: bytes have changed since it was written".into()));
    }
    let contents: Contents = serde_json::from_str(contents).map_err(|e| damaged(e.to_string()))?;
    Ok(Checkpoint { tensors, contents })
}

/// The header of a safetensors file, and where its numbers begin; or why it is none, or none that is whole.
fn header(source: &mut (impl Read + Seek)) -> io::Result<Result<(usize, Metadata), String>> {
    let length = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let mut prefix = [0; 8];
    source.read_exact(&mut prefix)?;
    let size = u64::from_le_bytes(prefix);
    if size > length.saturating_sub(8) {
        return Ok(Err(format!("a header of {size} bytes does not fit into its {length} bytes")));
    }
    let mut text = vec![0; size as usize];
    source.read_exact(&mut text)?;
    let header: Metadata = match serde_json::from_slice(&text) {
        Ok(header) => header,
        Err(e) => return Ok(Err(e.to_string())),
    };
    let start = 8 + text.len();
    let end = (start + header.data_len()) as u64;
    if end != length {
        return Ok(Err(format!("it has {length} bytes, and {end} by its header")));
    }
    Ok(Ok((start, header)))
}

/// Reads any safetensors file as tensors by name, for weights from elsewhere. Other float types are converted.
///
/// # Errors
/// If it cannot be read or is no safetensors file.
pub fn load_weights(path: &Path) -> Result<BTreeMap<String, Stored>, Problem> {
    let bytes = std::fs::read(path).map_err(|e| Problem::io("read the weights", path, &e))?;
    if let Some(problem) = foreign(&bytes, path) {
        return Err(problem);
    }
    let damaged = |why: String| {
        Problem::new(
            Code::CheckpointDamaged,
            format!("{} is no readable safetensors file: {why}", path.display()),
            "the file may be cut short, or of another kind",
        )
    };
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
    tensors(file.iter()).map_err(damaged)
}

fn tensors<'a, 'b>(
    views: impl Iterator<Item = (&'a str, TensorView<'b>)>,
) -> Result<BTreeMap<String, Stored>, String> {
    let stored = |(name, view): (&str, TensorView<'_>)| {
        Ok((name.to_string(), Stored { shape: view.shape().to_vec(), data: floats(name, &view)? }))
    };
    views.map(stored).collect()
}

fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => each(data, f32::from_le_bytes),
        Dtype::F64 => each(data, |b| f64::from_le_bytes(b) as f32),
        Dtype::BF16 => each(data, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::F16 => each(data, |b| half(u16::from_le_bytes(b))),
        Dtype::I64 => each(data, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => each(data, |b| i32::from_le_bytes(b) as f32),
        other => return Err(format!("`{name}` is {other:?}; floats and integers are read")),
    })
}

/// Numbers of `N` bytes.
fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|b| number(*b)).collect()
}

/// A number of IEEE 754 half precision.
pub fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::{foreign, half};
    use std::path::Path;

    #[test]
    fn headers_of_any_length_are_not_taken_for_archives() {
        let file = |length: u64| [&length.to_le_bytes()[..], b"{\"a\":"].concat();
        for length in [640, 896, 1152, 1408, 19_280, 215_888] {
            assert!(foreign(&file(length), Path::new("x")).is_none(), "{length}");
        }
        assert!(foreign(b"PK\x03\x04\x14\x00\x08\x08\x08\x00", Path::new("x")).is_some());
        assert!(foreign(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j", Path::new("x")).is_some());
    }

    #[test]
    fn half_precision() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 2f32.powi(-24)),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f32::NEG_INFINITY);
    }
}
