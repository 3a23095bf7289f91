//! Layouts of every kind that PyTorch writes, made by PyTorch itself with the weights of a fixture.

use super::common::{Tensors, agree, archc, fixture, folder, read, root, skip, write};
use super::raw;
use safetensors::Dtype;
use std::path::Path;
use std::process::Command;

const CASE: &str = "dit_adaln_zero";
const MODEL: &str = "--item DiT --set input_size=8 --set hidden_size=64 --set depth=2 --set num_heads=4 \
     --set num_classes=10";

/// Runs the script that makes checkpoints; false, said aloud, where it lacks what it needs. `ARCHC_PYTHON`
/// names a Python that has PyTorch.
fn script(what: &str, arguments: &[&Path]) -> bool {
    let python = std::env::var_os("ARCHC_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(&python);
    command.arg(root().join("tests/import/make_checkpoints.py")).arg(what).args(arguments);
    let output = match command.output() {
        Ok(output) => output,
        Err(e) => {
            skip(&format!("checkpoints by PyTorch: {}: {e}", python.display()));
            return false;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(77) {
        skip(&format!("checkpoints by PyTorch: {}", text.trim().trim_start_matches("SKIP ")));
        return false;
    }
    assert!(output.status.success(), "{what}: {text}{}", String::from_utf8_lossy(&output.stderr));
    true
}

fn import(file: &Path, words: &str, out: &Path) -> super::Ran {
    archc(&format!("import --model models/dit.arch {MODEL} {words}"), &[("", file), ("--out", out)])
}

/// What `archc run` gives with weights.
fn run(weights: &Path, folder: &Path) -> Tensors {
    let mut inputs = read(&fixture(CASE, "inputs.safetensors"));
    inputs.retain(|n, _| ["x", "t", "y"].contains(&n.as_str()));
    let (given, results) = (folder.join("in.safetensors"), folder.join("out.safetensors"));
    write(&given, &inputs);
    archc(
        &format!("run models/dit.arch {MODEL} --form interpreter"),
        &[("--weights", weights), ("--inputs", &given), ("--outputs", &results)],
    )
    .fine();
    read(&results)
}

/// Needs no PyTorch: the weights of the reference, as they come and through the names of diffusers, give the
/// reference's outputs.
#[test]
fn what_is_imported_computes_what_the_reference_computes() {
    let base = folder();
    let weights = fixture(CASE, "weights.safetensors");
    let path = |name: &str| base.path().join(name);
    let mut reference = read(&fixture(CASE, "outputs.safetensors"));
    reference.retain(|n, _| n == "output");
    assert_eq!(reference.len(), 1);
    import(&weights, "", &path("a.safetensors")).fine();
    agree("imported", &run(&path("a.safetensors"), base.path()), &reference, (2e-5, 0.0));
    archc("export --mapping dit-diffusers", &[("", path("a.safetensors")), ("--out", path("d.safetensors"))])
        .fine();
    let theirs = read(&path("d.safetensors"));
    assert_eq!(theirs["transformer_blocks.1.attn1.to_k.weight"].shape, [64, 64]);
    import(&path("d.safetensors"), "--mapping dit-diffusers", &path("b.safetensors")).fine();
    agree("through diffusers", &run(&path("b.safetensors"), base.path()), &reference, (2e-5, 0.0));
}

#[test]
fn every_layout_that_pytorch_writes() {
    let base = folder();
    let weights = fixture(CASE, "weights.safetensors");
    if !script("layouts", &[&weights, base.path()]) {
        return;
    }
    let wanted = raw(&weights);
    let out = base.path().join("x.safetensors");
    for (file, said) in [
        ("training.pt", "`ema` of it"),
        ("training_legacy.pt", "legacy layout"),
        ("bare.pt", "a PyTorch archive"),
        ("parallel.pt", ""),
        ("compiled.pt", "`model` of it"),
        ("average.pt", "`ema_model` of it"),
        ("parameters.pt", ""),
        ("turned.pt", ""),
        ("views.pt", ""),
        ("views_legacy.pt", ""),
        ("sharded.safetensors.index.json", "in 3 shards"),
        ("bins.index.json", "in 2 shards"),
    ] {
        let ran = import(&base.path().join(file), "", &out).fine();
        assert!(ran.stderr.contains(said), "{file}: {}", ran.stderr);
        assert!(raw(&out) == wanted, "{file}");
    }
    import(&base.path().join("double.pt"), "", &out).fine();
    assert!(raw(&out).values().all(|(dtype, ..)| *dtype == Dtype::F64));
    assert_eq!(read(&out), read(&weights));
    for (file, part) in [
        ("module.pt", "__main__.Skeleton"),
        ("sparse.pt", "_rebuild_sparse_tensor"),
        ("evil.pt", "system"),
        ("evil_hidden.pt", "system"),
    ] {
        import(&base.path().join(file), "", &out).fails(1, &["error[R0406]", part, "help: "]);
    }
}

#[test]
fn pytorch_and_diffusers_take_what_is_exported() {
    let base = folder();
    let weights = fixture(CASE, "weights.safetensors");
    let path = |name: &str| base.path().join(name);
    import(&weights, "", &path("x.safetensors")).fine();
    archc("export", &[("", path("x.safetensors")), ("--out", path("y.safetensors"))]).fine();
    archc("export --mapping dit-diffusers", &[("", path("x.safetensors")), ("--out", path("d.safetensors"))])
        .fine();
    if script("load", &[&path("y.safetensors"), &weights]) {
        script("diffusers", &[&path("d.safetensors"), &weights]);
    }
}
