//! Checkpoints in several files, with an index that says which tensor is in which.

use super::archive::damaged;
use crate::error::{Code, Problem};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path};

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Hands on each shard with the names of its tensors; gives the number of shards.
pub fn read(
    path: &Path,
    mut shard: impl FnMut(&Path, &[String]) -> Result<(), Problem>,
) -> Result<usize, Problem> {
    let text = std::fs::read_to_string(path).map_err(|e| Problem::io("read the index", path, &e))?;
    let index: Index = serde_json::from_str(&text).map_err(|e| match e.is_data() {
        true => Problem::new(
            Code::CheckpointFormat,
            format!("{} is JSON, but no index of a sharded checkpoint: {e}", path.display()),
            "the index has a table `weight_map` from names to files; it ends in `.index.json`",
        ),
        false => damaged(path, &e.to_string()),
    })?;
    let mut shards: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, file) in &index.weight_map {
        shards.entry(file).or_default().push(name.clone());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    for (file, names) in &shards {
        // An index from elsewhere must not be able to name any file of this machine.
        let mut parts = Path::new(file).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(Problem::new(
                Code::CheckpointFormat,
                format!("{} names `{file}`, which is not a file beside it", path.display()),
                "the shards lie in the folder of their index",
            ));
        }
        shard(&folder.join(file), names)?;
    }
    Ok(shards.len())
}
