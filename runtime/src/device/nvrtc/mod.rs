//! NVIDIA's compiler for CUDA text, NVRTC. It needs no GPU: it says whether a kernel compiles, and what the kernel
//! takes of a GPU. The library comes with CUDA, or from `pip install nvidia-cuda-nvrtc`.

mod find;
mod usage;

pub use usage::Usage;

use arch_kernels::Target;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;

/// What texts are compiled for: Hopper.
const OPTIONS: [&CStr; 4] =
    [c"--gpu-architecture=sm_90", c"--std=c++17", c"--ptxas-options=-v", c"--diag-suppress=177,550"];

type Program = *mut c_void;
type Create = unsafe extern "C" fn(
    *mut Program,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
type LogSize = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Log = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;

/// The loaded compiler.
#[derive(Debug)]
pub struct Nvrtc {
    library: libloading::Library,
    /// Where it was found.
    pub path: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NvrtcError {
    /// No library anywhere.
    #[error(
        "NVRTC was not found; looked in {looked}. `pip install nvidia-cuda-nvrtc` brings it, and ARCHC_NVRTC names its \
         folder"
    )]
    Missing {
        /// The folders.
        looked: String,
    },
    /// A library that is not what it is called.
    #[error("{} cannot be loaded: {cause}", path.display())]
    Unfit {
        /// The library.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The text was refused.
    #[error("NVRTC refuses {kernel}:\n{log}")]
    Refused {
        /// The kernel.
        kernel: String,
        /// What the compiler said.
        log: String,
    },
}

impl Nvrtc {
    /// Loads the library from `ARCHC_NVRTC`, `CUDA_HOME`, the packages of the `python3` on the path, or where CUDA is
    /// usually installed.
    ///
    /// # Errors
    /// If there is none.
    pub fn find() -> Result<Self, NvrtcError> {
        let folders = find::folders();
        let Some(path) = find::library(&folders) else {
            let looked = folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
            return Err(NvrtcError::Missing { looked });
        };
        let unfit =
            |cause: libloading::Error| NvrtcError::Unfit { path: path.clone(), cause: cause.to_string() };
        if let Some(builtins) = find::builtins(&path) {
            // NVRTC finds its other half only if that is already there.
            // SAFETY: a library of NVIDIA's that does nothing on loading; it stays loaded.
            std::mem::forget(unsafe { libloading::Library::new(&builtins) }.map_err(unfit)?);
        }
        // SAFETY: as above.
        let library = unsafe { libloading::Library::new(&path) }.map_err(unfit)?;
        Ok(Nvrtc { library, path })
    }

    /// Compiles one kernel's text and says what it takes.
    ///
    /// # Errors
    /// If the text is refused, with the compiler's words.
    pub fn usage(&self, kernel: &str, text: &str) -> Result<Usage, NvrtcError> {
        let (compiled, log) = self
            .compile(kernel, text)
            .map_err(|cause| NvrtcError::Unfit { path: self.path.clone(), cause })?;
        let refused = || NvrtcError::Refused { kernel: kernel.into(), log: log.clone() };
        if !compiled {
            return Err(refused());
        }
        Usage::read(&log).ok_or_else(refused)
    }

    /// Whether it compiled, and the log.
    fn compile(&self, kernel: &str, text: &str) -> Result<(bool, String), String> {
        let c = |text: &str| CString::new(text).map_err(|e| e.to_string());
        let whole = format!("#include \"{}\"\n{text}", Target::Cuda.header_name());
        let (text, name) = (c(&whole)?, c(&format!("{kernel}.cu"))?);
        let (header, header_name) = (c(&Target::Cuda.header())?, c(&Target::Cuda.header_name())?);
        let (headers, names) = ([header.as_ptr()], [header_name.as_ptr()]);
        let options = OPTIONS.map(CStr::as_ptr);
        // SAFETY: the signatures are those of nvrtc.h; all texts end with a zero and outlive the calls; the log is as
        // long as the library said.
        unsafe {
            let create = self.symbol::<Create>(c"nvrtcCreateProgram")?;
            let mut program: Program = ptr::null_mut();
            let made =
                create(&mut program, text.as_ptr(), name.as_ptr(), 1, headers.as_ptr(), names.as_ptr());
            if made != 0 {
                return Err(format!("nvrtcCreateProgram gives {made}"));
            }
            let compile = self.symbol::<Compile>(c"nvrtcCompileProgram")?;
            let compiled = compile(program, OPTIONS.len() as c_int, options.as_ptr());
            let mut size = 0;
            self.symbol::<LogSize>(c"nvrtcGetProgramLogSize")?(program, &mut size);
            let mut log = vec![0u8; size.max(1)];
            self.symbol::<Log>(c"nvrtcGetProgramLog")?(program, log.as_mut_ptr().cast());
            self.symbol::<Destroy>(c"nvrtcDestroyProgram")?(&mut program);
            let log = CStr::from_bytes_until_nul(&log).map(|l| l.to_string_lossy().into_owned());
            Ok((compiled == 0, log.unwrap_or_default()))
        }
    }

    /// A function of the library.
    ///
    /// # Safety
    /// The type must be the function's.
    unsafe fn symbol<T: Copy>(&self, name: &CStr) -> Result<T, String> {
        // SAFETY: the caller's.
        unsafe { self.library.get::<T>(name.to_bytes()).map(|s| *s).map_err(|e| e.to_string()) }
    }
}
