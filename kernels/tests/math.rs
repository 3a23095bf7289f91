//! The functions of the language, compiled and swept over all kinds of floats against f64.

use arch_kernels::Target;
use arch_kernels::ir::Math;
use arch_kernels::ir::math::bound;
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

#[test]
fn errors_are_within_the_bounds_stated() {
    let dir = tempfile::tempdir().unwrap();
    let xs = arguments();
    for target in targets() {
        let library = library(target, dir.path());
        for (function, name) in FUNCTIONS {
            let (mut vector, mut scalar) = (vec![0f32; xs.len()], vec![0f32; xs.len()]);
            // SAFETY: the function has this signature, and all arrays have this length.
            unsafe {
                let sweep = library.get::<Sweep>(format!("sweep_{name}").as_bytes()).unwrap();
                sweep(xs.as_ptr(), vector.as_mut_ptr(), scalar.as_mut_ptr(), xs.len() as i64);
            }
            let (most, range) = bound(function);
            let mut worst = (0.0, 0.0, 0.0);
            for (i, x) in xs.iter().enumerate() {
                if x.is_finite() && !range.contains(x) {
                    continue;
                }
                let wanted = exact(function, f64::from(*x));
                for got in [vector[i], scalar[i]] {
                    let off = ulps(function, got, wanted);
                    if off > worst.0 {
                        worst = (off, *x, got);
                    }
                }
            }
            println!("{target} {name}: {:.2} ulp at {:e} ({:e})", worst.0, worst.1, worst.2);
            assert!(worst.0 <= most, "{target} {name}: {} ulp at {:e}: {:e}", worst.0, worst.1, worst.2);
        }
        powers(target, &library);
    }
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
