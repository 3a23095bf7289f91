//! A few small kernels as files: what is generated must be these files byte for byte, and they must compile
//! without a warning; `sanitized` runs them. `ARCHC_UPDATE_GOLDEN=1` writes them anew.

mod golden_plans;

use arch_kernels::Target;
use arch_kernels::plan::Plan;
use arch_kernels::print::{cuda, print_c};
use golden_plans::all;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The languages of golden files, with the ends of their names. C is that of AVX2.
const LANGUAGES: [(Target, &str); 2] = [(Target::Avx2, "c"), (Target::Cuda, "cu")];

fn text(plan: &Plan) -> String {
    let texts: Vec<String> = match plan.target {
        Target::Cuda => cuda::sources(plan).unwrap().0.into_iter().map(|s| s.text).collect(),
        target => plan.kernels.iter().map(|k| print_c(k, target)).collect(),
    };
    format!("#include \"{}\"\n\n{}", plan.target.header_name(), texts.join("\n"))
}

#[test]
fn kernels_are_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut files = Vec::new();
    for (target, suffix) in LANGUAGES {
        for (name, plan) in all(target) {
            let (path, text) = (folder.join(format!("{name}.{suffix}")), text(&plan));
            if std::env::var_os("ARCHC_UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(golden, text, "{}: ARCHC_UPDATE_GOLDEN=1 writes it anew", path.display());
            // What goes back does the forward pass again on its way: five products in attention.
            let most = match name {
                "attention_gradient" => 220,
                "selective_scan_gradient" => 175,
                _ => 150,
            };
            assert!(text.lines().count() <= most, "{name}.{suffix} is too long to be read");
            files.push(path);
        }
    }
    let there = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let strays: Vec<PathBuf> = there.filter(|p| !files.contains(p)).collect();
    assert!(strays.is_empty(), "no kernel is called {strays:?}");
}

fn cc(source: &Path, out: &Path, target: Target) {
    let mut command = Command::new("cc");
    command
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-Wno-psabi", "-c"])
        .args(target.flags());
    let output = command.arg(source).arg("-o").arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn kernels_compile_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for (name, plan) in all(Target::Avx2) {
        for target in [Target::Generic, Target::Avx2, Target::Avx512] {
            if cfg!(not(target_arch = "x86_64")) && target != Target::Generic {
                continue;
            }
            std::fs::write(dir.path().join(target.header_name()), target.header()).unwrap();
            let source = dir.path().join(format!("{name}.c"));
            std::fs::write(&source, text(&Plan { target, ..plan.clone() })).unwrap();
            cc(&source, &dir.path().join("out.o"), target);
        }
    }
}
