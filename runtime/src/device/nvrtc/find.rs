//! Where NVRTC may be.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders in which the library is sought, in this order.
pub(super) fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(named) = std::env::var_os("ARCHC_NVRTC").map(PathBuf::from) {
        // Who names a place means that one.
        return vec![if named.is_file() {
            named.parent().map(Path::to_path_buf).unwrap_or(named)
        } else {
            named
        }];
    }
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
        folders.extend(std::env::var_os(variable).map(|home| PathBuf::from(home).join("lib64")));
    }
    for packages in packages() {
        let parts = ["cu13/lib", "cuda_nvrtc/lib"];
        folders.extend(parts.map(|part| packages.join("nvidia").join(part)));
    }
    folders.push("/usr/local/cuda/lib64".into());
    folders
}

/// The folders of the packages of the Python on the path.
fn packages() -> Vec<PathBuf> {
    let program =
        "import site, sys; print('\\n'.join(site.getsitepackages() + [site.getusersitepackages()]))";
    let Ok(output) = Command::new("python3").args(["-c", program]).output() else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
}

/// The library in the first folder that has one.
pub(super) fn library(folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().find_map(|folder| newest(folder, "libnvrtc.so"))
}

/// The other half of the library beside it.
pub(super) fn builtins(library: &Path) -> Option<PathBuf> {
    newest(library.parent()?, "libnvrtc-builtins.so")
}

/// The file of this name with the highest version behind it.
fn newest(folder: &Path, name: &str) -> Option<PathBuf> {
    let version = |path: &Path| -> Option<Vec<u32>> {
        let file = path.file_name()?.to_str()?;
        let rest = file.strip_prefix(name)?;
        rest.split('.').filter(|p| !p.is_empty()).map(|p| p.parse().ok()).collect()
    };
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.flatten().map(|e| e.path());
    paths.filter_map(|p| Some((version(&p)?, p))).max().map(|found| found.1)
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.alt.so.14", "libnvrtc-builtins.so.15", "other"]
        {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(newest(dir.path(), "libnvrtc.so"), Some(dir.path().join("libnvrtc.so.13")));
        assert_eq!(newest(dir.path(), "libcuda.so"), None);
    }
}
