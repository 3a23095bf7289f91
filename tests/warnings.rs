//! A touched limit of the canonical spelling is a warning of every command that makes kernels, with its code and place;
//! never an error.

mod common;

use common::{command, folder, root, run};
use serde_json::Value;
use std::path::Path;

/// A model that has more ways to be written than are tried: any factor of three can be taken out of any of these terms.
const TEXT: &str = "edition 2026

model Net {
  dims C = 1, H = 8, W = 8
  param a: [C] = 0.5
  param b: [C] = 0.5
  param c: [C] = 0.5
  param d: [C] = 0.5
  param e: [C] = 0.5

  forward(x: [C, H, W], t: []) -> [C, H, W] {
    let s = a * b * c + a * b * d + a * b * e + a * c * d + a * c * e
    let s = s + a * d * e + b * c * d + b * c * e + b * d * e + c * d * e
    0.01 * x * t + 0.01 * x * s
  }
}
";

/// Each command, and whether it gives its warnings in an object of its own.
const COMMANDS: [(&str, bool); 6] = [
    ("kernels --target c --out out", true),
    ("report --kernels", true),
    ("bench forward --repeats 1 --warmup 0", true),
    ("bench train-step --batch 2 --repeats 1 --warmup 0", true),
    ("dev --stage kernels", false),
    ("dev --stage fused --why", false),
];

fn said(words: &str, more: &str, dir: &Path) -> common::Ran {
    let mut command = command(&format!("{words} {more}"));
    run(command.arg(dir.join("net.arch")).current_dir(dir)).fine()
}

#[test]
fn every_command_warns_once_of_what_was_not_searched() {
    let dir = folder();
    std::fs::write(dir.path().join("net.arch"), TEXT).unwrap();
    for (words, has_object) in COMMANDS {
        let shown = said(words, "", dir.path());
        for part in
            ["warning[A0909]: not every way to write `Net` was tried", "net.arch:", "archc explain A0909"]
        {
            assert_eq!(shown.stderr.matches(part).count(), 1, "`{part}` of {words}:\n{}", shown.stderr);
        }
        let quiet = said(words, "--quiet", dir.path());
        assert!(!quiet.stderr.contains("A0909"), "{words}: {}", quiet.stderr);
        if !has_object {
            continue;
        }
        let object = said(words, "--json", dir.path());
        assert!(!object.stderr.contains("A0909"), "{words}: {}", object.stderr);
        let json = object.json();
        let codes: Vec<&Value> = json["diagnostics"].as_array().unwrap().iter().map(|d| &d["code"]).collect();
        assert_eq!(codes, ["A0909"], "{words}");
    }
}

/// Training composes model, noising and loss, and spells them itself.
#[test]
fn training_warns_and_trains() {
    let dir = folder();
    std::fs::write(dir.path().join("net.arch"), TEXT).unwrap();
    let data = root().join("examples/data");
    let recipe = format!(
        "[model]\nfile = \"net.arch\"\n\n[data]\nkind = \"idx\"\nimages = '{}/digits-images-idx3-ubyte'\n\n\
         [diffusion]\nvariance = \"fixed_small\"\n\n[train]\nsteps = 1\nbatch = 2\nsample_every = 0\n",
        data.display()
    );
    std::fs::write(dir.path().join("net.toml"), recipe).unwrap();
    let train = |more: &str| {
        let mut command = command(&format!("train net.toml --run run{more} {more}"));
        run(command.current_dir(dir.path())).fine()
    };
    let shown = train("");
    assert_eq!(shown.stderr.matches("warning[A0909]").count(), 1, "{}", shown.stderr);
    let json = train("--json").json();
    assert_eq!(json["diagnostics"][0]["code"], "A0909", "{json}");
    assert_eq!(json["step"], 1);
}

/// Model, noising and loss of one training step are searched whole for the models that come with the compiler: the
/// README's own recipe must not warn.
#[test]
fn training_steps_of_the_zoo_are_searched_whole() {
    let models = [
        ("dit", "DiT"),
        ("sit", "SiT"),
        ("mamba", "DiMamba"),
        ("diffussm", "DiffuSSM"),
        ("uvit", "UViT"),
        ("zigma", "ZigMa"),
        ("unet", "UNet"),
    ];
    for (file, item) in models {
        let words =
            format!("bench train-step --item {item} --preset digits --batch 2 --repeats 1 --warmup 0");
        let ran = run(command(&words).arg(root().join(format!("models/{file}.arch")))).fine();
        assert!(!ran.stderr.contains("A0909"), "{item}: {}", ran.stderr);
    }
}

/// So are the texts that were wrong once, since they are small.
#[test]
fn texts_that_were_wrong_once_are_searched_whole() {
    let mut paths: Vec<_> =
        std::fs::read_dir(root().join("tests/regressions")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "the texts are there");
    let warns = |path: &&std::path::PathBuf| {
        run(command("dev --stage fused").arg(path)).fine().stderr.contains("A0909")
    };
    let warned: Vec<_> = paths.iter().filter(warns).collect();
    assert!(warned.is_empty(), "{warned:#?}");
}
