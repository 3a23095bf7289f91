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

/// A model of a moment.
const SMALL: &str = "models/dit.arch --item DiT --set depth=1 --set hidden_size=8 --set num_heads=2 --set input_size=8 \
     --set patch_size=4 --set in_channels=1 --set num_classes=10";

#[test]
fn every_form_is_measured() {
    for form in ["executing", "primitive", "interpreter"] {
        for task in ["forward", "train-step", "op"] {
            let words = format!("bench {task} {SMALL} --form {form} --batch 2 --repeats 1 --warmup 0 --json");
            let object = run(&mut command(&words)).fine().json();
            assert_eq!(object["form"], form, "{object}");
            assert!(object["median_s"].as_f64().is_some_and(|s| s > 0.0), "{object}");
            assert!(object["setup_seconds"].as_f64().is_some_and(|s| s > 0.0), "{object}");
            let compiled = object["compile_seconds"].as_f64();
            assert_eq!(compiled.is_some(), form == "executing", "only there are kernels: {object}");
        }
    }
    let ran = run(&mut command(&format!("bench forward {SMALL} --form interpreter --profile")));
    ran.fails(2, &["--profile", "--form interpreter"]);
}

/// The rows of a table of kernels, and the seconds that they add up to.
fn kernels(object: &serde_json::Value) -> (usize, f64) {
    let rows = object["kernels"].as_array().unwrap_or_else(|| panic!("no kernels in {object}"));
    for row in rows {
        for key in ["name", "calls", "seconds", "bytes", "flops", "lines"] {
            assert!(!row[key].is_null(), "no {key} in {row}");
        }
    }
    (rows.len(), rows.iter().filter_map(|r| r["seconds"].as_f64()).sum())
}

#[test]
fn kernels_are_listed_with_their_times() {
    let words = format!("bench train-step {SMALL} --repeats 3 --warmup 1 --json");
    let plain = run(&mut command(&words)).fine().json();
    assert_eq!(kernels(&plain).0, 0, "no time is taken unasked");
    let profiled = run(&mut command(&format!("{words} --profile"))).fine().json();
    let (rows, seconds) = kernels(&profiled);
    assert!(rows > 5 && seconds > 0.0);
    assert!(seconds <= 3.0 * profiled["max_s"].as_f64().unwrap(), "kernels take no longer than the steps");
    let calls = profiled["kernels"][0]["calls"].as_u64().unwrap();
    assert_eq!(calls % 3, 0, "the warm-up is left out: {profiled}");
    // The same of training.
    let base = folder();
    let project = base.path().join("project");
    archc("new", &[("", &project)]).fine();
    let recipe = project.join("recipe.toml");
    let words = QUICK.replace("--form interpreter", "--profile");
    let object = archc(&format!("train --json {words}"), &[("", &recipe), ("--run", &base.path().join("a"))])
        .fine()
        .json();
    assert!(kernels(&object).0 > 5, "{object}");
    let table =
        archc(&format!("train --quiet {words}"), &[("", &recipe), ("--run", &base.path().join("b"))]).fine();
    for word in ["kernel", "calls", "ms", "MB", "GB/s", "GFLOP/s"] {
        assert!(table.stdout.contains(word), "`{word}` is missing in {}", table.stdout);
    }
    let words = format!("train {QUICK} --profile");
    archc(&words, &[("", &recipe), ("--run", &base.path().join("c"))])
        .fails(2, &["--profile", "interpreter"]);
}

/// Compiling is what the cache spares, and nothing else is called so.
#[test]
fn compiling_is_told_from_the_rest() {
    let cache = folder();
    let words = format!("bench train-step {SMALL} --batch 2 --repeats 1 --warmup 0 --json");
    let seconds = || {
        let object = run(command(&words).env("ARCHC_CACHE_DIR", cache.path())).fine().json();
        ["compile_seconds", "setup_seconds"].map(|key| object[key].as_f64().unwrap())
    };
    let (cold, warm) = (seconds(), seconds());
    assert!(warm[0] < cold[0] / 4.0, "kernels are loaded from the cache: {cold:?}, then {warm:?}");
    assert!(warm[1] > cold[1] / 4.0, "the rest is done again: {cold:?}, then {warm:?}");
}

#[test]
fn startup_is_checking_sampling_training_and_compiling() {
    let words = format!("bench startup {SMALL} --batch 2 --repeats 1 --json");
    let object = run(&mut command(&words)).fine().json();
    for key in ["check_s", "first_sample_step_s", "first_train_step_s", "cold_compile_s"] {
        assert!(object[key].as_f64().is_some_and(|s| s > 0.0), "{key} in {object}");
    }
    assert!(object["kernels"].as_u64().is_some_and(|k| k > 10), "everything was compiled anew: {object}");
    for key in ["peak_rss_mib", "compile_seconds", "setup_seconds", "threads"] {
        assert!(object[key].as_f64().is_some_and(|n| n > 0.0), "{key} in {object}");
    }
    assert!(
        object["others_cores"].is_number() && object["dtype"] == "f32" && object["device"] == "cpu",
        "{object}"
    );
    for key in ["median_s", "min_s", "max_s", "images_per_second"] {
        assert!(object.get(key).is_some_and(serde_json::Value::is_null), "{key} in {object}");
    }
    let none = run(command(&words).args(["--checkpoint", "none.safetensors"]));
    none.fails(2, &["archc sample", "none.safetensors", "R0001"]);
    let misplaced = run(&mut command(&format!("bench forward {SMALL} --checkpoint x.safetensors")));
    misplaced.fails(2, &["--checkpoint", "bench startup"]);
}
