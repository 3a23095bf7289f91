//! Files that are damaged, missing, of another kind, or of another model.

use super::common::{Tensor, Tensors, archc, fixture, folder, read, write};
use super::{QUICK, sample, train, trained, words};
use crate::common::recipes::{TINY, digits};
use std::path::Path;

#[test]
fn a_checkpoint_that_is_cut_short() {
    let base = folder();
    let checkpoint = trained(base.path());
    let whole = std::fs::read(&checkpoint).unwrap();
    let cut = base.path().join("cut.safetensors");
    for length in [0, 7, 8, 300, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let ran = sample(&cut, &base.path().join("x.png"));
        ran.fails(1, &["error[R0401]", "cut.safetensors", "help: ", "archc explain R0401"]);
    }
}

#[test]
fn a_checkpoint_with_a_flipped_bit() {
    let base = folder();
    let checkpoint = trained(base.path());
    let whole = std::fs::read(&checkpoint).unwrap();
    let flipped = base.path().join("flipped.safetensors");
    // The first bytes are a length, then come names and contents and, last, numbers, of which averages are sampled.
    let start = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&whole[8..start]).unwrap();
    let average = header.as_object().unwrap().iter().find(|(name, _)| name.starts_with("ema.")).unwrap().1;
    let average = start + average["data_offsets"][1].as_u64().unwrap() as usize - 3;
    for at in [3, 9, 40, 400, average] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x04;
        std::fs::write(&flipped, bytes).unwrap();
        sample(&flipped, &base.path().join("x.png")).fails(1, &["error[R0401]", "flipped", "help: "]);
    }
    // A run that cannot go on says so and leaves the file as it is, wherever the numbers have changed.
    let moment = header.as_object().unwrap().iter().find(|(name, _)| name.starts_with("adam.m.")).unwrap().1;
    let mut bytes = whole.clone();
    bytes[start + moment["data_offsets"][0].as_u64().unwrap() as usize] ^= 0x80;
    std::fs::write(&checkpoint, &bytes).unwrap();
    let ran = train(base.path(), "--resume --form interpreter");
    ran.fails(1, &["error[R0401]", "checksum", "checkpoints"]);
    assert_eq!(std::fs::read(&checkpoint).unwrap(), bytes);
}

#[test]
fn weights_that_are_no_checkpoint() {
    let base = folder();
    let weights = fixture("mamba_mixer", "weights.safetensors");
    sample(&weights, &base.path().join("x.png")).fails(1, &["error[R0401]", "--recipe", "--weights"]);
}

/// `archc run` on the mixer of a fixture with other weights or inputs.
fn mixer(weights: &Path, inputs: &Path, words: &str) -> crate::common::Ran {
    let out = folder();
    let out = out.path().join("o.safetensors");
    let ran = archc(
        &format!(
            "run models/mamba.arch --item MambaMixer --form interpreter --set d_model=16 --set d_state=4 {words}"
        ),
        &[("--weights", weights), ("--inputs", inputs), ("--outputs", &out)],
    );
    assert_eq!(out.exists(), ran.code == Some(0), "a command that fails leaves no file");
    ran
}

#[test]
fn tensors_of_another_name_or_shape() {
    let base = folder();
    let good = read(&fixture("mamba_mixer", "weights.safetensors"));
    let inputs = fixture("mamba_mixer", "inputs.safetensors");
    let weights = base.path().join("w.safetensors");
    let with = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = good.clone();
        change(&mut tensors);
        write(&weights, &tensors);
        mixer(&weights, &inputs, "")
    };
    let renamed = with(&|t| {
        let tensor = t.remove("x_proj.weight").unwrap();
        t.insert("x_porj.weight".into(), tensor);
    });
    renamed.fails(1, &["error[R0402]", "`x_proj.weight`", "`x_porj.weight`", "help: "]);
    let reshaped = with(&|t| t.get_mut("conv1d.weight").unwrap().shape = vec![32, 4, 1]);
    reshaped.fails(1, &["error[R0402]", "`conv1d.weight`", "[32, 4, 1]", "[32, 1, 4]", "--set"]);
    let more = with(&|t| drop(t.insert("extra".into(), Tensor::floats(&[1], vec![0.0]))));
    assert_eq!(more.code, Some(0));
    assert!(more.stderr.contains("warning") && more.stderr.contains("extra"), "{}", more.stderr);
    // Another size of the model: the first tensor that differs is named with both.
    mixer(&fixture("mamba_mixer_bias", "weights.safetensors"), &inputs, "").fails(1, &["error[R0402]", "`"]);
}

#[test]
fn gradients_of_several_results() {
    let base = folder();
    let (file, weights) = (base.path().join("two.arch"), base.path().join("w.safetensors"));
    let (inputs, out) = (base.path().join("i.safetensors"), base.path().join("o.safetensors"));
    let text = "edition 2026\n\nblock Two(D) {\n  param w: [D] = ones\n  param v: [D] = ones\n\
                \n  forward(x: [D]) -> (near: [D], far: [D]) { (w * x, v * x) }\n}\n";
    std::fs::write(&file, text).unwrap();
    let two = |a: f64, b: f64| Tensor::floats(&[2], vec![a, b]);
    write(&weights, &Tensors::from([("w".to_string(), two(1.0, 1.0)), ("v".to_string(), two(1.0, 1.0))]));
    let x = Tensor::floats(&[1, 2], vec![3.0, 4.0]);
    let gradients = |words: &str, given: &[&str]| {
        let starts = given.iter().map(|n| (n.to_string(), Tensor::floats(&[1, 2], vec![1.0, 1.0])));
        write(&inputs, &starts.chain([("x".to_string(), x.clone())]).collect());
        let paths = [("", &file), ("--weights", &weights), ("--inputs", &inputs), ("--outputs", &out)];
        let said = archc(&format!("run --form interpreter --grad {words}"), &paths).fine().stderr;
        let found = read(&out);
        (said, found["grad.w"].data.clone(), found["grad.v"].data.clone())
    };
    let (said, w, v) = gradients("", &[]);
    assert!(said.contains("`near` is the first of 2 results") && said.contains("`far.grad`"), "{said}");
    assert_eq!((w, v), (vec![9.0, 16.0], vec![0.0, 0.0]));
    assert_eq!(gradients("--quiet", &[]).0, "");
    assert_eq!(gradients("", &["far.grad"]), (String::new(), vec![0.0, 0.0], vec![3.0, 4.0]));
}

#[test]
fn inputs_of_another_name_or_shape() {
    let base = folder();
    let good = read(&fixture("mamba_mixer", "inputs.safetensors"));
    let weights = fixture("mamba_mixer", "weights.safetensors");
    let inputs = base.path().join("i.safetensors");
    let with = |tensors: Tensors| {
        write(&inputs, &tensors);
        mixer(&weights, &inputs, "--grad")
    };
    let x = &good["x"];
    let renamed = with(Tensors::from([("X".to_string(), x.clone())]));
    renamed.fails(1, &["error[A0210]", "axis `T`", "`X` [2, 37, 16]", "parameter of `forward`"]);
    let flat = Tensor::floats(&[2 * 37, 16], x.data.clone());
    with(Tensors::from([("x".to_string(), flat)])).fails(1, &["error[", "[", "16"]);
    let narrow = Tensor::floats(&[4, 37, 8], x.data.clone());
    with(Tensors::from([("x".to_string(), narrow)])).fails(1, &["error[", "[4, 37, 8]", "16"]);
    let none = Tensor::floats(&[0, 37, 16], Vec::new());
    with(Tensors::from([("x".to_string(), none)])).fails(1, &["error[R0202]", "`x`", "no samples"]);
    let start = Tensor::floats(&[2, 16, 37], good["dout"].data.clone());
    let both = Tensors::from([("x".to_string(), x.clone()), ("output.grad".to_string(), start)]);
    with(both).fails(1, &["error[R0202]", "`output.grad`", "[2, 16, 37]", "[2, 37, 16]"]);
}

#[test]
fn labels_beyond_the_table() {
    let base = folder();
    let mut inputs = read(&fixture("dit_adaln_zero", "inputs.safetensors"));
    inputs.retain(|n, _| ["x", "t", "y"].contains(&n.as_str()));
    inputs.get_mut("y").unwrap().data[1] = 11.0;
    let given = base.path().join("i.safetensors");
    write(&given, &inputs);
    let set = "--set input_size=8 --set hidden_size=64 --set depth=2 --set num_heads=4 --set num_classes=10";
    let weights = fixture("dit_adaln_zero", "weights.safetensors");
    let ran = archc(
        &format!("run models/dit.arch --form interpreter {set}"),
        &[("--weights", &weights), ("--inputs", &given), ("--outputs", &base.path().join("o.safetensors"))],
    );
    ran.fails(1, &["error[R0601]", "`y`", "11", "0 to 10"]);
}

#[test]
fn a_safetensors_file_that_is_none() {
    let base = folder();
    let inputs = fixture("mamba_mixer", "inputs.safetensors");
    let whole = std::fs::read(fixture("mamba_mixer", "weights.safetensors")).unwrap();
    let broken = base.path().join("broken.safetensors");
    for bytes in [&b""[..], &whole[..whole.len() - 4], &[0xff; 64]] {
        std::fs::write(&broken, bytes).unwrap();
        mixer(&broken, &inputs, "").fails(1, &["error[R0401]", "broken.safetensors", "help: "]);
    }
    // What `torch.save` writes is known, and where it goes.
    std::fs::write(&broken, b"PK\x03\x04 a zip file").unwrap();
    mixer(&broken, &inputs, "").fails(1, &["error[R0405]", "broken.safetensors", "archc import"]);
}

#[test]
fn files_that_are_missing_or_folders() {
    let base = folder();
    let place = base.path().join("a_folder");
    std::fs::create_dir(&place).unwrap();
    let missing = base.path().join("missing.safetensors");
    let inputs = fixture("mamba_mixer", "inputs.safetensors");
    mixer(&missing, &inputs, "").fails(1, &["error[R0001]", "missing.safetensors", "help: "]);
    mixer(&place, &inputs, "").fails(1, &["error[R0001]", "a_folder", "help: "]);
    for command in ["check", "report", "fmt", "dev", "train", "sample --out x.png", "eval", "bench forward"] {
        archc(command, &[("", base.path().join("missing.arch"))])
            .fails(1, &["error[R0001]", "missing.arch", "help: "]);
        archc(command, &[("", &place)]).fails(1, &["error[R0001]", "a_folder", "help: "]);
    }
    digits(base.path(), TINY, QUICK);
    let gone = base.path().join("gone.safetensors");
    archc(
        "train",
        &[("", base.path().join("recipe.toml")), ("--run", base.path().join("r")), ("--replay", gone)],
    )
    .fails(1, &["error[R0001]", "gone.safetensors"]);
    assert!(!base.path().join("r").exists(), "a run that cannot begin leaves no folder");
}

#[test]
fn files_of_another_kind_are_called_by_their_names() {
    let base = folder();
    let checkpoint = trained(base.path());
    let recipe = base.path().join("recipe.toml");
    let model = crate::common::root().join("models/dit.arch");
    for command in ["check", "report", "fmt", "bench forward", "test"] {
        archc(command, &[("", &recipe)]).fails(1, &["recipe.toml is a recipe", ".arch", "archc train"]);
        archc(command, &[("", &checkpoint)])
            .fails(1, &["last.safetensors is a file of tensors", "archc sample"]);
    }
    archc("train", &[("", &model)]).fails(1, &["dit.arch is an architecture", "recipe", "archc new"]);
    let out = base.path().join("x.png");
    sample(&recipe, &out).fails(1, &["error[R0401]", "recipe.toml is a text", "archc train"]);
    let run = base.path().join("run");
    sample(&run, &out).fails(1, &["error[R0001]", "folder of a run", "checkpoints/last.safetensors"]);
    let near = base.path().join("recipe.tml");
    archc("train", &[("", &near)]).fails(1, &["error[R0001]", "did you mean", "recipe.toml"]);
}

#[test]
fn text_that_is_none() {
    let base = folder();
    let file = base.path().join("bytes.arch");
    std::fs::write(&file, [0xff, 0xfe, 0x00, 0x41]).unwrap();
    let ran = archc("check", &[("", &file)]);
    ran.fails(1, &["bytes.arch", "error[A"]);
    std::fs::write(&file, "").unwrap();
    assert_ne!(archc("check", &[("", &file)]).code, Some(101));
    assert_eq!(words("explain A9999").code, Some(2), "a code that does not exist");
}
