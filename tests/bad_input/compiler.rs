//! C compilers that do not take every kernel: training goes on, and results are right.

use super::options::mixer_with;
use super::{Ran, train};
use crate::common::recipes::{TINY, digits};
use crate::common::{agree, command, folder, read, run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A compiler that does `fault` with files that have a line like `pattern`, and else what `cc` does.
fn compiler(base: &Path, pattern: &str, fault: &str) -> PathBuf {
    let path = base.join("cc.sh");
    let script = format!(
        "#!/bin/sh\n\
         for a in \"$@\"; do case \"$a\" in *.c) source=$a;; esac; done\n\
         [ -n \"$source\" ] && grep -q '{pattern}' \"$source\" && {{ {fault} }}\n\
         exec cc \"$@\"\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The mixer, forward and with gradients, by a compiler, with its kernels in `base`; its results are held against
/// those of the public code.
fn mixer(base: &Path, compiler: &Path, more: &[(&str, &str)]) -> Ran {
    let out = base.join("outputs.safetensors");
    let mut command = mixer_with(&base.join("cache"), Some(compiler), "executing", &out);
    command.arg("--grad").envs(more.iter().copied());
    let ran = run(&mut command).fine();
    let mut plain = mixer_with(&base.join("plain"), None, "executing", &base.join("plain.safetensors"));
    run(plain.arg("--grad")).fine();
    agree("the mixer", &read(&out), &read(&base.join("plain.safetensors")), (1e-5, 1e-5));
    ran
}

/// The file that a warning asks to be sent.
fn reported(said: &str) -> PathBuf {
    let (_, rest) = said.split_once("please report it with ").unwrap_or_else(|| panic!("{said}"));
    PathBuf::from(rest.split(';').next().unwrap())
}

const REFUSED: &str = "echo \"$source:7:3: error: 'n' undeclared\" >&2; exit 1;";

#[test]
fn a_kernel_that_the_compiler_refuses_runs_uncompiled() {
    let base = folder();
    let said = mixer(base.path(), &compiler(base.path(), "^void scan", REFUSED), &[]).stderr;
    for part in
        ["warning: the C compiler ", "cc.sh does not take kernel `scan_", "std/scan.arch:14: kernels.c:7:3:"]
    {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    for part in ["error: 'n' undeclared", "it runs uncompiled", "results are right", "ARCHC_CC"] {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    let warned = said.matches("warning: ").count();
    assert!(said.matches("`scan_").count() == warned && warned > 1, "only scans, each once: {said}");
    let text = std::fs::read_to_string(reported(&said)).unwrap();
    for part in ["void scan_", "-O3", "'n' undeclared", "static inline vf vload"] {
        assert!(text.contains(part), "`{part}` is missing in the file for the report");
    }
    let mut quiet =
        mixer_with(&base.path().join("cache"), None, "executing", &base.path().join("o.safetensors"));
    assert_eq!(run(quiet.arg("--grad")).fine().stderr, "", "a compiler that takes them has no more to say");
}

#[test]
fn a_compiler_that_crashes_on_what_it_optimises_is_asked_for_less() {
    let base = folder();
    let fault = "case \"$*\" in *-O3*) kill -SEGV $$;; esac;";
    let compiler = compiler(base.path(), "^void map", fault);
    let said = mixer(base.path(), &compiler, &[]).stderr;
    for part in ["does not take kernel `map_", "it said nothing", "with little optimisation"] {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    assert!(!said.contains("uncompiled"), "{said}");
    // What it was compiled to is kept: the next run has nothing to say.
    assert_eq!(mixer(base.path(), &compiler, &[]).stderr, "");
}

#[test]
fn a_compiler_that_hangs_is_stopped() {
    let base = folder();
    let fault = "case \"$*\" in *-O3*) sleep 1000;; esac;";
    let compiler = compiler(base.path(), "^void scan", fault);
    let said = mixer(base.path(), &compiler, &[("ARCHC_CC_SECONDS", "8")]).stderr;
    assert!(said.contains("it was stopped after 8 seconds"), "{said}");
    let ran = mixer_with(&base.path().join("cold"), None, "executing", &base.path().join("o.safetensors"))
        .env("ARCHC_CC_SECONDS", "soon")
        .output();
    Ran::from(ran.unwrap()).fails(1, &["error[R0003]", "ARCHC_CC_SECONDS is `soon`", "unset it for 300"]);
}

#[test]
fn all_kernels_uncompiled_train_as_well() {
    let base = folder();
    digits(base.path(), TINY, super::QUICK);
    let losses = |run_folder: &Path| -> Vec<f64> {
        let lines = std::fs::read_to_string(run_folder.join("metrics.jsonl")).unwrap();
        let values = lines.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        values.filter_map(|v| v["loss"].as_f64()).collect()
    };
    train(base.path(), "").fine();
    let compiled = losses(&base.path().join("run"));
    let compiler = compiler(base.path(), "^void ", REFUSED);
    let mut again = command("train");
    again.arg(base.path().join("recipe.toml")).arg("--run").arg(base.path().join("other"));
    again.env("ARCHC_CC", &compiler).env("ARCHC_CACHE_DIR", base.path().join("cache"));
    let ran = run(&mut again).fine();
    let evaluated = losses(&base.path().join("other"));
    assert!(compiled.len() > 1 && compiled.len() == evaluated.len(), "{compiled:?} {evaluated:?}");
    for (a, b) in compiled.iter().zip(&evaluated) {
        assert!((a - b).abs() < 1e-5 * a.abs(), "{compiled:?} {evaluated:?}");
    }
    let kernels: Vec<&str> = ran.stderr.lines().filter(|l| l.starts_with("warning: ")).collect();
    let mut once = kernels.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(kernels.len(), once.len(), "no kernel is told twice");
    assert!(kernels.iter().any(|k| k.contains("std/losses.arch:")), "{kernels:#?}");
}
