//! The folder in which compiled kernels are kept.
//!
//! A kernel is known by the hash of its text, the header, the flags and the compiler. For each there is a
//! small file, the entry, that names the library which holds it. A library's name is the hash of its bytes, so
//! one that was cut short or changed on the disk is told before it is loaded. Libraries are written before the
//! entries that name them, and both appear by renaming, so that a process that is killed or runs beside others
//! leaves nothing half. A library says for which entries it was made, so that no entry can pass off another's.

use super::compiler::{CCompiler, HostError, Refusal};
use super::refused::{self, Refused};
use arch_kernels::Target;
use arch_kernels::ir::Kernel;
use arch_kernels::print::print_c;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More kernels than this are not put in one file: the compiler works on several files at once.
const PER_FILE: usize = 24;
/// The folders in which compilers work begin so. One that is this old belonged to a process that was killed.
const WORK: &str = ".compile";
const FORGOTTEN: Duration = Duration::from_secs(3600);

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
    pub compiler: CCompiler,
    pub target: Target,
    pub header: String,
    pub flags: Vec<&'static str>,
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

    /// Compiles kernels into a folder, several files at a time. Gives those that the compiler did not take as they
    /// are, in the order of the entries.
    ///
    /// # Errors
    /// If there is no compiler that works, or the folder cannot be written.
    pub fn compile<'k>(&self, entries: &[Entry<'k>], folder: &Path) -> Result<Vec<Refused<'k>>, HostError> {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let size = entries.len().div_ceil(at_once).clamp(1, PER_FILE);
        let next = std::sync::Mutex::new(entries.chunks(size).enumerate());
        let outcomes = std::sync::Mutex::new(Vec::new());
        remove_forgotten(folder);
        std::thread::scope(|scope| {
            for _ in 0..at_once.min(entries.len().div_ceil(size)) {
                scope.spawn(|| {
                    loop {
                        let Some((at, chunk)) = next.lock().ok().and_then(|mut n| n.next()) else { return };
                        let outcome = self.compile_chunk(chunk, folder);
                        if let Ok(mut outcomes) = outcomes.lock() {
                            outcomes.push((at, outcome));
                        }
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_default();
        outcomes.sort_by_key(|o| o.0);
        let refused: Result<Vec<_>, HostError> = outcomes.into_iter().map(|o| o.1).collect();
        Ok(refused?.concat())
    }

    /// All in one file; if the compiler does not take it, each in a file of its own.
    fn compile_chunk<'k>(&self, chunk: &[Entry<'k>], folder: &Path) -> Result<Vec<Refused<'k>>, HostError> {
        match self.compile_file(chunk, folder, &self.flags) {
            Ok(()) => Ok(Vec::new()),
            Err(Refusal::Machine(error)) => Err(error),
            Err(Refusal::Compiler { .. }) => refused::one_by_one(self, chunk, folder),
        }
    }

    /// Compiles kernels as one file, with these flags, under the entries that they have.
    pub fn compile_file(
        &self,
        entries: &[Entry<'_>],
        folder: &Path,
        flags: &[&'static str],
    ) -> Result<(), Refusal> {
        let cannot = |e: std::io::Error| Refusal::Machine(HostError::file(folder, e));
        let work = tempfile::Builder::new().prefix(WORK).tempdir_in(folder).map_err(cannot)?;
        let write = |path: &Path, text: &str| std::fs::write(path, text).map_err(cannot);
        write(&work.path().join(self.target.header_name()), &self.header)?;
        let mut text = format!("#include \"{}\"\n", self.target.header_name());
        for entry in entries {
            text += &format!("\n{}\nconst char {} = 1;\n", print_c(entry.kernel, self.target), entry.mark());
        }
        let source = work.path().join("kernels.c");
        write(&source, &text)?;
        let library = work.path().join("kernels.so");
        self.compiler.compile(&source, &library, flags)?;
        let name = library_name(&std::fs::read(&library).map_err(cannot)?);
        let rename = |from: &Path, to: &Path| std::fs::rename(from, to).map_err(cannot);
        rename(&library, &folder.join(&name))?;
        let reference = work.path().join("reference");
        for entry in entries {
            write(&reference, &name)?;
            rename(&reference, &folder.join(&entry.file))?;
        }
        Ok(())
    }
}

/// A process that is killed while it compiles leaves its folder behind.
fn remove_forgotten(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files.flatten().filter(|f| f.file_name().to_string_lossy().starts_with(WORK)) {
        let age = file.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if age.is_some_and(|age| age > FORGOTTEN) {
            // Another process may be at it, too.
            let _ = std::fs::remove_dir_all(file.path());
        }
    }
}

impl Entry<'_> {
    /// What a library that was made for this entry defines beside the kernel.
    pub fn mark(&self) -> String {
        self.stem().replace('-', "_")
    }

    /// The name of the entry's file without its ending.
    pub fn stem(&self) -> &str {
        self.file.trim_end_matches(".kernel")
    }

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
