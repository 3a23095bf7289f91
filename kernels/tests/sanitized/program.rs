//! Plans as one program of C, which runs them one after the other on buffers of exactly the sizes that the plans state.

use crate::case::Case;
use arch_kernels::Target;
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Action, Gemm, SlotKind, Step};
use arch_kernels::print::print_c;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SANITIZERS: [&str; 3] = ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// What every program has: memory that is no number, numbers from outside, pieces from the last to the first.
const PRELUDE: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef void Kernel(void *const *, int64_t, int64_t, int64_t);
static void stop(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}
static void *memory(size_t bytes) {
  void *p = malloc(bytes);
  return memset(p, 0xff, bytes);
}
static void *given(size_t bytes) {
  void *p = malloc(bytes);
  if (fread(p, 1, bytes, stdin) != bytes) stop("too few numbers");
  return p;
}
static void untouched(const uint32_t *p, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (p[i] != UINT32_MAX) stop("something was written where there was nothing to do");
}
static void pieces(Kernel *kernel, void *const *args, int64_t batch, int64_t count, int64_t grain) {
  for (int64_t end = count; end > 0;) {
    const int64_t begin = (end - 1) / grain * grain;
    kernel(args, batch, begin, end);
    end = begin;
  }
}
static void product(const float *l, const float *r, float *o, const int64_t *sizes, const int64_t *strides) {
  for (int64_t i = 0; i < sizes[0]; i++)
    for (int64_t j = 0; j < sizes[1]; j++) {
      float sum = 0.0f;
      for (int64_t k = 0; k < sizes[2]; k++)
        sum += l[i * strides[0] + k * strides[1]] * r[k * strides[2] + j * strides[3]];
      o[i * strides[4] + j * strides[5]] = sum;
    }
}
"#;

/// The text of a program of all cases, which are for one instruction set.
pub fn text(cases: &[Case], target: Target) -> String {
    let mut text = format!("#include \"{}\"\n{PRELUDE}", target.header_name());
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for kernel in cases.iter().flat_map(|c| &c.plan.kernels) {
        let own = print_c(kernel, target);
        let before = known.entry(&kernel.name).or_default();
        if before.is_empty() {
            text += &own;
            *before = own;
        } else {
            // Headers may differ: they are for readers.
            let bare = |t: &str| t.lines().filter(|l| !l.starts_with("/*")).collect::<String>();
            assert_eq!(bare(before), bare(&own), "two kernels are called {}", kernel.name);
        }
    }
    for (at, case) in cases.iter().enumerate() {
        writeln!(text, "static void case{at}(void) {{").unwrap();
        run(&mut text, case, target);
        text += "}\n";
    }
    text += "int main(void) {\n";
    for at in 0..cases.len() {
        writeln!(text, "  case{at}();").unwrap();
    }
    text + "  return 0;\n}\n"
}

fn run(text: &mut String, case: &Case, target: Target) {
    let plan = &case.plan;
    for (at, slot) in plan.slots.iter().enumerate() {
        let from = if case.given.contains_key(&at) { "given" } else { "memory" };
        writeln!(text, "  void *p{at} = {from}({});", slot.len * 4).unwrap();
    }
    let mut written = BTreeSet::new();
    for (at, step) in plan.steps.iter().enumerate() {
        writeln!(text, "  fputs({:?}, stderr);", format!("{}: {}\n", case.what, step.name)).unwrap();
        match &step.action {
            Action::Gemm(gemm) => product(text, gemm),
            Action::Kernel { kernel, args, grain, .. } => {
                let kernel = &plan.kernels[*kernel];
                let pieces = kernel.pieces(plan.batch, target.lanes());
                let all: Vec<String> = args.iter().map(|slot| format!("p{}", slot.0)).collect();
                writeln!(text, "  void *const args{at}[] = {{{}}};", all.join(", ")).unwrap();
                if !kernel.parallel().is_empty() {
                    // No sample, and no piece of the samples that there are.
                    for nothing in [
                        "0, 0, 0",
                        &format!("{0}, 0, 0", plan.batch),
                        &format!("{0}, {pieces}, {pieces}", plan.batch),
                    ] {
                        writeln!(text, "  {}(args{at}, {nothing});", kernel.name).unwrap();
                    }
                    untouched(text, case, step, &written);
                }
                let batch = plan.batch;
                writeln!(text, "  pieces({}, args{at}, {batch}, {pieces}, {grain});", kernel.name).unwrap();
            }
        }
        written.extend(step.writes.iter().copied());
    }
    for (name, _) in &case.wanted {
        let slot = plan.outputs.get(name).or_else(|| plan.inputs.get(name)).unwrap().slot;
        let (at, len) = (slot.0, plan.slot(slot).len);
        writeln!(text, "  if (fwrite(p{at}, 4, {len}, stdout) != {len}) stop(\"no room\");").unwrap();
    }
    for at in 0..plan.slots.len() {
        writeln!(text, "  free(p{at});").unwrap();
    }
}

/// What no step has written yet must still be as it was.
fn untouched(text: &mut String, case: &Case, step: &Step, written: &BTreeSet<arch_kernels::plan::SlotId>) {
    for slot in step.writes.iter().filter(|s| !written.contains(s)) {
        if !matches!(case.plan.slot(*slot).kind, SlotKind::Resident(_)) {
            writeln!(text, "  untouched(p{}, {});", slot.0, case.plan.slot(*slot).len).unwrap();
        }
    }
}

/// A product that the library would compute.
fn product(text: &mut String, g: &Gemm) {
    let mut starts = [g.left.offset, g.right.offset, g.out.offset].map(|o| o.to_string());
    for (at, repeat) in g.repeats.iter().enumerate() {
        writeln!(text, "  for (int64_t i{at} = 0; i{at} < {}; i{at}++)", repeat.count).unwrap();
        for (start, stride) in starts.iter_mut().zip(repeat.strides) {
            write!(start, " + i{at} * {stride}").unwrap();
        }
    }
    let [l, r, o] = &starts;
    let slots = [g.left, g.right, g.out].map(|o| o.slot.0);
    let strides = [g.left, g.right, g.out].map(|o| format!("{}, {}", o.row, o.column)).join(", ");
    writeln!(
        text,
        "    product((float *)p{} + {l}, (float *)p{} + {r}, (float *)p{} + {o}, (const int64_t[]){{{}, {}, {}}}, \
         (const int64_t[]){{{strides}}});",
        slots[0], slots[1], slots[2], g.m, g.n, g.k
    )
    .unwrap();
}

fn bits(elem: Elem, number: f64) -> u32 {
    if elem == Elem::I32 { number as i32 as u32 } else { (number as f32).to_bits() }
}

/// Compiles the text with the sanitizers.
///
/// # Errors
/// What the compiler says.
pub fn compile(dir: &Path, text: &str, target: Target) -> Result<(), String> {
    std::fs::write(dir.join(target.header_name()), target.header()).unwrap();
    std::fs::write(dir.join("main.c"), text).unwrap();
    let mut command = Command::new("cc");
    command.args(["-std=gnu11", "-O0", "-Wno-psabi"]).args(SANITIZERS).args(target.flags());
    let output = command.args(["main.c", "-o", "program", "-lm"]).current_dir(dir).output();
    let output = output.map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(said)
}

/// Runs the program, which must end well, and compares what it gives.
///
/// # Errors
/// The case and the kernel that failed, with what a sanitizer says, or the number that is wrong.
pub fn execute(dir: &Path, cases: &[Case]) -> Result<(), String> {
    let mut numbers = Vec::new();
    for case in cases {
        for (at, data) in &case.given {
            let elem = case.plan.slots[*at].elem;
            numbers.extend(data.iter().flat_map(|x| bits(elem, *x).to_le_bytes()));
        }
    }
    std::fs::File::create(dir.join("numbers")).unwrap().write_all(&numbers).unwrap();
    let numbers = Stdio::from(std::fs::File::open(dir.join("numbers")).unwrap());
    let output = Command::new(dir.join("program")).stdin(numbers).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let kernels: Vec<&str> = cases.iter().map(|c| c.what.as_str()).collect();
        let is_progress = |line: &&str| kernels.iter().any(|k| line.starts_with(*k));
        let last = said.lines().rfind(is_progress).unwrap_or("nothing was run").to_string();
        let rest: Vec<&str> = said.lines().filter(|l| !is_progress(l)).collect();
        return Err(format!("{last}\n{}", rest.join("\n")));
    }
    let mut words = output.stdout.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    for case in cases {
        for (name, wanted) in &case.wanted {
            let slot = case.plan.outputs.get(name).or_else(|| case.plan.inputs.get(name)).unwrap().slot;
            let elem = case.plan.slot(slot).elem;
            let number =
                |w: u32| if elem == Elem::I32 { f64::from(w as i32) } else { f64::from(f32::from_bits(w)) };
            let got: Vec<f64> = words.by_ref().take(case.plan.slot(slot).len).map(number).collect();
            if let Some((i, g, w)) = case.tolerance.broken(got, &wanted.data) {
                return Err(format!("{}: {name}[{i}] is {g}, not {w}\n{}", case.what, case.plan));
            }
        }
    }
    Ok(())
}
