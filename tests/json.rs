//! What commands print as JSON: one object each, with everything in it that is said otherwise.

mod common;

use common::{Tensor, Tensors, archc, command, folder, run, write};
use std::path::{Path, PathBuf};

/// A project whose model has a parameter that it never uses, and a recipe of one quick step.
fn careless(base: &Path) -> PathBuf {
    let project = base.join("project");
    archc("new", &[("", &project)]).fine();
    let file = project.join("backbone.arch");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("  norm    = layer_norm", "  param spare: [D] = ones\n  norm    = layer_norm");
    assert!(text.contains("spare"), "the template has the line that is changed");
    std::fs::write(&file, text).unwrap();
    project
}

/// The words that make training a matter of a moment.
const QUICK: &str = "--form interpreter --set train.steps=1 --set train.batch=2 --set data.holdout=0.002 \
     --set train.sample_every=0 --set train.checkpoint_every=0 --set model.preset=tiny --set model.set.depth=1 \
     --set model.set.hidden_size=8";

#[test]
fn warnings_stand_in_the_object_of_every_command() {
    let base = folder();
    let project = careless(base.path());
    let (file, recipe) = (project.join("backbone.arch"), project.join("recipe.toml"));
    let dir = base.path().join("run");
    let checkpoint = dir.join("checkpoints/last.safetensors");
    let wanted = archc("check --json", &[("", &file)]).fine().json()["diagnostics"].clone();
    assert_eq!(wanted[0]["severity"], "warning", "{wanted}");
    assert_eq!(wanted.as_array().unwrap().len(), 1, "{wanted}");
    let out = base.path().join("out.png");
    let kernels = base.path().join("kernels");
    let small = "--set depth=1 --set hidden_size=8";
    let run_inputs = inputs(base.path());
    let said = [
        archc(&format!("train --json {QUICK}"), &[("", &recipe), ("--run", &dir)]),
        archc("sample --json --form interpreter --steps 1 --count 1", &[("", &checkpoint), ("--out", &out)]),
        archc(
            &format!("run --json --form interpreter {small}"),
            &[("", &file), ("--weights", &checkpoint), ("--inputs", &run_inputs), ("--outputs", &out)],
        ),
        archc(&format!("report --json {small}"), &[("", &file)]),
        archc(&format!("kernels --json {small}"), &[("", &file), ("--out", &kernels)]),
        archc(&format!("bench forward --json --repeats 1 --warmup 0 {small}"), &[("", &file)]),
    ];
    for ran in said {
        let object = ran.fine().json();
        let found = &object["diagnostics"];
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{object}");
        for key in ["code", "severity", "title"] {
            assert_eq!(found[0][key], wanted[0][key], "{object}");
        }
        assert_eq!(found[0]["place"]["line"], wanted[0]["place"]["line"], "{object}");
    }
    // Without --json they are shown, and --quiet keeps them back.
    let mut loud = command("report");
    assert!(run(loud.arg(&file)).fine().stderr.contains("warning"));
    assert_eq!(run(loud.arg("--quiet")).fine().stderr, "");
}

/// Inputs of the template's model.
fn inputs(base: &Path) -> PathBuf {
    let path = base.join("inputs.safetensors");
    let tensors = Tensors::from([
        ("x".to_string(), Tensor::floats(&[1, 1, 8, 8], vec![0.5; 64])),
        ("t".to_string(), Tensor::floats(&[1], vec![7.0])),
        ("y".to_string(), Tensor::integers(vec![3.0])),
    ]);
    write(&path, &tensors);
    path
}
