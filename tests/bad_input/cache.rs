//! The cache of compiled kernels: damaged, shared, full, and where nothing can be written.

use super::disks::Small;
use super::options::mixer;
use crate::common::{command, fixture, folder, root, run, skip};
use std::path::{Path, PathBuf};

/// All files of a cache that end so, in order; nothing else than entries and libraries may be left there.
fn kept(cache: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(cache).unwrap().map(|e| e.unwrap().path()) {
        match path.extension().and_then(|e| e.to_str()) {
            Some(ending @ ("so" | "kernel")) if ending == suffix => found.push(path),
            Some("so" | "kernel") => {}
            _ => panic!("{} was left over", path.display()),
        }
    }
    found.sort();
    found
}

/// The mixer runs and says nothing.
fn silent(cache: &Path) {
    assert_eq!(mixer(cache, None, "executing").fine().stderr, "");
}

/// The mixer with other words; what it says.
fn stderr_of(cache: &Path, words: &str) -> String {
    let out = folder();
    let mut command = command("run models/mamba.arch --item MambaMixer --set d_model=16 --set d_state=4");
    command.env("ARCHC_CACHE_DIR", cache).args(words.split_whitespace());
    command.arg("--weights").arg(fixture("mamba_mixer", "weights.safetensors"));
    command.arg("--inputs").arg(fixture("mamba_mixer", "inputs.safetensors"));
    run(command.arg("--outputs").arg(out.path().join("o.safetensors"))).fine().stderr
}

/// What it says of the cache where notes are wanted; the text's own notes stay out of it.
fn verbose(cache: &Path) -> String {
    stderr_of(cache, "-v").lines().filter(|l| l.contains("kernel")).collect()
}

#[test]
fn damage_is_mended_in_silence() {
    let base = folder();
    let cache = base.path();
    silent(cache);
    let (entries, libraries) = (kept(cache, "kernel"), kept(cache, "so"));
    assert!(!entries.is_empty() && !libraries.is_empty());
    let whole: Vec<Vec<u8>> = libraries.iter().map(|l| std::fs::read(l).unwrap()).collect();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 0x20;
        bytes
    };
    let cut = |bytes: &[u8], by: usize| bytes[..bytes.len() - by].to_vec();
    for damage in ["gone", "empty", "half", "a byte short", "a bit flipped"] {
        for (path, bytes) in libraries.iter().zip(&whole) {
            match damage {
                "gone" => std::fs::remove_file(path).unwrap(),
                "empty" => std::fs::write(path, "").unwrap(),
                "half" => std::fs::write(path, cut(bytes, bytes.len() / 2)).unwrap(),
                "a byte short" => std::fs::write(path, cut(bytes, 1)).unwrap(),
                _ => std::fs::write(path, flipped(bytes)).unwrap(),
            }
        }
        silent(cache);
        assert_eq!(verbose(cache), "", "what was mended stays so");
    }
    for text in ["", "no.so", "../other.so", &libraries[0].file_name().unwrap().to_string_lossy()[..9]] {
        for entry in &entries {
            std::fs::write(entry, text).unwrap();
        }
        silent(cache);
    }
}

#[test]
fn mending_is_noted_where_notes_are_wanted() {
    let base = folder();
    assert_eq!(verbose(base.path()), "", "a cold cache is no damage");
    for library in kept(base.path(), "so") {
        std::fs::write(library, "no library").unwrap();
    }
    let said = verbose(base.path());
    assert!(said.contains("note: ") && said.contains("damaged") && said.contains("compiled again"), "{said}");
}

#[test]
fn several_processes_fill_one_cache() {
    let base = folder();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| silent(base.path()));
        }
    });
    let libraries = kept(base.path(), "so");
    let entries = kept(base.path(), "kernel");
    silent(base.path());
    assert_eq!(kept(base.path(), "so"), libraries, "nothing was compiled again");
    assert_eq!(kept(base.path(), "kernel"), entries);
}

#[test]
fn a_cache_that_cannot_be_written_costs_time_and_one_warning() {
    // Below a file there can be no folder, for root neither.
    let cache = root().join("Cargo.toml/kernels");
    let said = mixer(&cache, None, "executing").fine().stderr;
    for part in ["warning: ", "Cargo.toml/kernels", "temporary folder", "ARCHC_CACHE_DIR"] {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(mixer(&cache, None, "interpreter").fine().stderr, "");
    // Training makes several sessions, and warns once.
    let base = folder();
    let sections = super::QUICK.replace("sample_every = 0", "sample_every = 1");
    crate::common::recipes::digits(base.path(), crate::common::recipes::TINY, &sections);
    let mut train = command("train");
    train.arg(base.path().join("recipe.toml")).arg("--run").arg(base.path().join("run"));
    let said = run(train.env("ARCHC_CACHE_DIR", &cache)).fine().stderr;
    assert_eq!(said.matches("warning: ").count(), 1, "{said}");
}

#[test]
fn a_full_or_read_only_cache() {
    let base = folder();
    let Some(small) = Small::mount(base.path().join("disk"), 1 << 20) else {
        return skip("a full cache: no small file system can be mounted here");
    };
    let cache = small.place.join("kernels");
    std::fs::create_dir(&cache).unwrap();
    let ballast = small.fill();
    let said = mixer(&cache, None, "executing").fine().stderr;
    assert!(said.contains("warning: ") && said.contains("No space left"), "{said}");
    assert_eq!(kept(&cache, "so"), Vec::<PathBuf>::new(), "nothing half is left");
    std::fs::remove_file(ballast).unwrap();
    silent(&cache);
    small.fill();
    silent(&cache);
    if !small.remount("ro") {
        return skip("a read-only cache: it cannot be mounted so here");
    }
    silent(&cache);
    let said = stderr_of(&cache, "--grad");
    assert!(said.contains("warning: ") && said.contains("ead-only"), "{said}");
}
