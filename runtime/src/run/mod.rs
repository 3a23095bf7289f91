//! A run: a folder with its recipe, its figures, its samples, its checkpoints and a report.

mod metrics;
mod report;

pub use metrics::Metric;
pub use report::write_report;

use crate::error::{Code, Problem};
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder at `path`, or at the next free of `path-2`, `path-3`, … if it exists: a run is
    /// never overwritten.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn create(path: &Path) -> Result<Self, Problem> {
        let fault = |path: &Path, e: &std::io::Error| Problem::io("make the folder", path, e);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| fault(parent, &e))?;
        }
        let numbered = |n: u32| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!("-{n}"));
            PathBuf::from(name)
        };
        let names = std::iter::once(path.to_path_buf()).chain((2..).map(numbered));
        for path in names {
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    let folder = RunFolder { path };
                    for part in [folder.samples(), folder.checkpoints()] {
                        std::fs::create_dir(&part).map_err(|e| fault(&part, &e))?;
                    }
                    return Ok(folder);
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(fault(&path, &e)),
            }
        }
        unreachable!("the names never end")
    }

    /// Opens the folder of a run that is to go on.
    ///
    /// # Errors
    /// If there is none, or it has no checkpoint.
    pub fn resume(path: &Path) -> Result<Self, Problem> {
        let folder = RunFolder { path: path.to_path_buf() };
        if folder.last_checkpoint().is_file() {
            return Ok(folder);
        }
        Err(Problem::new(
            Code::Resume,
            format!("{} has no checkpoint to go on from", path.display()),
            "leave out --resume to begin a new run, or name its folder with --run",
        ))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The recipe with all defaults and settings.
    #[must_use]
    pub fn recipe(&self) -> PathBuf {
        self.path.join("recipe.toml")
    }

    /// One JSON object per logged step.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Grids of samples.
    #[must_use]
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// A grid of samples after so many steps.
    #[must_use]
    pub fn sample_grid(&self, step: u64) -> PathBuf {
        self.samples().join(format!("step-{step:07}.png"))
    }

    /// Checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("last.safetensors")
    }

    /// The checkpoint after so many steps.
    #[must_use]
    pub fn numbered_checkpoint(&self, step: u64) -> PathBuf {
        self.checkpoints().join(format!("step-{step:07}.safetensors"))
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Writes the resolved recipe.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_recipe(&self, toml: &str) -> Result<(), Problem> {
        std::fs::write(self.recipe(), toml).map_err(|e| Problem::io("write", &self.recipe(), &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_never_overwritten() {
        let base = tempfile::tempdir().unwrap();
        let wanted = base.path().join("runs").join("digits");
        let first = RunFolder::create(&wanted).unwrap();
        first.write_recipe("first").unwrap();
        let second = RunFolder::create(&wanted).unwrap();
        assert_eq!(first.path(), wanted);
        assert_eq!(second.path(), base.path().join("runs").join("digits-2"));
        assert_eq!(std::fs::read_to_string(first.recipe()).unwrap(), "first");
        assert_eq!(RunFolder::resume(&wanted).unwrap_err().code, Code::Resume);
        std::fs::write(first.last_checkpoint(), "").unwrap();
        assert_eq!(RunFolder::resume(&wanted).unwrap(), first);
    }
}
