//! What tests of whole commands share: running `archc`, reading and writing tensors, comparing them.

// Every test program takes its own part of this.
#![allow(dead_code)]

pub mod recipes;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A tensor of a file; labels and timesteps fit into f64 exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
    pub integer: bool,
}

impl Tensor {
    pub fn floats(shape: &[usize], data: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Tensor { shape: shape.to_vec(), data, integer: false }
    }

    pub fn integers(data: Vec<f64>) -> Self {
        Tensor { shape: vec![data.len()], data, integer: true }
    }

    pub fn largest(&self) -> f64 {
        self.data.iter().fold(0.0, |m, x| m.max(x.abs()))
    }
}

pub type Tensors = BTreeMap<String, Tensor>;

/// What a command said and how it ended. The code is none where a signal ended it.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The command must have ended well.
    pub fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The command must have ended with this code, and stderr must have all of these parts.
    pub fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("fault of its own"), "{}", self.stderr);
    }

    /// Stdout as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e} in stdout:\n{}\n{}", self.stdout, self.stderr))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// The command with arguments that are separated by blanks; whatever has blanks in it is added with `arg`.
/// It runs in the repository's root and keeps kernels below the target folder, away from the user's own.
pub fn command(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_archc"));
    command
        .args(words.split_whitespace())
        .current_dir(root())
        .env("ARCHC_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels"))
        .env("NO_COLOR", "1")
        .env_remove("ARCHC_CC")
        .stdin(Stdio::null());
    command
}

/// Runs the command with paths behind its words.
pub fn archc<P: AsRef<Path>>(words: &str, paths: &[(&str, P)]) -> Ran {
    let mut command = command(words);
    for (flag, path) in paths {
        if !flag.is_empty() {
            command.arg(flag);
        }
        command.arg(path.as_ref());
    }
    run(&mut command)
}

/// Runs a command.
pub fn run(command: &mut Command) -> Ran {
    command.output().expect("archc starts").into()
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of a fixture.
pub fn fixture(case: &str, file: &str) -> PathBuf {
    root().join("tests/fixtures").join(case).join(file)
}

/// A fixture's manifest.
pub fn manifest(case: &str) -> serde_json::Value {
    let path = fixture(case, "manifest.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("a manifest is JSON")
}

/// All tensors of a safetensors file.
pub fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    file.iter().map(|(name, view)| (name.to_string(), tensor(&view))).collect()
}

fn tensor(view: &TensorView<'_>) -> Tensor {
    let bytes = view.data();
    let (data, integer): (Vec<f64>, bool) = match view.dtype() {
        Dtype::F32 => {
            (bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(), false)
        }
        Dtype::F64 => (bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(), false),
        Dtype::I32 => (bytes.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(), true),
        Dtype::I64 => (bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(), true),
        other => panic!("no test has tensors of {other:?}"),
    };
    Tensor { shape: view.shape().to_vec(), data, integer }
}

/// Writes tensors: floats as f32, integers as i64.
pub fn write(path: &Path, tensors: &Tensors) {
    let bytes: Vec<(&str, Dtype, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, t)| {
            if t.integer {
                let bytes = t.data.iter().flat_map(|x| (*x as i64).to_le_bytes()).collect();
                (name.as_str(), Dtype::I64, t.shape.as_slice(), bytes)
            } else {
                let bytes = t.data.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
                (name.as_str(), Dtype::F32, t.shape.as_slice(), bytes)
            }
        })
        .collect();
    let views = bytes.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.to_vec(), bytes).expect("sizes and bytes fit"))
    });
    let file = safetensors::serialize(views, None).expect("tensors can be written");
    std::fs::write(path, file).expect("a temporary file can be written");
}

/// The largest difference, relative to the largest wanted magnitude or to `floor` where that is larger.
pub fn difference(name: &str, got: &Tensor, wanted: &Tensor, floor: f64) -> f64 {
    assert_eq!(got.shape, wanted.shape, "the shape of {name}");
    let scale = wanted.largest().max(floor).max(1e-30);
    let worst = got.data.iter().zip(&wanted.data).fold(0.0f64, |worst, (g, w)| {
        let apart = (g - w).abs();
        // A maximum would forget that a number was none.
        if apart.is_finite() { worst.max(apart) } else { f64::INFINITY }
    });
    worst / scale
}

/// Compares results, and all gradients, with those that are wanted. What is zero but for rounding is held
/// against the largest gradient: relative to itself it is noise.
pub fn agree(what: &str, got: &Tensors, wanted: &Tensors, tolerance: (f64, f64)) {
    let gradients = wanted.iter().filter(|(n, _)| n.starts_with("grad."));
    let largest = gradients.fold(0.0f64, |m, (_, t)| m.max(t.largest()));
    let mut bad = Vec::new();
    for (name, w) in wanted {
        let gradient = name.starts_with("grad.");
        let g = got.get(name).unwrap_or_else(|| panic!("{what}: there is no {name}"));
        let (floor, allowed) = if gradient { (1e-4 * largest, tolerance.1) } else { (1e-6, tolerance.0) };
        let apart = difference(name, g, w, floor);
        if apart > allowed {
            bad.push(format!("{name} by {apart:.1e}"));
        }
    }
    assert!(bad.is_empty(), "{what} differs in {}", bad.join(", "));
}

/// Writes a line that is counted: what was not tested, and why. The test harness keeps what macros print, so
/// this writes past it.
pub fn skip(why: &str) {
    let _ = writeln!(std::io::stdout(), "\nSKIP {why}");
}

/// A temporary folder.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}
