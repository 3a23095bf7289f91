//! The C compiler of the machine.

use super::limited;
use arch_kernels::Target;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use thiserror::Error;

/// Why kernels cannot be made ready on the host.
#[derive(Clone, Debug, Error)]
pub enum HostError {
    /// There is no C compiler.
    #[error("there is no C compiler (tried {tried})")]
    NoCompiler {
        /// The commands that were tried.
        tried: String,
    },
    /// The compiler does not compile: it refuses even a file without a kernel.
    #[error("the C compiler {compiler} failed:\n{message}")]
    Failed {
        /// The compiler's command.
        compiler: String,
        /// What it said.
        message: String,
    },
    /// The environment names a time that is none.
    #[error("ARCHC_CC_SECONDS is `{value}`, and seconds are a whole number above 0")]
    Seconds {
        /// What it holds.
        value: String,
    },
    /// The environment names an instruction set that there is not.
    #[error(
        "ARCHC_TARGET names the instruction set `{name}`, which there is not; this machine runs {supported}"
    )]
    UnknownTarget {
        /// What it names.
        name: String,
        /// The names of what the machine runs.
        supported: String,
    },
    /// The machine cannot run the instruction set that was asked for.
    #[error("this machine cannot run the instruction set {}; it runs {supported}", target.name())]
    UnsupportedTarget {
        /// The instruction set.
        target: Target,
        /// The names of what the machine runs.
        supported: String,
    },
    /// A file of the cache could not be read or written.
    #[error("cannot keep compiled kernels: {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl HostError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            HostError::NoCompiler { .. } => {
                "install one, such as gcc (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; macOS: \
                 xcode-select --install), or name one in ARCHC_CC; `--form interpreter` works without one, slowly"
            }
            HostError::Failed { .. } => {
                "name another compiler in ARCHC_CC, or use `--form interpreter`, which needs none"
            }
            HostError::Seconds { .. } => {
                "set it to the seconds that the C compiler may take for one file, or unset it for 300"
            }
            HostError::UnknownTarget { .. } | HostError::UnsupportedTarget { .. } => {
                "set ARCHC_TARGET to generic, avx2 or avx512, whichever the machine runs, or unset it for the best of these"
            }
            HostError::File { .. } => {
                "name a folder that can be written in ARCHC_CACHE_DIR; `--form interpreter` needs none"
            }
        }
    }

    pub(super) fn file(path: &Path, cause: impl ToString) -> Self {
        HostError::File { path: path.to_path_buf(), cause: cause.to_string() }
    }
}

/// A C compiler that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CCompiler {
    /// Its command.
    pub command: String,
    /// The first line of what it says of itself.
    pub version: String,
}

/// How hard the compiler tries, and what is left of it where it fails on a kernel.
const OPTIMISED: &str = "-O3";
const HARDLY_OPTIMISED: &str = "-O1";

/// What every kernel is compiled with. No fast-math: infinities and NaN mean something, and linking with it
/// would change how the whole process treats small numbers. Kernels say themselves what is a vector; what GCC 12 makes
/// vectors of beside them is no faster, and wrong where a sum is in order and goes back through memory. Nor do they leave
/// common terms behind that a pass over all blocks would find: it made GCC look for 23 s at a scan that now takes it 1 s.
const FLAGS: [&str; 10] = [
    "-std=gnu11",
    OPTIMISED,
    "-fno-tree-vectorize",
    "-fno-gcse",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fwrapv",
    "-fPIC",
    "-w",
];

/// How the C library says that a disk is full, in the language that the compiler is asked to speak.
const FULL: &str = "No space left on device";
/// Names the seconds that the compiler may take for one file.
const SECONDS: &str = "ARCHC_CC_SECONDS";
/// What it may take where nobody says: a file of kernels takes a few seconds, and much longer on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Why a file was not compiled.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The compiler did not take it, whatever the reason.
    Compiler {
        /// What it said.
        said: String,
    },
    /// The compiler could not run, or had no place for its result.
    Machine(HostError),
}

impl CCompiler {
    /// The compiler named in `ARCHC_CC`, else the first of `cc`, `gcc` and `clang` that runs.
    ///
    /// # Errors
    /// If none does.
    pub fn find() -> Result<Self, HostError> {
        let named = std::env::var("ARCHC_CC").ok().filter(|n| !n.is_empty());
        let candidates: Vec<String> = match named {
            Some(name) => vec![name],
            None => ["cc", "gcc", "clang"].map(String::from).to_vec(),
        };
        Self::find_among(&candidates)
    }

    /// The first of these commands that runs.
    ///
    /// # Errors
    /// If none does.
    pub fn find_among(candidates: &[String]) -> Result<Self, HostError> {
        for command in candidates {
            let said = Command::new(command).arg("--version").output();
            if let Some(said) = said.ok().filter(|s| s.status.success()) {
                let text = String::from_utf8_lossy(&said.stdout);
                let version = text.lines().next().unwrap_or("").to_string();
                return Ok(CCompiler { command: command.clone(), version });
            }
        }
        Err(HostError::NoCompiler { tried: candidates.join(", ") })
    }

    /// What it is told, for an instruction set.
    #[must_use]
    pub fn flags(target: Target) -> Vec<&'static str> {
        FLAGS.iter().copied().chain(target.flags().iter().copied()).collect()
    }

    /// The same with little optimisation: fewer parts of a compiler can fail.
    pub(super) fn hardly_optimised(flags: &[&'static str]) -> Vec<&'static str> {
        flags.iter().map(|f| if *f == OPTIMISED { HARDLY_OPTIMISED } else { f }).collect()
    }

    /// Compiles one file into a shared library. What it writes on the way stands beside the library.
    pub(super) fn compile(&self, source: &Path, library: &Path, flags: &[&str]) -> Result<(), Refusal> {
        let folder = library.parent().unwrap_or(Path::new("."));
        let limit = limit().map_err(Refusal::Machine)?;
        let mut command = Command::new(&self.command);
        command.env("TMPDIR", folder).env("LC_ALL", "C").args(flags);
        command.arg("-shared").arg("-o").arg(library).arg(source).arg("-lm");
        let ended = limited::run(&mut command, &folder.join("messages"), limit)
            .map_err(|e| Refusal::Machine(HostError::file(Path::new(&self.command), e)))?;
        if ended.success {
            return Ok(());
        }
        if ended.said.contains(FULL) {
            return Err(Refusal::Machine(HostError::file(folder, FULL)));
        }
        // The folder is gone when this is read.
        Err(Refusal::Compiler { said: ended.said.replace(&format!("{}/", folder.display()), "") })
    }
}

fn limit() -> Result<Duration, HostError> {
    let Some(value) = std::env::var(SECONDS).ok().filter(|v| !v.is_empty()) else { return Ok(LIMIT) };
    let seconds = value.parse().ok().filter(|s| *s > 0);
    seconds.map(Duration::from_secs).ok_or(HostError::Seconds { value })
}

/// The first line of a compiler's message that names an error, or that says anything.
pub(super) fn gist(said: &str) -> String {
    let mut lines = said.lines().filter(|l| !l.trim().is_empty());
    let error = lines.clone().find(|l| l.contains("error"));
    error.or_else(|| lines.next()).unwrap_or("it said nothing").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_with_the_error_is_the_gist() {
        let said = "In file included from kernels.c:1:\nkernels.c:8:3: error: `two`\n    8 | two;\n";
        assert_eq!(gist(said), "kernels.c:8:3: error: `two`");
        assert_eq!(gist("\ncc: Killed\n"), "cc: Killed");
        assert_eq!(gist(""), "it said nothing");
    }

    #[test]
    fn little_optimisation_changes_nothing_else() {
        let flags = CCompiler::flags(Target::Avx2);
        let hardly = CCompiler::hardly_optimised(&flags);
        let other: Vec<_> = flags.iter().zip(&hardly).filter(|(a, b)| a != b).collect();
        assert_eq!(other, [(&OPTIMISED, &HARDLY_OPTIMISED)]);
    }
}
