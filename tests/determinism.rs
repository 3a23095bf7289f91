//! One text, one hash: kernels do not depend on hash order, addresses or time. Every process has other addresses
//! and other seeds of hash tables.

mod common;

use common::{command, root, run};
use std::collections::BTreeSet;

/// How many processes compile each model.
const PROCESSES: usize = 20;

#[test]
fn every_process_makes_the_same_kernels() {
    let digits = ["dit DiT", "uvit UViT", "mamba DiMamba", "zigma ZigMa", "diffussm DiffuSSM", "unet UNet"];
    for model in digits {
        let (file, item) = model.split_once(' ').expect("file and item");
        let texts: BTreeSet<String> = (0..PROCESSES)
            .map(|_| {
                let mut dev = command("dev --stage kernels --grad --target c --preset digits --item");
                dev.arg(item).arg(root().join(format!("models/{file}.arch")));
                run(&mut dev).fine().stdout
            })
            .collect();
        assert_eq!(texts.len(), 1, "{item} has {} ways to be compiled", texts.len());
        assert!(texts.iter().all(|t| t.contains("void ")), "{item} has kernels");
    }
}

/// Whole models as a line each: what a change did to them all is seen at a glance.
/// `ARCHC_UPDATE_GOLDEN=1 cargo test --test determinism` writes the file anew.
#[test]
fn whole_models_are_the_lines_of_their_file() {
    let models =
        ["dit DiT", "uvit UViT", "mamba DiMamba", "zigma ZigMa", "dis DiS", "diffussm DiffuSSM", "unet UNet"];
    let mut lines = String::from(
        "# model, preset digits, batch 8, with gradients: kernels, steps, products, bytes, hash\n",
    );
    for model in models {
        let (file, item) = model.split_once(' ').expect("file and item");
        for target in ["c", "cuda"] {
            let dir = common::folder();
            let words = format!("kernels --grad --preset digits --batch 8 --target {target} --item {item}");
            let file = root().join(format!("models/{file}.arch"));
            common::archc(&words, &[("", file.as_path()), ("--out", dir.path())]).fine();
            let text = std::fs::read_to_string(dir.path().join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kernels = manifest["kernels"].as_array().unwrap().len();
            lines += &format!(
                "{item:<10} {target:<5} {kernels:>4} {:>5} {:>4} {:>12} {}\n",
                manifest["kernel_steps"],
                manifest["matrix_products"],
                manifest["bytes_moved"],
                manifest["hash"].as_str().unwrap(),
            );
        }
    }
    let path = root().join("tests/whole_models.txt");
    if std::env::var_os("ARCHC_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &lines).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, lines, "ARCHC_UPDATE_GOLDEN=1 writes {} anew", path.display());
}

#[test]
fn why_says_which_rules_fired_and_what_is_run() {
    let mut dev = command("dev --stage fused --why --grad --preset digits --item DiT");
    let said = run(dev.arg(root().join("models/dit.arch"))).fine().stdout;
    for part in ["center", "x - mean(x, over: A)", "as written", "canonical", "gemm_", "std/norm.arch:"] {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
}
