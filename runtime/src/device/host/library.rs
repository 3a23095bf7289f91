//! Kernels made ready: found in the cache or compiled, and loaded.

use super::cache::{Entry, Toolchain, is_whole};
use super::compiler::HostError;
use arch_kernels::Target;
use arch_kernels::ir::Kernel;
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

/// The kernels of one or more plans, ready to be called.
#[derive(Clone, Debug, Default)]
pub struct Kernels {
    by_name: BTreeMap<String, Loaded>,
    /// How many had to be compiled.
    pub compiled: usize,
    /// What there is to say about the cache.
    pub remarks: Vec<CacheRemark>,
}

/// What a person may want to know about the cache of kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheRemark {
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
}

impl CacheRemark {
    /// Whether it is worth a warning; else it is a note.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, CacheRemark::NotKept { .. })
    }
}

impl fmt::Display for CacheRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheRemark::Rebuilt { kernels, folder } => {
                let were = if *kernels == 1 { "kernel was" } else { "kernels were" };
                write!(f, "{kernels} {were} damaged in {} and compiled again", folder.display())
            }
            CacheRemark::NotKept { folder, cause } => write!(
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
    /// temporary folder takes its place.
    ///
    /// # Errors
    /// If there is no compiler, it refuses a kernel, or there is no place for its result.
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
        let (missing, _) = loaded.open(entries, cache);
        if missing.is_empty() {
            return Ok(loaded);
        }
        loaded.compiled = missing.len();
        let damaged = missing.iter().filter(|e| e.is_in(cache)).count();
        let left = match toolchain.compile(&missing, cache) {
            Ok(()) => loaded.open(missing, cache),
            Err(error @ HostError::File { .. }) => (missing, Some(error)),
            Err(error) => return Err(error),
        };
        if let (missing, Some(HostError::File { cause, .. })) = left {
            loaded.remarks.push(CacheRemark::NotKept { folder: cache.to_path_buf(), cause });
            loaded.compile_for_now(missing, &toolchain)?;
        } else if damaged > 0 {
            loaded.remarks.push(CacheRemark::Rebuilt { kernels: damaged, folder: cache.to_path_buf() });
        }
        Ok(loaded)
    }

    /// Compiles into a folder that is gone when this returns: a library that is loaded needs no name.
    fn compile_for_now(&mut self, entries: Vec<Entry<'_>>, toolchain: &Toolchain) -> Result<(), HostError> {
        let place = tempfile::Builder::new().prefix("archc-kernels").tempdir();
        let place = place.map_err(|e| HostError::file(&std::env::temp_dir(), e))?;
        toolchain.compile(&entries, place.path())?;
        self.open(entries, place.path()).1.map_or(Ok(()), Err)
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
                function(&library, &entry.kernel.name).map_err(|e| HostError::file(&at, e))
            });
            match loaded {
                Ok(loaded) => {
                    self.by_name.insert(entry.kernel.name.clone(), loaded);
                }
                Err(error) => {
                    why = Some(error);
                    left.push(entry);
                }
            }
        }
        (left, why)
    }

    pub(super) fn get(&self, name: &str) -> Option<Loaded> {
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

fn function(library: &Arc<libloading::Library>, name: &str) -> Result<Loaded, libloading::Error> {
    // SAFETY: every kernel is printed with this signature.
    let symbol = unsafe { library.get::<Function>(name.as_bytes()) }?;
    Ok(Loaded { function: *symbol, _library: library.clone() })
}
