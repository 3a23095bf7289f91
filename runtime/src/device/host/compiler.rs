//! The C compiler of the machine.

use arch_kernels::Target;
use std::path::{Path, PathBuf};
use std::process::Command;
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
    /// The compiler refused a kernel: a fault of ours.
    #[error(
        "the C compiler {compiler} refused a generated kernel; this is a fault of archc:\n{message}\n{kernel}"
    )]
    Refused {
        /// The compiler's command.
        compiler: String,
        /// What it said.
        message: String,
        /// The kernel's text.
        kernel: String,
    },
    /// The compiler failed without a word on what it was given.
    #[error("the C compiler {compiler} failed:\n{message}")]
    Failed {
        /// The compiler's command.
        compiler: String,
        /// What it said.
        message: String,
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
            HostError::Refused { .. } => {
                "please report it; until then name another compiler in ARCHC_CC, or use `--form interpreter`, which \
                 needs none"
            }
            HostError::Failed { .. } => {
                "name another compiler in ARCHC_CC, or use `--form interpreter`, which needs none"
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

/// What every kernel is compiled with. No fast-math: infinities and NaN mean something, and linking with it
/// would change how the whole process treats small numbers.
const FLAGS: [&str; 8] = [
    "-std=gnu11",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fwrapv",
    "-fPIC",
    "-w",
];

/// How the C library says that a disk is full, in the language that the compiler is asked to speak.
const FULL: &str = "No space left on device";

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

    /// Compiles one file into a shared library. What it writes on the way stands beside the library.
    ///
    /// # Errors
    /// If it does not run, refuses the text, or the disk is full.
    pub fn compile(&self, source: &Path, library: &Path, flags: &[&str]) -> Result<(), HostError> {
        let folder = library.parent().unwrap_or(Path::new("."));
        let output = Command::new(&self.command)
            .env("TMPDIR", folder)
            .env("LC_ALL", "C")
            .args(flags)
            .arg("-shared")
            .arg("-o")
            .arg(library)
            .arg(source)
            .arg("-lm")
            .output()
            .map_err(|e| HostError::file(Path::new(&self.command), e))?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        if message.contains(FULL) {
            return Err(HostError::file(folder, FULL));
        }
        let compiler = self.command.clone();
        let text = std::fs::read_to_string(source).unwrap_or_default();
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        Err(match blamed(&text, &name, &message) {
            Some(kernel) => HostError::Refused { compiler, message, kernel },
            None => HostError::Failed { compiler, message },
        })
    }
}

/// The kernel that a message names a line of (`kernels.c:12:`). A message that names none is not about the text:
/// the compiler crashed, or there is no memory for it.
fn blamed(text: &str, name: &str, message: &str) -> Option<String> {
    let (_, rest) = message.split_once(&format!("{name}:"))?;
    let line: usize = rest.split(':').next()?.parse().ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let (before, after) = lines.split_at_checked(line.checked_sub(1)?)?;
    // Kernels are parted by empty lines.
    let first = before.iter().rposition(|l| l.is_empty()).map_or(0, |at| at + 1);
    let last = line - 1 + after.iter().position(|l| l.is_empty()).unwrap_or(after.len());
    Some(lines[first..last].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_of_the_line_is_quoted() {
        let text = "#include \"x.h\"\n\nvoid a(void) {\n  one;\n}\n\nvoid b(void) {\n  two;\n}\n";
        let of = |message: &str| blamed(text, "kernels.c", message);
        assert_eq!(
            of("/somewhere/kernels.c:8:3: error: `two`").as_deref(),
            Some("void b(void) {\n  two;\n}")
        );
        assert_eq!(of("kernels.c:3:1: error").as_deref(), Some("void a(void) {\n  one;\n}"));
        for message in
            ["cc: fatal error: Killed signal terminated program cc1", "kernels.c: file", "kernels.c:99:1: no"]
        {
            assert_eq!(of(message), None, "{message}");
        }
    }
}
