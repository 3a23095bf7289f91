//! A folder with kernels as they were written: what later ones are held against.

use crate::failure::Failure;
use arch_runtime::error::{Code, Problem};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The file that lists all others.
const MANIFEST: &str = "manifest.json";

/// Kernels as they lie in a folder, or as they would be written there.
pub struct Snapshot {
    /// What they are, and how they are called.
    pub manifest: Value,
    /// The texts that the manifest lists, by name of the file. In a folder some may be missing.
    pub files: BTreeMap<String, String>,
}

impl Snapshot {
    /// What a folder holds; `None` where it has no manifest.
    ///
    /// # Errors
    /// A file that cannot be read, or a manifest that is none.
    pub fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(MANIFEST);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Problem::io("read", &path, &e).into()),
        };
        let manifest: Value = serde_json::from_str(&text)
            .ok()
            .filter(|m: &Value| m["kernels"].is_array())
            .ok_or_else(|| {
                let text = format!("{} is no manifest of kernels", path.display());
                Problem::new(Code::File, text, "take another folder, or remove the file")
            })?;
        let mut files = BTreeMap::new();
        for name in listed(&manifest) {
            let path = dir.join(&name);
            match std::fs::read(&path) {
                Ok(bytes) => {
                    files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(Problem::io("read", &path, &e).into()),
            }
        }
        Ok(Some(Snapshot { manifest, files }))
    }

    /// The same with the manifest as it would be read again: a number may be rounded in its last digit then.
    pub fn reread(self) -> Self {
        let manifest = serde_json::from_str(&self.manifest.to_string());
        Snapshot { manifest: manifest.unwrap_or(self.manifest), files: self.files }
    }

    /// Writes all files, and removes those that the folder's manifest lists and that are no longer made. Whatever
    /// else lies there stays. Gives how many were removed.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<usize, Failure> {
        std::fs::create_dir_all(dir).map_err(|e| Problem::io("make the folder", dir, &e))?;
        let old = Snapshot::read(dir)?;
        let stale = old.iter().flat_map(|o| o.files.keys()).filter(|f| !self.files.contains_key(*f));
        let mut removed = 0;
        // The manifest comes last: until then the old one lists what an interrupted run left behind.
        for name in stale {
            let path = dir.join(name);
            std::fs::remove_file(&path).map_err(|e| Problem::io("remove", &path, &e))?;
            removed += 1;
        }
        let manifest = format!("{:#}\n", self.manifest);
        for (name, text) in self.files.iter().map(|(n, t)| (n.as_str(), t)).chain([(MANIFEST, &manifest)]) {
            let path = dir.join(name);
            std::fs::write(&path, text).map_err(|e| Problem::io("write", &path, &e))?;
        }
        Ok(removed)
    }

    /// The kernels of the manifest.
    pub fn kernels(&self) -> impl Iterator<Item = &Value> {
        self.manifest["kernels"].as_array().into_iter().flatten()
    }
}

/// The files that a manifest lists. A name that leads out of the folder, or to what is no source, is none of ours.
pub fn listed(manifest: &Value) -> Vec<String> {
    let kernels = manifest["kernels"].as_array().into_iter().flatten();
    let names = kernels.map(|k| &k["file"]).chain([&manifest["header"]]).filter_map(Value::as_str);
    let ours = |name: &&str| {
        let path = Path::new(name);
        let source = path.extension().is_some_and(|e| e == "c" || e == "cu" || e == "h");
        source && path.file_name().is_some_and(|f| f == *name)
    };
    names.filter(ours).map(String::from).collect()
}
