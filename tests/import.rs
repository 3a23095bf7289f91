//! Checkpoints of other programs: every layout that is read, what is refused, and the way back.

mod common;
#[path = "import/layouts.rs"]
mod layouts;
#[path = "import/refused.rs"]
mod refused;

use common::{Ran, archc, folder, read, root};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The model of the small files.
pub const TINY: &str = "--model models/dit.arch --item DiT --set input_size=2 --set patch_size=1 --set in_channels=1 \
     --set num_classes=2 --set hidden_size=4 --set depth=2 --set num_heads=2 --set mlp_ratio=1.0";

/// A small file that PyTorch wrote; `make_checkpoints.py small` makes them again.
pub fn small(name: &str) -> PathBuf {
    root().join("tests/import/files").join(name)
}

/// `archc import` of a file as the small model.
pub fn import(file: &Path, words: &str, out: &Path) -> Ran {
    archc(&format!("import {TINY} {words}"), &[("", file), ("--out", out)])
}

/// Names, kinds, sizes and bytes: what must be the same where bits are.
pub type Raw = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// All tensors of a safetensors file, as they are.
pub fn raw(path: &Path) -> Raw {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    file.iter().map(|(n, v)| (n.to_string(), (v.dtype(), v.shape().to_vec(), v.data().to_vec()))).collect()
}

/// The tensors that are wanted of every small file: those of the moving average.
pub fn wanted() -> Raw {
    raw(&small("tiny.safetensors"))
}

/// Imports a small file and compares every bit.
fn comes_in(file: &str, words: &str, said: &[&str]) {
    let base = folder();
    let out = base.path().join("x.safetensors");
    let ran = import(&small(file), words, &out).fine();
    for part in said {
        assert!(ran.stderr.contains(part), "`{part}` is missing in:\n{}", ran.stderr);
    }
    assert!(raw(&out) == wanted(), "{file} {words}");
}

#[test]
fn every_layout_gives_the_same_bits() {
    comes_in(
        "training.pt",
        "",
        &["a PyTorch archive, `ema` of it", "also in `model`", "`--key`", "32 tensors"],
    );
    comes_in("training.pt", "--key ema", &[]);
    comes_in("legacy.pt", "", &["legacy layout"]);
    comes_in("wrapped.pt", "", &["`state_dict` of it"]);
    comes_in("sharded.safetensors.index.json", "", &["in 2 shards"]);
    comes_in("tiny.safetensors", "", &["a safetensors file"]);
}

#[test]
fn the_model_is_taken_on_demand() {
    let base = folder();
    let out = base.path().join("x.safetensors");
    import(&small("training.pt"), "--key model", &out).fine();
    let (got, average) = (read(&out), read(&small("tiny.safetensors")));
    // The script adds a quarter to all of the average.
    for (name, tensor) in &average {
        let shifted: Vec<f64> = tensor.data.iter().map(|x| f64::from(*x as f32 + 0.25)).collect();
        assert_eq!(got[name].data, shifted, "{name}");
    }
}

#[test]
fn a_buffer_may_be_absent_and_other_kinds_of_numbers_stay() {
    let base = folder();
    let (out, back) = (base.path().join("x.safetensors"), base.path().join("y.safetensors"));
    let ran = import(&small("bare.pt"), "", &out).fine();
    assert!(ran.stderr.contains("`pos_embed` is not in the checkpoint and was computed"), "{}", ran.stderr);
    let apart = common::difference("pos_embed", &read_one(&out), &read_one(&small("tiny.safetensors")), 1.0);
    assert!(apart < 1e-6, "{apart}");
    let got = raw(&out);
    let halves = got.values().filter(|(dtype, ..)| *dtype == Dtype::BF16).count();
    assert_eq!(halves, 31, "the elements of the archive stay what they are");
    archc("export", &[("", &out), ("--out", &back)]).fine();
    assert!(raw(&back) == got);
}

/// The table of positions. The other tensors of the file are of a kind that the common reader does not have.
fn read_one(path: &Path) -> common::Tensor {
    let (_, shape, bytes) = &raw(path)["pos_embed"];
    let data = bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect();
    common::Tensor::floats(shape, data)
}

#[test]
fn names_of_diffusers_there_and_back() {
    let base = folder();
    let (ours, theirs) = (base.path().join("ours.safetensors"), base.path().join("theirs.safetensors"));
    import(&small("diffusers.safetensors"), "--mapping dit-diffusers", &ours).fine();
    let mut got = raw(&ours);
    // They do not store this one: it is computed.
    assert!(got.remove("pos_embed").is_some());
    let mut all = wanted();
    all.remove("pos_embed");
    assert!(got == all);
    archc("export --mapping dit-diffusers", &[("", &ours), ("--out", &theirs)]).fine();
    assert!(raw(&theirs) == raw(&small("diffusers.safetensors")));
    // Without the mapping, it is named.
    let ran = import(&small("diffusers.safetensors"), "", &ours);
    ran.fails(1, &["error[R0402]", "none of the", "`--mapping dit-diffusers`"]);
}

#[test]
fn a_mapping_of_ones_own_with_the_names_of_timm() {
    let base = folder();
    let path = |name: &str| base.path().join(name);
    let text = "# timm\n\"x_embedder.proj.{p}\" = \"patch_embed.proj.{p}\"\n\"final_layer.linear.{p}\" = \"head.{p}\"\n\
                \"blocks.{i}.mlp.fc1.{p}\" = [\"blocks.{i}.mlp.fc1_g.{p}\", \"blocks.{i}.mlp.fc1_x.{p}\"]\n";
    std::fs::write(path("timm.toml"), text).unwrap();
    let words = format!("--mapping {}", path("timm.toml").display());
    let weights = small("tiny.safetensors");
    archc(&format!("export {words}"), &[("", &weights), ("--out", &path("theirs.safetensors"))]).fine();
    let named = raw(&path("theirs.safetensors"));
    assert_eq!(named["patch_embed.proj.weight"].1, [4, 1, 1, 1]);
    assert_eq!(named["blocks.1.mlp.fc1_x.weight"].1, [2, 4]);
    assert!(named.contains_key("blocks.1.attn.qkv.weight") && named.contains_key("head.bias"));
    import(&path("theirs.safetensors"), &words, &path("back.safetensors")).fine();
    assert!(raw(&path("back.safetensors")) == wanted());
}

#[test]
fn what_was_imported_samples_and_goes_out_again() {
    let base = folder();
    let path = |name: &str| base.path().join(name);
    let ran = import(&small("training.pt"), "--json", &path("x.safetensors")).fine().json();
    assert_eq!(
        (&ran["part"], &ran["tensors"], &ran["item"]),
        (&"ema".into(), &32.into(), &"DiT".into()),
        "{ran}"
    );
    assert_eq!(ran["other_parts"], serde_json::json!(["model"]));
    let model = "input_size = 2, patch_size = 1, in_channels = 1, num_classes = 2, hidden_size = 4, depth = 2, \
                 num_heads = 2, mlp_ratio = 1.0";
    let recipe =
        common::recipes::digits(base.path(), model, "[diffusion]\nschedule = \"cosine\"\ntimesteps = 7\n");
    let words = "sample --form interpreter --steps 3 --count 2 --labels 0,1";
    let paths =
        [("--recipe", &recipe), ("--weights", &path("x.safetensors")), ("--out", &path("s.safetensors"))];
    archc(words, &paths).fine();
    assert_eq!(read(&path("s.safetensors"))["samples"].shape, [2, 1, 2, 2]);
    let out = archc("export --json", &[("", path("x.safetensors")), ("--out", path("y.safetensors"))]);
    assert_eq!(out.fine().json()["averaged"], false);
    assert!(raw(&path("y.safetensors")) == wanted());
}

#[test]
fn a_trained_checkpoint_goes_out_as_its_average_or_raw() {
    let base = folder();
    common::recipes::digits(
        base.path(),
        common::recipes::TINY,
        "[diffusion]\ntimesteps = 50\n[train]\nsteps = 2\nbatch = 4\nlearning_rate = 0.01\nema_decay = 0.5\n\
         sample_every = 0\n[sample]\nsteps = 2\ncount = 2\n",
    );
    let (recipe, run) = (base.path().join("recipe.toml"), base.path().join("run"));
    archc("train --form interpreter", &[("", &recipe), ("--run", &run)]).fine();
    let last = run.join("checkpoints/last.safetensors");
    let whole = raw(&last);
    let weights: Vec<&String> = whole.keys().filter(|n| whole.contains_key(&format!("ema.{n}"))).collect();
    assert!(weights.len() > 20);
    let out = base.path().join("y.safetensors");
    for (words, prefix) in [("export", "ema."), ("export --raw", "")] {
        archc(words, &[("", &last), ("--out", &out)]).fine();
        let got = raw(&out);
        assert!(weights.iter().all(|n| got[*n] == whole[&format!("{prefix}{n}")]), "{words}");
        // Buffers go out too, the optimizer's state does not.
        assert_eq!(got.len(), weights.len() + 1, "{words}");
        assert!(got["pos_embed"] == whole["pos_embed"]);
    }
    assert!(whole["ema.x_embedder.proj.weight"] != whole["x_embedder.proj.weight"]);
    import(&last, "", &out).fails(1, &["error[R0405]", "already", "archc sample"]);
    // A flipped bit (the last number is a weight's) does not go out, and what was there stays.
    let before = std::fs::read(&out).unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&last, bytes).unwrap();
    archc("export --raw", &[("", &last), ("--out", &out)]).fails(1, &["error[R0401]", "checksum"]);
    assert_eq!(std::fs::read(&out).unwrap(), before);
}
