//! Golden kernels as programs of their own under sanitizers: that of threads sees what two threads of a block do to one
//! place without order between them, that of addresses every step beside a buffer.

use crate::emulator::{command, files, is_there};
use crate::mutants::{Mutant, golden};
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Plan, SlotKind};
use arch_kernels::print::cuda;
use std::io::Write;
use std::path::Path;
use std::process::Output;

const THREADS: &str = "thread";

/// A program that runs a kernel once, in a shuffled order.
fn main_of(plan: &Plan, source: &cuda::Source, program: &str) -> String {
    let mut text = format!("{program}\nEMULATE({})\n", source.name);
    text += "extern \"C\" { void *malloc(unsigned long); int puts(const char *); }\n";
    text += "int main() {\n  void *pointers[16], *args[17];\n  char message[400];\n";
    let args = cuda::arguments(&plan.steps[0].action);
    for (i, slot) in args.iter().enumerate() {
        let (len, elem, kind) = (plan.slot(*slot).len, plan.slot(*slot).elem, &plan.slot(*slot).kind);
        let (ty, mut value) =
            if elem == Elem::F32 { ("float", "j % 7 * 0.25f - 0.5f") } else { ("int", "j % 5") };
        let known = format!("c{i}[j]");
        if let SlotKind::Constant(data) = kind {
            let data: Vec<String> = data.iter().map(f64::to_string).collect();
            text += &format!("  const double c{i}[] = {{{}}};\n", data.join(", "));
            value = &known;
        }
        text += &format!("  {ty} *p{i} = ({ty} *)malloc({len} * 4);\n");
        text += &format!("  for (int j = 0; j < {len}; j++) p{i}[j] = {value};\n");
        text += &format!("  pointers[{i}] = p{i};\n  args[{i}] = &pointers[{i}];\n");
    }
    let (grid, block) = (source.launch.grid, source.launch.block);
    text += &format!("  int batch = {};\n  args[{}] = &batch;\n", plan.batch, args.len());
    text += &format!("  const emulator::Launch launch = {{{grid}, {block}, 3}};\n");
    text += &format!("  if (emulate_{}(args, &launch, message, 400) == 0) return 0;\n", source.name);
    text + "  puts(message);\n  return 1;\n}\n"
}

/// Compiles the emulator without the sanitizer, so that it sees kernels only, and runs the program.
fn run(dir: &Path, main: &str, sanitizers: &str) -> Output {
    std::fs::write(dir.join("main.cpp"), main).unwrap();
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let compile = |args: &[&str]| {
        let output = command().args(args).output().unwrap();
        assert!(output.status.success(), "{}\n{main}", String::from_utf8_lossy(&output.stderr));
    };
    let [cuda, main, object, program] =
        [path("cuda.h"), path("main.cpp"), path("emulator.o"), path("program")];
    if !Path::new(&object).exists() {
        let told = if sanitizers == THREADS { "-DEMULATOR_TSAN" } else { "-UEMULATOR_TSAN" };
        compile(&[told, "-c", &path("emulator.cpp"), "-o", &object]);
    }
    let flags = format!("-fsanitize={sanitizers}");
    let recover = format!("-fno-sanitize-recover={sanitizers}");
    let recover = if sanitizers == THREADS { "-g" } else { &recover };
    compile(&["-g", &flags, recover, "-include", &cuda, &main, &object, "-o", &program]);
    // Buffers are never freed: the program ends.
    std::process::Command::new(&program).env("ASAN_OPTIONS", "detect_leaks=0").output().unwrap()
}

/// Runs all golden kernels under sanitizers, and programs with faults, of which each must be said something.
fn check(sanitizers: &str, mutants: &str, wanted: &str) {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let empty = run(dir.path(), "int main() {}", sanitizers);
    if !empty.status.success() {
        let why = String::from_utf8_lossy(&empty.stderr).into_owned();
        let _ = writeln!(
            std::io::stdout(),
            "\nSKIP kernels under -fsanitize={sanitizers}, which does not run: {why}"
        );
        return;
    }
    for (name, _) in crate::golden_plans::all(arch_kernels::Target::Cuda) {
        let (plan, source, program) = golden(name);
        let output = run(dir.path(), &main_of(&plan, &source, &program), sanitizers);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {said}\n{}", source.text);
    }
    for mutant in Mutant::list(mutants) {
        let (plan, source, program) = golden(&mutant.kernel);
        let output = run(dir.path(), &main_of(&plan, &source, &mutant.plant(&program)), sanitizers);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wanted), "{}: nobody saw that {}\n{said}", mutant.kernel, mutant.fault);
    }
}

#[test]
fn golden_kernels_have_no_races() {
    check(THREADS, include_str!("races.txt"), "data race");
}

#[test]
fn golden_kernels_stay_within_their_buffers() {
    check("address,undefined", include_str!("bounds.txt"), "heap-buffer-overflow");
}
