//! Whether a folder may hold libraries that are loaded: whoever can write there decides what this process does.

use super::compiler::HostError;
use std::path::Path;

/// Makes the folder for nobody else if there is none. One that is there must be the user's own and not writable for
/// everybody.
///
/// # Errors
/// If it cannot be made, or is not to be trusted.
pub(super) fn folder(folder: &Path) -> Result<(), HostError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| HostError::file(folder, e))?;
    owned(folder).map_err(|cause| HostError::file(folder, cause))
}

#[cfg(unix)]
fn owned(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(folder).map_err(|e| e.to_string())?;
    // SAFETY: a call of the C library that takes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    if found.uid() != user {
        let owner = found.uid();
        return Err(format!("it belongs to user {owner}, not to user {user}, who runs this"));
    }
    if found.mode() & 0o002 != 0 {
        return Err(format!("anyone can write in it (mode {:o})", found.mode() & 0o7777));
    }
    Ok(())
}

#[cfg(not(unix))]
fn owned(_: &Path) -> Result<(), String> {
    Ok(())
}
