//! What is no checkpoint, or not this model's; and what would have been run.

use super::common::{Tensor, archc, folder, read, write};
use super::{import, raw, small, wanted};
use std::path::Path;

/// The import must fail so, and leave nothing behind.
fn refused(file: &Path, words: &str, parts: &[&str]) {
    let base = folder();
    let out = base.path().join("x.safetensors");
    import(file, words, &out).fails(1, parts);
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0, "nothing is left of {}", file.display());
}

#[test]
fn code_is_refused_by_its_name_and_not_run() {
    // In the second it stands in an object that is itself harmless.
    for file in ["evil.pt", "evil_hidden.pt", "evil_legacy.pt"] {
        let parts =
            ["error[R0406]", file, "system`", "Nothing of it was run", "help: ", "weights_only=False"];
        refused(&small(file), "", &parts);
    }
    let base = folder();
    let written = base.path().join("by_hand.pkl");
    std::fs::write(&written, b"cos\nsystem\n(S'touch archc-was-here'\ntR.").unwrap();
    refused(&written, "", &["error[R0406]", "by_hand.pkl", "`os.system`"]);
    assert!(!super::root().join("archc-was-here").exists());
}

#[test]
fn files_that_are_cut_short() {
    let base = folder();
    for name in ["training.pt", "bare.pt", "legacy.pt", "tiny.safetensors"] {
        let cut = base.path().join(name);
        let whole = std::fs::read(small(name)).unwrap();
        for length in [whole.len() - 1, whole.len() / 2, 1000, 300] {
            std::fs::write(&cut, &whole[..length]).unwrap();
            refused(&cut, "", &["error[R0401]", name, "download or copy it again"]);
        }
    }
    // A number that changed is found by the archive's own checksum.
    let mut bytes = std::fs::read(small("bare.pt")).unwrap();
    bytes[5000] ^= 0x10;
    std::fs::write(base.path().join("bare.pt"), bytes).unwrap();
    refused(&base.path().join("bare.pt"), "", &["error[R0401]", "bare.pt"]);
    // A shard that is not there, and one that is another.
    let [index, one, two] = [
        "sharded.safetensors.index.json",
        "sharded-00001-of-00002.safetensors",
        "sharded-00002-of-00002.safetensors",
    ];
    let place = base.path().join(index);
    std::fs::copy(small(index), &place).unwrap();
    refused(&place, "", &["error[R0001]", one]);
    std::fs::copy(small(one), base.path().join(one)).unwrap();
    std::fs::copy(small(one), base.path().join(two)).unwrap();
    refused(&place, "", &["error[R0401]", "sharded-00002-of-00002.safetensors, which does not have it"]);
}

#[test]
fn files_that_are_none() {
    let base = folder();
    let file = base.path().join("file.pt");
    let cases: [(&[u8], &str); 8] = [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html><head>", "web page"),
        (b"# Read me\nThis is the checkpoint.\n", "no checkpoint in a layout that is read"),
        (b"\x7fELF\x02\x01\x01", "no checkpoint in a layout that is read"),
        (b"{\"architectures\": [\"DiT\"]}", "no index of a sharded checkpoint"),
        (b"{\"weight_map\": {\"x\": \"../../etc/passwd\"}}", "not a file beside it"),
        (b"{\"weight_map\": {\"x\": \"/etc/passwd\"}}", "not a file beside it"),
    ];
    for (bytes, part) in cases {
        std::fs::write(&file, bytes).unwrap();
        refused(&file, "", &["error[R0405]", "file.pt", part, "help: "]);
    }
    // A zip archive of something else.
    let mut bytes = std::fs::read(small("training.pt")).unwrap();
    let named = |at: &usize| bytes[*at..].starts_with(b"data.pkl");
    let places: Vec<usize> = (0..bytes.len() - 8).filter(named).collect();
    for at in places {
        bytes[at..at + 8].copy_from_slice(b"data.npy");
    }
    std::fs::write(&file, bytes).unwrap();
    refused(&file, "", &["error[R0405]", "not one of PyTorch"]);
    refused(base.path(), "", &["error[R0001]", "is a folder", "help: "]);
    refused(&base.path().join("none.pt"), "", &["error[R0001]", "none.pt"]);
}

#[test]
fn parts_that_do_not_exist() {
    let parts = ["error[R0407]", "`emma`", "`ema`, `model`, `opt`", "did you mean `--key ema`"];
    refused(&small("training.pt"), "--key emma", &parts);
    refused(&small("training.pt"), "--key opt", &["error[R0402]", "`opt` of ", "none of the"]);
}

#[test]
fn another_model_is_listed_tensor_by_tensor() {
    let parts = [
        "10 missing, 0 of another shape, 0 extra",
        "missing: `blocks.2.attn.qkv.weight` [12, 4]",
        "and 2 more",
    ];
    refused(
        &small("training.pt"),
        "--set depth=3",
        &[&["error[R0402]", "`ema` of ", "help: "][..], &parts].concat(),
    );
    let parts =
        ["`pos_embed` is [1, 4, 4] there, but [1, 4, 8] in the model", "extra: `blocks.1.", "10 extra"];
    refused(&small("training.pt"), "--set depth=1 --set hidden_size=8", &parts);
    // Names that are a slip of the finger away.
    let base = folder();
    let file = base.path().join("w.safetensors");
    let mut tensors = read(&small("tiny.safetensors"));
    let tensor = tensors.remove("blocks.0.attn.qkv.bias").unwrap();
    tensors.insert("blocks.0.attn.qvk.bias".into(), tensor);
    write(&file, &tensors);
    let missing = "missing: `blocks.0.attn.qkv.bias` [12]; the nearest there is `blocks.0.attn.qvk.bias`";
    let extra = "extra: `blocks.0.attn.qvk.bias`; the nearest in the model is `blocks.0.attn.qkv.bias`";
    refused(&file, "", &["1 missing", missing, extra]);
    // One too many is left out on demand only.
    let mut tensors = read(&small("tiny.safetensors"));
    tensors.insert("spare".into(), Tensor::floats(&[1], vec![1.0]));
    write(&file, &tensors);
    refused(&file, "", &["error[R0402]", "0 missing", "1 extra", "extra: `spare`", "--allow-extra"]);
    let out = base.path().join("x.safetensors");
    let ran = import(&file, "--allow-extra", &out).fine();
    assert!(ran.stderr.contains("warning: left out, not in the model: `spare`"), "{}", ran.stderr);
    assert!(raw(&out) == wanted());
}

#[test]
fn mappings_that_do_not_fit() {
    let base = folder();
    let mapping = base.path().join("m.toml");
    let words = format!("--mapping {}", mapping.display());
    let ask = |text: &str, parts: &[&str]| {
        std::fs::write(&mapping, text).unwrap();
        refused(&small("tiny.safetensors"), &words, parts);
    };
    ask("a = [\n", &["error[R0408]", "m.toml: line "]);
    let parts = ["error[R0402]", "`x_embedder.proj.bias` [4], from `stem.bias`"];
    ask("\"x_embedder.proj.bias\" = \"stem.bias\"\n", &parts);
    let parts =
        ["error[R0408]", "`x_embedder.proj.bias`", "[4] of F32 and [1, 4, 4] of F32 do not go together"];
    ask("\"x_embedder.proj.bias\" = [\"x_embedder.proj.bias\", \"pos_embed\"]\n", &parts);
    // Copies that were trained apart do not go into the one tensor that the model has.
    let file = base.path().join("w.safetensors");
    let mut tensors = read(&small("diffusers.safetensors"));
    let copy = "transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias";
    tensors.get_mut(copy).unwrap().data[0] += 1.0;
    write(&file, &tensors);
    let parts = ["error[R0408]", "`t_embedder.mlp.0.bias`", "copies of one another differ"];
    refused(&file, "--mapping dit-diffusers", &parts);
    refused(&small("tiny.safetensors"), "--mapping dit-difusers", &["error[R0408]", "`dit-diffusers`"]);
}

#[test]
fn a_file_that_cannot_be_written() {
    let base = folder();
    let out = base.path().join("no/such/x.safetensors");
    let parts = ["error[R0001]", "no/such/x.safetensors", "there is no folder"];
    import(&small("tiny.safetensors"), "", &out).fails(1, &parts);
    archc("export", &[("", &small("tiny.safetensors")), ("--out", &out)]).fails(1, &parts);
}

#[cfg(unix)]
#[test]
fn what_is_written_keeps_links_and_rights() {
    use std::os::unix::fs::PermissionsExt;
    let base = folder();
    let [file, link] = ["file", "link"].map(|n| base.path().join(n).with_extension("safetensors"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    import(&small("training.pt"), "", &link).fine();
    assert!(raw(&file) == wanted() && std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 2);
}

#[test]
fn commands_that_want_weights_send_archives_to_import() {
    let base = folder();
    let out = base.path().join("x.png");
    for file in ["training.pt", "legacy.pt"] {
        let parts = ["error[R0405]", file, "is a PyTorch archive", "archc import"];
        archc("sample", &[("", &small(file)), ("--out", &out)]).fails(1, &parts);
        let words = "run models/dit.arch --item DiT --form interpreter";
        archc(words, &[("--weights", &small(file)), ("--inputs", &small(file)), ("--outputs", &out)])
            .fails(1, &parts);
    }
}
