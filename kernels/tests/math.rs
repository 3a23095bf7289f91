//! The functions of the language, compiled and swept over all kinds of floats against f64: C for every instruction set
//! of the machine, and CUDA text on the CPU. `docs/accuracy.md` states what is found, and is held to it;
//! `ARCHC_UPDATE_TABLES=1 cargo test -p arch-kernels --test math` writes it anew.

use arch_kernels::Target;
use arch_kernels::ir::Math;
use arch_kernels::ir::math::bound;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const FUNCTIONS: [(Math, &str); 8] = [
    (Math::Exp, "exp"),
    (Math::Log, "log"),
    (Math::Sin, "sin"),
    (Math::Cos, "cos"),
    (Math::Tanh, "tanh"),
    (Math::Erf, "erf"),
    (Math::Sigmoid, "sigmoid"),
    (Math::Softplus, "softplus"),
];

type Sweep = unsafe extern "C" fn(*const f32, *mut f32, *mut f32, i64);

fn targets() -> Vec<Target> {
    let mut targets = vec![Target::Generic];
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            targets.push(Target::Avx2);
        }
        if std::is_x86_feature_detected!("avx512dq") && std::is_x86_feature_detected!("avx512vl") {
            targets.push(Target::Avx512);
        }
    }
    targets
}

/// For each function, one C function that runs it on vectors and one element at a time.
fn library(target: Target, dir: &std::path::Path) -> libloading::Library {
    std::fs::write(dir.join(target.header_name()), target.header()).unwrap();
    let mut text = format!("#include \"{}\"\n", target.header_name());
    for (_, name) in FUNCTIONS {
        text += &format!(
            "void sweep_{name}(const float *x, float *v, float *s, int64_t n) {{\n\
             for (int64_t i = 0; i < n; i += LANES) vstore(v + i, v{name}(vload(x + i)));\n\
             for (int64_t i = 0; i < n; i++) s[i] = s{name}(x[i]);\n}}\n"
        );
    }
    text += "void sweep_pow(const float *x, float *v, float *s, int64_t n) {\n\
             for (int64_t i = 0; i < n; i += LANES) vstore(v + i, vpow(vload(x + i), vload(s + i)));\n}\n";
    let (source, out) = (dir.join("math.c"), dir.join(format!("{}.so", target.name())));
    std::fs::write(&source, text).unwrap();
    let mut command = Command::new("cc");
    command.args([
        "-std=gnu11",
        "-O3",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-ffp-contract=fast",
        "-fPIC",
    ]);
    command
        .args(["-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-shared", "-o"])
        .args(target.flags().iter().rev());
    let mut args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    args.retain(|a| a != "-o");
    let status = Command::new("cc").args(args).arg("-o").arg(&out).arg(&source).status().unwrap();
    assert!(status.success(), "the header compiles without a warning");
    // SAFETY: compiled from our own text just now.
    unsafe { libloading::Library::new(&out).unwrap() }
}

fn exact(function: Math, x: f64) -> f64 {
    match function {
        Math::Exp => x.exp(),
        Math::Log => x.ln(),
        Math::Sin => x.sin(),
        Math::Cos => x.cos(),
        Math::Tanh => x.tanh(),
        Math::Erf => erf(x),
        Math::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        _ => x.max(0.0) + (-x.abs()).exp().ln_1p(),
    }
}

/// By its series near zero and by the continued fraction of its complement beyond.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 3.0 {
        let (mut term, mut sum, mut n) = (a, a, 0.0);
        while term.abs() > 1e-18 * sum.abs() && n < 200.0 {
            n += 1.0;
            term *= -a * a / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let mut f = 0.0;
        for k in (1..60).rev() {
            f = f64::from(k) / 2.0 / (a + f);
        }
        1.0 - (-a * a).exp() / std::f64::consts::PI.sqrt() / (a + f)
    };
    value.copysign(x)
}

/// The distance to the exact value in units in the last place.
fn ulps(function: Math, got: f32, wanted: f64) -> f64 {
    if wanted.is_nan() || f64::from(wanted as f32).is_infinite() {
        let same = (wanted.is_nan() && got.is_nan()) || got == wanted as f32;
        return if same { 0.0 } else { f64::INFINITY };
    }
    if got == wanted as f32 {
        return 0.0;
    }
    let mut size = wanted.abs().max(f64::from(f32::MIN_POSITIVE));
    if matches!(function, Math::Sin | Math::Cos) {
        size = 1.0;
    }
    let unit = 2f64.powi(size.log2().floor() as i32 - 23);
    (f64::from(got) - wanted).abs() / unit
}

/// Every 977th float, and all places where something changes.
fn arguments() -> Vec<f32> {
    let mut xs: Vec<f32> = (0..u32::MAX).step_by(977).map(f32::from_bits).collect();
    let special =
        [0.0, -0.0, 1.0, -1.0, 0.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 1e-45];
    xs.extend(special);
    for center in
        [0.0f32, 0.625, 0.921_875, 1.0, std::f32::consts::SQRT_2, 4.0, 88.722_84, -87.336_55, -103.97]
    {
        xs.extend((-2000..2000).map(|i| center + i as f32 * 1e-5));
        xs.extend((-200..200).map(|i| center + i as f32 * 1e-2));
    }
    xs.resize(xs.len().next_multiple_of(16), 0.0);
    xs
}

/// The CUDA text of the functions, on the CPU. None without a compiler of C++.
fn cuda_library(dir: &Path) -> Option<libloading::Library> {
    if !Command::new("g++").arg("--version").output().is_ok_and(|o| o.status.success()) {
        let _ = writeln!(std::io::stdout(), "\nSKIP functions of CUDA text: g++ is not installed");
        return None;
    }
    let mut text = format!("{}\n{}\n", include_str!("cuda/emulator/cuda.h"), Target::Cuda.header());
    for (_, name) in FUNCTIONS {
        let _ = writeln!(
            text,
            "extern \"C\" void sweep_{name}(const float *x, float *v, float *s, long n) {{\n\
             for (long i = 0; i < n; i++) v[i] = s[i] = {name}_f32(x[i]);\n}}"
        );
    }
    let (source, out) = (dir.join("math.cpp"), dir.join("cuda.so"));
    std::fs::write(&source, text).unwrap();
    let mut command = Command::new("g++");
    command.args(["-std=c++20", "-O2", "-fPIC", "-shared", "-ffp-contract=fast", "-w"]);
    // A GPU multiplies and adds at once; a CPU does where it is told that it can.
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("fma") {
        command.arg("-mfma");
    }
    assert!(command.arg("-o").arg(&out).arg(&source).status().unwrap().success());
    // SAFETY: compiled from our own text just now.
    Some(unsafe { libloading::Library::new(&out).unwrap() })
}

/// The values of a function, as vectors and one element at a time.
fn sweep(library: &libloading::Library, name: &str, xs: &[f32]) -> [Vec<f32>; 2] {
    let (mut vector, mut scalar) = (vec![0f32; xs.len()], vec![0f32; xs.len()]);
    // SAFETY: the function has this signature, and all arrays have this length.
    unsafe {
        let sweep = library.get::<Sweep>(format!("sweep_{name}").as_bytes()).unwrap();
        sweep(xs.as_ptr(), vector.as_mut_ptr(), scalar.as_mut_ptr(), xs.len() as i64);
    }
    [vector, scalar]
}

/// What is measured: a function on a range of arguments, and the error that is stated.
struct Row {
    function: Math,
    name: &'static str,
    arguments: &'static str,
    range: std::ops::RangeInclusive<f32>,
    /// None where nothing is promised.
    bound: Option<f64>,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (function, name) in FUNCTIONS {
        // Where exponentials are neither huge nor negligible.
        let near = match function {
            Math::Exp => Some(("-16 to 16", -16.0..=16.0, 1.5)),
            Math::Sigmoid => Some(("-16 to 16", -16.0..=16.0, 3.0)),
            Math::Softplus => Some(("-16 to 16", -16.0..=16.0, 4.0)),
            _ => None,
        };
        if let Some((arguments, range, bound)) = near {
            rows.push(Row { function, name, arguments, range, bound: Some(bound) });
        }
        let (bound, range) = bound(function);
        let arguments = match function {
            Math::Sin | Math::Cos => "-8,000 to 8,000",
            Math::Sigmoid => "above -87",
            _ => "all",
        };
        rows.push(Row { function, name, arguments, range, bound: Some(bound) });
        let beyond = match function {
            Math::Sin | Math::Cos => Some(("8,000 to 1,000,000", 8.0e3..=1.0e6)),
            Math::Sigmoid => Some(("below -87", f32::MIN..=-87.0)),
            _ => None,
        };
        if let Some((arguments, range)) = beyond {
            rows.push(Row { function, name, arguments, range, bound: None });
        }
    }
    rows
}

/// The largest error of a row in units in the last place. Infinities and NaN count everywhere.
fn worst(row: &Row, xs: &[f32], values: &[Vec<f32>; 2]) -> f64 {
    let mut worst = 0.0f64;
    for (i, x) in xs.iter().enumerate() {
        if !(row.range.contains(x) || !x.is_finite() && row.bound.is_some() && *row.range.end() > 1e3) {
            continue;
        }
        let wanted = exact(row.function, f64::from(*x));
        for got in [values[0][i], values[1][i]] {
            let off = ulps(row.function, got, wanted);
            assert!(
                row.bound.is_none_or(|most| off <= most),
                "{}({x:e}) is {got:e}, {off} ulp off",
                row.name
            );
            worst = worst.max(off);
        }
    }
    worst
}

/// What a table says: rounded up, so that another compiler's last bit does not change it.
fn stated(error: f64) -> f64 {
    (2.0 * error + 0.1).ceil() / 2.0
}

const COLUMNS: [&str; 4] = ["C, any machine", "C, AVX2", "C, AVX-512", "CUDA text"];
const PAGE: &str = "# Accuracy of functions

Kernels compute `exp`, `log` and the others by definitions of ours (`kernels/src/ir/math.rs`), the same in C and in CUDA text,
in 32-bit floats. The table has the largest error against 64-bit floats, in units in the last place (ulp), over every
977th float and densely around the places where a definition changes its formula, rounded up to half a unit. For sine
and cosine it is units of 1, since relative errors near their zeros have no end. Vectors and single elements have the
same bounds. CUDA text is measured on the CPU, with multiplications and additions joined as a GPU joins them; square roots,
divisions and roundings are exact on both. *No bound* is an error of more than 10,000 ulp: sine and cosine far from zero
without joined operations, and values of the sigmoid so small that they are rounded to fewer digits.

This page is written by `ARCHC_UPDATE_TABLES=1 cargo test -p arch-kernels --test math`; every run of that test holds the
machine's own columns to it.
";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/accuracy.md")
}

/// The cells of the table that stands on the page, by function and arguments.
fn known() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(page()).unwrap_or_default();
    let lines = text.lines().filter(|l| l.starts_with("| `"));
    lines.map(|l| l.trim_matches('|').split('|').map(|c| c.trim().to_string()).collect()).collect()
}

#[test]
fn errors_are_within_the_bounds_stated_and_the_page_says_them() {
    let dir = tempfile::tempdir().unwrap();
    let xs = arguments();
    let mut measured: Vec<(usize, libloading::Library)> = Vec::new();
    for target in targets() {
        let column = [Target::Generic, Target::Avx2, Target::Avx512].iter().position(|t| *t == target);
        measured.push((column.unwrap(), library(target, dir.path())));
        powers(target, &measured.last().unwrap().1);
    }
    measured.extend(cuda_library(dir.path()).map(|library| (3, library)));
    let (update, known) = (std::env::var_os("ARCHC_UPDATE_TABLES").is_some(), known());
    let mut table = format!("| function | arguments | at most | {} |\n", COLUMNS.join(" | "));
    table += "| --- | --- | --- | --- | --- | --- | --- |\n";
    for row in rows() {
        let name = format!("`{}`", row.name);
        let said = known.iter().find(|cells| cells[0] == name && cells[1] == row.arguments);
        let mut cells: Vec<String> =
            (3..7).map(|at| said.map_or("not measured", |c| &c[at]).to_string()).collect();
        for (column, library) in &measured {
            let error = worst(&row, &xs, &sweep(library, row.name, &xs));
            let now = if error > 1e4 { "no bound".to_string() } else { format!("{:.1}", stated(error)) };
            if !update {
                let said = &cells[*column];
                let close = said.parse().is_ok_and(|s: f64| error <= s && s <= stated(error) + 0.5);
                assert!(
                    close || *said == now,
                    "{name}, {}: {error:.2} ulp, and the page says {said}",
                    row.arguments
                );
            }
            cells[*column] = now;
        }
        let bound = row.bound.map_or("-".to_string(), |b| format!("{b:.1}"));
        let _ = writeln!(table, "| {name} | {} | {bound} | {} |", row.arguments, cells.join(" | "));
    }
    if update {
        std::fs::write(page(), format!("{PAGE}\n{table}\n{}", specials())).unwrap();
    }
}

/// Arguments at which nothing may be off, and what comes out.
const SPECIAL: [(&str, &[(f32, f32)]); 8] = [
    (
        "exp",
        &[
            (0.0, 1.0),
            (-0.0, 1.0),
            (1e-45, 1.0),
            (89.0, f32::INFINITY),
            (-104.0, 0.0),
            (f32::MAX, f32::INFINITY),
        ],
    ),
    ("log", &[(1.0, 0.0), (0.0, f32::NEG_INFINITY), (-0.0, f32::NEG_INFINITY), (-1.0, f32::NAN)]),
    ("sin", &[(0.0, 0.0), (-0.0, 0.0), (1e-45, 1e-45), (f32::INFINITY, f32::NAN)]),
    ("cos", &[(0.0, 1.0), (-0.0, 1.0), (1e-45, 1.0), (f32::INFINITY, f32::NAN)]),
    ("tanh", &[(0.0, 0.0), (-0.0, -0.0), (1e-45, 1e-45), (20.0, 1.0), (f32::MIN, -1.0)]),
    ("erf", &[(0.0, 0.0), (-0.0, -0.0), (5.0, 1.0), (f32::MIN, -1.0)]),
    ("sigmoid", &[(0.0, 0.5), (-0.0, 0.5), (f32::MAX, 1.0), (f32::MIN, 0.0)]),
    ("softplus", &[(f32::MAX, f32::MAX), (f32::MIN, 0.0), (100.0, 100.0)]),
];
/// The same at both infinities, in order.
const INFINITE: [(&str, [f32; 2]); 6] = [
    ("exp", [0.0, f32::INFINITY]),
    ("log", [f32::NAN, f32::INFINITY]),
    ("tanh", [-1.0, 1.0]),
    ("erf", [-1.0, 1.0]),
    ("sigmoid", [0.0, 1.0]),
    ("softplus", [0.0, f32::INFINITY]),
];

fn special() -> Vec<(&'static str, f32, f32)> {
    let given = SPECIAL.iter().flat_map(|(name, all)| all.iter().map(|(x, y)| (*name, *x, *y)));
    let infinite = INFINITE
        .iter()
        .flat_map(|(name, [low, high])| [(*name, f32::NEG_INFINITY, *low), (*name, f32::INFINITY, *high)]);
    given.chain(infinite).chain(FUNCTIONS.iter().map(|(_, name)| (*name, f32::NAN, f32::NAN))).collect()
}

fn specials() -> String {
    let mut text = String::from("Exactly, on every machine and in CUDA text, zeros with their sign:\n\n");
    for (_, name) in FUNCTIONS {
        let all = special().into_iter().filter(|s| s.0 == name);
        let shown: Vec<String> = all.map(|(_, x, y)| format!("{x:?} → {y:?}")).collect();
        let _ = writeln!(text, "- `{name}`: {}", shown.join(", "));
    }
    text
}

#[test]
fn special_arguments_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let mut libraries: Vec<(String, libloading::Library)> =
        targets().into_iter().map(|t| (t.to_string(), library(t, dir.path()))).collect();
    libraries.extend(cuda_library(dir.path()).map(|library| ("cuda".to_string(), library)));
    let mut wrong = Vec::new();
    for (what, library) in &libraries {
        for (name, x, wanted) in special() {
            let same = |got: &f32| got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan();
            if let Some(got) = sweep(library, name, &[x; 16]).concat().into_iter().find(|got| !same(got)) {
                wrong.push(format!("{what}: {name}({x:?}) is {got:?}, not {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let page = std::fs::read_to_string(page()).unwrap_or_default();
    assert!(
        std::env::var_os("ARCHC_UPDATE_TABLES").is_some() || page.contains(&specials()),
        "docs/accuracy.md says other special values"
    );
}

fn powers(target: Target, library: &libloading::Library) {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for i in 0..4096 {
        let x = 10f32.powf((i % 64) as f32 / 8.0 - 4.0);
        xs.push(x);
        ys.push(((i / 64) as f32 / 32.0 - 1.0) * 10.0 / x.ln().abs().max(1.0));
    }
    xs.extend([-2.0, -2.0, 0.0, 0.0, 4.0, 1.0, -3.0, 7.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    ys.extend([3.0, 2.0, 2.0, 0.0, 0.5, 9.0, 0.5, 0.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let mut got = vec![0f32; xs.len()];
    let mut exponents = ys.clone();
    // SAFETY: the function has this signature, and all arrays have this length.
    unsafe {
        let sweep = library.get::<Sweep>(b"sweep_pow").unwrap();
        sweep(xs.as_ptr(), got.as_mut_ptr(), exponents.as_mut_ptr(), xs.len() as i64);
    }
    for i in 0..xs.len() {
        let off = ulps(Math::Pow, got[i], f64::from(xs[i]).powf(f64::from(ys[i])));
        assert!(off <= bound(Math::Pow).0, "{target}: {} ^ {} is {}, {off} ulp", xs[i], ys[i], got[i]);
    }
}
