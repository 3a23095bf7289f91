//! Kernels compiled, kept in the user's cache, and loaded.
//!
//! A kernel is known by the hash of its text, the header, the flags and the compiler. For each there is a
//! small file that names the library which holds it; libraries are written before the files that name them,
//! and both appear by renaming, so that a process that is killed or runs beside others leaves nothing half.

use super::compiler::{CCompiler, HostError};
use arch_kernels::Target;
use arch_kernels::ir::Kernel;
use arch_kernels::print::print_c;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The C function of a kernel: arguments, batch, first piece, end of pieces.
pub(super) type Function = unsafe extern "C" fn(*const *mut u8, i64, i64, i64);

/// More kernels than this are not put in one file: the compiler works on several files at once.
const PER_FILE: usize = 24;

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
}

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

impl Kernels {
    /// Compiles what the cache lacks and loads everything.
    ///
    /// # Errors
    /// If a compiler is needed and there is none, or the cache cannot be written.
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
        let compiler = CCompiler::find()?;
        let header = target.header();
        let flags = CCompiler::flags(target);
        std::fs::create_dir_all(cache).map_err(|e| HostError::file(cache, e))?;
        let mut keys: BTreeMap<&str, PathBuf> = BTreeMap::new();
        let mut missing: Vec<(&Kernel, PathBuf)> = Vec::new();
        for (name, kernel) in &kernels {
            let bare = Kernel { origins: Vec::new(), ..(*kernel).clone() };
            let parts = [&print_c(&bare, target), &header, &flags.join(" "), &compiler.version];
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            let path = cache.join(format!("{name}-{}.kernel", &hasher.finalize().to_hex()[..32]));
            if !library_of(cache, &path).is_some_and(|l| l.is_file()) {
                missing.push((kernel, path.clone()));
            }
            keys.insert(name, path);
        }
        loaded.compiled = missing.len();
        compile_all(&compiler, &missing, target, &header, &flags, cache)?;
        let mut libraries: BTreeMap<PathBuf, Arc<libloading::Library>> = BTreeMap::new();
        for (name, path) in keys {
            let at = library_of(cache, &path).ok_or_else(|| HostError::file(&path, "names no library"))?;
            let library = match libraries.get(&at) {
                Some(library) => library.clone(),
                None => {
                    // SAFETY: the library was compiled from our own text; it has no initialisers.
                    let library = unsafe { libloading::Library::new(&at) };
                    let library = Arc::new(library.map_err(|e| HostError::file(&at, e))?);
                    libraries.insert(at.clone(), library.clone());
                    library
                }
            };
            // SAFETY: every kernel is printed with this signature.
            let symbol = unsafe { library.get::<Function>(name.as_bytes()) };
            let function = *symbol.map_err(|e| HostError::file(&at, e))?;
            loaded.by_name.insert(name.to_string(), Loaded { function, _library: library });
        }
        Ok(loaded)
    }

    pub(super) fn get(&self, name: &str) -> Option<Loaded> {
        self.by_name.get(name).cloned()
    }
}

/// The library that a kernel's file names.
fn library_of(cache: &Path, path: &Path) -> Option<PathBuf> {
    let name = std::fs::read_to_string(path).ok()?;
    (!name.is_empty() && !name.contains('/')).then(|| cache.join(name))
}

fn compile_all(
    compiler: &CCompiler,
    missing: &[(&Kernel, PathBuf)],
    target: Target,
    header: &str,
    flags: &[&str],
    cache: &Path,
) -> Result<(), HostError> {
    let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let size = missing.len().div_ceil(at_once).clamp(1, PER_FILE);
    let next = std::sync::Mutex::new(missing.chunks(size));
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(missing.len().div_ceil(size)) {
            scope.spawn(|| {
                loop {
                    let chunk = next.lock().ok().and_then(|mut n| n.next());
                    let Some(chunk) = chunk else { return };
                    if let Err(error) = compile_file(compiler, chunk, target, header, flags, cache)
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

fn compile_file(
    compiler: &CCompiler,
    kernels: &[(&Kernel, PathBuf)],
    target: Target,
    header: &str,
    flags: &[&str],
    cache: &Path,
) -> Result<(), HostError> {
    let work = tempfile::Builder::new().prefix(".compile").tempdir_in(cache);
    let work = work.map_err(|e| HostError::file(cache, e))?;
    let write = |path: &Path, text: &str| std::fs::write(path, text).map_err(|e| HostError::file(path, e));
    write(&work.path().join(target.header_name()), header)?;
    let mut text = format!("#include \"{}\"\n", target.header_name());
    for (kernel, _) in kernels {
        text += "\n";
        text += &print_c(kernel, target);
    }
    let source = work.path().join("kernels.c");
    write(&source, &text)?;
    let library = work.path().join("kernels.so");
    compiler.compile(&source, &library, flags)?;
    let identity: Vec<&str> = kernels.iter().filter_map(|(_, p)| p.file_name()?.to_str()).collect();
    let name = format!("{}.so", &blake3::hash(identity.join("\n").as_bytes()).to_hex()[..32]);
    let rename = |from: &Path, to: &Path| std::fs::rename(from, to).map_err(|e| HostError::file(to, e));
    rename(&library, &cache.join(&name))?;
    let reference = work.path().join("reference");
    for (_, path) in kernels {
        write(&reference, &name)?;
        rename(&reference, path)?;
    }
    Ok(())
}
