//! `archc kernels` and its manifest, for C and for CUDA.

mod common;

use common::{archc, command, root, run};
use std::collections::BTreeSet;
use std::path::Path;

const SMALL: &str =
    "--item DiT --preset digits --set depth=1 --set hidden_size=16 --set num_heads=2 --batch 3 --grad";

fn written(dir: &Path, target: &str) -> serde_json::Value {
    let model = root().join("models/dit.arch");
    archc(&format!("kernels {SMALL} --target {target}"), &[("", &model), ("--out", &dir.to_path_buf())])
        .fine();
    serde_json::from_str(&std::fs::read_to_string(dir.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn the_manifest_says_what_was_written_and_how_it_is_called() {
    for (target, suffix) in [("c", ".c"), ("cuda", ".cu")] {
        let base = tempfile::tempdir().unwrap();
        let manifest = written(base.path(), target);
        let mut files = BTreeSet::from(["manifest.json".to_string()]);
        files.insert(manifest["header"].as_str().unwrap().into());
        let kernels = manifest["kernels"].as_array().unwrap();
        let count = |of: &serde_json::Value| of["calls"].as_u64().unwrap();
        for kernel in kernels {
            let name = kernel["name"].as_str().unwrap();
            let file = kernel["file"].as_str().unwrap();
            assert_eq!(file, format!("{name}{suffix}"));
            let text = std::fs::read_to_string(base.path().join(file)).unwrap();
            assert!(text.contains(&format!("{name}(")), "{file} is the function {name}");
            for line in kernel["sources"].as_array().unwrap() {
                assert!(text.contains(line.as_str().unwrap()), "{file} names {line}");
            }
            assert!(count(kernel) > 0 && kernel["bytes"].as_u64() > Some(0), "{kernel}");
            let launch = if target == "c" { &kernel["launch"]["pieces"] } else { &kernel["launch"]["grid"] };
            assert!(launch.as_u64() > Some(0), "{kernel}");
            assert!(!kernel["arguments"].as_array().unwrap().is_empty(), "{kernel}");
            files.insert(file.into());
        }
        let products = manifest["products"].as_array().map(|p| p.iter().map(count).sum::<u64>());
        let all = kernels.iter().map(count).sum::<u64>() + products.unwrap_or(0);
        let steps = ["kernel_steps", "matrix_products"].map(|k| manifest[k].as_u64().unwrap());
        assert_eq!(all, steps[0] + steps[1], "{target}: every step is somebody's call");
        let there: BTreeSet<String> = std::fs::read_dir(base.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(there, files);
    }
}

#[test]
fn a_changed_kernel_is_noticed() {
    let base = tempfile::tempdir().unwrap();
    let manifest = written(base.path(), "cuda");
    let model = root().join("models/dit.arch");
    let check = || {
        archc(&format!("kernels {SMALL} --target cuda"), &[("", &model), ("--check", &base.path().into())])
    };
    check().fine();
    let file = manifest["kernels"][0]["file"].as_str().unwrap();
    let path = base.path().join(file);
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace(';', " ;")).unwrap();
    let ran = check();
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains(&format!("changed: {file}")), "{}", ran.stdout);
}

#[test]
fn registers_are_stated_or_it_is_said_what_is_missing() {
    let base = tempfile::tempdir().unwrap();
    let model = root().join("models/dit.arch");
    let words = format!("kernels {SMALL} --registers --target");
    let paths = [("", &model), ("--out", &base.path().to_path_buf())];
    archc(&format!("{words} c"), &paths).fails(2, &["--registers", "--target cuda"]);
    let mut nowhere = command(&format!("{words} cuda"));
    nowhere.arg(&model).arg("--out").arg(base.path()).env("ARCHC_NVRTC", base.path());
    run(&mut nowhere).fails(2, &["pip install nvidia-cuda-nvrtc", &base.path().display().to_string()]);
    let ran = archc(&format!("{words} cuda"), &paths);
    if ran.code == Some(2) && ran.stderr.contains("NVRTC was not found") {
        return common::skip("registers in the manifest: NVRTC is not installed");
    }
    ran.fine();
    let manifest = std::fs::read_to_string(base.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let kernels = manifest["kernels"].as_array().unwrap();
    assert!(kernels.iter().all(|k| k["sm_90"]["registers"].as_u64() > Some(0)), "{manifest}");
}

#[test]
fn a_target_that_does_not_exist_is_named_with_those_that_do() {
    let ran = run(&mut command("kernels models/dit.arch --target ptx --out x"));
    ran.fails(2, &["`ptx`", "c:avx2", "cuda"]);
}

#[test]
fn the_manifest_is_enough_to_run_the_kernels() {
    let there = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if !there("python3") || !there("g++") {
        return common::skip("kernels run from their manifest: python3 or g++ is not installed");
    }
    let mut script = std::process::Command::new(root().join("bench/gpu"));
    script.args(["--emulate", "silu", "product", "mamba"]).env("ARCHC", env!("CARGO_BIN_EXE_archc"));
    let ran = script.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.lines().filter(|l| l.starts_with("right")).count(), 5, "{said}");
}
