//! One text, one hash: kernels do not depend on hash order, addresses or time. Every process has other addresses
//! and other seeds of hash tables.

mod common;

use common::{command, root, run};
use std::collections::BTreeSet;

/// How many processes compile each model, for each target: what comes before kernels is the same for both.
const PROCESSES: [(&str, usize); 2] = [("c", 20), ("cuda", 8)];

/// The zoo: the name of a line, the file, and which item of it, with its sizes.
const MODELS: [(&str, &str, &str); 15] = [
    ("DiT", "dit", "--item DiT --preset digits"),
    ("DiT-adaln", "dit", "--item DiT --preset digits --set conditioning=adaln"),
    ("DiT-context", "dit", "--item DiT --preset digits --set conditioning=in_context"),
    ("DiT-cross", "dit", "--item DiT --preset digits --set conditioning=cross_attention"),
    ("SiT", "sit", "--item SiT --preset digits"),
    ("UViT", "uvit", "--item UViT --preset digits"),
    ("DiMamba", "mamba", "--item DiMamba --preset digits"),
    ("DiMamba-2", "mamba", "--item DiMamba --preset digits --set mixer=mamba2 --set bidirectional=false"),
    ("Mixer-1024", "mamba", "--item MambaMixer --set d_model=64 --dim T=1024"),
    ("Vim", "vim", "--item VimMixer --set d_model=64 --dim T=64"),
    ("ZigMa", "zigma", "--item ZigMa --preset digits"),
    ("DiS", "dis", "--item DiS --preset digits"),
    ("DiffuSSM", "diffussm", "--item DiffuSSM --preset digits"),
    (
        "Lesson",
        "diffussm",
        "--item DiffuSSMLesson --preset mnist --set n_layers=2 --set d_model=64 --set input_spatial_size=8",
    ),
    ("UNet", "unet", "--item UNet --preset digits"),
];

#[test]
fn every_process_makes_the_same_kernels() {
    let hashes = |(name, file, words): (&str, &str, &str), target: &str, processes: usize| {
        let mut texts = BTreeSet::new();
        for _ in 0..processes {
            let mut dev = command(&format!("dev --stage kernels --grad --target {target} {words}"));
            texts.insert(run(dev.arg(root().join(format!("models/{file}.arch")))).fine().stdout);
        }
        assert_eq!(texts.len(), 1, "{name} has {} ways to be compiled for {target}", texts.len());
        assert!(texts.iter().all(|t| t.contains("void ")), "{name} has kernels for {target}");
    };
    // What waits for processes shares the cores among them.
    std::thread::scope(|scope| {
        for (target, processes) in PROCESSES {
            scope.spawn(move || MODELS.iter().for_each(|model| hashes(*model, target, processes)));
        }
    });
}

/// Whole models as a line each: what a change did to them all is seen at a glance.
/// `ARCHC_UPDATE_GOLDEN=1 cargo test --test determinism` writes the file anew.
#[test]
fn whole_models_are_the_lines_of_their_file() {
    let mut lines = String::from(
        "# model at the size of digits, batch 8, with gradients: kernels, steps, products, bytes, hash\n",
    );
    for (name, file, words) in MODELS {
        for target in ["c", "cuda"] {
            let dir = common::folder();
            let words = format!("kernels --grad --batch 8 --target {target} {words}");
            let file = root().join(format!("models/{file}.arch"));
            common::archc(&words, &[("", file.as_path()), ("--out", dir.path())]).fine();
            let text = std::fs::read_to_string(dir.path().join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kernels = manifest["kernels"].as_array().unwrap().len();
            lines += &format!(
                "{name:<11} {target:<5} {kernels:>4} {:>5} {:>4} {:>12} {}\n",
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
    for part in ["sigmoid of tanh", "1 + tanh(x)", "as written", "canonical", "gemm_", "std/norm.arch:"] {
        assert!(said.contains(part), "`{part}` is missing in:\n{said}");
    }
}
