//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path` and then gives it that name, so that nobody sees a part of it and what was
/// there stays where the disk is full. A link is followed; what is no plain file (a device) is written as it is.
///
/// # Errors
/// Whatever the file system says. `path` then still has what it had.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes, false)
}

/// The same, and it is on the disk when this returns.
///
/// # Errors
/// As [`replace`].
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes, true)
}

fn beside(path: &Path, bytes: &[u8], durably: bool) -> io::Result<()> {
    let target: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let before = std::fs::metadata(&target).ok();
    if before.as_ref().is_some_and(|m| !m.is_file()) {
        return std::fs::write(&target, bytes);
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The temporary file lies in the same folder: a rename within a file system is atomic.
    let mut builder = tempfile::Builder::new();
    builder.prefix(".archc-");
    #[cfg(unix)]
    builder.permissions(before.map_or_else(
        || std::os::unix::fs::PermissionsExt::from_mode(0o666),
        |metadata| metadata.permissions(),
    ));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    if durably {
        file.as_file().sync_all()?;
    }
    file.persist(&target).map_err(|e| e.error)?;
    // Without this the rename itself could be lost when the power fails.
    if durably { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_until_the_new_is_whole() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("file");
        replace(&path, b"first").unwrap();
        replace_durably(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert!(replace(&base.path().join("none/file"), b"x").is_err());
        assert!(replace(base.path(), b"x").is_err(), "a folder is no file");
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_rights_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let (file, link) = (base.path().join("file"), base.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        let rights = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights(&file), 0o640);
        let plain = base.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let own = base.path().join("own");
        replace(&own, b"").unwrap();
        assert_eq!(rights(&own), rights(&plain), "others may read what they could read otherwise");
    }
}
