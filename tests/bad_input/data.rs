//! Data that are missing, damaged or of another size.

use super::{QUICK, train};
use crate::common::recipes::{TINY, digits};
use crate::common::{folder, root};
use arch_runtime::image::{Pictures, write_png};
use std::path::{Path, PathBuf};

/// A folder of two classes of grey images, and a recipe for it.
fn images(base: &Path, side: usize) -> PathBuf {
    digits(base, TINY, QUICK);
    let data = base.join("images");
    for class in ["cat", "dog"] {
        std::fs::create_dir_all(data.join(class)).unwrap();
        for k in 0..6 {
            picture(&data.join(class).join(format!("{k}.png")), side);
        }
    }
    data
}

fn picture(path: &Path, side: usize) {
    let data: Vec<f32> = (0..side * side).map(|i| (i as f32 * 0.37).sin()).collect();
    let one = Pictures { data: &data, channels: 1, height: side, width: side };
    write_png(&one.one(0), path).unwrap();
}

/// The words that train on a folder.
fn on(data: &Path, more: &str) -> String {
    format!("--form interpreter --set data.kind=folder --set data.images={} {more}", data.display())
}

#[test]
fn images_of_the_wrong_size() {
    let base = folder();
    let data = images(base.path(), 8);
    train(base.path(), &on(&data, "")).fine();
    picture(&data.join("dog/3.png"), 9);
    train(base.path(), &on(&data, ""))
        .fails(1, &["error[R0202]", "dog/3.png", "9 x 9", "8 x 8", "input_size"]);
}

#[test]
fn a_corrupt_image_stops_or_is_skipped_and_named() {
    let base = folder();
    let data = images(base.path(), 8);
    let broken = data.join("cat/2.png");
    let whole = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    std::fs::write(data.join("dog/5.png"), "no image").unwrap();
    train(base.path(), &on(&data, "")).fails(1, &["error[R0201]", "cat/2.png", "data.on_error"]);
    let skipped = train(base.path(), &on(&data, "--set data.on_error=skip")).fine();
    for part in ["cat/2.png", "dog/5.png", "10 images"] {
        assert!(skipped.stderr.contains(part), "`{part}` is missing in {}", skipped.stderr);
    }
}

#[test]
fn empty_folders() {
    let base = folder();
    let data = base.path().join("images");
    std::fs::create_dir_all(data.join("cat")).unwrap();
    digits(base.path(), TINY, QUICK);
    train(base.path(), &on(&data, "")).fails(1, &["error[R0204]", "images", ".png", "subfolder"]);
    train(base.path(), &on(&base.path().join("none"), "")).fails(1, &["error[R0001]", "none", "help: "]);
}

#[test]
fn a_folder_in_the_place_of_a_file() {
    let base = folder();
    let data = images(base.path(), 8);
    let set = |kind: &str, images: &Path| {
        train(base.path(), &format!("--set data.kind={kind} --set data.images={}", images.display()))
    };
    set("idx", &data).fails(1, &["error[R0201]", "images is a folder", "data.kind", "\"folder\""]);
    let file = root().join("examples/data/digits-images-idx3-ubyte");
    set("folder", &file).fails(1, &["error[R0201]", "digits-images-idx3-ubyte is a file", "idx"]);
    let wide = "--set model.set.input_size=16 --set model.set.in_channels=3";
    train(base.path(), wide).fails(1, &["1 channel of 8 x 8", "3 channels of 16 x 16", "in_channels = 1"]);
}

#[test]
fn damaged_archives() {
    let base = folder();
    digits(base.path(), TINY, QUICK);
    let digits = std::fs::read(root().join("examples/data/digits-images-idx3-ubyte")).unwrap();
    let cut = base.path().join("cut");
    let idx = |bytes: &[u8]| {
        std::fs::write(&cut, bytes).unwrap();
        train(base.path(), &format!("--set data.images={}", cut.display()))
    };
    idx(&digits[..1000]).fails(1, &["error[R0201]", "cut", "[1797, 8, 8]", "984 bytes", "help: "]);
    idx(&digits[..10]).fails(1, &["error[R0201]", "cut"]);
    idx(b"").fails(1, &["error[R0201]", "cut"]);
    let npz = |bytes: &[u8]| {
        std::fs::write(&cut, bytes).unwrap();
        train(base.path(), &format!("--set data.kind=npz --set data.images={}", cut.display()))
    };
    npz(b"PK\x03\x04").fails(1, &["error[R0201]", "cut"]);
    assert!(!base.path().join("run").exists());
}

#[test]
fn labels_that_do_not_fit() {
    let base = folder();
    digits(base.path(), TINY, QUICK);
    train(base.path(), "--set model.set.num_classes=5")
        .fails(1, &["error[R0203]", "5 classes", "num_classes"]);
    let images = root().join("examples/data/digits-images-idx3-ubyte");
    train(base.path(), &format!("--set data.labels={}", images.display()))
        .fails(1, &["error[R0201]", "labels have 1 axis, not 3"]);
    assert!(!base.path().join("run").exists());
}
