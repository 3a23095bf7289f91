//! Disks that are full and folders that cannot be written.

use super::{QUICK, sample, train, trained};
use crate::common::recipes::{TINY, digits};
use crate::common::{archc, folder, root, skip};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, taken away at the end.
pub struct Small {
    pub place: PathBuf,
}

impl Small {
    /// None where this user or this machine cannot mount.
    pub fn mount(place: PathBuf, bytes: usize) -> Option<Self> {
        std::fs::create_dir(&place).unwrap();
        let options = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&place);
        let mounted = mount.stderr(std::process::Stdio::null()).status();
        mounted.is_ok_and(|s| s.success()).then_some(Small { place })
    }

    pub fn remount(&self, how: &str) -> bool {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.place).status();
        status.is_ok_and(|s| s.success())
    }

    /// Leaves no page free; gives the file that takes them.
    pub fn fill(&self) -> PathBuf {
        let ballast = self.place.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

#[test]
fn a_full_disk_keeps_the_checkpoint_before() {
    let base = folder();
    let Some(small) = Small::mount(base.path().join("disk"), 8 << 20) else {
        return skip("a full disk: no small file system can be mounted here");
    };
    let dir = &small.place;
    let last = trained(dir);
    let before = std::fs::read(&last).unwrap();
    let ballast = small.fill();
    let ran = train(dir, "--resume --form interpreter --set train.steps=9 --set train.log_every=100");
    ran.fails(1, &["error[R0", "space", "help: ", "--resume"]);
    assert_eq!(std::fs::read(&last).unwrap(), before);
    let checkpoints = std::fs::read_dir(last.parent().unwrap()).unwrap();
    let left: Vec<_> = checkpoints.map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with(".archc-")), "{left:?}");
    std::fs::remove_file(ballast).unwrap();
    train(dir, "--resume --form interpreter --set train.steps=4").fine();
}

#[test]
fn a_read_only_file_system() {
    let base = folder();
    let Some(small) = Small::mount(base.path().join("disk"), 8 << 20) else {
        return skip("a read-only file system: none can be mounted here");
    };
    let last = trained(&small.place);
    if !small.remount("ro") {
        return skip("a read-only file system: it cannot be mounted so here");
    }
    let ran = train(&small.place, "--resume --form interpreter --set train.steps=4");
    ran.fails(1, &["error[R0", "ead-only", "help: "]);
    sample(&last, &small.place.join("x.png")).fails(1, &["error[R0001]", "x.png", "ead-only"]);
    sample(&last, &base.path().join("x.png")).fine();
}

/// For root every folder can be written, but below a file there is none.
fn nowhere() -> PathBuf {
    root().join("Cargo.toml/below")
}

#[test]
fn results_that_cannot_be_written() {
    let base = folder();
    let checkpoint = trained(base.path());
    for name in ["x.png", "x.npz", "x.safetensors", "folder"] {
        sample(&checkpoint, &nowhere().join(name)).fails(1, &["error[R0001]", name, "help: "]);
    }
    let recipe = base.path().join("recipe.toml");
    let parts = ["error[R0001]", "Cargo.toml", "help: "];
    archc("train", &[("", &recipe), ("--run", &nowhere())]).fails(1, &parts);
    archc("new", &[("", nowhere())]).fails(1, &parts);
}

#[test]
fn a_full_device() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return skip("a full device: there is no /dev/full");
    }
    let base = folder();
    let checkpoint = trained(base.path());
    let link = |name: &str| {
        let path = base.path().join(name);
        std::os::unix::fs::symlink(full, &path).unwrap();
        path
    };
    for name in ["x.png", "x.npz", "x.safetensors"] {
        sample(&checkpoint, &link(name)).fails(1, &["error[R0001]", name, "help: "]);
    }
}

#[test]
fn the_folder_of_a_run_that_cannot_be_made_costs_no_training() {
    let base = folder();
    digits(base.path(), TINY, QUICK);
    let file = base.path().join("run");
    std::fs::write(&file, "a file").unwrap();
    // A file has the name: the next free one is taken, and the file stays.
    train(base.path(), "--form interpreter").fine();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a file");
    assert!(base.path().join("run-2/checkpoints/last.safetensors").is_file());
}
