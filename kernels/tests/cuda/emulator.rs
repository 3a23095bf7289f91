//! CUDA text compiled for the CPU, and run there by `emulator/emulator.cpp`.

use arch_kernels::Target;
use arch_kernels::print::cuda::{Launch, Source};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const LANGUAGE: &str = include_str!("emulator/cuda.h");
const EMULATOR: &str = include_str!("emulator/emulator.cpp");
const FLAGS: [&str; 5] = ["-std=c++20", "-O1", "-fPIC", "-ffp-contract=fast", "-Wno-unknown-pragmas"];

/// A launch as the emulator wants it.
#[repr(C)]
struct Shape {
    grid: u32,
    block: u32,
    seed: u64,
}

type Entry = unsafe extern "C" fn(*const *const c_void, *const Shape, *mut c_char, c_int) -> c_int;

/// Kernels that run on the CPU.
pub struct Emulated {
    library: libloading::Library,
}

/// Whether there is a compiler of C++; says so aloud, once, if there is none.
pub fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = Command::new("g++").arg("--version").output().is_ok_and(|o| o.status.success());
        if !there {
            // By the handle, which the test harness does not catch.
            let _ = writeln!(std::io::stdout(), "\nSKIP CUDA kernels on the CPU: g++ is not installed");
        }
        there
    })
}

/// Where compiled kernels are kept beside the tests.
fn kept() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("emulated");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The compiler with the options of all kernels.
pub fn command() -> Command {
    let mut command = Command::new("g++");
    command.args(FLAGS);
    command
}

/// The prelude of all kernels.
pub fn header() -> String {
    Target::Cuda.header()
}

/// Writes the emulator's own files.
pub fn files(folder: &Path) {
    std::fs::write(folder.join("cuda.h"), LANGUAGE).unwrap();
    std::fs::write(folder.join("emulator.cpp"), EMULATOR).unwrap();
}

fn compile(args: &[&str], out: &Path) -> Result<(), String> {
    let temporary = tempfile::Builder::new().tempfile_in(kept()).unwrap().into_temp_path();
    let output = command().args(args).arg("-o").arg(&temporary).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    std::fs::rename(&temporary, out).unwrap();
    std::mem::forget(temporary);
    Ok(())
}

fn name(parts: &[&str], suffix: &str) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    for part in [LANGUAGE, EMULATOR, &FLAGS.join(" ")].iter().chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    kept().join(format!("{}.{suffix}", &hasher.finalize().to_hex()[..24]))
}

/// The emulator itself, compiled once, with the files that kernels need beside it.
fn emulator() -> &'static Path {
    static OBJECT: OnceLock<PathBuf> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let object = name(&[], "o");
        let folder = object.with_extension("d");
        std::fs::create_dir_all(&folder).unwrap();
        files(&folder);
        let source = folder.join("emulator.cpp");
        if !object.exists() {
            compile(&["-c", &source.to_string_lossy()], &object).unwrap_or_else(|e| panic!("{e}"));
        }
        object
    })
}

impl Emulated {
    /// Compiles kernels, or takes them from an earlier run.
    pub fn new(sources: &[Source]) -> Self {
        let texts: Vec<(&str, &str)> = sources.iter().map(|s| (&s.name[..], &s.text[..])).collect();
        Self::of(&texts)
    }

    /// Kernels by name and text.
    pub fn of(texts: &[(&str, &str)]) -> Self {
        let program = texts.iter().fold(header(), |program, (_, text)| program + "\n" + text);
        Self::program(&texts.iter().map(|t| t.0).collect::<Vec<_>>(), &program)
    }

    /// The kernels of these names in a program with everything that it needs.
    pub fn program(kernels: &[&str], program: &str) -> Self {
        let object = emulator();
        let entries: String = kernels.iter().map(|name| format!("EMULATE({name})\n")).collect();
        // The prelude says that it is there once, which a main file need not.
        let program = program.replace("#pragma once\n", "") + "\n" + &entries;
        let library = name(&[&program], "so");
        if !library.exists() {
            let folder = object.with_extension("d");
            let mut source = tempfile::Builder::new().suffix(".cu").tempfile_in(&folder).unwrap();
            source.write_all(program.as_bytes()).unwrap();
            let (cuda, path) = (folder.join("cuda.h"), source.path().to_path_buf());
            let [cuda, path, object] = [&cuda, &path, object].map(|p| p.to_string_lossy().into_owned());
            let args = ["-shared", "-include", &cuda, "-x", "c++", &path, "-x", "none", &object];
            compile(&args, &library).unwrap_or_else(|e| panic!("{e}\n{program}"));
        }
        // A copy of its own: the state of the emulator and shared memory are variables of the library.
        let own = tempfile::Builder::new().suffix(".so").tempfile_in(kept()).unwrap();
        std::fs::copy(&library, own.path()).unwrap();
        // SAFETY: compiled from our own text, with nothing that runs on loading.
        Emulated { library: unsafe { libloading::Library::new(own.path()).unwrap() } }
    }

    /// Runs a kernel on buffers, with threads in an order that the seed gives.
    ///
    /// # Errors
    /// What the emulator found.
    pub fn launch(
        &mut self,
        kernel: &str,
        launch: &Launch,
        buffers: &[*mut u32],
        batch: i32,
        seed: u64,
    ) -> Result<(), String> {
        let mut args: Vec<*const c_void> =
            buffers.iter().map(|b| std::ptr::from_ref(b).cast::<c_void>()).collect();
        args.push(std::ptr::from_ref(&batch).cast());
        let shape = Shape { grid: launch.grid, block: launch.block, seed };
        let mut message = [0 as c_char; 400];
        // SAFETY: the entry has this signature; the arguments are those of the kernel, and outlive the call.
        // Whether the kernel stays within the buffers is what the tests are for.
        let failed = unsafe {
            let entry = self.library.get::<Entry>(format!("emulate_{kernel}").as_bytes()).unwrap();
            entry(args.as_ptr(), &shape, message.as_mut_ptr(), message.len() as c_int)
        };
        if failed == 0 {
            return Ok(());
        }
        // SAFETY: the emulator ends its message with a zero.
        Err(unsafe { CStr::from_ptr(message.as_ptr()) }.to_string_lossy().into_owned())
    }
}
