//! Whole commands against the public reference code: outputs and every gradient, in every form.

mod common;

use common::{Tensor, Tensors, agree, archc, difference, fixture, folder, manifest, read, write};

/// What a manifest's `config` tells beside the arguments of the original's constructor.
const NOT_CONFIG: [&str; 13] = [
    "batch",
    "seed",
    "mode",
    "weights",
    "rerandomised",
    "cfg_scale",
    "length",
    "d_inner",
    "dt_rank_value",
    "attention_mode",
    "nheads",
    "L",
    "J",
];

/// The manifest's config as `--set`, with what the original's constructor handed on to its mixers.
fn settings(case: &str) -> String {
    let manifest = manifest(case);
    let config = manifest["config"].as_object().expect("a manifest has a config");
    let mixers = config.get("ssm_cfg").and_then(|c| c.as_object());
    let all = config.iter().chain(mixers.into_iter().flatten());
    let given = all.filter(|(k, v)| !NOT_CONFIG.contains(&k.as_str()) && !v.is_object());
    let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
    given.map(|(k, v)| format!(" --set {k}={}", text(v))).collect()
}

/// The tensors of a case's file. Some cases hold several of a kind, and have other names for the one that is
/// of one forward pass.
fn stored(case: &str, kind: &str) -> Tensors {
    let names = [
        format!("{kind}.safetensors"),
        format!("{kind}_forward.safetensors"),
        format!("{kind}_4chunk.safetensors"),
    ];
    let found = names.iter().map(|n| fixture(case, n)).find(|p| p.exists());
    read(&found.unwrap_or_else(|| panic!("{case} has no {kind}")))
}

/// The inputs of the run, and the gradient that the reference began with.
fn inputs(stored: &Tensors, output: &Tensor) -> Tensors {
    // Where data and noise are stored, the forward pass was that of the noise.
    let public = |n: &str| if n == "x0" { "x".to_string() } else { n.to_string() };
    let mut inputs: Tensors = stored
        .iter()
        .map(|(n, t)| (public(n), t.clone()))
        .filter(|(n, _)| ["x", "t", "timesteps", "y", "context"].contains(&n.as_str()))
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
    for (name, gradient) in stored(case, "grads") {
        let name = name.strip_prefix("input.").unwrap_or(&name);
        wanted.insert(format!("grad.{name}"), gradient);
    }
    wanted
}

fn check(case: &str, file: &str, item: &str, form: &str) {
    let outputs = stored(case, "outputs");
    let output = ["output", "out", "forward.output"].iter().find_map(|n| outputs.get(*n).cloned());
    let output = output.expect("there is an output");
    let dir = folder();
    let (given, results) = (dir.path().join("inputs.safetensors"), dir.path().join("outputs.safetensors"));
    let inputs = inputs(&stored(case, "inputs"), &output);
    write(&given, &inputs);
    let weights = dir.path().join("weights.safetensors");
    write(&weights, &stored(case, "weights"));
    let words = format!("run {file} --item {item}{} --grad --form {form}", settings(case));
    let run = |words: &str, results: &std::path::Path| {
        archc(words, &[("--weights", weights.as_path()), ("--inputs", &given), ("--outputs", results)])
            .fine();
    };
    if form == "executing" {
        // Work is cut by shapes, never by who does it.
        let one = dir.path().join("one_thread.safetensors");
        run(&format!("{words} --threads 1"), &one);
        run(&format!("{words} --threads 2"), &results);
        let bytes = |path: &std::path::Path| std::fs::read(path).expect("the command wrote it");
        assert!(bytes(&one) == bytes(&results), "{case}: one thread gives other bits than two");
    } else {
        run(&words, &results);
    }
    let mut wanted = wanted(case, output);
    assert!(wanted.len() > 8, "{case} has gradients");
    let results = read(&results);
    vanishing_gradients(case, &results, &mut wanted);
    // The reference computes the timestep's sinusoids in f32, whose phase at t = 999 is off by 6e-5: that alone moves
    // DiT's gradients by 2.4e-5, as `exact/dit.py` prints, and the rest of its f32 by 3.3e-6.
    // ZigMa's time is t * 1000, so that the last bit of its t moves this case's gradients by 2.2e-4.
    let gradients = if case == "zigma_hilbert2_nope" { 2e-4 } else { 5e-5 };
    agree(&format!("{case} in the {form} form"), &results, &wanted, (2e-5, gradients));
}

/// Gradients that are zero but for the reference's rounding, such as those of a key's bias, to which a softmax
/// is blind. The manifest names them; they are held against the largest gradient and taken out.
fn vanishing_gradients(case: &str, results: &Tensors, wanted: &mut Tensors) {
    let manifest = manifest(case);
    let Some(named) = manifest["near_zero_gradients"]["max_abs"].as_object() else { return };
    let gradients = wanted.iter().filter(|(n, _)| n.starts_with("grad."));
    let largest = gradients.fold(0.0f64, |m, (_, t)| m.max(t.largest()));
    for name in named.keys().filter_map(|n| n.strip_prefix("grads.safetensors:")) {
        let name = format!("grad.{name}");
        let zero = wanted.remove(&name).unwrap_or_else(|| panic!("{case}: there is no {name}"));
        let apart = difference(&name, &results[&name], &zero, largest);
        assert!(
            apart < 1e-6,
            "{case}: {name} should vanish, and is off by {apart:.1e} of the largest gradient"
        );
    }
}

/// The public lesson ignores its labels; DiffuSSM must not: the rows of its table that the case looks up have
/// gradients in the reference, and the others have none.
#[test]
fn labels_of_diffussm_are_used() {
    let gradients = read(&fixture("diffussm_equations", "grads.safetensors"));
    let table = &gradients["y_embedder.embedding_table.weight"];
    let width = table.shape[1];
    let used: Vec<bool> = table.data.chunks(width).map(|row| row.iter().any(|g| *g != 0.0)).collect();
    assert_eq!(used, [true, false, false, false, true, true]);
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
    dit_without_gates_executing: "dit_variant_adaln" "models/dit.arch" "DiTAdaLN" "executing";
    dit_without_gates_interpreter: "dit_variant_adaln" "models/dit.arch" "DiTAdaLN" "interpreter";
    dit_without_gates_primitive: "dit_variant_adaln" "models/dit.arch" "DiTAdaLN" "primitive";
    dit_in_context_executing: "dit_variant_incontext" "models/dit.arch" "DiTInContext" "executing";
    dit_in_context_interpreter: "dit_variant_incontext" "models/dit.arch" "DiTInContext" "interpreter";
    dit_in_context_primitive: "dit_variant_incontext" "models/dit.arch" "DiTInContext" "primitive";
    dit_by_cross_attention_executing: "dit_variant_crossattn" "models/dit.arch" "DiTCrossAttention" "executing";
    dit_by_cross_attention_interpreter: "dit_variant_crossattn" "models/dit.arch" "DiTCrossAttention" "interpreter";
    dit_by_cross_attention_primitive: "dit_variant_crossattn" "models/dit.arch" "DiTCrossAttention" "primitive";
    sit_executing: "sit" "models/sit.arch" "SiT" "executing";
    sit_interpreter: "sit" "models/sit.arch" "SiT" "interpreter";
    sit_primitive: "sit" "models/sit.arch" "SiT" "primitive";
    uvit_executing: "uvit" "models/uvit.arch" "UViT" "executing";
    uvit_interpreter: "uvit" "models/uvit.arch" "UViT" "interpreter";
    uvit_primitive: "uvit" "models/uvit.arch" "UViT" "primitive";
    uvit_without_labels_executing: "uvit_uncond" "models/uvit.arch" "UViT" "executing";
    uvit_without_labels_interpreter: "uvit_uncond" "models/uvit.arch" "UViT" "interpreter";
    uvit_without_labels_primitive: "uvit_uncond" "models/uvit.arch" "UViT" "primitive";
    uvit_as_initialised_executing: "uvit_official_init" "models/uvit.arch" "UViT" "executing";
    uvit_as_initialised_interpreter: "uvit_official_init" "models/uvit.arch" "UViT" "interpreter";
    uvit_as_initialised_primitive: "uvit_official_init" "models/uvit.arch" "UViT" "primitive";
    mamba_executing: "mamba_mixer" "models/mamba.arch" "MambaMixer" "executing";
    mamba_interpreter: "mamba_mixer" "models/mamba.arch" "MambaMixer" "interpreter";
    mamba_primitive: "mamba_mixer" "models/mamba.arch" "MambaMixer" "primitive";
    mamba_with_biases_executing: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "executing";
    mamba_with_biases_interpreter: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "interpreter";
    mamba_with_biases_primitive: "mamba_mixer_bias" "models/mamba.arch" "MambaMixer" "primitive";
    mamba2_executing: "mamba2_mixer" "models/mamba.arch" "Mamba2Mixer" "executing";
    mamba2_interpreter: "mamba2_mixer" "models/mamba.arch" "Mamba2Mixer" "interpreter";
    mamba2_primitive: "mamba2_mixer" "models/mamba.arch" "Mamba2Mixer" "primitive";
    vim1_executing: "vim_mixer_v1" "models/vim.arch" "VimMixer" "executing";
    vim1_interpreter: "vim_mixer_v1" "models/vim.arch" "VimMixer" "interpreter";
    vim1_primitive: "vim_mixer_v1" "models/vim.arch" "VimMixer" "primitive";
    vim2_executing: "vim_mixer_v2" "models/vim.arch" "VimMixer" "executing";
    vim2_interpreter: "vim_mixer_v2" "models/vim.arch" "VimMixer" "interpreter";
    vim2_primitive: "vim_mixer_v2" "models/vim.arch" "VimMixer" "primitive";
    dis_executing: "dis_class" "models/dis.arch" "DiS" "executing";
    dis_interpreter: "dis_class" "models/dis.arch" "DiS" "interpreter";
    dis_primitive: "dis_class" "models/dis.arch" "DiS" "primitive";
    dis_without_labels_executing: "dis_uncond" "models/dis.arch" "DiS" "executing";
    dis_without_labels_interpreter: "dis_uncond" "models/dis.arch" "DiS" "interpreter";
    dis_without_labels_primitive: "dis_uncond" "models/dis.arch" "DiS" "primitive";
    zigma_in_both_directions_executing: "zigma_v2_class" "models/zigma.arch" "ZigMa" "executing";
    zigma_in_both_directions_interpreter: "zigma_v2_class" "models/zigma.arch" "ZigMa" "interpreter";
    zigma_in_both_directions_primitive: "zigma_v2_class" "models/zigma.arch" "ZigMa" "primitive";
    zigma_on_zigzag_paths_executing: "zigma_zigzag8" "models/zigma.arch" "ZigMa" "executing";
    zigma_on_zigzag_paths_interpreter: "zigma_zigzag8" "models/zigma.arch" "ZigMa" "interpreter";
    zigma_on_zigzag_paths_primitive: "zigma_zigzag8" "models/zigma.arch" "ZigMa" "primitive";
    zigma_on_hilbert_paths_executing: "zigma_hilbert2_nope" "models/zigma.arch" "ZigMa" "executing";
    zigma_on_hilbert_paths_interpreter: "zigma_hilbert2_nope" "models/zigma.arch" "ZigMa" "interpreter";
    zigma_on_hilbert_paths_primitive: "zigma_hilbert2_nope" "models/zigma.arch" "ZigMa" "primitive";
    zigma_with_text_executing: "zigma_text" "models/zigma.arch" "ZigMa" "executing";
    zigma_with_text_interpreter: "zigma_text" "models/zigma.arch" "ZigMa" "interpreter";
    zigma_with_text_primitive: "zigma_text" "models/zigma.arch" "ZigMa" "primitive";
    diffussm_lesson_executing: "diffussm" "models/diffussm.arch" "DiffuSSMLesson" "executing";
    diffussm_lesson_interpreter: "diffussm" "models/diffussm.arch" "DiffuSSMLesson" "interpreter";
    diffussm_lesson_primitive: "diffussm" "models/diffussm.arch" "DiffuSSMLesson" "primitive";
    diffussm_executing: "diffussm_equations" "models/diffussm.arch" "DiffuSSM" "executing";
    diffussm_interpreter: "diffussm_equations" "models/diffussm.arch" "DiffuSSM" "interpreter";
    diffussm_primitive: "diffussm_equations" "models/diffussm.arch" "DiffuSSM" "primitive";
    unet_executing: "unet" "models/unet.arch" "UNet" "executing";
    unet_interpreter: "unet" "models/unet.arch" "UNet" "interpreter";
    unet_primitive: "unet" "models/unet.arch" "UNet" "primitive";
    uvit_with_other_options_executing: "uvit_options" "models/uvit.arch" "UViT" "executing";
    uvit_with_other_options_interpreter: "uvit_options" "models/uvit.arch" "UViT" "interpreter";
    uvit_with_other_options_primitive: "uvit_options" "models/uvit.arch" "UViT" "primitive";
    mamba2_in_groups_executing: "mamba2_mixer_grouped" "models/mamba.arch" "Mamba2Mixer" "executing";
    mamba2_in_groups_interpreter: "mamba2_mixer_grouped" "models/mamba.arch" "Mamba2Mixer" "interpreter";
    mamba2_in_groups_primitive: "mamba2_mixer_grouped" "models/mamba.arch" "Mamba2Mixer" "primitive";
    zigma_on_eight_hilbert_paths_executing: "zigma_hilbert8" "models/zigma.arch" "ZigMa" "executing";
    zigma_on_eight_hilbert_paths_interpreter: "zigma_hilbert8" "models/zigma.arch" "ZigMa" "interpreter";
    zigma_on_eight_hilbert_paths_primitive: "zigma_hilbert8" "models/zigma.arch" "ZigMa" "primitive";
    dit_one_by_one: "dit_adaln_zero" "models/dit.arch" "DiT" "executing --fuse off";
    dit_by_cross_attention_one_by_one: "dit_variant_crossattn" "models/dit.arch" "DiTCrossAttention" "executing --fuse off";
    uvit_one_by_one: "uvit" "models/uvit.arch" "UViT" "executing --fuse off";
    mamba2_one_by_one: "mamba2_mixer" "models/mamba.arch" "Mamba2Mixer" "executing --fuse off";
    dis_one_by_one: "dis_class" "models/dis.arch" "DiS" "executing --fuse off";
    zigma_with_text_one_by_one: "zigma_text" "models/zigma.arch" "ZigMa" "executing --fuse off";
    diffussm_one_by_one: "diffussm_equations" "models/diffussm.arch" "DiffuSSM" "executing --fuse off";
    unet_one_by_one: "unet" "models/unet.arch" "UNet" "executing --fuse off";
}
