//! Recipes that tests train and sample by.

use super::root;
use std::path::{Path, PathBuf};

/// The model of cases `dit_sampling` and `dit_train_step`.
pub const DIT48: &str = "input_size = 8, patch_size = 2, in_channels = 4, num_classes = 10, hidden_size = 48, \
     num_heads = 4, depth = 2";

/// A DiT on the digits that takes milliseconds a step.
pub const TINY: &str = "input_size = 8, patch_size = 4, in_channels = 1, num_classes = 10, hidden_size = 16, \
     num_heads = 2, depth = 1";

/// Writes a recipe for DiT on the digits and gives its path.
pub fn digits(folder: &Path, model: &str, sections: &str) -> PathBuf {
    let root = root();
    let data = root.join("examples/data");
    let text = format!(
        "[model]\nfile = '{}'\nitem = \"DiT\"\nset = {{ {model} }}\n\
         [data]\nkind = \"idx\"\nimages = '{1}/digits-images-idx3-ubyte'\nlabels = '{1}/digits-labels-idx1-ubyte'\nholdout = 0.02\n\
         {sections}",
        root.join("models/dit.arch").display(),
        data.display(),
    );
    let path = folder.join("recipe.toml");
    std::fs::write(&path, text).expect("a temporary file can be written");
    path
}
