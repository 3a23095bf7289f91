//! Reading fixtures.

use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

/// One file of a fixture.
pub struct Fixture {
    bytes: Vec<u8>,
}

impl Fixture {
    pub fn open(case: &str, file: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(case).join(file);
        Fixture { bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("a fixture is a safetensors file")
    }

    pub fn names(&self) -> Vec<String> {
        self.file().names().into_iter().map(str::to_string).collect()
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.file().tensor(name).unwrap_or_else(|e| panic!("{name}: {e}")).shape().to_vec()
    }

    /// Any tensor as f64.
    pub fn f64(&self, name: &str) -> Vec<f64> {
        let file = self.file();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => {
                data.chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            Dtype::F64 => data.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::I64 => data.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.f64(name).into_iter().map(|x| x as f32).collect()
    }

    pub fn int(&self, name: &str) -> Vec<i32> {
        self.f64(name).into_iter().map(|x| x as i32).collect()
    }
}

/// The largest difference, relative to the largest wanted magnitude.
pub fn difference(got: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(got.len(), wanted.len(), "as many numbers as wanted");
    let largest = wanted.iter().fold(0.0f64, |m, x| m.max(x.abs())).max(1e-30);
    let worst = got.iter().zip(wanted).fold(0.0f64, |m, (g, w)| {
        assert!(g.is_finite(), "a number is {g}");
        m.max((g - w).abs())
    });
    worst / largest
}

pub fn assert_close(what: &str, got: &[f64], wanted: &[f64], tolerance: f64) {
    let worst = difference(got, wanted);
    assert!(
        worst <= tolerance,
        "{what}: {worst:.3e} > {tolerance:.0e}\n got {:?}\nwant {:?}",
        head(got),
        head(wanted)
    );
}

pub fn assert_close32(what: &str, got: &[f32], wanted: &[f32], tolerance: f64) {
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    assert_close(what, &wide(got), &wide(wanted), tolerance);
}

fn head(numbers: &[f64]) -> &[f64] {
    &numbers[..numbers.len().min(8)]
}
