//! A few small kernels as files: what is generated must be these files byte for byte, and they must compile
//! without a warning and run within their buffers. `ARCHC_UPDATE_GOLDEN=1` writes them anew.

mod golden_plans;

use arch_kernels::Target;
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Action, Plan};
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
            // What goes back does the forward pass again on its way.
            let most = if name.ends_with("_gradient") { 320 } else { 150 };
            assert!(text.lines().count() <= most, "{name}.{suffix} is too long to be read");
            files.push(path);
        }
    }
    let there = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let strays: Vec<PathBuf> = there.filter(|p| !files.contains(p)).collect();
    assert!(strays.is_empty(), "no kernel is called {strays:?}");
}

fn cc(args: &[&str], files: &[PathBuf], out: &Path, target: Target) {
    let mut command = Command::new("cc");
    command
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-Wno-psabi"])
        .args(args)
        .args(target.flags());
    let output = command.args(files).arg("-o").arg(out).arg("-lm").output().unwrap();
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
            cc(&["-c"], &[source], &dir.path().join("out.o"), target);
        }
    }
}

/// The kernels on buffers of exactly the sizes that the plan states, under the sanitizers.
#[test]
fn kernels_stay_within_their_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::Generic;
    std::fs::write(dir.path().join(target.header_name()), target.header()).unwrap();
    for (name, plan) in all(Target::Avx2) {
        let plan = Plan { target, ..plan };
        let mut main = text(&plan) + "#include <stdlib.h>\nint main(void) {\n";
        for (i, slot) in plan.slots.iter().enumerate() {
            let (len, ty) = (slot.len, if slot.elem == Elem::F32 { "float" } else { "int32_t" });
            main += &format!("  {ty} *p{i} = malloc({len} * 4);\n");
            main += &format!("  for (int j = 0; j < {len}; j++) p{i}[j] = ({ty})(j % 5);\n");
        }
        for step in &plan.steps {
            let Action::Kernel { kernel, args, .. } = &step.action else { panic!("a kernel") };
            let kernel = &plan.kernels[*kernel];
            let pieces = kernel.pieces(plan.batch, target.lanes());
            let args: Vec<String> = args.iter().map(|slot| format!("p{}", slot.0)).collect();
            main += &format!("  {{ void *args[] = {{{}}};\n", args.join(", "));
            main += &format!("    {}(args, {}, 0, {pieces}); }}\n", kernel.name, plan.batch);
        }
        for i in 0..plan.slots.len() {
            main += &format!("  free(p{i});\n");
        }
        main += "  return 0;\n}\n";
        let (source, program) = (dir.path().join(format!("{name}.c")), dir.path().join(name));
        std::fs::write(&source, main).unwrap();
        cc(&["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], &[source], &program, target);
        let output = Command::new(&program).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
