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

#[test]
fn why_says_which_rules_fired_and_what_is_run() {
    let mut dev = command("dev --stage fused --why --grad --preset digits --item DiT");
    let said = run(dev.arg(root().join("models/dit.arch"))).fine().stdout;
    for part in ["center", "x - mean(x, over: A)", "as written", "canonical", "gemm_", "std/norm.arch:"] {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
}
