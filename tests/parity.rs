//! Whole commands against the public reference code: outputs and every gradient, in every form.

mod common;

use common::{Tensor, Tensors, agree, archc, fixture, folder, manifest, read, write};

/// What a manifest's `config` tells beside the arguments of the original's constructor.
const NOT_CONFIG: [&str; 9] =
    ["batch", "seed", "mode", "weights", "rerandomised", "cfg_scale", "length", "d_inner", "dt_rank_value"];

/// The manifest's config as `--set`.
fn settings(case: &str) -> String {
    let manifest = manifest(case);
    let config = manifest["config"].as_object().expect("a manifest has a config");
    let given = config.iter().filter(|(k, v)| !NOT_CONFIG.contains(&k.as_str()) && !v.is_object());
    given.map(|(k, v)| format!(" --set {k}={v}")).collect()
}

/// The inputs of the run, and the gradient that the reference began with.
fn inputs(stored: &Tensors, output: &Tensor) -> Tensors {
    let mut inputs: Tensors = stored
        .iter()
        .filter(|(n, _)| ["x", "t", "y"].contains(&n.as_str()))
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    if let Some(start) = stored.get("dout") {
        inputs.insert("output.grad".into(), start.clone());
    } else if let Some(target) = stored.get("target") {
        // The reference's loss is the mean square distance from the target.
        let scale = 2.0 / output.data.len() as f64;
        let start = output.data.iter().zip(&target.data).map(|(o, t)| scale * (o - t)).collect();
        inputs.insert("output.grad".into(), Tensor::floats(&output.shape, start));
    }
    // Else it is the mean square of the output, which is the command's own.
    inputs
}

/// What the run must write.
fn wanted(case: &str, output: Tensor) -> Tensors {
    let mut wanted = Tensors::from([("output".to_string(), output)]);
    for (name, gradient) in read(&fixture(case, "grads.safetensors")) {
        let name = name.strip_prefix("input.").unwrap_or(&name);
        wanted.insert(format!("grad.{name}"), gradient);
    }
    wanted
}

fn check(case: &str, file: &str, item: &str, form: &str) {
    let mut outputs = read(&fixture(case, "outputs.safetensors"));
    let output = outputs.remove("output").or_else(|| outputs.remove("out")).expect("there is an output");
    let dir = folder();
    let (given, results) = (dir.path().join("inputs.safetensors"), dir.path().join("outputs.safetensors"));
    let inputs = inputs(&read(&fixture(case, "inputs.safetensors")), &output);
    write(&given, &inputs);
    let words = format!("run {file} --item {item}{} --grad --form {form}", settings(case));
    let weights = fixture(case, "weights.safetensors");
    archc(&words, &[("--weights", &weights), ("--inputs", &given), ("--outputs", &results)]).fine();
    let wanted = wanted(case, output);
    assert!(wanted.len() > 8, "{case} has gradients");
    // The reference computes the timestep's sinusoids in f32, whose phase at t = 999 is off by 6e-5: that alone moves
    // DiT's gradients by 2.4e-5, as `exact/dit.py` prints, and the rest of its f32 by 3.3e-6.
    agree(&format!("{case} in the {form} form"), &read(&results), &wanted, (2e-5, 5e-5));
}

/// One test for each case and form.
macro_rules! cases {
    ($($name:ident: $case:literal $file:literal $item:literal $form:literal;)*) => {
        $(#[test] fn $name() { check($case, $file, $item, $form); })*
    };
}

cases! {
    dit_executing: "dit_adaln_zero" "models/dit.arch" "DiT" "executing";
    dit_interpreter: "dit_adaln_zero" "models/dit.arch" "DiT" "interpreter";
    dit_primitive: "dit_adaln_zero" "models/dit.arch" "DiT" "primitive";
    dit_as_initialised_executing: "dit_official_init" "models/dit.arch" "DiT" "executing";
    dit_as_initialised_interpreter: "dit_official_init" "models/dit.arch" "DiT" "interpreter";
    dit_as_initialised_primitive: "dit_official_init" "models/dit.arch" "DiT" "primitive";
    mamba_executing: "mamba_mixer" "models/mamba.arch" "MambaMixer" "executing";
    mamba_interpreter: "mamba_mixer" "models/mamba.arch" "MambaMixer" "interpreter";
    mamba_primitive: "mamba_mixer" "models/mamba.arch" "MambaMixer" "primitive";
    mamba_with_biases_executing: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "executing";
    mamba_with_biases_interpreter: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "interpreter";
    mamba_with_biases_primitive: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "primitive";
}
