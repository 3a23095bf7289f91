//! The folder in which compiled kernels are kept.
//!
//! A kernel is known by the hash of its text, the header, the flags and the compiler. For each there is a
//! small file, the entry, that names the library which holds it. A library's name is the hash of its bytes, so
//! one that was cut short or changed on the disk is told before it is loaded. Libraries are written before the
//! entries that name them, and both appear by renaming, so that a process that is killed or runs beside others
//! leaves nothing half.

use super::compiler::{CCompiler, HostError};
use arch_kernels::Target;
use arch_kernels::ir::Kernel;
use arch_kernels::print::print_c;
use std::path::{Path, PathBuf};

/// More kernels than this are not put in one file: the compiler works on several files at once.
const PER_FILE: usize = 24;

/// Where compiled kernels are kept: `ARCHC_CACHE_DIR`, else `archc` in the user's cache folder.
#[must_use]
pub fn cache_dir() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(dir) = var("ARCHC_CACHE_DIR") {
        return dir;
    }
    let caches = var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|h| h.join(".cache")));
    caches.unwrap_or_else(std::env::temp_dir).join("archc")
}

/// What kernels are compiled with.
pub(super) struct Toolchain {
    compiler: CCompiler,
    target: Target,
    header: String,
    flags: Vec<&'static str>,
}

/// A kernel and the name of its entry.
#[derive(Clone, Debug)]
pub(super) struct Entry<'k> {
    pub kernel: &'k Kernel,
    file: String,
}

impl Toolchain {
    /// The machine's compiler for an instruction set.
    pub fn find(target: Target) -> Result<Self, HostError> {
        let (header, flags) = (target.header(), CCompiler::flags(target));
        Ok(Toolchain { compiler: CCompiler::find()?, target, header, flags })
    }

    /// The entry of a kernel. Where it comes from does not change what is compiled.
    pub fn entry<'k>(&self, kernel: &'k Kernel) -> Entry<'k> {
        let bare = Kernel { name: kernel.name.clone(), ..kernel.bare() };
        let text = print_c(&bare, self.target);
        let mut hasher = blake3::Hasher::new();
        for part in [&text, &self.header, &self.flags.join(" "), &self.compiler.version] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Entry { kernel, file: format!("{}-{}.kernel", kernel.name, short(&hasher.finalize())) }
    }

    /// Compiles kernels into a folder, several files at a time.
    ///
    /// # Errors
    /// If the compiler refuses one, or the folder cannot be written.
    pub fn compile(&self, entries: &[Entry<'_>], folder: &Path) -> Result<(), HostError> {
        std::fs::create_dir_all(folder).map_err(|e| HostError::file(folder, e))?;
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let size = entries.len().div_ceil(at_once).clamp(1, PER_FILE);
        let next = std::sync::Mutex::new(entries.chunks(size));
        let failed = std::sync::Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..at_once.min(entries.len().div_ceil(size)) {
                scope.spawn(|| {
                    loop {
                        let chunk = next.lock().ok().and_then(|mut n| n.next());
                        let Some(chunk) = chunk else { return };
                        if let Err(error) = self.compile_file(chunk, folder)
                            && let Ok(mut failed) = failed.lock()
                        {
                            *failed = Some(error);
                        }
                    }
                });
            }
        });
        match failed.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn compile_file(&self, entries: &[Entry<'_>], folder: &Path) -> Result<(), HostError> {
        let work = tempfile::Builder::new().prefix(".compile").tempdir_in(folder);
        let work = work.map_err(|e| HostError::file(folder, e))?;
        let write =
            |path: &Path, text: &str| std::fs::write(path, text).map_err(|e| HostError::file(folder, e));
        write(&work.path().join(self.target.header_name()), &self.header)?;
        let mut text = format!("#include \"{}\"\n", self.target.header_name());
        for entry in entries {
            text += "\n";
            text += &print_c(entry.kernel, self.target);
        }
        let source = work.path().join("kernels.c");
        write(&source, &text)?;
        let library = work.path().join("kernels.so");
        self.compiler.compile(&source, &library, &self.flags)?;
        let bytes = std::fs::read(&library).map_err(|e| HostError::file(folder, e))?;
        let name = library_name(&bytes);
        let rename =
            |from: &Path, to: &Path| std::fs::rename(from, to).map_err(|e| HostError::file(folder, e));
        rename(&library, &folder.join(&name))?;
        let reference = work.path().join("reference");
        for entry in entries {
            write(&reference, &name)?;
            rename(&reference, &folder.join(&entry.file))?;
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// Whether a folder knows the kernel, whatever has become of its library.
    pub fn is_in(&self, folder: &Path) -> bool {
        folder.join(&self.file).exists()
    }

    /// The library that the entry names, if there is an entry.
    pub fn library(&self, folder: &Path) -> Option<PathBuf> {
        let name = std::fs::read_to_string(folder.join(&self.file)).ok()?;
        (!name.is_empty() && !name.contains('/')).then(|| folder.join(name))
    }
}

/// Whether a library's bytes are those that were written.
pub(super) fn is_whole(library: &Path) -> bool {
    let named = library.file_name().and_then(|n| n.to_str());
    std::fs::read(library).is_ok_and(|bytes| named == Some(&library_name(&bytes)))
}

fn library_name(bytes: &[u8]) -> String {
    format!("{}.so", short(&blake3::hash(bytes)))
}

/// The first half of a hash is enough to tell kernels apart.
fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..32].to_string()
}
