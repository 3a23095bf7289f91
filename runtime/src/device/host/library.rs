//! Kernels made ready: found in the cache or compiled, and loaded.

use super::cache::{Entry, Toolchain, is_whole};
use super::compiler::HostError;
use super::refused::Refused;
use super::trust;
use arch_kernels::Target;
use arch_kernels::ir::{Evaluator, Kernel};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The C function of a kernel: arguments, batch, first piece, end of pieces.
pub(super) type Function = unsafe extern "C" fn(*const *mut u8, i64, i64, i64);

/// A loaded kernel. The library stays loaded as long as it is held.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub function: Function,
    pub _library: Arc<libloading::Library>,
}

/// A kernel that is ready to be called.
#[derive(Clone, Debug)]
pub(super) enum Ready {
    /// It is compiled.
    Loaded(Loaded),
    /// The compiler did not take it: it is run as it stands.
    Evaluated(Arc<Evaluator>),
}

/// The kernels of one or more plans, ready to be called.
#[derive(Clone, Debug, Default)]
pub struct Kernels {
    by_name: BTreeMap<String, Ready>,
    /// How many had to be compiled.
    pub compiled: usize,
    /// What there is to say about them and their cache.
    pub remarks: Vec<Remark>,
}

/// What a person may want to know about how kernels were made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Some libraries were damaged; their kernels were compiled again.
    Rebuilt {
        /// How many kernels.
        kernels: usize,
        /// The cache.
        folder: PathBuf,
    },
    /// The cache cannot be written or used: kernels were compiled into a temporary folder.
    NotKept {
        /// The cache.
        folder: PathBuf,
        /// Why.
        cause: String,
    },
    /// The compiler did not take a kernel: a fault of ours or of the compiler.
    Refused {
        /// The kernel.
        kernel: String,
        /// The source lines that it was made for.
        lines: String,
        /// The compiler's command.
        compiler: String,
        /// What the compiler said, in one line.
        said: String,
        /// Whether it took the kernel with little optimisation; else the kernel runs uncompiled.
        compiled: bool,
        /// The kernel's text, for a report.
        file: PathBuf,
    },
}

impl Remark {
    /// Whether it is worth a warning; else it is a note.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Remark::Rebuilt { .. })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Refused { kernel, lines, compiler, said, compiled, file } => {
                let made = if lines.is_empty() { String::new() } else { format!(", made for {lines}") };
                writeln!(f, "the C compiler {compiler} does not take kernel `{kernel}`{made}: {said}")?;
                let instead = match compiled {
                    true => "it is compiled with little optimisation instead: slower",
                    false => "it runs uncompiled instead: much slower",
                };
                writeln!(f, "note: {instead}, and the results are right")?;
                write!(f, "help: please report it with {}; ARCHC_CC names another compiler", file.display())
            }
            Remark::Rebuilt { kernels, folder } => {
                let were = if *kernels == 1 { "kernel was" } else { "kernels were" };
                write!(f, "{kernels} {were} damaged in {} and compiled again", folder.display())
            }
            Remark::NotKept { folder, cause } => write!(
                f,
                "compiled kernels cannot be kept in {}: {cause}; this time they are in a temporary folder, the next \
                 run compiles them again (ARCHC_CACHE_DIR names another folder)",
                folder.display()
            ),
        }
    }
}

impl Kernels {
    /// Compiles what the cache lacks or holds damaged, and loads everything. Where the cache cannot be used, a
    /// temporary folder takes its place. A kernel that the compiler does not take is run as it stands.
    ///
    /// # Errors
    /// If there is no compiler that works, or no place for its result.
    pub fn load<'k>(
        kernels: impl Iterator<Item = &'k Kernel>,
        target: Target,
        cache: &Path,
    ) -> Result<Self, HostError> {
        let kernels: BTreeMap<&str, &Kernel> = kernels.map(|k| (k.name.as_str(), k)).collect();
        let mut loaded = Kernels::default();
        if kernels.is_empty() {
            return Ok(loaded);
        }
        let toolchain = Toolchain::find(target)?;
        let entries: Vec<Entry<'_>> = kernels.values().map(|k| toolchain.entry(k)).collect();
        // Nothing is loaded from a folder that others can write in, and nothing is left there.
        let (missing, unusable) = match trust::folder(cache) {
            Ok(()) => (loaded.open(entries, cache).0, None),
            Err(error) => (entries, Some(error)),
        };
        if missing.is_empty() {
            return Ok(loaded);
        }
        loaded.compiled = missing.len();
        let damaged = missing.iter().filter(|e| unusable.is_none() && e.is_in(cache)).count();
        let left = match unusable {
            Some(error) => (missing, Some(error)),
            None => loaded.compile_into(cache, missing, &toolchain)?,
        };
        if let (missing, Some(HostError::File { cause, .. })) = left {
            loaded.remarks.push(Remark::NotKept { folder: cache.to_path_buf(), cause });
            let place = tempfile::Builder::new().prefix("archc-kernels").tempdir();
            let place = place.map_err(|e| HostError::file(&std::env::temp_dir(), e))?;
            // The folder is gone when this returns: a library that is loaded needs no name.
            let remarks = loaded.remarks.len();
            if let (_, Some(error)) = loaded.compile_into(place.path(), missing, &toolchain)? {
                return Err(error);
            }
            if loaded.remarks.len() > remarks {
                // But a kernel that is to be reported must be there to be sent.
                let _ = place.keep();
            }
        } else if damaged > 0 {
            loaded.remarks.push(Remark::Rebuilt { kernels: damaged, folder: cache.to_path_buf() });
        }
        Ok(loaded)
    }

    /// Compiles into a folder and loads from it; gives back what is left, and why, if the folder is not usable.
    fn compile_into<'k>(
        &mut self,
        folder: &Path,
        entries: Vec<Entry<'k>>,
        toolchain: &Toolchain,
    ) -> Result<(Vec<Entry<'k>>, Option<HostError>), HostError> {
        let refused = match toolchain.compile(&entries, folder) {
            Ok(refused) => refused,
            Err(error @ HostError::File { .. }) => return Ok((entries, Some(error))),
            Err(error) => return Err(error),
        };
        self.fall_back(&refused, toolchain);
        let uncompiled = |e: &Entry<'_>| refused.iter().any(|r| !r.compiled && r.entry.stem() == e.stem());
        Ok(self.open(entries.into_iter().filter(|e| !uncompiled(e)).collect(), folder))
    }

    /// What the compiler did not take runs uncompiled, and is told.
    fn fall_back(&mut self, refused: &[Refused<'_>], toolchain: &Toolchain) {
        for Refused { entry, compiled, said, file } in refused {
            let kernel = entry.kernel;
            self.remarks.push(Remark::Refused {
                kernel: kernel.name.clone(),
                lines: kernel.origins.join(", "),
                compiler: toolchain.compiler.command.clone(),
                said: said.clone(),
                compiled: *compiled,
                file: file.clone(),
            });
            if !compiled {
                let evaluator = Evaluator::new(kernel.clone(), toolchain.target.lanes());
                self.by_name.insert(kernel.name.clone(), Ready::Evaluated(Arc::new(evaluator)));
            }
        }
    }

    /// Loads what a folder holds whole; gives back the rest, and why the last of it could not be loaded.
    fn open<'k>(&mut self, entries: Vec<Entry<'k>>, folder: &Path) -> (Vec<Entry<'k>>, Option<HostError>) {
        let mut libraries: BTreeMap<PathBuf, Result<Arc<libloading::Library>, HostError>> = BTreeMap::new();
        let mut why = None;
        let mut left = Vec::new();
        for entry in entries {
            let loaded = entry.library(folder).ok_or_else(|| HostError::file(folder, "a kernel is missing"));
            let loaded = loaded.and_then(|at| {
                let library = libraries.entry(at.clone()).or_insert_with(|| open_library(&at)).clone()?;
                function(&library, &entry).map_err(|e| HostError::file(&at, e))
            });
            match loaded {
                Ok(loaded) => {
                    self.by_name.insert(entry.kernel.name.clone(), Ready::Loaded(loaded));
                }
                Err(error) => {
                    why = Some(error);
                    left.push(entry);
                }
            }
        }
        (left, why)
    }

    pub(super) fn get(&self, name: &str) -> Option<Ready> {
        self.by_name.get(name).cloned()
    }
}

/// Loads a library, but no damaged one: that could end the process.
fn open_library(at: &Path) -> Result<Arc<libloading::Library>, HostError> {
    if !is_whole(at) {
        return Err(HostError::file(at, "the library is damaged"));
    }
    // SAFETY: the library was compiled from our own text and is whole; it has no initialisers.
    let library = unsafe { libloading::Library::new(at) };
    library.map(Arc::new).map_err(|e| HostError::file(at, e))
}

fn function(library: &Arc<libloading::Library>, entry: &Entry<'_>) -> Result<Loaded, libloading::Error> {
    // SAFETY: it is looked for and not read: a library that was made for another entry does not have it.
    unsafe { library.get::<*const u8>(entry.mark().as_bytes()) }?;
    // SAFETY: every kernel is printed with this signature.
    let symbol = unsafe { library.get::<Function>(entry.kernel.name.as_bytes()) }?;
    Ok(Loaded { function: *symbol, _library: library.clone() })
}
