//! Reading a checkpoint, or plain weights from elsewhere.

use super::{Checkpoint, Contents, SCHEMA, Stored, checksum, state};
use crate::error::{Code, Problem};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a checkpoint.
///
/// # Errors
/// If it cannot be read, is truncated or changed, or was written by a newer version.
pub fn load(path: &Path) -> Result<Checkpoint, Problem> {
    load_part(path, &|_| true)
}

/// Reads a checkpoint with those of its tensors that are `wanted`, given what [`state`] they are; all of it is checked.
///
/// # Errors
/// As [`load`].
pub fn load_part(path: &Path, wanted: &dyn Fn(Option<&str>) -> bool) -> Result<Checkpoint, Problem> {
    let inside = path.join("checkpoints/last.safetensors");
    if inside.is_file() {
        return Err(Problem::new(
            Code::File,
            format!("{} is the folder of a run", path.display()),
            format!("name its checkpoint: {}", inside.display()),
        ));
    }
    let bytes = std::fs::read(path).map_err(|e| Problem::io("read the checkpoint", path, &e))?;
    if let Some(problem) = foreign(&bytes, path) {
        return Err(problem);
    }
    if is_text(&bytes) {
        return Err(Problem::new(
            Code::CheckpointDamaged,
            format!("{} is a text, not a checkpoint", path.display()),
            "a checkpoint is what `archc train` leaves in the folder `checkpoints` of a run",
        ));
    }
    parse(&bytes, &path.display().to_string(), wanted)
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

/// Reads a checkpoint with the `wanted` tensors from bytes; `name` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], name: &str, wanted: &dyn Fn(Option<&str>) -> bool) -> Result<Checkpoint, Problem> {
    let damaged = |why: String| {
        Problem::new(
            Code::CheckpointDamaged,
            format!("{name} is no whole checkpoint: {why}"),
            "use an earlier checkpoint of the run: its folder `checkpoints` keeps numbered ones",
        )
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let text = |key: &str| metadata.get(&format!("archc.{key}"));
    let Some(schema) = text("schema") else {
        return Err(Problem::new(
            Code::CheckpointDamaged,
            format!("{name} is no checkpoint of a run: it holds tensors only"),
            "weights from elsewhere are sampled with `--recipe RECIPE.toml --weights FILE`",
        ));
    };
    let schema: u32 = schema.parse().map_err(|_| damaged(format!("its schema is `{schema}`")))?;
    if schema > SCHEMA {
        return Err(Problem::new(
            Code::CheckpointVersion,
            format!("{name} has schema {schema}; this version reads up to {SCHEMA}"),
            "update archc",
        ));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
    let mut all: Vec<(&str, TensorView<'_>)> = file.iter().collect();
    all.sort_unstable_by_key(|t| t.0);
    let contents = text("contents").ok_or_else(|| damaged("its metadata are incomplete".into()))?;
    // What is written is f32: its bytes are the file's.
    if let Some((name, view)) = all.iter().find(|(_, view)| view.dtype() != Dtype::F32) {
        return Err(damaged(format!("`{name}` is {:?}, not F32", view.dtype())));
    }
    let elements = all.iter().map(|(name, view)| (*name, view.shape(), Cow::Borrowed(view.data())));
    if text("checksum") != Some(&checksum(elements, contents)) {
        return Err(damaged("its checksum does not match: bytes have changed since it was written".into()));
    }
    let contents: Contents = serde_json::from_str(contents).map_err(|e| damaged(e.to_string()))?;
    let is_name = |name: &str| all.binary_search_by_key(&name, |t| t.0).is_ok();
    let views = all.iter().filter(|t| wanted(state(t.0, is_name))).cloned();
    let tensors = tensors(views).map_err(damaged)?;
    Ok(Checkpoint { tensors, contents })
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
    /// Numbers of `N` bytes.
    fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        data.as_chunks().0.iter().map(|b| number(*b)).collect()
    }
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
