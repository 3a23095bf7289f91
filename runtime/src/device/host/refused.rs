//! What is done about kernels that the C compiler does not take: it reports a mistake, crashes, or does not end.
//! A kernel is tried alone, then with little optimisation, and else runs uncompiled. Its text is kept for a report.

use super::cache::{Entry, Toolchain};
use super::compiler::{CCompiler, HostError, Refusal, gist};
use arch_kernels::print::print_c;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A kernel that the compiler did not take as all others.
#[derive(Clone, Debug)]
pub(super) struct Refused<'k> {
    pub entry: Entry<'k>,
    /// Whether it took the kernel with little optimisation.
    pub compiled: bool,
    /// What it said, in one line.
    pub said: String,
    /// The kernel's text.
    pub file: PathBuf,
}

/// Where texts of such kernels are kept, below the cache.
const FOLDER: &str = "refused";

/// Compiles kernels in a file each, since the compiler did not take them in one. Those that it does not take alone
/// either are given back.
///
/// # Errors
/// If the compiler does not take a file without kernels either: then it is the compiler that does not work.
pub(super) fn one_by_one<'k>(
    toolchain: &Toolchain,
    entries: &[Entry<'k>],
    folder: &Path,
) -> Result<Vec<Refused<'k>>, HostError> {
    if let Err(refusal) = toolchain.compile_file(&[], folder, &toolchain.flags) {
        return Err(match refusal {
            Refusal::Machine(error) => error,
            Refusal::Compiler { said } => {
                HostError::Failed { compiler: toolchain.compiler.command.clone(), message: said }
            }
        });
    }
    let mut refused = Vec::new();
    let hardly = CCompiler::hardly_optimised(&toolchain.flags);
    for entry in entries {
        let alone = std::slice::from_ref(entry);
        let said = match toolchain.compile_file(alone, folder, &toolchain.flags) {
            Ok(()) => continue,
            Err(Refusal::Machine(error)) => return Err(error),
            Err(Refusal::Compiler { said }) => said,
        };
        let compiled = match toolchain.compile_file(alone, folder, &hardly) {
            Ok(()) => true,
            Err(Refusal::Machine(error)) => return Err(error),
            Err(Refusal::Compiler { .. }) => false,
        };
        let file = keep(toolchain, entry, &said, folder)?;
        refused.push(Refused { entry: entry.clone(), compiled, said: gist(&said), file });
    }
    Ok(refused)
}

/// Writes all that a report needs into one file: what the compiler was asked, what it said, and the text.
fn keep(toolchain: &Toolchain, entry: &Entry<'_>, said: &str, folder: &Path) -> Result<PathBuf, HostError> {
    let mut text = format!("// {}\n// {}\n", toolchain.compiler.version, toolchain.flags.join(" "));
    said.lines().for_each(|line| text += &format!("// {line}\n"));
    text += &format!("\n{}\n{}", toolchain.header, print_c(entry.kernel, toolchain.target));
    let (folder, name) = (folder.join(FOLDER), format!("{}.c", entry.stem()));
    let file = folder.join(&name);
    if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &text)).is_ok() {
        return Ok(file);
    }
    let cannot = |e: std::io::Error| HostError::file(&std::env::temp_dir(), e);
    let mut file = tempfile::Builder::new().prefix(entry.stem()).suffix(".c").tempfile().map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    Ok(file.keep().map_err(|e| cannot(e.error))?.1)
}
