//! Samples and the files they go into.

use crate::data::to_byte;
use crate::error::{Code, Problem};
use crate::image::{Pictures, square_columns, write_png};
use npyz::WriterBuilder;
use safetensors::tensor::{Dtype, TensorView};
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

/// Writes samples; the suffix of the path decides how: `.png` a grid, `.npz` the layout of the usual
/// evaluators, `.safetensors` floats, none a folder of PNG files.
///
/// # Errors
/// If the suffix is unknown or the file cannot be written.
pub fn write(samples: &Samples, path: &Path) -> Result<(), Problem> {
    let suffix = path.extension().map(|s| s.to_string_lossy().to_lowercase());
    match suffix.as_deref() {
        Some("png") => {
            let pictures = samples.pictures();
            write_png(&pictures.grid(square_columns(pictures.len())), path)
        }
        Some("npz") => write_npz(samples, path).map_err(|e| Problem::io("write", path, &e)),
        Some("safetensors") => write_floats(samples, path),
        None => write_folder(samples, path),
        Some(other) => Err(Problem::new(
            Code::SampleOutput,
            format!("`.{other}` is no kind of output"),
            "use a path that ends in .png, .npz or .safetensors, or a folder",
        )),
    }
}

fn write_folder(samples: &Samples, folder: &Path) -> Result<(), Problem> {
    std::fs::create_dir_all(folder).map_err(|e| Problem::io("make the folder", folder, &e))?;
    let pictures = samples.pictures();
    for index in 0..pictures.len() {
        write_png(&pictures.one(index), &folder.join(format!("{index:06}.png")))?;
    }
    Ok(())
}

/// `arr_0` unsigned bytes `[N, H, W, C]`, `arr_1` labels.
fn write_npz(samples: &Samples, path: &Path) -> std::io::Result<()> {
    let pixels = samples.height * samples.width;
    let count = samples.labels.len() as u64;
    let mut npz = npyz::npz::NpzWriter::create(path)?;
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
    Ok(())
}

/// `samples` `[N, C, H, W]` and `labels` `[N]`.
fn write_floats(samples: &Samples, path: &Path) -> Result<(), Problem> {
    let fault = |why: String| {
        Problem::new(
            Code::File,
            format!("cannot write {}: {why}", path.display()),
            "check the path and the free space",
        )
    };
    let shape = vec![samples.labels.len(), samples.channels, samples.height, samples.width];
    let bytes: Vec<u8> = samples.data.iter().flat_map(|x| x.to_le_bytes()).collect();
    let labels: Vec<u8> = samples.labels.iter().flat_map(|l| i64::from(*l).to_le_bytes()).collect();
    let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).map_err(|e| fault(e.to_string()));
    let tensors = [
        ("labels", view(Dtype::I64, vec![samples.labels.len()], &labels)?),
        ("samples", view(Dtype::F32, shape, &bytes)?),
    ];
    let file = safetensors::serialize(tensors, None).map_err(|e| fault(e.to_string()))?;
    std::fs::write(path, file).map_err(|e| fault(e.to_string()))
}
