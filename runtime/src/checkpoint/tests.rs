use super::*;
use std::io::Cursor;
use std::path::Path;

fn small() -> Checkpoint {
    let stored = |shape: &[usize], from: f32| Stored {
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|i: usize| from + i as f32).collect(),
    };
    Checkpoint {
        tensors: BTreeMap::from([
            ("blocks.0.weight".to_string(), stored(&[2, 3], 0.5)),
            ("ema.blocks.0.weight".to_string(), stored(&[2, 3], 0.25)),
            ("scale".to_string(), stored(&[], 7.0)),
        ]),
        contents: Contents {
            position: Position { step: 12, samples_seen: 768 },
            recipe: "[model]\nfile = \"ä.arch\"\n".into(),
            sources: Sources {
                main: "a".into(),
                files: BTreeMap::from([("a".into(), "text".into())]),
                ..Sources::default()
            },
            written_by: "archc 0.1.0".into(),
        },
    }
}

#[test]
fn a_checkpoint_reads_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    save(&small(), &path).unwrap();
    assert_eq!(load(&path).unwrap(), small());
    assert_eq!(load_weights(&path).unwrap(), small().tensors);
    let averages = load_part(&path, Part::Averages).unwrap();
    assert_eq!(averages.tensors.keys().collect::<Vec<_>>(), ["ema.blocks.0.weight", "scale"]);
    assert_eq!(averages.contents, small().contents);
    let weights = load_part(&path, Part::Weights).unwrap();
    assert_eq!(weights.tensors.keys().collect::<Vec<_>>(), ["blocks.0.weight", "scale"]);
    // A layer may be called like that, too.
    assert_eq!(state("ema.weight", |name| name != "weight"), None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn truncated_and_changed_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    save(&small(), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        for part in [Part::All, Part::Averages] {
            let problem = parse(&mut Cursor::new(&bytes[..length]), Path::new("cut"), part).unwrap_err();
            assert_eq!(problem.code, Code::CheckpointDamaged, "cut to {length}");
        }
    }
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            // A changed space in the header's padding says nothing else than before.
            let read = |part| parse(&mut Cursor::new(&changed), Path::new("changed"), part);
            if let Ok(checkpoint) = read(Part::All) {
                assert_eq!(checkpoint, small(), "byte {at}, bit {bit}");
            }
            // Of what is not read, changes go unnoticed; what is read is right.
            if let Ok(checkpoint) = read(Part::Averages) {
                assert_eq!(checkpoint.contents, small().contents, "byte {at}, bit {bit}");
                assert!(
                    checkpoint.tensors.iter().all(|t| small().tensors[t.0] == *t.1),
                    "byte {at}, bit {bit}"
                );
            }
        }
    }
}

#[test]
fn only_what_is_read_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    save(&small(), &path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let weight = bytes_of(&small().tensors["blocks.0.weight"].data);
    let at = bytes.windows(weight.len()).position(|w| w == weight).unwrap();
    bytes[at + 2] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(load_part(&path, Part::Averages).unwrap().tensors.len(), 2);
    for part in [Part::Weights, Part::All] {
        let problem = load_part(&path, part).unwrap_err();
        assert!(problem.message.contains("`blocks.0.weight` do not match"), "{problem}");
    }
}

#[test]
fn checkpoints_with_one_checksum_are_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let contents = serde_json::to_string(&small().contents).unwrap();
    let mut whole = checksum::Whole::new(&contents);
    for (name, stored) in &small().tensors {
        whole.add(name, &stored.shape, &bytes_of(&stored.data));
    }
    let metadata = std::collections::HashMap::from([
        ("archc.schema".to_string(), "1".to_string()),
        ("archc.checksum".to_string(), whole.finish()),
        ("archc.contents".to_string(), contents),
    ]);
    let mut bytes = safetensors::serialize(&small().tensors, Some(metadata)).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(load(&path).unwrap(), small());
    assert_eq!(load_part(&path, Part::Averages).unwrap().tensors.len(), 2);
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(load_part(&path, Part::Averages).unwrap_err().code, Code::CheckpointDamaged);
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    struct FullDisk;
    impl Writer for FullDisk {
        fn replace(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
            std::fs::write(path.with_extension("tmp"), &bytes[..bytes.len() / 2])?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    save(&small(), &path).unwrap();
    let mut later = small();
    later.contents.position.step = 13;
    assert_eq!(save_with(&later, &path, &FullDisk).unwrap_err().code, Code::CheckpointWrite);
    assert_eq!(load(&path).unwrap(), small());
    assert_eq!(
        save(&small(), &folder.path().join("no/such/folder")).unwrap_err().code,
        Code::CheckpointWrite
    );
}

#[test]
fn wrong_names_and_shapes_are_said_with_the_nearest_name() {
    let checkpoint = small();
    let problem = tensor(&checkpoint.tensors, "blocks.0.wieght", &[2, 3]).unwrap_err();
    assert_eq!(problem.code, Code::CheckpointTensor);
    assert!(problem.help.contains("`blocks.0.weight`"), "{problem}");
    let problem = tensor(&checkpoint.tensors, "blocks.0.weight", &[3, 2]).unwrap_err();
    assert!(problem.message.contains("[2, 3]") && problem.message.contains("[3, 2]"), "{problem}");
}

#[test]
fn newer_files_and_plain_weights_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let tensors = small().tensors;
    let newer = std::collections::HashMap::from([("archc.schema".to_string(), "99".to_string())]);
    std::fs::write(&path, safetensors::serialize(&tensors, Some(newer)).unwrap()).unwrap();
    assert_eq!(load(&path).unwrap_err().code, Code::CheckpointVersion);
    std::fs::write(&path, safetensors::serialize(&tensors, None).unwrap()).unwrap();
    let problem = load(&path).unwrap_err();
    assert!(problem.help.contains("--weights"), "{problem}");
    assert_eq!(load_weights(&path).unwrap(), tensors);
}
