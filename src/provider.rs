//! Relative imports are read from the file system.

use arch_compiler::check::Provider;
use std::path::{Path, PathBuf};

/// Reads `./blocks` next to the file that imports it.
pub struct Files;

impl Provider for Files {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new("")).to_path_buf();
        let full: PathBuf = folder.join(format!("{path}.arch")).components().collect();
        let name = tidy(&full);
        let text = std::fs::read_to_string(&full).map_err(|e| format!("{name}: {e}"))?;
        Ok((name, text))
    }
}

/// The path without `./` and with `a/../b` resolved by its text, so that one file has one name.
fn tidy(path: &Path) -> String {
    let mut out: Vec<String> = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_string_lossy().as_ref() {
            "." => {}
            ".." if out.last().is_some_and(|p| p != "..") => {
                out.pop();
            }
            p => out.push(p.to_string()),
        }
    }
    out.join("/").replace("//", "/")
}

/// The texts of a checkpoint: nothing is read from the file system, and the library is the one of then.
pub struct Archive {
    /// Texts by name.
    pub files: std::collections::BTreeMap<String, String>,
}

impl Provider for Archive {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let name = tidy(&folder.join(format!("{path}.arch")));
        let text = self.files.get(&name).cloned();
        text.map(|t| (name.clone(), t)).ok_or_else(|| format!("the checkpoint has no file {name}"))
    }

    fn library(&self, name: &str) -> Option<String> {
        self.files.get(name).cloned()
    }
}
