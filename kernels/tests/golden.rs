//! A few small kernels as files: what is generated must be these files byte for byte, and they must compile
//! without a warning and run within their buffers. `ARCHC_UPDATE_GOLDEN=1` writes them anew.

use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, Scan, View, Windows};
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Action, Plan};
use arch_kernels::print::print_c;
use arch_kernels::{Options, Target, lower};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const BATCH: AxisId = AxisId::BATCH;

fn float(b: &mut Builder<'_>, name: &str, shape: &[AxisId]) -> ValueId {
    b.input(name, InputKind::Argument, shape.to_vec(), DType::F32)
}

fn add(b: &mut Builder<'_>, op: Op, inputs: &[ValueId]) -> ValueId {
    b.add1(op, inputs).unwrap()
}

fn plan(mut module: Module, build: impl FnOnce(&mut Builder<'_>) -> ValueId) -> Plan {
    let mut b = Builder::new(&mut module, "golden");
    let value = build(&mut b);
    b.output("output", value);
    let function = b.finish();
    let options = Options { target: Target::Avx2, batch: 3, sources: None };
    lower(&module, module.function(function), &options).unwrap()
}

fn silu_gate() -> Plan {
    plan(Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let (x, z) = (float(b, "x", &[BATCH, t, d]), float(b, "z", &[BATCH, t, d]));
        let gate = add(b, Op::Map(Map::Sigmoid), &[z]);
        let silu = add(b, Op::Map(Map::Mul), &[z, gate]);
        add(b, Op::Map(Map::Mul), &[x, silu])
    })
}

fn layer_norm() -> Plan {
    plan(Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let x = float(b, "x", &[BATCH, t, d]);
        let (n, eps) = (add(b, Op::Constant(1.0 / 24.0), &[]), add(b, Op::Constant(1e-6), &[]));
        let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[x]);
        let mean = add(b, Op::Map(Map::Mul), &[sum, n]);
        let centered = add(b, Op::Map(Map::Sub), &[x, mean]);
        let square = add(b, Op::Map(Map::Mul), &[centered, centered]);
        let sum = add(b, Op::Reduce(Reduce::Sum, vec![d]), &[square]);
        let variance = add(b, Op::Map(Map::Mul), &[sum, n]);
        let variance = add(b, Op::Map(Map::Add), &[variance, eps]);
        let scale = add(b, Op::Map(Map::Rsqrt), &[variance]);
        add(b, Op::Map(Map::Mul), &[centered, scale])
    })
}

fn softmax() -> Plan {
    plan(Module::default(), |b| {
        let (t, s) = (b.module.add_axis("T", 5), b.module.add_axis("S", 17));
        let x = float(b, "x", &[BATCH, t, s]);
        let max = add(b, Op::Reduce(Reduce::Max, vec![s]), &[x]);
        let shifted = add(b, Op::Map(Map::Sub), &[x, max]);
        let e = add(b, Op::Map(Map::Exp), &[shifted]);
        let total = add(b, Op::Reduce(Reduce::Sum, vec![s]), &[e]);
        add(b, Op::Map(Map::Div), &[e, total])
    })
}

fn bias_gradient() -> Plan {
    plan(Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 5), b.module.add_axis("D", 24));
        let x = float(b, "x", &[BATCH, t, d]);
        add(b, Op::Reduce(Reduce::Sum, vec![BATCH, t]), &[x])
    })
}

fn embedding_gradient() -> Plan {
    plan(Module::default(), |b| {
        let (n, d) = (b.module.add_axis("N", 7), b.module.add_axis("D", 24));
        let label = b.input("label", InputKind::Argument, vec![BATCH], DType::Int);
        let g = float(b, "g", &[BATCH, d]);
        add(b, Op::ScatterAdd { axis: n, shape: vec![n, d] }, &[label, g])
    })
}

fn window() -> Plan {
    plan(Module::default(), |b| {
        let (t, d) = (b.module.add_axis("T", 9), b.module.add_axis("D", 24));
        let (w, k) = (b.module.add_axis("W", 9), b.module.add_axis("K", 4));
        let (x, weight) = (float(b, "x", &[BATCH, t, d]), float(b, "weight", &[d, k]));
        let view = View::Window(Windows { axis: t, to: w, offset: k, stride: 1, dilation: 1, left: 3 });
        let windows = add(b, Op::View(view), &[x]);
        add(b, Op::Contract(vec![k]), &[windows, weight])
    })
}

fn selective_scan() -> Plan {
    let mut module = Module::default();
    let (t, e, n) = (module.add_axis("T", 9), module.add_axis("E", 24), module.add_axis("N", 4));
    let mut b = Builder::new(&mut module, "step");
    let h = float(&mut b, "h", &[BATCH, e, n]);
    let (u, dt) = (float(&mut b, "u", &[BATCH, e]), float(&mut b, "dt", &[BATCH, e]));
    let (bb, c) = (float(&mut b, "b", &[BATCH, n]), float(&mut b, "c", &[BATCH, n]));
    let a = float(&mut b, "a", &[e, n]);
    let decay = add(&mut b, Op::Map(Map::Mul), &[dt, a]);
    let decay = add(&mut b, Op::Map(Map::Exp), &[decay]);
    let kept = add(&mut b, Op::Map(Map::Mul), &[decay, h]);
    let more = add(&mut b, Op::Map(Map::Mul), &[dt, u]);
    let more = add(&mut b, Op::Map(Map::Mul), &[more, bb]);
    let new = add(&mut b, Op::Map(Map::Add), &[kept, more]);
    let y = add(&mut b, Op::Contract(vec![n]), &[c, new]);
    b.output("h", new);
    b.output("y", y);
    let body = Arc::new(b.function);
    plan(module, |b| {
        let h = float(b, "h", &[BATCH, e, n]);
        let (u, dt) = (float(b, "u", &[BATCH, t, e]), float(b, "dt", &[BATCH, t, e]));
        let (bb, c) = (float(b, "b", &[BATCH, t, n]), float(b, "c", &[BATCH, t, n]));
        let a = float(b, "a", &[e, n]);
        let scan = Scan { axis: t, reverse: false, carries: 1, sequences: 4, yields: 1, finals: 0, body };
        add(b, Op::Scan(scan), &[h, u, dt, bb, c, a])
    })
}

fn all() -> Vec<(&'static str, Plan)> {
    vec![
        ("silu_gate", silu_gate()),
        ("layer_norm", layer_norm()),
        ("softmax", softmax()),
        ("bias_gradient", bias_gradient()),
        ("embedding_gradient", embedding_gradient()),
        ("window", window()),
        ("selective_scan", selective_scan()),
    ]
}

fn text(plan: &Plan) -> String {
    assert_eq!(plan.steps.len(), 1, "one kernel");
    format!("#include \"{}\"\n\n{}", plan.target.header_name(), print_c(&plan.kernels[0], plan.target))
}

#[test]
fn kernels_are_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    for (name, plan) in all() {
        let (path, text) = (folder.join(format!("{name}.c")), text(&plan));
        if std::env::var_os("ARCHC_UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(golden, text, "{}: ARCHC_UPDATE_GOLDEN=1 writes it anew", path.display());
    }
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
    for (name, plan) in all() {
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

/// The kernel on buffers of exactly the sizes that the plan states, under the sanitizers.
#[test]
fn kernels_stay_within_their_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::Generic;
    std::fs::write(dir.path().join(target.header_name()), target.header()).unwrap();
    for (name, plan) in all() {
        let plan = Plan { target, ..plan };
        let Action::Kernel { args, .. } = &plan.steps[0].action else { panic!("a kernel") };
        let pieces = plan.kernels[0].pieces(plan.batch, target.lanes());
        let mut main = text(&plan) + "#include <stdlib.h>\nint main(void) {\n  void *args[8];\n";
        for (i, slot) in args.iter().enumerate() {
            let (len, ty) =
                (plan.slot(*slot).len, if plan.slot(*slot).elem == Elem::F32 { "float" } else { "int32_t" });
            main += &format!("  {ty} *p{i} = args[{i}] = malloc({len} * 4);\n");
            main += &format!("  for (int j = 0; j < {len}; j++) p{i}[j] = ({ty})(j % 5);\n");
        }
        main += &format!("  {}(args, {}, 0, {pieces});\n", plan.kernels[0].name, plan.batch);
        for i in 0..args.len() {
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
