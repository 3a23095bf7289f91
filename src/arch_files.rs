//! The `.arch` files that a command line names.

use arch_runtime::error::Problem;
use std::path::{Path, PathBuf};

/// The files that are named, and for a folder all `.arch` files in it and below, in the order of their names.
///
/// # Errors
///
/// A folder that cannot be read, or without `.arch` files.
pub fn arch_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            below(path, &mut files)?;
            if files.len() == before {
                let nothing = std::io::Error::new(std::io::ErrorKind::NotFound, "no .arch files in it");
                return Err(Problem::io("read", path, &nothing));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let fault = |e: &std::io::Error| Problem::io("read", folder, e);
    let entries = std::fs::read_dir(folder).map_err(|e| fault(&e))?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(|e| fault(&e))?;
    paths.sort();
    for path in paths {
        // A link to a folder could lead back up.
        if path.is_dir() && !path.is_symlink() {
            below(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "arch") {
            files.push(path);
        }
    }
    Ok(())
}
