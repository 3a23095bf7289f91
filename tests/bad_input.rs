//! What is wrong outside a program: files, recipes, data, disks, options. Every message must have a code, the
//! name and the numbers, and a way out; nothing that was there before may be lost.

#[path = "bad_input/cache.rs"]
mod cache;
mod common;
#[cfg(unix)]
#[path = "bad_input/compiler.rs"]
mod compiler;
#[path = "bad_input/data.rs"]
mod data;
#[path = "bad_input/disks.rs"]
mod disks;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/options.rs"]
mod options;
#[path = "bad_input/recipe.rs"]
mod recipe;
#[path = "bad_input/sizes.rs"]
mod sizes;

use common::recipes::{TINY, digits};
use common::{Ran, archc, command, run};
use std::path::{Path, PathBuf};

/// Two quick steps on the digits.
pub const QUICK: &str = "[diffusion]\ntimesteps = 50\n\
     [train]\nsteps = 2\nbatch = 4\ncheckpoint_every = 1\nsample_every = 0\n[sample]\nsteps = 2\ncount = 2\n";

/// `archc train` on a recipe in a folder, into `run` in it.
pub fn train(folder: &Path, words: &str) -> Ran {
    archc(&format!("train {words}"), &[("", folder.join("recipe.toml")), ("--run", folder.join("run"))])
}

/// A trained checkpoint below a folder.
pub fn trained(folder: &Path) -> PathBuf {
    digits(folder, TINY, QUICK);
    // The form does not matter here, and the interpreter needs no kernels.
    train(folder, "--form interpreter").fine();
    folder.join("run/checkpoints/last.safetensors")
}

/// `archc sample` from a checkpoint.
pub fn sample(checkpoint: &Path, out: &Path) -> Ran {
    archc("sample --form interpreter", &[("", checkpoint), ("--out", out)])
}

/// A command with words only.
pub fn words(words: &str) -> Ran {
    run(&mut command(words))
}
