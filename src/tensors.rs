//! Tensors in safetensors files, as commands read and write them.

use crate::failure::Failure;
use arch_runtime::checkpoint::{foreign, half};
use arch_runtime::error::{Code, Problem};
use arch_runtime::files::replace;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor of a file. Integers keep their values: f64 holds every label and timestep exactly.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub data: Vec<f64>,
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> Failure {
    Problem::new(
        Code::CheckpointDamaged,
        format!("{} is no readable safetensors file: {why}", path.display()),
        "the file may be cut short; write or download it again",
    )
    .into()
}

/// All tensors of a file by name.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Problem::io("read", path, &e))?;
    if let Some(problem) = foreign(&bytes, path) {
        return Err(problem.into());
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(path, e))?;
    let mut out = BTreeMap::new();
    for (name, view) in file.tensors() {
        let data =
            elements(&view).ok_or_else(|| damaged(path, format!("`{name}` has type {:?}", view.dtype())))?;
        out.insert(name, Tensor { shape: view.shape().to_vec(), data });
    }
    Ok(out)
}

fn elements(view: &TensorView<'_>) -> Option<Vec<f64>> {
    let bytes = view.data();
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
    }
    Some(match view.dtype() {
        Dtype::F32 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::BF16 => {
            each(bytes, |b: [u8; 2]| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)))
        }
        Dtype::F16 => each(bytes, |b| f64::from(half(u16::from_le_bytes(b)))),
        Dtype::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        Dtype::I32 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::U8 | Dtype::BOOL => bytes.iter().map(|b| f64::from(*b)).collect(),
        _ => return None,
    })
}

/// Writes tensors as f32.
pub fn write(path: &Path, tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Result<(), Failure> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(n, (shape, data))| {
            (n.clone(), shape.clone(), data.iter().flat_map(|x| x.to_le_bytes()).collect())
        })
        .collect();
    let views: Result<Vec<(&str, TensorView<'_>)>, _> = bytes
        .iter()
        .map(|(n, shape, b)| TensorView::new(Dtype::F32, shape.clone(), b).map(|v| (n.as_str(), v)))
        .collect();
    let views = views.map_err(|e| damaged(path, e))?;
    let all = safetensors::serialize(views, None).map_err(|e| damaged(path, e))?;
    replace(path, &all).map_err(|e| Problem::io("write", path, &e))?;
    Ok(())
}
