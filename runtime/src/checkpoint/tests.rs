use super::*;
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
    let part = load_part(&path, &|state| state == Some(AVERAGE)).unwrap();
    assert_eq!(part.tensors.keys().collect::<Vec<_>>(), ["ema.blocks.0.weight"]);
    assert_eq!(part.contents, small().contents);
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
        let problem = parse(&bytes[..length], "cut", &|_| true).unwrap_err();
        assert_eq!(problem.code, Code::CheckpointDamaged, "cut to {length}");
    }
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            // A changed space in the header's padding says nothing else than before.
            if let Ok(checkpoint) = parse(&changed, "changed", &|_| true) {
                assert_eq!(checkpoint, small(), "byte {at}, bit {bit}");
            }
        }
    }
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
    let problem = checkpoint.tensor("blocks.0.wieght", &[2, 3]).unwrap_err();
    assert_eq!(problem.code, Code::CheckpointTensor);
    assert!(problem.help.contains("`blocks.0.weight`"), "{problem}");
    let problem = checkpoint.tensor("blocks.0.weight", &[3, 2]).unwrap_err();
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
