//! NumPy's `.npy` and `.npz`: unsigned bytes `[n, height, width, channels]` (as the layouts of the usual
//! evaluators have it) or floats `[n, channels, height, width]` (latents).

use super::idx::channels_first;
use super::{Dataset, Pixels, check_count, damaged};
use crate::error::Problem;
use npyz::{DType, NpyFile, TypeChar};
use std::io::{BufReader, Read};
use std::path::Path;

/// Opens an archive with `images` (or `arr_0`) and perhaps `labels` (or `arr_1`).
pub(super) fn open_npz(path: &Path) -> Result<Dataset, Problem> {
    let file = std::fs::File::open(path).map_err(|e| Problem::io("read", path, &e))?;
    let mut archive = npyz::npz::NpzArchive::new(BufReader::new(file)).map_err(|e| damaged(path, e))?;
    let names: Vec<String> = archive.array_names().map(str::to_string).collect();
    let find = |wanted: [&str; 2]| names.iter().find(|n| wanted.contains(&n.as_str())).cloned();
    let images = find(["images", "arr_0"]).ok_or_else(|| {
        damaged(path, format!("no array `images` or `arr_0`; there are {}", names.join(", ")))
    })?;
    let array = archive.by_name(&images).map_err(|e| damaged(path, e))?;
    let images = array.ok_or_else(|| damaged(path, "the archive is inconsistent"))?;
    let mut dataset = dataset(images, path)?;
    if let Some(name) = find(["labels", "arr_1"]) {
        let array = archive.by_name(&name).map_err(|e| damaged(path, e))?;
        let array = array.ok_or_else(|| damaged(path, "the archive is inconsistent"))?;
        dataset.labels = Some(labels(array, path)?);
    }
    check_count(dataset.len(), dataset.labels.as_ref(), path)?;
    Ok(dataset)
}

/// Opens an array of images and perhaps one of labels.
pub(super) fn open_npy(images: &Path, label_path: Option<&Path>) -> Result<Dataset, Problem> {
    let mut dataset = dataset(open_file(images)?, images)?;
    dataset.labels = label_path.map(|path| labels(open_file(path)?, path)).transpose()?;
    check_count(dataset.len(), dataset.labels.as_ref(), images)?;
    Ok(dataset)
}

fn open_file(path: &Path) -> Result<NpyFile<BufReader<std::fs::File>>, Problem> {
    let file = std::fs::File::open(path).map_err(|e| Problem::io("read", path, &e))?;
    NpyFile::new(BufReader::new(file)).map_err(|e| damaged(path, e))
}

/// The element type of an array: kind and bytes.
fn element<R: Read>(array: &NpyFile<R>) -> Option<(TypeChar, u64)> {
    match array.dtype() {
        DType::Plain(plain) => Some((plain.type_char(), plain.size_field())),
        _ => None,
    }
}

fn dataset<R: Read>(array: NpyFile<R>, path: &Path) -> Result<Dataset, Problem> {
    let shape: Vec<usize> = array.shape().iter().map(|s| *s as usize).collect();
    if array.order() != npyz::Order::C {
        return Err(damaged(path, "the array is in Fortran order; save it with numpy.ascontiguousarray"));
    }
    let [_, a, b, c] = *shape.as_slice() else {
        return Err(damaged(path, format!("images have 4 axes, but the array is {shape:?}")));
    };
    let floats = |values: Vec<f32>| (Pixels::Floats(values), a, b, c);
    let (pixels, channels, height, width) = match element(&array) {
        Some((TypeChar::Uint, 1)) => {
            let bytes: Vec<u8> = array.into_vec().map_err(|e| damaged(path, e))?;
            (Pixels::Bytes(channels_first(&bytes, a * b, c)), c, a, b)
        }
        Some((TypeChar::Float, 4)) => floats(array.into_vec().map_err(|e| damaged(path, e))?),
        Some((TypeChar::Float, 8)) => {
            let wide: Vec<f64> = array.into_vec().map_err(|e| damaged(path, e))?;
            floats(wide.into_iter().map(|x| x as f32).collect())
        }
        _ => return Err(damaged(path, "images are unsigned bytes [n, h, w, c] or floats [n, c, h, w]")),
    };
    Ok(Dataset { pixels, channels, height, width, labels: None, classes: Vec::new(), skipped: Vec::new() })
}

fn labels<R: Read>(array: NpyFile<R>, path: &Path) -> Result<Vec<i32>, Problem> {
    let fault = |e: std::io::Error| damaged(path, e);
    match element(&array) {
        Some((TypeChar::Int, 8)) => {
            Ok(array.into_vec::<i64>().map_err(fault)?.into_iter().map(|x| x as i32).collect())
        }
        Some((TypeChar::Int, 4)) => array.into_vec::<i32>().map_err(fault),
        Some((TypeChar::Uint, 1)) => {
            Ok(array.into_vec::<u8>().map_err(fault)?.into_iter().map(i32::from).collect())
        }
        _ => Err(damaged(path, "labels are integers of 8 bits without sign, or of 32 or 64 bits with sign")),
    }
}
