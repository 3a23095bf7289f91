//! The cache of compiled kernels: damaged, shared, full, and where nothing can be written.

use super::disks::Small;
use super::options::{mixer, mixer_with};
use crate::common::{Ran, command, fixture, folder, root, run, skip};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let noise: Vec<u8> = (0..9999u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for library in &libraries {
        std::fs::write(library, &noise).unwrap();
    }
    silent(cache);
    let name = libraries[0].file_name().unwrap().to_string_lossy().into_owned();
    for text in [&b""[..], b"no.so", b"../other.so", &name.as_bytes()[..9], &noise, b".", b"\0"] {
        for entry in &entries {
            std::fs::write(entry, text).unwrap();
        }
        silent(cache);
    }
}

/// Runs the mixer for an instruction set.
fn on(cache: &Path, target: &str) -> Ran {
    let out = folder();
    let mut command = mixer_with(cache, None, "executing", &out.path().join("o.safetensors"));
    run(command.arg("-v").env("ARCHC_TARGET", target)).fine()
}

#[test]
fn a_whole_library_of_other_kernels_is_not_used() {
    let instructions = run(&mut command("doctor --json")).fine().json()["instruction_sets"].clone();
    let best = instructions.as_array().unwrap().last().unwrap().as_str().unwrap();
    if best == "generic" {
        return skip("a library of another instruction set: this machine has one");
    }
    let base = folder();
    on(base.path(), "generic");
    let generic: Vec<(PathBuf, Vec<u8>)> =
        kept(base.path(), "kernel").into_iter().map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
    on(base.path(), best);
    // Entries of the better set name libraries of the other one: these are whole, and have functions of the right names.
    let stem = |p: &Path| p.file_stem().unwrap().to_string_lossy().rsplit_once('-').unwrap().0.to_string();
    let mut redirected = Vec::new();
    for entry in kept(base.path(), "kernel") {
        let other = generic.iter().find(|(path, _)| stem(path) == stem(&entry));
        if let Some((path, library)) = other.filter(|(path, _)| *path != entry) {
            assert_ne!(path, &entry);
            std::fs::write(&entry, library).unwrap();
            redirected.push((entry, library));
        }
    }
    assert!(!redirected.is_empty(), "kernels of both sets have one name");
    let said = on(base.path(), best).stderr;
    assert!(said.contains("damaged") && said.contains("compiled again"), "{said}");
    for (entry, library) in redirected {
        assert_ne!(std::fs::read(&entry).unwrap(), *library, "{} is mended", entry.display());
    }
}

#[test]
fn what_another_compiler_made_is_not_used() {
    let base = folder();
    let cache = base.path().join("cache");
    silent(&cache);
    let before = kept(&cache, "kernel");
    let other = base.path().join("cc.sh");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && { echo other 1.0; exit; }\nexec cc \"$@\"\n";
    std::fs::write(&other, script).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(mixer(&cache, Some(&other), "executing").fine().stderr, "");
    let after = kept(&cache, "kernel");
    assert_eq!(after.len(), 2 * before.len(), "each compiler has entries of its own");
    assert!(before.iter().all(|entry| after.contains(entry)));
}

#[test]
fn a_folder_that_others_can_write_is_not_used() {
    let base = folder();
    let cache = base.path().join("cache");
    silent(&cache);
    let mode = std::fs::metadata(&cache).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "what is made is the user's alone");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = mixer(&cache, None, "executing").fine().stderr;
    assert!(said.contains("warning: ") && said.contains("anyone can write in it (mode 777)"), "{said}");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    silent(&cache);
    if std::os::unix::fs::chown(&cache, Some(12345), None).is_err() {
        return skip("a cache of another user: only root can give one away");
    }
    let said = mixer(&cache, None, "executing").fine().stderr;
    assert!(said.contains("it belongs to user 12345") && said.contains("temporary folder"), "{said}");
}

#[test]
fn a_process_that_is_killed_leaves_nothing_in_the_way() {
    let base = folder();
    let slow = base.path().join("cc.sh");
    let script = "#!/bin/sh\ncase \"$*\" in *-shared*) echo $$ > \"$0.part\"; mv \"$0.part\" \"$0.began\"; sleep 600;; esac\nexec cc \"$@\"\n";
    std::fs::write(&slow, script).unwrap();
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let cache = base.path().join("cache");
    let mut killed = mixer_with(&cache, Some(&slow), "executing", &base.path().join("killed.safetensors"));
    let mut killed = killed.stderr(Stdio::null()).spawn().unwrap();
    while !base.path().join("cc.sh.began").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| silent(&cache))).collect();
        killed.kill().unwrap();
        killed.wait().unwrap();
        others.into_iter().for_each(|o| o.join().unwrap());
    });
    silent(&cache);
    let work = || -> Vec<PathBuf> {
        let files = std::fs::read_dir(&cache).unwrap().map(|f| f.unwrap().path());
        files.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with(".compile")).collect()
    };
    let left = work();
    assert!(!left.is_empty(), "it was killed while it compiled");
    // Whoever compiles next takes away what has been lying there for long.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for folder in &left {
        std::fs::File::open(folder).unwrap().set_modified(long_ago).unwrap();
    }
    assert_ne!(stderr_of(&cache, "--grad -v"), "no notes at all");
    assert_eq!(work(), Vec::<PathBuf>::new());
    let group = std::fs::read_to_string(base.path().join("cc.sh.began")).unwrap();
    run(Command::new("kill").args(["-KILL", "--", &format!("-{}", group.trim())]));
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
        for _ in 0..4 {
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
