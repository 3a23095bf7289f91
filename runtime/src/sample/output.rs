//! Samples and the files they go into.

use crate::data::to_byte;
use crate::error::{Code, Problem};
use crate::files::replace;
use crate::image::{Pictures, square_columns, write_png};
use npyz::WriterBuilder;
use safetensors::tensor::{Dtype, TensorView};
use std::io::{self, Cursor, ErrorKind};
use std::path::Path;

/// Drawn samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// `[samples, channels, height, width]` in the model's range.
    pub data: Vec<f32>,
    /// One label per sample.
    pub labels: Vec<i32>,
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Samples {
    /// The samples as pictures.
    #[must_use]
    pub fn pictures(&self) -> Pictures<'_> {
        Pictures { data: &self.data, channels: self.channels, height: self.height, width: self.width }
    }
}

/// What a path's suffix asks for.
enum Kind {
    Grid,
    Npz,
    Floats,
    Folder,
}

fn kind(path: &Path) -> Result<Kind, Problem> {
    let suffix = path.extension().map(|s| s.to_string_lossy().to_lowercase());
    match suffix.as_deref() {
        Some("png") => Ok(Kind::Grid),
        Some("npz") => Ok(Kind::Npz),
        Some("safetensors") => Ok(Kind::Floats),
        None => Ok(Kind::Folder),
        Some(other) => Err(Problem::new(
            Code::SampleOutput,
            format!("`.{other}` is no kind of output"),
            "use a path that ends in .png, .npz or .safetensors, or a folder",
        )),
    }
}

/// Checks a path before samples are drawn for it: that takes long.
///
/// # Errors
/// If the suffix is unknown, there is no folder to write into, or the folder for `count` samples holds
/// anything that they would not replace.
pub fn check_output(path: &Path, count: usize) -> Result<(), Problem> {
    if !matches!(kind(path)?, Kind::Folder) {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return match std::fs::metadata(folder) {
            Ok(_) if path.is_dir() => Err(Problem::io("write", path, &ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_dir() => Err(Problem::io("write", path, &ErrorKind::NotADirectory.into())),
            Ok(_) => Ok(()),
            Err(e) => Err(Problem::io("write", path, &e)),
        };
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return if path.exists() {
            Err(Problem::io("make the folder", path, &ErrorKind::AlreadyExists.into()))
        } else {
            Ok(())
        };
    };
    let own = |name: &str| {
        let index = name.strip_suffix(".png").and_then(|n| n.parse().ok());
        index.is_some_and(|i| i < count && picture_name(i) == name)
    };
    let mut names: Vec<String> =
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    match names.iter().find(|name| !own(name)) {
        None => Ok(()),
        Some(other) => Err(Problem::new(
            Code::SampleOutput,
            format!(
                "the folder {} holds `{other}`, which {count} sample{} would not replace",
                path.display(),
                if count == 1 { "" } else { "s" }
            ),
            "name a folder that is new or empty, so that samples are not mixed with other files",
        )),
    }
}

fn picture_name(index: usize) -> String {
    format!("{index:06}.png")
}

/// Writes samples; the suffix of the path decides how: `.png` a grid, `.npz` the layout of the usual
/// evaluators, `.safetensors` floats, none a folder of PNG files.
///
/// # Errors
/// If the suffix is unknown or the file cannot be written.
pub fn write(samples: &Samples, path: &Path) -> Result<(), Problem> {
    let whole = |bytes: io::Result<Vec<u8>>| {
        bytes.and_then(|bytes| replace(path, &bytes)).map_err(|e| Problem::io("write", path, &e))
    };
    match kind(path)? {
        Kind::Grid => {
            let pictures = samples.pictures();
            write_png(&pictures.grid(square_columns(pictures.len())), path)
        }
        Kind::Npz => whole(npz(samples)),
        Kind::Floats => whole(floats(samples)),
        Kind::Folder => write_folder(samples, path),
    }
}

fn write_folder(samples: &Samples, folder: &Path) -> Result<(), Problem> {
    std::fs::create_dir_all(folder).map_err(|e| Problem::io("make the folder", folder, &e))?;
    let pictures = samples.pictures();
    for index in 0..pictures.len() {
        write_png(&pictures.one(index), &folder.join(picture_name(index)))?;
    }
    Ok(())
}

/// `arr_0` unsigned bytes `[N, H, W, C]`, `arr_1` labels.
fn npz(samples: &Samples) -> io::Result<Vec<u8>> {
    let pixels = samples.height * samples.width;
    let count = samples.labels.len() as u64;
    let mut bytes = Cursor::new(Vec::new());
    let mut npz = npyz::npz::NpzWriter::new(&mut bytes);
    let shape = [count, samples.height as u64, samples.width as u64, samples.channels as u64];
    let mut images =
        npz.array::<u8>("arr_0", Default::default())?.default_dtype().shape(&shape).begin_nd()?;
    for sample in samples.data.chunks(samples.channels * pixels) {
        for pixel in 0..pixels {
            images.extend((0..samples.channels).map(|c| to_byte(sample[c * pixels + pixel])))?;
        }
    }
    images.finish()?;
    let mut labels =
        npz.array::<i64>("arr_1", Default::default())?.default_dtype().shape(&[count]).begin_nd()?;
    labels.extend(samples.labels.iter().map(|l| i64::from(*l)))?;
    labels.finish()?;
    npz.zip_writer().finish()?;
    drop(npz);
    Ok(bytes.into_inner())
}

/// `samples` `[N, C, H, W]` and `labels` `[N]`.
fn floats(samples: &Samples) -> io::Result<Vec<u8>> {
    let shape = vec![samples.labels.len(), samples.channels, samples.height, samples.width];
    let bytes: Vec<u8> = samples.data.iter().flat_map(|x| x.to_le_bytes()).collect();
    let labels: Vec<u8> = samples.labels.iter().flat_map(|l| i64::from(*l).to_le_bytes()).collect();
    let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).map_err(io::Error::other);
    let tensors = [
        ("labels", view(Dtype::I64, vec![samples.labels.len()], &labels)?),
        ("samples", view(Dtype::F32, shape, &bytes)?),
    ];
    safetensors::serialize(tensors, None).map_err(io::Error::other)
}
